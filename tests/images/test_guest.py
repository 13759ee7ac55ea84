"""What goes into a guest: kernel, initramfs and agent."""

from __future__ import annotations

import ctypes
import io
import lzma
import struct
import subprocess
import tarfile
import zlib
from pathlib import Path

import pytest

from course.errors import BuildFailed, DiskFull, ToolMissing
from course.images import apt, cpio, guest, unpacking
from course.images import linux as kernel

MODULE = b"\x7fELF code"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "root.tar"
    with tarfile.open(path, "w") as tar:
        for name, kind, content, link in (
            ("./bin", tarfile.DIRTYPE, b"", ""),
            ("./bin/busybox", tarfile.REGTYPE, b"a program", ""),
            ("./bin/sh", tarfile.SYMTYPE, b"", "busybox"),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname, member.mode = kind, len(content), link, 0o755
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    folder = tmp_path / "modules" / "drivers"
    folder.mkdir(parents=True)
    for name in ("virtio", "virtio_ring", "virtio_blk", "unwanted"):
        (folder / f"{name}.ko").write_bytes(MODULE)
    return folder.parent


def listed(packed: bytes) -> dict[str, str]:
    """What another program makes of an archive: name → mode."""
    run = subprocess.run(["busybox", "cpio", "-tv"], input=packed, capture_output=True, check=True)
    lines = [line.split() for line in run.stdout.decode().splitlines()]
    return {" ".join(words[5:]): words[0] for words in lines}


def test_an_initramfs_has_the_files_of_the_archive_the_modules_and_the_agent(
    archive: Path, modules: Path
) -> None:
    found = listed(guest.initramfs(archive, modules))
    assert found["bin/busybox"] == "-rwxr-xr-x"
    assert found["bin/sh -> busybox"].startswith("l")
    assert found["init"] == found["bin/two-boxes-agent"] == "-rwxr-xr-x"
    assert found["dev/console"] == "crw-------"
    assert "lib/modules/disk/0-virtio_blk.ko" in found
    assert not any("unwanted" in name for name in found)


def test_a_module_is_loaded_after_those_it_needs(archive: Path, modules: Path) -> None:
    found = sorted(listed(guest.initramfs(archive, modules)))
    loaded = [name for name in found if name.startswith("lib/modules/virtio/")]
    assert loaded == ["lib/modules/virtio/0-virtio_ring.ko", "lib/modules/virtio/1-virtio.ko"]


def test_equal_inputs_give_equal_bytes(archive: Path, modules: Path) -> None:
    assert guest.initramfs(archive, modules) == guest.initramfs(archive, modules)


def test_a_guest_for_another_processor_gets_its_busybox(
    archive: Path, modules: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").write_bytes(b"another program")
    packed = guest.initramfs(archive, modules, busybox=tmp_path / "other")
    assert b"another program" in packed
    assert b"a program" not in packed


def test_a_signature_is_cut_off_a_module_and_nothing_else_is(archive: Path, modules: Path) -> None:
    signature = b"signature" + bytes(8) + struct.pack(">I", len(b"signature")) + guest.SIGNED
    next(modules.rglob("virtio.ko")).write_bytes(MODULE + signature)
    packed = guest.initramfs(archive, modules)
    assert packed.count(MODULE) == 3
    assert b"signature" not in packed


def test_names_and_contents_of_any_length_keep_the_archive_in_step() -> None:
    members = [cpio.file("n" * length, b"c" * length) for length in range(1, 9)]
    assert len(listed(cpio.pack(members))) == 8


def boot_image(payload: bytes, size: int) -> bytes:
    """A bzImage with nothing in it but what says where its kernel is."""
    header = bytearray(1024)
    header[0x1F1] = 1
    header[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", header, 0x248, 16, len(payload) + 4)
    return bytes(header) + bytes(16) + payload + struct.pack("<I", size)


def lz4(data: bytes) -> bytes:
    """One block of literals: the plainest thing that LZ4 may be."""
    count, extra = len(data) - 15, b""
    while count >= 255:
        extra, count = extra + b"\xff", count - 255
    block = b"\xf0" + extra + bytes([count]) + data
    return b"\x02\x21\x4c\x18" + struct.pack("<I", len(block)) + block


def zstd(data: bytes) -> bytes:
    library, room = ctypes.CDLL("libzstd.so.1"), ctypes.create_string_buffer(len(data) + 100)
    library.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t] * 2 + [ctypes.c_int]
    size = library.ZSTD_compress(room, len(room), data, len(data), 3)
    return room.raw[:size]


PACKERS = {
    "gzip": lambda data: zlib.compress(data, wbits=31),
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "lz4": lz4,
    "zstd": zstd,
}


@pytest.mark.parametrize("way", PACKERS)
def test_a_kernel_comes_out_however_it_was_packed(way: str) -> None:
    data = b"\x7fELF" + b"a kernel" * 100
    assert unpacking.unpacked(boot_image(PACKERS[way](data), len(data))) == data


@pytest.mark.parametrize("ending", ["", ".xz", ".zst", ".gz"])
def test_a_module_is_read_however_the_distribution_packs_it(ending: str, tmp_path: Path) -> None:
    packers = {"": bytes, ".xz": lzma.compress, ".zst": zstd, ".gz": PACKERS["gzip"]}
    (tmp_path / "drivers").mkdir()
    (tmp_path / f"drivers/virtio_blk.ko{ending}").write_bytes(packers[ending](b"\x7fELF, a module"))
    assert unpacking.module(tmp_path, "virtio_blk") == b"\x7fELF, a module"
    assert unpacking.module(tmp_path, "virtio") is None


def test_a_kernel_that_is_not_packed_stays_as_it_is() -> None:
    assert unpacking.unpacked(b"\x7fELF" + bytes(1000)) == b"\x7fELF" + bytes(1000)


@pytest.mark.parametrize(
    "payload",
    [
        b"unknown",
        b"\x02\x21\x4c\x18\x05\0\0\0\xff\xff\xff\xff\xff",
        b"\x1f\x8b and no more of it",
        b"\xfd7zXZ and no more of it",
        b"\x28\xb5\x2f\xfd and no more of it",
    ],
)
def test_a_kernel_packed_in_an_unknown_way_or_damaged_is_refused(payload: bytes) -> None:
    with pytest.raises(BuildFailed):
        unpacking.unpacked(boot_image(payload, 100))


def test_a_debian_starts_the_agent_with_bash() -> None:
    files = guest.debian_files()
    assert files["usr/local/sbin/two-boxes-agent"].startswith("#!/bin/bash\n")
    unit = files["etc/systemd/system/two-boxes-agent.service"]
    assert "ExecStart=/usr/local/sbin/two-boxes-agent" in unit


def test_a_machine_without_apt_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match="apt"):
        kernel.kernel()
    assert not [path for path in (tmp_path / "cache").rglob("*") if "vmlinux" in path.name]


@pytest.mark.parametrize("words", ["No space left on device", "You don't have enough free space"])
def test_a_full_disk_is_no_missing_package(
    words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("apt-cache", "apt-get"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "E: {words}" >&2; exit 100\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(DiskFull, match="COURSE_CACHE_DIR"):
        kernel.kernel()


@pytest.mark.parametrize(
    ("release", "package"),
    [
        ({"ID": "debian"}, "linux-image-cloud-amd64"),
        ({"ID": "kali", "ID_LIKE": "debian"}, "linux-image-cloud-amd64"),
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, "linux-image-virtual"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "linux-image-virtual"),
    ],
)
def test_the_kernel_for_vms_is_the_one_that_the_distribution_makes(
    release: dict[str, str], package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apt.platform, "freedesktop_os_release", lambda: release)
    assert apt.kernel_package("x86_64") == package

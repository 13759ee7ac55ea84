"""The root filesystems: what is in them, and that equal inputs give equal bytes."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from course.errors import BuildFailed, DiskFull, ToolMissing
from course.images import rootfs
from course.system import programs, store


def program(folder: Path, name: str, script: str) -> None:
    """A stand-in for a program, first on the PATH."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def bin_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    rootfs._distribution.cache_clear()
    yield folder
    rootfs._distribution.cache_clear()


def test_tiny_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    first, second = tmp_path / "first.tar", tmp_path / "second.tar"
    rootfs.make_tiny(first)
    rootfs.make_tiny(second)
    assert first.read_bytes() == second.read_bytes()


def test_tiny_runs_from_its_own_folder(tmp_path: Path) -> None:
    rootfs.make_tiny(tmp_path / "root.tar")
    rootfs.unpack(tmp_path / "root.tar", tmp_path / "root")
    command = [tmp_path / "root/bin/sh", "-c", "echo $((6 * 7))"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "42\n"


def test_tiny_has_the_usual_folders_and_belongs_to_root(tmp_path: Path) -> None:
    rootfs.make_tiny(tmp_path / "root.tar")
    with tarfile.open(tmp_path / "root.tar") as tar:
        members = {member.name: member for member in tar}
    assert {"proc", "sys", "dev", "tmp", "etc/passwd", "bin/busybox"} <= members.keys()
    assert members["tmp"].mode == 0o1777
    assert members["usr/bin"].linkname == "../bin"
    assert {(member.uid, member.gid, member.mtime) for member in members.values()} == {
        (0, 0, store.EPOCH)
    }


def test_pack_lets_only_commands_be_run() -> None:
    archive = rootfs.pack((), {}, {"usr/sbin/agent": b"#!", "etc/motd": b"hello"})
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert [(member.name, member.mode) for member in tar] == [
            ("etc/motd", 0o644),
            ("usr/sbin/agent", 0o755),
        ]


def test_without_busybox_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ToolMissing, match="busybox"):
        rootfs.tiny_inputs()


def test_without_root_busybox_comes_from_its_package(
    bin_first: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(programs, "find", lambda name: None)
    program(bin_first, "apt-get", 'test "$*" = "-qq download busybox-static" && touch busybox.deb')
    program(bin_first, "dpkg", 'mkdir -p "$3/bin" && touch "$3/bin/busybox"')
    assert rootfs.busybox().is_relative_to(tmp_path)


def test_a_busybox_that_needs_libraries_is_not_taken(bin_first: Path) -> None:
    shutil.copy("/bin/sh", bin_first / "busybox")  # any program with a dynamic loader
    assert programs.find("busybox") is None


@pytest.fixture
def sources(bin_first: Path) -> Path:
    """A machine whose apt knows one Debian source, on an address that does not exist."""
    line = "Debian|bookworm|main|deb http://mirror.invalid/debian bookworm main"
    updates = "Debian|bookworm-updates|main|deb http://mirror.invalid/debian bookworm-updates main"
    program(bin_first, "apt-get", f"echo '{updates}'; echo '{line}'; echo '{line}'")
    return bin_first


def test_debian_comes_from_the_sources_of_this_machine(sources: Path, tmp_path: Path) -> None:
    program(sources, "mmdebstrap", f'printf "%s\\n" "$@" > {tmp_path}/arguments')
    (tmp_path / "root.tar").write_bytes(rootfs.pack((), {}, {}))
    rootfs.make_debian(tmp_path / "root.tar", {}, lambda part, doing: None)
    *_, suite, archive, source, updates = (tmp_path / "arguments").read_text().splitlines()
    assert (suite, archive) == ("bookworm", str(tmp_path / "root.tar"))
    assert source == "deb http://mirror.invalid/debian bookworm main"
    assert updates.endswith("bookworm-updates main")
    with tarfile.open(tmp_path / "root.tar") as tar:
        assert tar.getnames() == ["./dev"]  # empty, for a kernel or an engine to fill


def test_debian_is_built_again_when_our_files_change(sources: Path) -> None:
    program(sources, "mmdebstrap", "")
    assert rootfs.debian_inputs({"etc/motd": "a"}) != rootfs.debian_inputs({"etc/motd": "b"})
    assert rootfs.debian_inputs({"etc/motd": "a"}) == rootfs.debian_inputs({"etc/motd": "a"})


def test_progress_rises_and_names_no_address(sources: Path, tmp_path: Path) -> None:
    script = (
        "echo 'Get:1 http://mirror.invalid/debian bookworm/main amd64 bash amd64 5 [1 kB]' >&2;"
        "echo 'Unpacking bash (5.2) ...' >&2; echo 'Setting up bash (5.2) ...' >&2"
    )
    program(sources, "mmdebstrap", script)
    seen: list[tuple[float, str]] = []
    rootfs.make_debian(tmp_path / "root.tar", {}, lambda *step: seen.append(step))
    assert [doing for _, doing in seen] == [
        "Fetching bash",
        "Unpacking bash (5.2)",
        "Setting up bash (5.2)",
    ]
    assert [part for part, _ in seen] == sorted(part for part, _ in seen)


@pytest.mark.parametrize(
    ("words", "error"),
    [("E: no such package", BuildFailed), ("E: No space left on device", DiskFull)],
)
def test_a_failed_build_says_why(
    words: str, error: type[Exception], sources: Path, tmp_path: Path
) -> None:
    program(sources, "mmdebstrap", f"echo 'I: beginning' >&2; echo '{words}' >&2; exit 1")
    with pytest.raises(error, match=words[3:]):
        rootfs.make_debian(tmp_path / "root.tar", {}, lambda part, doing: None)


def test_without_package_lists_the_mend_fetches_them(bin_first: Path) -> None:
    program(bin_first, "mmdebstrap", "")
    program(bin_first, "apt-get", "")
    with pytest.raises(BuildFailed) as caught:
        rootfs.debian_inputs({})
    assert caught.value.mend == "sudo apt-get update"


def test_an_apt_that_fails_is_quoted(bin_first: Path) -> None:
    program(bin_first, "mmdebstrap", "")
    program(bin_first, "apt-get", "echo E: a line of sources.list >&2; exit 100")
    with pytest.raises(BuildFailed, match=r"sources\.list"):
        rootfs.debian_inputs({})


def test_a_system_without_apt_and_a_processor_without_a_kernel_are_refused(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(sources, "mmdebstrap", "")
    with monkeypatch.context() as without:
        without.setenv("PATH", str(sources))
        (sources / "apt-get").rename(sources / "apt")
        with pytest.raises(BuildFailed, match="Debian or Ubuntu"):
            rootfs.debian_inputs({})
    (sources / "apt").rename(sources / "apt-get")
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(BuildFailed, match="riscv64"):
        rootfs.debian_inputs({})

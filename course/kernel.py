"""The kernel that the course's virtual machines run: the distribution's own, for cloud machines."""

from __future__ import annotations

import ctypes
import lzma
import platform
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from course import apt, store
from course.errors import BuildFailed

RECIPE = "1"  # change it when an equal package must give other bytes


@dataclass(frozen=True)
class Kernel:
    """A Linux kernel and its modules, as one distribution package has them.

    ``packed``: as the package has it. ``image``: the same without compression, so that no time
    of a boot goes into unpacking. ``version``: what ``uname -r`` will say.
    """

    packed: Path
    image: Path
    modules: Path
    version: str


def kernel(architecture: str = platform.machine()) -> Kernel:
    """The distribution's kernel for virtual machines, fetched when it is not there.

    ``architecture`` as ``uname -m`` says it: x86_64 or aarch64. It is kept until the cache is
    cleared, whatever newer one the distribution has meanwhile. Raises ToolMissing, BuildFailed.
    """
    inputs = {"architecture": architecture, "recipe": RECIPE}
    folder = store.built(f"kernel-{architecture}", inputs, lambda new: _make(architecture, new))
    version = (folder / "version").read_text()
    return Kernel(folder / "vmlinuz", folder / "vmlinux", folder / "modules", version)


def unpacked(packed: bytes) -> bytes:
    """The kernel inside a bzImage; any other kernel comes back as it is. Raises BuildFailed.

    Source: Linux, Documentation/arch/x86/boot.rst, "payload_offset" and "payload_length".
    """
    if packed[0x202:0x206] != b"HdrS":
        return packed
    offset, length = struct.unpack_from("<II", packed, 0x248)
    begin = (packed[0x1F1] + 1) * 512 + offset
    payload, size = packed[begin : begin + length - 4], packed[begin + length - 4 :][:4]
    for magic, unpack in UNPACKERS.items():
        if payload.startswith(magic):
            try:
                return unpack(payload, int.from_bytes(size, "little"))
            except (lzma.LZMAError, zlib.error) as error:
                raise BuildFailed("a kernel that can be unpacked", str(error)) from error
    raise BuildFailed("a kernel packed in a known way", payload[:6].hex(" "))


def _lz4(payload: bytes, _size: int) -> bytes:
    """The "legacy" frame: blocks of up to 8 MiB, before each its packed length."""
    library = ctypes.CDLL("liblz4.so.1")  # apt itself needs it, so it is where apt is
    blocks, place = [], 4
    while place < len(payload):
        length = int.from_bytes(payload[place : place + 4], "little")
        block = payload[place + 4 : place + 4 + length]
        room = ctypes.create_string_buffer(8 * 2**20)
        written = library.LZ4_decompress_safe(block, room, len(block), len(room))
        if written < 0:
            raise BuildFailed("a kernel packed by lz4", f"damage in the block at byte {place}")
        blocks.append(room.raw[:written])
        place += 4 + length
    return b"".join(blocks)


def _zstd(payload: bytes, size: int) -> bytes:
    library = ctypes.CDLL("libzstd.so.1")  # dpkg itself needs it
    library.ZSTD_decompress.restype = ctypes.c_size_t
    library.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t] * 2
    room = ctypes.create_string_buffer(size)
    if library.ZSTD_decompress(room, size, payload, len(payload)) != size:
        raise BuildFailed("a kernel packed by zstd", "damaged bytes")
    return room.raw


def _lzma(payload: bytes, _size: int) -> bytes:
    return lzma.decompress(payload)


def _gzip(payload: bytes, _size: int) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(payload)


UNPACKERS: dict[bytes, Callable[[bytes, int], bytes]] = {
    b"\x1f\x8b": _gzip,
    b"\xfd7zXZ": _lzma,
    b"\x5d\x00\x00": _lzma,
    b"\x02\x21\x4c\x18": _lz4,
    b"\x28\xb5\x2f\xfd": _zstd,
}


def _make(architecture: str, folder: Path) -> None:
    """Fill a folder with vmlinuz, vmlinux, the modules for VMs and the version."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        files, work = Path(name) / "files", Path(name) / "work"
        work.mkdir()
        apt.fetch(apt.kernel_package(architecture), files, work, architecture)
        packed = next(files.glob("boot/vmlinuz-*"))
        (folder / "version").write_text(packed.name.removeprefix("vmlinuz-"))
        (folder / "vmlinux").write_bytes(unpacked(packed.read_bytes()))
        shutil.move(packed, folder / "vmlinuz")
        modules = next(files.glob("**/lib/modules/*/kernel"))
        shutil.move(modules, folder / "modules")

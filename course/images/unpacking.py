"""Kernels and their modules, out of whatever the distribution has packed them with."""

from __future__ import annotations

import ctypes
import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from course.errors import BuildFailed

MOST = 2**30  # bytes of an unpacked kernel or module


def unpacked(packed: bytes) -> bytes:
    """The kernel inside a bzImage; any other kernel comes back as it is. Raises BuildFailed.

    Source: Linux, Documentation/arch/x86/boot.rst, "payload_offset" and "payload_length".
    """
    if packed[0x202:0x206] != b"HdrS":
        return packed
    offset, length = struct.unpack_from("<II", packed, 0x248)
    begin = (packed[0x1F1] + 1) * 512 + offset
    payload, size = packed[begin : begin + length - 4], packed[begin + length - 4 :][:4]
    return _unpack(payload, int.from_bytes(size, "little"))


def module(modules: Path, name: str) -> bytes | None:
    """A kernel module, unpacked; None where there is none: it may be built into the kernel.

    Debian 12 has them plain, newer distributions packed by xz or zstd. Raises BuildFailed.
    """
    for path in modules.rglob(f"{name}.ko*"):
        content = path.read_bytes()
        return _unpack(content) if path.suffix != ".ko" else content
    return None


def _unpack(payload: bytes, size: int | None = None) -> bytes:
    """``size``: of what is in it, in bytes, where the payload itself does not say."""
    for magic, unpack in UNPACKERS.items():
        if payload.startswith(magic):
            try:
                return unpack(payload, size)
            except (lzma.LZMAError, zlib.error) as error:
                raise BuildFailed("a kernel that can be unpacked", str(error)) from error
    raise BuildFailed("a kernel packed in a known way", payload[:6].hex(" "))


def _lz4(payload: bytes, _size: int | None) -> bytes:
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


def _zstd(payload: bytes, size: int | None) -> bytes:
    library = ctypes.CDLL("libzstd.so.1")  # dpkg itself needs it
    library.ZSTD_decompress.restype = ctypes.c_size_t
    library.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t] * 2
    library.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
    size = size or library.ZSTD_getFrameContentSize(payload, ctypes.c_size_t(len(payload)))
    if size > MOST:  # also what zstd says where the frame does not tell
        raise BuildFailed("a kernel packed by zstd that says its size", f"{size} bytes")
    room = ctypes.create_string_buffer(size)
    if library.ZSTD_decompress(room, size, payload, len(payload)) != size:
        raise BuildFailed("a kernel packed by zstd", "damaged bytes")
    return room.raw


def _lzma(payload: bytes, _size: int | None) -> bytes:
    return lzma.decompress(payload)


def _gzip(payload: bytes, _size: int | None) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(payload)


UNPACKERS: dict[bytes, Callable[[bytes, int | None], bytes]] = {
    b"\x1f\x8b": _gzip,
    b"\xfd7zXZ": _lzma,
    b"\x5d\x00\x00": _lzma,
    b"\x02\x21\x4c\x18": _lz4,
    b"\x28\xb5\x2f\xfd": _zstd,
}

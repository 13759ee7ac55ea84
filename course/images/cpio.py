"""The archive format of an initramfs, written without root: "newc", as cpio and the kernel know it.

Source: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass

TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class Member:
    """A file, folder, link or device; ``mode`` holds its kind too, as in stat(2)."""

    name: str
    mode: int
    content: bytes = b""  # of a link: where it leads
    device: tuple[int, int] = (0, 0)  # major and minor number


def file(name: str, content: bytes, permissions: int = 0o644) -> Member:
    """A regular file."""
    return Member(name, stat.S_IFREG | permissions, content)


def folder(name: str) -> Member:
    """A folder."""
    return Member(name, stat.S_IFDIR | 0o755)


def pack(members: Iterable[Member]) -> bytes:
    """The archive. Everything in it belongs to root and has no date: equal members, equal bytes."""
    every = [*members, Member(TRAILER, 0)]
    return b"".join(_entry(number, member) for number, member in enumerate(every, start=1))


def _entry(number: int, member: Member) -> bytes:
    name = member.name.encode() + b"\0"
    owner = group = date = check = 0
    links, (major, minor) = 1, member.device
    fields = (number, member.mode, owner, group, links, date, len(member.content))
    fields += (0, 0, major, minor, len(name), check)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + name) + _padded(member.content)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)

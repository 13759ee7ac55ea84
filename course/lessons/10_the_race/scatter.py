"""A program of 158 bytes of machine code that writes blocks at random places of the file ``work``.

No tool of a small system can: ``dd`` writes one block a start, and would time its own start. Called
without a word it writes 256 blocks of 4 KiB, then waits until all are on the disk. With any word it
writes 16 and waits for each.
"""

from __future__ import annotations

import platform
import struct

from course.images import elf

NAME = "scatter"
BLOCK, MANY, FEW = 4096, 256, 16
PLACES = 2**24 - BLOCK  # a mask: multiples of a block, all within 16 MiB
MULTIPLIER, INCREMENT = 1103515245, 12345  # the random numbers of the C standard's example
# System calls of x86-64: arch/x86/entry/syscalls/syscall_64.tbl in Linux.
OPEN, PWRITE, EXIT, FSYNC = 2, 18, 60, 74
SYSCALL, FILE = b"\x0f\x05", b"\x44\x89\xe7"  # FILE: mov edi, r12d


def plant() -> str:
    """The shell command that leaves the program in the folder that it is given in."""
    return elf.shell_line(_code(), NAME)


def runs_here() -> bool:
    """Whether this machine's processor knows the program's instructions."""
    return platform.machine() == "x86_64"


def _code() -> bytes:
    """Open; write blocks until the count is zero, and wait; end with 1 if a block was refused."""
    flush = _move(0xB8, FSYNC) + FILE + SYSCALL
    write = (
        b"\x45\x69\xed" + _word(MULTIPLIER)  # imul r13d, r13d, MULTIPLIER
        + b"\x41\x81\xc5" + _word(INCREMENT)  # add r13d, INCREMENT
        + b"\x45\x89\xea\x41\x81\xe2" + _word(PLACES)  # mov r10d, r13d; and r10d, PLACES
        + _move(0xB8, PWRITE) + FILE + _move(0xBE, elf.BASE) + _move(0xBA, BLOCK) + SYSCALL
    )  # fmt: skip
    last = b"\x41\x83\xfe\x01\x74" + _byte(len(flush)) + flush  # cmp r14d, 1; je: not each
    last += b"\xff\xcb"  # dec ebx
    end = flush + _move(0xBF, 0) + _move(0xB8, EXIT) + SYSCALL
    good = b"\x3d" + _word(BLOCK) + b"\x75" + _byte(len(last) + 2 + len(end))  # cmp eax; jne bad
    loop = write + good + last
    bad = _move(0xBF, 1) + _move(0xB8, EXIT) + SYSCALL
    return _begin() + loop + b"\x75" + _byte(-len(loop) - 2) + end + bad  # jnz loop


def _begin() -> bytes:
    """Open the file, and choose how many blocks by the number of words."""
    count = _move(0xBB, MANY) + b"\x41\x83\xfe\x01\x74\x05" + _move(0xBB, FEW)  # ebx
    seed = b"\x41\xbd" + _word(1)  # mov r13d, 1

    def opened(path: int) -> bytes:
        read_write = _move(0xBF, path) + _move(0xBE, 2) + SYSCALL
        return _move(0xB8, OPEN) + read_write + b"\x41\x89\xc4"  # mov r12d, eax

    words = b"\x44\x8b\x34\x24"  # mov r14d, [rsp]: how many words it was called with
    name = b"work\0"
    skip = b"\xeb" + _byte(len(name))  # jmp over the name
    path = elf.START + len(skip)
    return skip + name + words + opened(path) + count + seed


def _move(register: int, value: int) -> bytes:
    """Put a number into a register: 0xB8 eax, 0xBA edx, 0xBB ebx, 0xBE esi, 0xBF edi."""
    return bytes([register]) + _word(value)


def _word(value: int) -> bytes:
    return struct.pack("<I", value)


def _byte(value: int) -> bytes:
    return struct.pack("<b", value)

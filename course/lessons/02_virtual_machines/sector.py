"""An operating system that fits into one sector of a disk: it says a text over the serial port."""

from __future__ import annotations

import time

from course.boxes import VirtualMachine

# The opcodes are in Intel's Software Developer's Manual, volume 2. The firmware loads the sector
# to address 0x7c00 and jumps there, in real mode.
PROGRAM = """
31 c0       xor ax, ax
8e d8       mov ds, ax      addresses count from zero
fc          cld             and go upwards
be 16 7c    mov si, 0x7c16  where the text is: right behind these 22 bytes
ba f8 03    mov dx, 0x3f8   the first serial port of a PC
ac          lodsb           the next byte of the text into al
84 c0       test al, al
74 03       jz +3           a zero ends the text: go to hlt
ee          out dx, al
eb f8       jmp -8          back to lodsb
f4          hlt             nothing more to do
eb fd       jmp -3          and if an interrupt wakes it, halt again
"""
DISK = 2**20  # bytes; the firmware finds no disk that is a single sector
POLL = 0.01  # seconds between two looks at the console


def code(listing: str) -> bytes:
    """The bytes in the left column of a listing."""
    return bytes.fromhex("".join(line.split("  ")[0] for line in listing.splitlines()))


def until_said(box: VirtualMachine, words: str, patience: float = 10.0) -> str:
    """What the guest has printed, once that has ``words`` in it or ``patience`` seconds passed."""
    deadline = time.monotonic() + patience
    while words not in box.console and time.monotonic() < deadline:
        time.sleep(POLL)
    return box.console

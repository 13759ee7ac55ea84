"""Machine code as a program that Linux runs. A small system has no tool that makes one.

Source: elf(5).
"""

from __future__ import annotations

import struct

BASE = 0x400000  # where a program is put in memory, with a page for all of it
HEADER, PROGRAM_HEADER = 64, 56  # bytes
START = BASE + HEADER + PROGRAM_HEADER  # where its code begins


def executable(code: bytes) -> bytes:
    """The file, for a processor of the kind x86-64."""
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)  # 64 bits, little end first
    sizes = (HEADER, PROGRAM_HEADER, 1, 0, 0, 0)
    header = struct.pack("<HHIQQQI6H", 2, 62, 1, START, HEADER, 0, 0, *sizes)
    size = HEADER + PROGRAM_HEADER + len(code)
    everything = struct.pack("<IIQQQQQQ", 1, 7, 0, BASE, BASE, size, 0x1000, 0x1000)
    return identity + header + everything + code


def shell_line(code: bytes, path: str) -> str:
    """The shell command that writes the file at ``path``."""
    octal = "".join(f"\\{byte:03o}" for byte in executable(code))
    return f"printf '{octal}' >{path} && chmod +x {path}"

"""Machine code on this processor, in this process: no guest, no hypervisor, no net."""

from __future__ import annotations

import platform
from ctypes import CFUNCTYPE, addressof, c_char, c_ulong
from mmap import PROT_EXEC, PROT_READ, PROT_WRITE, mmap

CLEAR = bytes.fromhex("31 c0 31 c9 31 d2")  # xor of eax, ecx and edx with themselves


def run(code: bytes) -> int:
    """Call the bytes as a function: what they leave in rax. They must end with c3, ``ret``, and
    may use rax, rcx and rdx, which begin as zero. Nothing can stop them before they end.

    Raises OSError on a processor that is no x86: it would take them for something else.
    """
    if platform.machine() != "x86_64":
        raise OSError(f"these bytes are for x86_64, and this is {platform.machine()}")
    with mmap(-1, 4096, prot=PROT_READ | PROT_WRITE | PROT_EXEC) as page:
        page.write(CLEAR + code)
        return CFUNCTYPE(c_ulong)(addressof(c_char.from_buffer(page)))()

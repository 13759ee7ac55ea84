"""What root may do: capabilities, by name, and the filter of its system calls.

The kernel hands out the very filter that it applies (ptrace(2), PTRACE_SECCOMP_GET_FILTER), so
nothing has to be tried in order to know what would be refused.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import struct
from collections.abc import Sequence
from pathlib import Path

from course.errors import BoxError

# capabilities(7), in the order of linux/capability.h.
NAMES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO "
    "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME "
    "SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG "
    "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
CAPABILITIES = tuple(NAMES.split())
# The numbers of the system calls that Linux 6.1 has on x86-64 (arch/x86/entry/syscalls).
SYSTEM_CALLS = [*range(335), *range(424, 451)]
EXAMPLES = {
    "read": 0,
    "execve": 59,
    "ptrace": 101,
    "mount": 165,
    "reboot": 169,
    "init_module": 175,
    "clock_settime": 227,
    "kexec_load": 246,
    "unshare": 272,
    "bpf": 321,
}
X86_64 = 0xC000003E  # linux/audit.h
ATTACH, GET_FILTER, DETACH = 16, 0x420C, 17  # linux/ptrace.h
ALLOW = 0x7FFF0000  # linux/seccomp.h
LOAD, AND, RETURN, JUMP = 0x20, 0x54, 0x06, 0x05  # linux/bpf_common.h
CONDITIONS = {
    0x15: lambda value, operand: value == operand,
    0x25: lambda value, operand: value > operand,
    0x35: lambda value, operand: value >= operand,
    0x45: lambda value, operand: bool(value & operand),
}

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


def capabilities(mask: str) -> list[str]:
    """The names in a mask such as ``CapEff`` of /proc/<pid>/status."""
    return [name for bit, name in enumerate(CAPABILITIES) if int(mask, 16) >> bit & 1]


def lacking() -> list[str]:
    """The capabilities that no process of this machine can have."""
    status = Path("/proc/self/status").read_text()
    there = capabilities(re.search(r"CapBnd:\s+(\w+)", status)[1])
    return [name for name in CAPABILITIES if name not in there]


def seccomp_filter(pid: int) -> list[Instruction]:
    """The filter that the kernel applies to a process of this machine: classic BPF.

    The process stands still for a moment. Needs root, and a processor that is x86-64. Raises
    BoxError.
    """
    if platform.machine() != "x86_64":
        raise BoxError("a processor whose system calls this lesson can number", platform.machine())
    if _ptrace(ATTACH, pid, 0, None) < 0:
        raise BoxError(f"root, to look at the filter of process {pid}", os.strerror(_errno()))
    try:
        os.waitpid(pid, 0x40000000)  # __WALL: it is no child of ours
        length = _ptrace(GET_FILTER, pid, 0, None)
        if length < 0:
            raise BoxError(f"a filter on process {pid}", os.strerror(_errno()))
        buffer = ctypes.create_string_buffer(8 * length)
        _ptrace(GET_FILTER, pid, 0, buffer)
    finally:
        _ptrace(DETACH, pid, 0, None)
    return list(struct.iter_unpack("=HBBI", buffer.raw))


def allows(program: Sequence[Instruction], number: int) -> bool:
    """Whether the filter lets this system call through, all its arguments 0."""
    call = struct.pack("=IIQ6Q", number, X86_64, 0, *[0] * 6)  # struct seccomp_data
    place, value = 0, 0
    while True:
        code, if_true, if_false, operand = program[place]
        place += 1
        if code == RETURN:
            return operand == ALLOW
        if code == LOAD:
            (value,) = struct.unpack_from("=I", call, operand)
        elif code == AND:
            value &= operand
        elif code == JUMP:
            place += operand
        else:
            place += if_true if CONDITIONS[code](value, operand) else if_false


def _ptrace(request: int, pid: int, address: int, data: object) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    library.ptrace.restype = ctypes.c_long
    return library.ptrace(
        ctypes.c_long(request), ctypes.c_long(pid), ctypes.c_void_p(address), data
    )


def _errno() -> int:
    return ctypes.get_errno()

"""What a guest must hear when it wakes from a saved state: what time it is, and fresh randomness.

Its clock goes on where it was stopped, and every copy of a state would draw the same random
numbers: keys that are not secret, "unique" names that are not unique. So before a guest's state
is saved, a program is left waiting in it, and whoever resumes it sends the program 88 bytes.

The program is 138 bytes of machine code, since no tool of a small system can ask Linux to use
new randomness *now*: written to /dev/urandom it may wait there for a minute (random(4)).
"""

from __future__ import annotations

import secrets
import struct
import time
from socket import socket

from course.errors import BoxError, NeverAnswered
from course.images import elf
from .agent import Agent

PATIENCE = 30.0  # seconds
ARCHITECTURE = "x86_64"  # of the guests that the program runs in
PROGRAM = "/tmp/two-boxes-wake"  # not in /run, where Debian lets nothing be executed
BUFFER = elf.BASE + 0x800  # a place after the code for what comes from the host

# System calls of x86-64: arch/x86/entry/syscalls/syscall_64.tbl in Linux.
READ, WRITE, IOCTL, EXIT, CLOCK_SETTIME = 0, 1, 16, 60, 227
ADD, RESEED = 0x40085203, 0x5207  # RNDADDENTROPY and RNDRESEEDCRNG: linux/random.h
PORT, RANDOM, CLOCK_REALTIME = 0, 3, 0
TIME = struct.Struct("<qq")  # seconds and nanoseconds: struct timespec
SEED = struct.Struct("<ii64s")  # bits, bytes, and those bytes: struct rand_pool_info


def _call(number: int, first: int = 0, second: int = 0, third: int = 0) -> bytes:
    """A system call: its number in eax, what it is given in edi, esi and edx."""
    values = {b"\xb8": number, b"\xbf": first, b"\xbe": second, b"\xba": third}
    return b"".join(move + struct.pack("<I", value) for move, value in values.items()) + b"\x0f\x05"


def code() -> bytes:
    """For ever: read; end if nothing came; set the clock; add the seed and use it; answer."""
    read = _call(READ, PORT, BUFFER, TIME.size + SEED.size)
    work = (
        _call(CLOCK_SETTIME, CLOCK_REALTIME, BUFFER)
        + _call(IOCTL, RANDOM, ADD, BUFFER + TIME.size)
        + _call(IOCTL, RANDOM, RESEED)
        + _call(WRITE, PORT, BUFFER, 1)
    )
    back_length, end = 2, _call(EXIT)
    test = b"\x85\xc0"  # test eax, eax
    skip = b"\x7e" + struct.pack("<b", len(work) + back_length)  # jle end
    loop = -(len(read) + len(test) + len(skip) + len(work) + back_length)
    back = b"\xeb" + struct.pack("<b", loop)  # jmp read
    return read + test + skip + work + back + end


def plant(agent: Agent) -> None:
    """Leave the program waiting in the guest. Raises BoxError."""
    there = elf.shell_line(code(), PROGRAM)
    waits = f"{PROGRAM} <>/dev/vport0p3 3>/dev/urandom >/dev/null 2>&1 &"
    done = agent.exec(f"[ -e {PROGRAM} ] || {{ {there} && {{ {waits} }}; }}", PATIENCE)
    if done.exit_code:
        raise BoxError("a guest that can be told the time when it wakes", done.stderr)


def wake(connection: socket) -> None:
    """Tell the guest the time, give it 64 random bytes, and wait until it has used them.

    Raises NeverAnswered; EOFError when QEMU ended.
    """
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    connection.settimeout(PATIENCE)
    seed = SEED.pack(512, 64, secrets.token_bytes(64))
    try:
        connection.sendall(TIME.pack(seconds, nanoseconds) + seed)
        if not connection.recv(1):
            raise EOFError
    except ConnectionError as error:
        raise EOFError from error
    except TimeoutError:
        raise NeverAnswered("the guest to wake", f"it did not within {PATIENCE:g} s") from None

"""What KVM itself counts about a guest: how often it came out, what had to be emulated.

Format: Linux, Documentation/virt/kvm/api.rst, "KVM_GET_STATS_FD" (Linux 5.14 and newer).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from fcntl import ioctl
from io import FileIO
from struct import unpack_from
from threading import get_ident

from .devices import Bus
from .hypervisor import Deadline, Guest, kick, machine, serve

KVM_GET_STATS_FD = 0xAECE


def watch(code: bytes, begin: Callable[[Guest], None]) -> dict[str, object]:
    """Run a guest without devices: how it ended, how often the processor left it (``exits``),
    and how many of its instructions KVM carried out in software (``emulated``).
    """
    with machine(code, begin) as guest, Deadline(10, kick, (guest, get_ident())):
        ending, counted = serve(guest, Bus()), counters(guest)
    return {"ending": ending, "exits": counted["exits"], "emulated": counted["insn_emulation"]}


def counters(guest: Guest) -> dict[str, int]:
    """Every counter of the virtual processor, by the kernel's name for it."""
    with FileIO(ioctl(guest.vcpu, KVM_GET_STATS_FD, 0)) as file:
        told = os.pread(file.fileno(), 1 << 16, 0)
    _, width, count, _, first, data = unpack_from("=6I", told)
    found = {}
    for place in range(first, first + count * (16 + width), 16 + width):
        _, _, _, offset, _ = unpack_from("=IhHII", told, place)
        name = told[place + 16 : place + 16 + width].split(b"\0")[0].decode()
        found[name] = unpack_from("=Q", told, data + offset)[0]
    return found

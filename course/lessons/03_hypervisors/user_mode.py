"""A guest that begins in 64-bit user mode: ring 3, where programs run; the kernel's is ring 0.

Formats: Intel Software Developer's Manual, volume 3: paging, segment descriptors, task state.
"""

from __future__ import annotations

from fcntl import ioctl
from struct import pack, pack_into

from .hypervisor import KVM_GET_SREGS, KVM_SET_REGS, KVM_SET_SREGS, Guest

TASK, TABLES = 0x7000, 0x8000  # addresses in the guest, behind any guest of this lesson
PRESENT_WRITABLE_USER, TWO_MEGABYTES = 0b111, 1 << 7
PROTECTION_AND_PAGING, WIDE_ADDRESSES, LONG_MODE = 1 << 31 | 1, 1 << 5, 1 << 10 | 1 << 8
CONTROLS = 8 * 24 + 2 * 16  # the control registers follow eight segments and two tables


def user_mode(guest: Guest) -> None:
    """Ring 3, with every address mapped to itself and no handler for anything that traps."""
    map_memory(guest)
    special = bytearray(ioctl(guest.vcpu, KVM_GET_SREGS, bytes(312)))
    segments = segment(0x33, 11, ring=3, long=1) + 5 * segment(0x2B, 3, ring=3)
    # The task state is all zeros, and a zero there opens a port to ring 3.
    segments += segment(0x40, 11, system=1, base=TASK, limit=0x67) + segment(0, 2, unusable=1)
    special[: len(segments)] = segments
    registers = PROTECTION_AND_PAGING, 0, TABLES, WIDE_ADDRESSES, 0, LONG_MODE
    pack_into("=6Q", special, CONTROLS, *registers)
    ioctl(guest.vcpu, KVM_SET_SREGS, special)
    ioctl(guest.vcpu, KVM_SET_REGS, pack("=18Q", *[0] * 17, 2))


def map_memory(guest: Guest) -> None:
    """Page tables for the first two megabytes: three tables of one entry each."""
    for table in (TABLES, TABLES + 0x1000):
        pack_into("=Q", guest.memory, table, table + 0x1000 | PRESENT_WRITABLE_USER)
    pack_into("=Q", guest.memory, TABLES + 0x2000, TWO_MEGABYTES | PRESENT_WRITABLE_USER)


def segment(
    selector: int,
    kind: int,
    *,
    ring: int = 0,
    long: int = 0,
    system: int = 0,
    base: int = 0,
    limit: int = 0xFFFFFFFF,
    unusable: int = 0,
) -> bytes:
    """A ``struct kvm_segment``."""
    flags = kind, 1, ring, 1 - long, 1 - system, long, limit > 0xFFFFF, 0, unusable, 0
    return pack("=QIH10B", base, limit, selector, *flags)

"""A hypervisor on the KVM API (Linux: Documentation/virt/kvm/api.rst, linux/kvm.h)."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from ctypes import addressof, c_char
from fcntl import ioctl
from io import FileIO
from mmap import mmap
from signal import SIG_BLOCK, SIG_SETMASK, SIGURG, pthread_kill, pthread_sigmask
from struct import pack, unpack_from
from threading import Timer, get_ident

from .devices import Bus

KVM_CREATE_VM, KVM_CREATE_VCPU, KVM_GET_VCPU_MMAP_SIZE = 0xAE01, 0xAE41, 0xAE04
KVM_SET_USER_MEMORY_REGION, KVM_SET_SIGNAL_MASK, KVM_RUN = 0x4020AE46, 0x4004AE8B, 0xAE80
KVM_GET_SREGS, KVM_SET_SREGS, KVM_SET_REGS = 0x8138AE83, 0x4138AE84, 0x4090AE82

IMMEDIATE_EXIT, EXIT_REASON, EXIT_DATA = 1, 8, 32  # places in the page shared with the kernel
EXIT_IO, EXIT_HLT, EXIT_SHUTDOWN, EXIT_INTR, EXIT_INTERNAL_ERROR = 2, 5, 8, 10, 17
ENDINGS = {EXIT_HLT: "halted", EXIT_SHUTDOWN: "shut down"}
ENDINGS |= {EXIT_INTR: "interrupted", EXIT_INTERNAL_ERROR: "internal error"}

Guest = namedtuple("Guest", "kvm vm vcpu state memory")


def power_on() -> Guest:
    """A virtual machine with one processor; ``state`` and ``memory`` we share with the kernel."""
    kvm = FileIO("/dev/kvm", "r+")
    vm = FileIO(ioctl(kvm, KVM_CREATE_VM, 0), "r+")
    vcpu = FileIO(ioctl(vm, KVM_CREATE_VCPU, 0), "r+")
    ioctl(vcpu, KVM_SET_SIGNAL_MASK, pack("=IQ", 8, 0))  # while it runs, no signal is blocked
    state = mmap(vcpu.fileno(), ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0))
    return Guest(kvm, vm, vcpu, state, mmap(-1, 0x10000))


def plug_memory(guest: Guest) -> None:
    """Make our memory the guest's, from its address 0 on."""
    slot, flags, address, size = 0, 0, 0, len(guest.memory)
    ours = addressof(c_char.from_buffer(guest.memory))
    ioctl(guest.vm, KVM_SET_USER_MEMORY_REGION, pack("=IIQQQ", slot, flags, address, size, ours))


def real_mode(guest: Guest) -> None:
    """Begin at address 0, in the mode of 1981, with every register zero."""
    special = ioctl(guest.vcpu, KVM_GET_SREGS, bytes(312))
    code_segment = pack("=QIH", 0, 0xFFFF, 0)  # base, limit, selector
    ioctl(guest.vcpu, KVM_SET_SREGS, code_segment + special[len(code_segment) :])
    ioctl(guest.vcpu, KVM_SET_REGS, pack("=18Q", *[0] * 17, 2))  # bit 1 of the flags is always 1


def enter(guest: Guest) -> int:
    """Let the guest run until it needs us or its time is up; why it came out."""
    while not guest.state[IMMEDIATE_EXIT]:
        with suppress(InterruptedError):  # by a signal; not every signal is a kick
            ioctl(guest.vcpu, KVM_RUN, 0)
            return unpack_from("=I", guest.state, EXIT_REASON)[0]
    return EXIT_INTR


def answer(guest: Guest, bus: Bus) -> None:
    """The guest did an ``in`` or an ``out`` of one byte: be the device."""
    is_out, _, port, _, place = unpack_from("=BBHIQ", guest.state, EXIT_DATA)
    if is_out:
        bus[port].write(guest.state[place])
    else:
        guest.state[place] = bus[port].read()


def serve(guest: Guest, bus: Bus) -> str:
    """Enter the guest again and again, as long as it only asks for a device; how it ended."""
    while (reason := enter(guest)) == EXIT_IO:
        answer(guest, bus)
    return ENDINGS.get(reason, f"exit {reason}")


def kick(guest: Guest, thread: int) -> None:
    """The time is up: forbid the guest to go on, and get the thread out of it."""
    guest.state[IMMEDIATE_EXIT] = 1
    pthread_kill(thread, SIGURG)


class Deadline(Timer):
    """A timer that runs during a ``with``, where its signal can hit nothing but the guest."""

    def __enter__(self) -> None:
        self.before = pthread_sigmask(SIG_BLOCK, {SIGURG})
        self.start()

    def __exit__(self, *_: object) -> None:
        self.cancel()
        self.join()
        pthread_sigmask(SIG_SETMASK, self.before)


@contextmanager
def machine(code: bytes, begin: Callable[[Guest], None] = real_mode) -> Iterator[Guest]:
    """A guest that is ready for its first instruction, and switched off at the end."""
    with ExitStack() as parts:
        guest = Guest(*map(parts.enter_context, power_on()))
        guest.memory[: len(code)] = code
        plug_memory(guest)
        begin(guest)
        yield guest


def virtualize(code: bytes, bus: Bus, seconds: float = 1.0) -> str:
    """Run a guest's bytes on a virtual machine of its own; how it ended."""
    with machine(code) as guest, Deadline(seconds, kick, (guest, get_ident())):
        return serve(guest, bus)

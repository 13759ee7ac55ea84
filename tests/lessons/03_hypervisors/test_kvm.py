"""Lesson 03: the hypervisor on KVM. Its guests agree with the toy, and none can hold its thread."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from struct import unpack

import pytest
from faults.world import run_python
from hypothesis import given, settings
from hypothesis import strategies as st

from course import claims
from course.lessons import lesson

PARTS = "counters devices emulator experiments guests hypervisor kvm user_mode"
counters, devices, emulator, experiments, guests, hypervisor, kvm, user_mode = (
    lesson("03_hypervisors").part(name) for name in PARTS.split()
)
Bus, Serial = devices.Bus, devices.Serial
KVM_GET_REGS = 0x8090AE81
LACK = kvm.KVM.run()
pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(not LACK, reason=f"KVM cannot be used here: {LACK.observed}"),
]


def said(launch: Callable, listing: str, **options: object) -> tuple[str, str]:
    """How a guest ended, and what it said over the serial port."""
    serial = Serial()
    return launch(guests.code(listing), Bus({0x3F8: serial}), **options), serial.text


def test_kvm_says_the_same_as_the_toy() -> None:
    for listing in (guests.ALPHABET, guests.TALK, guests.HUSH):
        assert said(hypervisor.virtualize, listing) == said(emulator.emulate, listing)


BYTE = st.integers(0, 255)
INSTRUCTION = st.one_of(
    st.tuples(st.integers(0xB0, 0xB7), BYTE),  # mov of a byte register
    st.tuples(st.integers(0xB8, 0xBF), BYTE, BYTE),  # mov of a word register
    st.tuples(st.sampled_from((0x04, 0x3C)), BYTE),  # add, cmp
    st.tuples(st.integers(0x40, 0x4F)),  # inc, dec
    st.tuples(st.sampled_from((0x74, 0x75, 0xEB)), st.just(2), st.just(0x04), BYTE),  # a skip
    st.tuples(st.just(0xB9), BYTE, st.just(0), st.just(0x40), st.just(0xE2), st.just(0xFD)),
    st.tuples(st.just(0xE4), BYTE),  # in, from an empty port
)


@settings(max_examples=60)
@given(st.lists(INSTRUCTION, max_size=30))
def test_any_program_leaves_the_same_registers_on_both(program: list[tuple[int, ...]]) -> None:
    code = bytes(byte for instruction in program for byte in instruction) + b"\xf4"
    toy = emulator.Cpu(code, Bus())
    while not toy.halted:
        emulator.step(toy)
    with hypervisor.machine(code) as guest:
        assert hypervisor.serve(guest, Bus()) == "halted"
        found = unpack("=18Q", ioctl(guest.vcpu, KVM_GET_REGS, bytes(144)))
    # struct kvm_regs has a, b, c, d, si, di, sp, bp; opcodes count a, c, d, b, sp, bp, si, di.
    words = [found[place] & 0xFFFF for place in (0, 2, 3, 1, 6, 7, 4, 5)]
    assert (words, found[16], bool(found[17] & 1 << 6)) == (list(toy.word), toy.ip, toy.zero)


def forever(listing: str, seconds: float) -> tuple[str, float]:
    began = time.monotonic()
    ending = hypervisor.virtualize(guests.code(listing), Bus(), seconds)
    return ending, time.monotonic() - began


TALKS_FOREVER = "e6 10\neb fc"


@pytest.mark.parametrize("listing", [guests.FOREVER, TALKS_FOREVER], ids=["silent", "talking"])
def test_a_guest_that_never_halts_is_interrupted(listing: str) -> None:
    ending, seconds = forever(listing, 0.2)
    assert ending == "interrupted"
    assert 0.2 <= seconds < 5


def test_a_guest_is_interrupted_in_any_thread() -> None:
    endings: list[tuple[str, float]] = []
    thread = threading.Thread(target=lambda: endings.append(forever(guests.FOREVER, 0.1)))
    thread.start()
    thread.join(10)
    assert endings[0][0] == "interrupted"


def while_in_the_guest(act: Callable[[int], None]) -> threading.Timer:
    """Do something to this thread a moment after it has entered a guest."""
    timer = threading.Timer(0.1, act, (threading.get_ident(),))
    timer.start()
    return timer


@contextmanager
def handled(number: int, handler: Callable) -> Iterator[None]:
    """Inside, that signal goes to that handler."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def test_an_ordinary_signal_does_not_end_a_guest() -> None:
    heard = []
    with handled(signal.SIGUSR2, lambda *_: heard.append("signal")):
        while_in_the_guest(lambda thread: signal.pthread_kill(thread, signal.SIGUSR2))
        ending, seconds = forever(guests.FOREVER, 0.4)
    assert (ending, heard) == ("interrupted", ["signal"])
    assert seconds >= 0.4


def test_the_stop_button_gets_out_of_a_guest() -> None:
    began = time.monotonic()
    # A shell has what it starts in the background ignore this signal; a Jupyter kernel does not.
    with handled(signal.SIGINT, signal.default_int_handler), pytest.raises(KeyboardInterrupt):
        while_in_the_guest(lambda thread: signal.pthread_kill(thread, signal.SIGINT))
        forever(guests.FOREVER, 30)
    assert time.monotonic() - began < 10


LEFT = """
import os, signal, threading
from course.lessons import lesson
guests, hypervisor = (
    lesson("03_hypervisors").part(name) for name in ("guests", "hypervisor"))
Bus = lesson("03_hypervisors").part("devices").Bus

def state():
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return sorted(os.listdir("/proc/self/fd")), threading.active_count(), masked

hypervisor.virtualize(guests.code(guests.ALPHABET), Bus())
before = state()
for listing in (guests.ALPHABET, guests.FOREVER):
    hypervisor.virtualize(guests.code(listing), Bus(), seconds=0.05)
print(state() == before)
"""


def test_nothing_of_a_guest_is_left() -> None:
    assert run_python(LEFT) == "True\n"  # not in this process: others open files in it


def test_in_user_mode_only_the_sensitive_instructions_leave_the_processor() -> None:
    quiet = counters.watch(guests.code(guests.HUSH), user_mode.user_mode)
    talking = counters.watch(guests.code(guests.TALK), user_mode.user_mode)
    assert quiet["ending"] == talking["ending"] == "shut down"  # hlt is not for user mode
    assert quiet["emulated"] <= 2
    assert talking["exits"] - quiet["exits"] >= 1000


def test_the_guests_memory_is_ours() -> None:
    with hypervisor.machine(guests.code(guests.STORE)) as guest:
        assert guest.memory[0x2000] == 0
        hypervisor.serve(guest, Bus())
        assert guest.memory[0x2000] == 42


def test_with_kvm_nothing_is_replayed(monkeypatch) -> None:
    monkeypatch.setattr(kvm, "replay_failures", pytest.fail)
    assert kvm.ready(Path(hypervisor.__file__)).startswith("Yes: ")


@pytest.mark.parametrize("claim", claims.claims("03_hypervisors"), ids=lambda claim: claim.id)
def test_each_claim_has_an_experiment_that_can_judge_it(claim: claims.Claim) -> None:
    frame = getattr(experiments, claim.experiment)(rounds=1)
    assert claims.judge(claim, frame).estimate.value > 0

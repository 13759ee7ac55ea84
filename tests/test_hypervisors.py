"""Lesson 03: a toy processor and a hypervisor on KVM that run the same bytes."""

from __future__ import annotations

import os
import platform
import signal
import threading
import time
from fcntl import ioctl
from importlib import import_module
from pathlib import Path
from struct import unpack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.checks import Outcome

PARTS = "counters devices emulator guests hypervisor kvm native user_mode"
counters, devices, emulator, guests, hypervisor, kvm, native, user_mode = (
    import_module(f"course.lessons.03_hypervisors.{name}") for name in PARTS.split()
)
Bus, Serial = devices.Bus, devices.Serial
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FOLDER = Path(hypervisor.__file__).parent

LACK = kvm.KVM.run()
on_kvm = pytest.mark.skipif(not LACK, reason=f"KVM cannot be used here: {LACK.observed}")
on_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="a processor of another kind")
KVM_GET_REGS = 0x8090AE81


def said(launch, listing: str, **options: object) -> tuple[str, str]:
    """How a guest ended, and what it said over the serial port."""
    serial = Serial()
    return launch(guests.code(listing), Bus({0x3F8: serial}), **options), serial.text


# The programs


def test_the_guest_of_twelve_bytes_has_twelve() -> None:
    assert len(guests.code(guests.ALPHABET)) == 12


def test_the_finished_things_stay_short() -> None:
    for name in ("emulator.py", "hypervisor.py"):
        assert len((FOLDER / name).read_text().splitlines()) <= 120


# The toy processor


def ran(code: str):
    """The toy processor as a guest left it."""
    cpu = emulator.Cpu(bytes.fromhex(code), Bus())
    while not cpu.halted:
        emulator.step(cpu)
    return cpu


def test_the_toy_says_the_alphabet() -> None:
    assert said(emulator.emulate, guests.ALPHABET) == ("halted", ALPHABET)


def test_the_toy_stops_a_guest_at_its_limit() -> None:
    assert emulator.emulate(guests.code(guests.FOREVER), Bus(), limit=10) == "interrupted"


def test_a_limit_that_is_just_enough_is_enough() -> None:
    assert emulator.emulate(b"\x40\xf4", Bus(), limit=2) == "halted"


def test_an_unknown_opcode_is_named() -> None:
    with pytest.raises(NotImplementedError, match="opcode 0f"):
        emulator.emulate(b"\x0f", Bus())


def test_an_empty_port_reads_as_all_ones() -> None:
    assert ran("e4 99 e6 99 f4").byte[0] == 0xFF


def test_a_device_answers_the_guest() -> None:
    serial, dice = Serial(), devices.Dice()
    emulator.emulate(guests.code(guests.ROLL), Bus({0x3F8: serial, 0x40: dice}))
    assert serial.text in "123456"


def test_the_long_guest_has_as_many_instructions_as_the_notebook_says() -> None:
    count, instructions = guests.code(guests.COUNT), 1 + 15 * (2 + 65_535 + 2) + 1
    assert emulator.emulate(count, Bus(), limit=instructions) == "halted"
    assert emulator.emulate(count, Bus(), limit=instructions - 1) == "interrupted"


# The bare processor


@on_x86
def test_popf_in_user_mode_neither_works_nor_traps() -> None:
    assert native.run(guests.code(guests.FLAGS)) & 0x200


@on_x86
def test_bytes_run_bare_leave_what_they_leave_in_the_toy() -> None:
    toy = ran("b0 0f 04 ff 40 f4")
    assert native.run(bytes.fromhex("b0 0f 04 ff ff c0 c3")) == toy.word[0]  # 40 is no inc here


def test_another_processor_is_not_given_x86_code(monkeypatch) -> None:
    monkeypatch.setattr(native.platform, "machine", lambda: "aarch64")
    with pytest.raises(OSError, match="aarch64"):
        native.run(b"\xc3")


# The hypervisor


@pytest.mark.vm
@on_kvm
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


@pytest.mark.vm
@on_kvm
@settings(deadline=None, max_examples=60)
@given(st.lists(INSTRUCTION, max_size=30))
def test_any_program_leaves_the_same_registers_on_both(program: list[tuple[int, ...]]) -> None:
    code = bytes(byte for instruction in program for byte in instruction) + b"\xf4"
    toy = ran(code.hex())
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


@pytest.mark.vm
@on_kvm
@pytest.mark.parametrize("listing", [guests.FOREVER, TALKS_FOREVER], ids=["silent", "talking"])
def test_a_guest_that_never_halts_is_interrupted(listing: str) -> None:
    ending, seconds = forever(listing, 0.2)
    assert ending == "interrupted"
    assert 0.2 <= seconds < 5


@pytest.mark.vm
@on_kvm
def test_a_guest_is_interrupted_in_any_thread() -> None:
    endings: list[tuple[str, float]] = []
    thread = threading.Thread(target=lambda: endings.append(forever(guests.FOREVER, 0.1)))
    thread.start()
    thread.join(10)
    assert endings[0][0] == "interrupted"


def while_in_the_guest(act) -> threading.Timer:
    """Do something to this thread a moment after it has entered a guest."""
    timer = threading.Timer(0.1, act, (threading.get_ident(),))
    timer.start()
    return timer


@pytest.mark.vm
@on_kvm
def test_an_ordinary_signal_does_not_end_a_guest() -> None:
    heard = []
    before = signal.signal(signal.SIGUSR2, lambda *_: heard.append("signal"))
    try:
        while_in_the_guest(lambda thread: signal.pthread_kill(thread, signal.SIGUSR2))
        ending, seconds = forever(guests.FOREVER, 0.4)
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert (ending, heard) == ("interrupted", ["signal"])
    assert seconds >= 0.4


@pytest.mark.vm
@on_kvm
def test_the_stop_button_gets_out_of_a_guest() -> None:
    while_in_the_guest(lambda thread: signal.pthread_kill(thread, signal.SIGINT))
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        forever(guests.FOREVER, 30)
    assert time.monotonic() - began < 10


@pytest.mark.vm
@on_kvm
def test_nothing_of_a_guest_is_left() -> None:
    said(hypervisor.virtualize, guests.ALPHABET)
    before = sorted(os.listdir("/proc/self/fd")), threading.active_count()
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    for listing in (guests.ALPHABET, guests.FOREVER):
        said(hypervisor.virtualize, listing, seconds=0.05)
    assert (sorted(os.listdir("/proc/self/fd")), threading.active_count()) == before
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == masked


@pytest.mark.vm
@on_kvm
def test_in_user_mode_only_the_sensitive_instructions_leave_the_processor() -> None:
    quiet = counters.watch(guests.code(guests.HUSH), user_mode.user_mode)
    talking = counters.watch(guests.code(guests.TALK), user_mode.user_mode)
    assert quiet["ending"] == talking["ending"] == "shut down"  # hlt is not for user mode
    assert quiet["emulated"] <= 2
    assert talking["exits"] - quiet["exits"] >= 1000


@pytest.mark.vm
@on_kvm
def test_the_guests_memory_is_ours() -> None:
    with hypervisor.machine(guests.code(guests.STORE)) as guest:
        assert guest.memory[0x2000] == 0
        hypervisor.serve(guest, Bus())
        assert guest.memory[0x2000] == 42


# What is said where KVM cannot be used


@pytest.mark.parametrize(
    ("error", "observed", "hint"),
    [
        (FileNotFoundError(2, "No such file"), "there is no /dev/kvm", kvm.ABSENT),
        (PermissionError(13, "denied"), "not for this user", kvm.FORBIDDEN),
        (OSError(19, "No such device"), "No such device", kvm.ABSENT),
    ],
)
def test_what_kvm_lacks_is_named(monkeypatch, error: OSError, observed: str, hint: str) -> None:
    def no_file(*_: object) -> None:
        raise error

    monkeypatch.setattr(kvm.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(hypervisor, "FileIO", no_file)
    found = kvm.KVM.run()
    assert (found.outcome, found.hints) == (Outcome.FAILED, (hint,))
    assert observed in found.observed


def test_another_processor_is_named(monkeypatch) -> None:
    monkeypatch.setattr(kvm.platform, "machine", lambda: "aarch64")
    assert "aarch64" in kvm.KVM.run().observed


def test_without_kvm_the_notebook_shows_what_it_recorded(monkeypatch) -> None:
    replayed = []
    monkeypatch.setattr(kvm.platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(kvm, "replay_failures", lambda *given: replayed.append(given))
    said_so = kvm.ready(FOLDER)
    assert said_so.startswith("No: a processor of another kind")
    assert [given[1] for given in replayed] == [FOLDER]


@on_kvm
def test_with_kvm_nothing_is_replayed(monkeypatch) -> None:
    monkeypatch.setattr(kvm, "replay_failures", pytest.fail)
    assert kvm.ready(FOLDER).startswith("Yes: ")

"""Lesson 03: a toy processor and a hypervisor on KVM that run the same bytes."""

from __future__ import annotations

import platform
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course.checks import Outcome
from course.lessons import lesson

PARTS = "devices emulator guests hypervisor kvm native"
devices, emulator, guests, hypervisor, kvm, native = (
    lesson("03_hypervisors").part(name) for name in PARTS.split()
)
Bus, Serial = devices.Bus, devices.Serial
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FOLDER = Path(hypervisor.__file__).parent
on_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="a processor of another kind")


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
    serial = Serial()
    assert emulator.emulate(guests.code(guests.ALPHABET), Bus({0x3F8: serial})) == "halted"
    assert serial.text == ALPHABET


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


def test_without_kvm_the_notebook_shows_what_it_recorded(tmp_path, monkeypatch) -> None:
    shown = new_output("stream", name="stdout", text="ABC")
    cells = [new_code_cell("virtualize()", outputs=[shown])]
    nbformat.write(new_notebook(cells=cells), tmp_path / "lesson.ipynb")
    shell = InteractiveShell()
    monkeypatch.setattr(kvm.platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(kvm, "get_ipython", lambda: shell)
    said_so = kvm.ready(tmp_path / "lesson.ipynb")
    assert said_so.startswith("No: a processor of another kind")
    with capture_output() as captured:
        assert shell.run_cell("virtualize()").success
    assert captured.stdout.endswith("ABC")

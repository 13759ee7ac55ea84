"""From what a VM is to be, to what QEMU is told; nothing boots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from course.boxes import Hardware
from course.boxes.machine.command_line import command_line, memory_file, option, own_memory
from course.boxes.machine.plan import Plan

PLAN = Plan("tiny", 128 * 2**20, architecture="x86_64", kernel=Path("/k"), initrd=Path("/i"))
FOLDER = Path("/run/vm")


def line(plan: Plan, **more: bool) -> str:
    return " ".join(command_line(plan, FOLDER, own_memory(plan), **more))


def test_a_vm_has_the_memory_and_processors_that_were_asked_for() -> None:
    said = line(replace(PLAN, cpus=2))
    assert "-smp 2 -m 128M" in said
    assert "size=134217728" in said


def test_a_comma_in_a_path_is_not_the_end_of_it() -> None:
    assert option("file", path="/a,b/c", id="x") == "file,path=/a,,b/c,id=x"
    assert "mem-path=/a,,b/memory,share=off" in memory_file(PLAN, Path("/a,b"), share=False)


def test_a_vm_that_goes_on_from_a_state_needs_no_kernel() -> None:
    said = line(PLAN, boot=False)
    assert "-incoming defer" in said
    assert "-kernel" not in said


def test_there_is_no_network_until_one_is_asked_for() -> None:
    assert "-netdev" not in line(PLAN)
    said = line(replace(PLAN, network=True, ports={80: 0, 443: 8443}))
    assert "restrict=on,hostfwd=tcp:127.0.0.1:0-:80,hostfwd=tcp:127.0.0.1:8443-:443" in said
    assert "DRIVERS=network ADDRESS=10.0.2.15/24" in said


def test_nothing_listens_anywhere_but_on_this_machine() -> None:
    said = line(replace(PLAN, network=True, ports={80: 0}))
    assert "-vnc" not in said
    assert said.count("hostfwd=tcp:") == said.count("hostfwd=tcp:127.0.0.1:") == 1


def test_a_guest_of_the_learners_gets_a_pc_that_any_system_knows() -> None:
    said = line(Plan("guest", 2**27, architecture="x86_64", disk=Path("/d"), has_agent=False))
    assert "-machine pc," in said
    assert "ide-hd" in said
    assert "virtserialport" not in said


@pytest.mark.parametrize(
    ("hardware", "words"),
    [
        (Hardware(machine="pc"), "-machine pc,"),
        (Hardware(cpu="max"), "-cpu max"),
        (Hardware(disk="nvme"), "-device nvme,drive=disk"),
        (Hardware(cache="none"), "cache=none"),
        (Hardware(nic="vmxnet3"), "DRIVERS=disk,vmxnet3"),
        (Hardware(kernel_options="console=ttyS0"), "-append console=ttyS0 DRIVERS=disk,network"),
    ],
)
def test_each_knob_of_the_hardware_turns_something(hardware: Hardware, words: str) -> None:
    plan = replace(PLAN, disk=Path("/d"), network=True)
    assert words in line(replace(plan, hardware=hardware))
    if hardware.kernel_options is None:
        assert words not in line(plan)


def test_kvm_takes_the_processor_as_it_is_and_its_guest_keeps_its_own_time() -> None:
    said = line(replace(PLAN, accelerator="kvm"))
    assert "-accel kvm -cpu host" in said
    assert "tsc=unstable" not in said
    assert "tsc=unstable" in line(PLAN)


def test_an_emulated_pc_has_a_quick_firmware_where_qemu_brings_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "share" / "qemu"
    data.mkdir(parents=True)
    monkeypatch.setattr("course.system.programs.find", lambda _name: tmp_path / "bin" / "qemu")
    assert "-bios" not in line(PLAN)
    (data / PLAN.firmware).touch()
    assert f"-bios {PLAN.firmware} -kernel" in line(PLAN)
    assert f"-bios {PLAN.firmware} -incoming" in line(PLAN, boot=False)
    for stock in ({"accelerator": "kvm"}, {"hardware": Hardware(machine="pc")}, {"kernel": None}):
        assert "-bios" not in line(replace(PLAN, **stock))


def test_a_guest_with_another_processor_gets_its_machine() -> None:
    said = line(replace(PLAN, architecture="aarch64"))
    assert said.startswith("qemu-system-aarch64 ")
    assert "-cpu cortex-a57 -machine virt," in said
    assert "console=ttyAMA0" in said

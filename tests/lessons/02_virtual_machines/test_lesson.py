"""Lesson 02: what its notebook shows and measures with."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest

from course import claims
from course.boxes import FakeBox, VirtualMachine
from course.boxes.machine import saved
from course.claims import Verdict
from course.errors import StartFailed
from course.lessons import lesson
from course.measuring import drawing, results

LESSON = lesson("02_virtual_machines")


part = lesson("02_virtual_machines").part


def test_a_command_line_is_shown_without_folders() -> None:
    shown = part("views").readable("qemu -m 128M -chardev file,id=console,path=/tmp/x/console -x")
    assert shown.splitlines() == [
        "qemu",
        "    -m 128M",
        "    -chardev file,id=console,path=console -x",
    ]


def test_devices_are_told_in_words_and_unknown_ones_by_number() -> None:
    listing = "0000:00:02.0 0x1af4 0x1001 0x010000\n0000:00:03.0 0xabcd 0x0001 0x120000\n"
    assert part("views").devices(listing) == [
        "0000:00:02.0  0x1001  virtio, storage",
        "0000:00:03.0  0x0001  0xabcd, 0x120000",
    ]


@pytest.mark.vm
def test_a_knob_is_turned_alone_and_its_work_is_measured() -> None:
    frame = part("experiments").knobs(["VMware's network card"], rounds=1)
    assert set(frame["arm"]) == {"as the course has it", "VMware's network card"}
    assert (frame[["seconds", "cpu", "processor", "disk", "network"]] > 0).all(axis=None)


def test_knobs_are_shown_that_change_something_for_sure_up_or_down() -> None:
    boots = {"as the course has it": 2.0, "slower": 3.0, "faster": 1.0}
    rows = [{"arm": arm, "round": n, "cpu": cpu} for arm, cpu in boots.items() for n in range(6)]
    rows += [{"arm": "now and then", "round": n, "cpu": 1 + n} for n in range(6)]
    found = part("experiments").shown(pd.DataFrame(rows))
    assert list(found.index) == ["faster", "slower"]
    assert found["slower"] == pytest.approx(1.5)


@pytest.mark.vm
def test_a_guest_takes_no_more_than_it_touched_and_gives_it_back_to_a_balloon() -> None:
    views = part("views")
    with VirtualMachine(memory="512M", balloon=True, resume=False) as box:
        taken = part("experiments").share({"512M": box})
        assert claims.judge(claims.claim("vm_takes_what_it_is_given"), taken).verdict is (
            Verdict.REFUTED
        )
        box.exec("dd if=/dev/zero of=/filled bs=1M count=200; rm /filled")
        steps = {"touched": views.memory_now(box)}
        box.set_memory("192M")
        steps["given back"] = views.memory_now(box)
    touched, back = steps.values()
    assert touched["on the host"] - back["on the host"] > 100
    assert touched["inside"] - back["inside"] > 300
    assert "given back: " in views.memory(steps, "Memory").alt


@pytest.mark.vm
def test_a_boot_is_told_by_stages_that_follow_each_other() -> None:
    with VirtualMachine(resume=False) as box:
        found = part("experiments").stages(box)
        table = part("experiments").as_table({"tiny": box})
    assert list(found) == ["QEMU", "firmware", "kernel", "first files", "services"]
    assert list(found.values()) == sorted(found.values())
    assert table.loc[0, "seconds"] == found["services"]


@pytest.mark.parametrize(("ready", "kernel"), [("1.60", 1.97), ("1.95", 2.3)])
def test_the_logs_clock_is_put_right_by_the_uptimes(ready: str, kernel: float) -> None:
    experiments = part("experiments")
    began = {"qemu started": 0.1, "kernel started": 0.4}
    with FakeBox({experiments.SEEN: f"2.20\n{ready}\n2.23\n"}) as box:
        box.phases = began | {"init started": 2.3, "answered": 3.0}
        found = experiments.stages(box)
    assert found["kernel"] == pytest.approx(kernel)  # and never later than what comes after it
    assert found["first files"] == 2.3


def test_a_bar_passes_while_something_takes_long_and_ends_with_it(capfd) -> None:
    views = part("views")
    with pytest.raises(KeyboardInterrupt), views.passing(30):
        raise KeyboardInterrupt
    assert "booting" in capfd.readouterr().err


@pytest.mark.vm
def test_old_devices_work_under_the_everyday_kernel() -> None:
    everyday, experiments = part("everyday"), part("experiments")
    with experiments.a_disk() as disk, everyday.machine(everyday.EMULATED, disk) as box:
        assert "ide-hd" in box.command
        assert "e1000" in box.command
        assert box.exec("ls /dev/sda /sys/class/net/eth0/device/driver/module/drivers").stdout
        assert box.exec(experiments.WRITE).exit_code == 0
        box.exec(experiments.SERVE)
        experiments._download(box)


@pytest.mark.vm
def test_a_virtual_machine_has_a_kernel_of_its_own_and_a_process_has_not() -> None:
    own = part("experiments").own_kernel().set_index("arm")["own_kernel"]
    assert own["virtual machine"] == 1
    assert own["process"] == 0


@pytest.mark.parametrize(
    ("claim", "experiment"),
    [
        ("vm_brings_its_kernel", "own_kernel"),
        ("container_shares_the_kernel", "own_kernel"),
    ],
)
def test_the_recorded_kernels_support_the_claims(claim: str, experiment: str) -> None:
    found = claims.judge(claims.claim(claim), results.recorded(LESSON.slug, experiment))
    assert found.verdict is Verdict.SUPPORTED


def test_the_recorded_boots_tell_the_same_phases_of_both_guests() -> None:
    boots = results.recorded(LESSON.slug, "boots")
    assert set(boots["arm"]) == {"tiny", "debian"}
    assert not boots.filter(like="phase ").isna().any(axis=None)


@pytest.mark.vm
@pytest.mark.parametrize("cpus", [1, 2])
def test_a_guest_that_does_nothing_comes_to_rest_before_patience_ends(cpus: int) -> None:
    with VirtualMachine(cpus=cpus, resume=False) as box:
        began = time.monotonic()
        saved.settle(box._vm.qemu.pid, cpus)
        assert time.monotonic() - began < saved.PATIENCE / 2


@pytest.mark.vm
def test_first_files_that_are_none_end_in_a_panic_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "initrd").write_text("this is a letter")
    with pytest.raises(StartFailed, match="Kernel panic"):
        VirtualMachine(initrd=tmp_path / "initrd").start()


def test_a_knobs_colour_is_not_taken_for_a_boxs() -> None:
    others = {drawing.colour(arm) for arm in ("NVMe disk", "VMware's card", "two processors")}
    assert others == {drawing.OTHER}
    assert drawing.colour("KVM, user mode") == drawing.colour("vm booted") != drawing.OTHER
    assert drawing.colour("8 containers") == drawing.colour("container") != drawing.OTHER

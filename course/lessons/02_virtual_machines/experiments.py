"""The measurements of this lesson: whose kernel it is, how a boot goes, and what makes it fast."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from course import results
from course.boxes import accelerator
from course.boxes.container import Container
from course.boxes.machine import VirtualMachine
from course.boxes.plan import Hardware
from course.boxes.process import Process
from course.experiments import WORK, Make, can_run, clocked
from course.kernel import kernel
from course.trials import Arm

BASELINE = "as the course has it"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # random(4): new whenever a kernel boots
DATA = 16 * 2**20  # bytes of the disk that the machines write to
INSIDE = {
    "processor": WORK["processor"],
    "disk": "dd if=/dev/zero of=$(ls /dev/vda /dev/nvme0n1 2>/dev/null) bs=64k count=64 "
    "conv=fsync 2>/dev/null",
}
USERSPACE = "systemctl show --value -p UserspaceTimestampMonotonic"  # microseconds, systemd(1)


def own_kernel(
    boxes: Iterable[Make] = (Process, Container, partial(VirtualMachine, resume=False)),
) -> pd.DataFrame:
    """Whether a kernel booted for the box alone: columns arm, own_kernel (1 or 0)."""
    ours, rows = BOOT_ID.read_text(), []
    for make in filter(can_run, boxes):
        with make() as box:
            theirs = box.exec(f"cat {BOOT_ID}").stdout
        rows.append({"arm": box.kind, "own_kernel": int(theirs != ours)})
    return results.table(rows)


def knobs(names: Iterable[str] = (), rounds: int = 3, warmup: int = 0) -> pd.DataFrame:
    """Boot and work as the course does, and with one knob turned: all, or those of ``names``.

    A row a trial: ``seconds`` for the boot, and ``cpu``, the seconds in which QEMU had a core
    for it, on which a busy host has little influence; ``processor`` and ``disk``, seconds for
    the same work inside, by the guest's clock.
    """
    known = changes()
    chosen = {BASELINE: {}} | {name: known[name] for name in names or known}
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder) / "data"
        with disk.open("wb") as file:
            file.truncate(DATA)
        arms = {name: _boot_and_work(disk, change) for name, change in chosen.items()}
        frame = results.measure(arms, rounds, warmup=warmup)
    return frame.rename(columns=lambda name: name.removeprefix(results.PHASE))


def changes() -> dict[str, dict[str, Any]]:
    """The knobs: each as somebody would leave it who thinks of nothing."""
    found = {
        "plain kernel options": {"hardware": Hardware(kernel_options="console=ttyS0 panic=-1")},
        "packed kernel": {"kernel": kernel().packed},
        "largest processor model": {"hardware": Hardware(cpu="max")},
        "whole PC": {"hardware": Hardware(machine="q35")},
        "emulated disk": {"hardware": Hardware(disk="nvme")},
        "no cache for the disk": {"hardware": Hardware(cache="none")},
        "four times the memory": {"memory": "512M"},
        "two processors": {"cpus": 2},
    }
    return found | ({"no KVM": {"accelerator": "tcg"}} if accelerator.best() == "kvm" else {})


def boots(rounds: int = 3, names: Iterable[str] = ("tiny", "debian")) -> pd.DataFrame:
    """Boot each guest, and say when its phases ended: one row a trial, in seconds."""
    return results.measure({name: _boot(name) for name in names}, rounds, warmup=0)


def _boot_and_work(disk: Path, change: dict[str, Any]) -> Callable[[], Iterator[dict]]:
    def arm() -> Iterator[dict[str, float]]:
        with VirtualMachine(resume=False, disk=disk, **change) as box:
            spent: dict[str, float] = {}
            yield spent  # the boot ends here; what follows is not timed
            spent["cpu"] = box.usage().cpu
            for name, work in INSIDE.items():
                began, ended = map(float, box.exec(clocked(work)).stdout.split())
                spent[name] = ended - began

    return arm


def _boot(name: str) -> Arm:
    def arm() -> Iterator[dict[str, float]]:
        with VirtualMachine(name, resume=False) as box:
            phases = dict(box.phases)
            yield phases  # the boot ends here; what follows is not timed
            if name != "tiny":  # its first program is systemd, which keeps its own diary
                since = float(box.exec(USERSPACE).stdout) / 1e6
                phases["init started"] = phases["kernel started"] + since

    return arm

"""The measurements of this lesson: whose kernel it is, what a VM takes, what makes it fast."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from course.boxes import Container, Hardware, Process, VirtualMachine, accelerator
from course.claims import WORK, Make, can_run
from course.images import kernel
from course.measuring import Arm, results, stats
from course.system import reaper
from . import everyday

BASELINE = "as the course has it"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # random(4): new whenever a kernel boots
DATA = 16 * 2**20  # bytes of the disk that the machines write to
PATIENCE = 600.0  # seconds for a full system, emulated on a busy host
SIZES = ("128M", "512M")  # of guests
# The uptime, then by the log's clock when the kernel was ready and what time it is now.
SEEN = (
    "echo two clocks >/dev/kmsg; cut -d' ' -f1 /proc/uptime; "
    r"dmesg | sed -n 's/^\[ *\([0-9.]*\)\] \(Run .*init\|two clocks\).*/\1/p'"
)
# Microseconds of the guest's clock: when systemd began, and when all was started. systemd(1)
SYSTEMD = "systemctl show --value -p UserspaceTimestampMonotonic -p FinishTimestampMonotonic"
READY = "command -v systemctl >/dev/null && systemctl is-system-running --wait"
WRITE = (
    "dd if=/dev/zero of=$(ls /dev/vda /dev/nvme0n1 /dev/sda 2>/dev/null) bs=64k count=256 "
    "conv=fsync 2>/dev/null"
)
SERVE = "mkdir /web; dd if=/dev/zero of=/web/data bs=1M count=8 2>/dev/null; httpd -h /web -p 80"
INSIDE = {"processor": WORK["processor"], "disk": WRITE}


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


def taken(sizes: Iterable[str] = SIZES) -> pd.DataFrame:
    """What share of the memory that it was given a booted guest takes from the host."""
    with ExitStack() as stack:
        make = partial(VirtualMachine, resume=False)
        return share({size: stack.enter_context(make(memory=size)) for size in sizes})


def share(boxes: Mapping[str, VirtualMachine]) -> pd.DataFrame:
    """The same for machines that run: columns arm, given, memory (bytes), share."""
    rows = [
        {"arm": name, "given": box.memory, "memory": (paid := box.usage().memory)}
        | {"share": paid / box.memory}
        for name, box in boxes.items()
    ]
    return results.table(rows)


def knobs(
    names: Iterable[str] = (), rounds: int = 6, work: Iterable[str] = (*INSIDE, "network")
) -> pd.DataFrame:
    """Boot and work as the course does, and with one knob turned: all, or those of ``names``.

    A row a trial: ``seconds`` for the boot, and ``cpu``, the seconds in which QEMU had a core
    for it, on which a busy host has little influence; and for each ``work`` inside the same.
    """
    known, work = changes(), list(work)
    chosen = {BASELINE: {}} | {name: known[name] for name in names or known}
    with a_disk() as disk:
        arms = {name: _boot_and_work(disk, work, change) for name, change in chosen.items()}
        frame = results.measure(arms, rounds, warmup=0)
    return frame.rename(columns=lambda name: name.removeprefix(results.PHASE))


def changes() -> dict[str, dict[str, Any]]:
    """The knobs: each as somebody would leave it who thinks of nothing."""
    found = {
        "plain kernel options": {"hardware": Hardware(kernel_options="console=ttyS0 panic=-1")},
        "packed kernel": {"kernel": kernel().packed},
        "largest CPU model": {"hardware": Hardware(cpu="max")},
        "whole PC": {"hardware": Hardware(machine="q35")},
        "NVMe disk": {"hardware": Hardware(disk="nvme")},
        "no cache for the disk": {"hardware": Hardware(cache="none")},
        "VMware's network card": {"hardware": Hardware(nic="vmxnet3")},
        "four times the memory": {"memory": "512M"},
        "two CPUs": {"cpus": 2},
    }
    return found | ({"no KVM": {"accelerator": "tcg"}} if accelerator.best() == "kvm" else {})


def shown(frame: pd.DataFrame, column: str = "cpu") -> pd.Series:
    """The knobs that change a column for sure, largest effect first: their ratios.

    For sure means that the whole interval of the ratio lies on one side of 1.
    """
    table = stats.summary(frame, BASELINE, column).set_index("arm").drop(BASELINE)
    table = table[(table["ratio_low"] > 1) | (table["ratio_high"] < 1)]
    effect = table["ratio"].where(table["ratio"] > 1, 1 / table["ratio"])
    return table["ratio"].loc[effect.sort_values(ascending=False).index]


def devices(rounds: int = 8) -> pd.DataFrame:
    """A disk and a network, of virtio and of chips that were once sold, under one kernel.

    A row a trial: ``work``, ``arm``, ``seconds``, and ``cpu``, for which QEMU had a core.
    """
    kinds = {"virtio": everyday.VIRTIO, "emulated": everyday.EMULATED}
    with ExitStack() as stack:
        arms: dict[str, Arm] = {}
        for kind, hardware in kinds.items():
            disk = stack.enter_context(a_disk())
            box = stack.enter_context(everyday.machine(hardware, disk))
            box.exec(SERVE)
            arms[f"disk/{kind}"] = partial(_spent, box, partial(box.exec, WRITE))
            arms[f"network/{kind}"] = partial(_spent, box, partial(_download, box))
        frame = results.measure(arms, rounds)
    frame = frame.rename(columns=lambda name: name.removeprefix(results.PHASE))
    frame[["work", "arm"]] = frame["arm"].str.split("/", expand=True)
    return frame


def boots(rounds: int = 3, names: Iterable[str] = ("tiny", "debian")) -> pd.DataFrame:
    """Boot each guest until it is ready, and say when each stage ended: in seconds."""
    return results.measure({name: _boot(name) for name in names}, rounds, warmup=0)


def stages(box: VirtualMachine) -> dict[str, float]:
    """When each stage of its boot ended, in seconds: the host's clock, then the guest's own.

    The guest's clock begins with its kernel, which the host's clock saw start. Of a guest
    without systemd the last stage is its answer.
    """
    began, answered = box.phases["kernel started"], box.phases["answered"]
    found = {"QEMU": box.phases["qemu started"], "firmware": began}
    # The log's clock runs before the uptime's does, by some hundredths of a second.
    uptime, ready, *_, now = map(float, box.exec(SEEN).stdout.split())
    kernel = began + uptime - (now - ready)
    if "init started" in box.phases:  # init is one of the first files itself
        first_files = box.phases["init started"]
    else:
        since, finished = map(float, box.exec(SYSTEMD).stdout.split())
        first_files = began + since / 1e6
        answered = max(answered, began + finished / 1e6)
    found["kernel"] = min(kernel, first_files)  # the uptime counts hundredths of a second
    return found | {"first files": first_files, "services": answered}


def as_table(boxes: Mapping[str, VirtualMachine]) -> pd.DataFrame:
    """The boots of machines that run, as ``boots`` returns them."""
    rows = [
        {"arm": name, "round": 1, "seconds": max(found.values())}
        | {results.PHASE + stage: seconds for stage, seconds in found.items()}
        for name, found in ((name, stages(box)) for name, box in boxes.items())
    ]
    return results.table(rows)


@contextmanager
def a_disk() -> Iterator[Path]:
    """A file of zeros for a machine to write to."""
    with reaper.scratch() as folder:
        path = folder / "data"
        with path.open("wb") as file:
            file.truncate(DATA)
        yield path


def _boot_and_work(disk: Path, work: list[str], change: dict[str, Any]) -> Arm:
    def arm() -> Iterator[dict[str, float]]:
        wish = {"network": True, "ports": {80: 0}} | change
        with VirtualMachine(resume=False, disk=disk, **wish) as box:
            spent: dict[str, float] = {}
            yield spent  # the boot ends here; what follows is not timed
            spent["cpu"] = box.usage().cpu
            for name in work:
                spent[name] = _works(box, name)

    return arm


def _works(box: VirtualMachine, name: str) -> float:
    if name == "network":
        box.exec(SERVE)
        return _spent(box, partial(_download, box))["cpu"]
    return _spent(box, partial(box.exec, INSIDE[name]))["cpu"]


def _spent(box: VirtualMachine, work: Callable[[], object]) -> dict[str, float]:
    before = box.usage().cpu
    work()
    return {"cpu": box.usage().cpu - before}


def _download(box: VirtualMachine) -> None:
    address, port = box.address(80)
    with urllib.request.urlopen(f"http://{address}:{port}/data", timeout=60) as answer:
        answer.read()


def _boot(name: str) -> Arm:
    def arm() -> Iterator[dict[str, float]]:
        with VirtualMachine(name, resume=False, deadline=PATIENCE) as box:
            box.exec(READY, PATIENCE)
            phases: dict[str, float] = {}
            yield phases  # the boot ends here; what follows is not timed
            phases.update(stages(box))

    return arm

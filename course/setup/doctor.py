"""What this machine can do, and the command that mends each lack."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from course.boxes import Box, Container, Process, Sandbox, VirtualMachine, accelerator
from course.checks import Check, Finding, Outcome, explained, failed, not_attempted, passed
from course.engine import engine
from course.errors import FolderClosed
from course.images import forms
from course.system import host, paths, programs

GIB = 2**30
ENOUGH_DISK = 3 * GIB  # both images in every form, and what the labs make
ENOUGH_MEMORY = GIB  # a VM of 256 MB and JupyterLab beside it
DEADLINE = 120.0  # seconds: the first look at KVM boots a kernel on it


class Tier(StrEnum):
    """How a kind of box runs here."""

    LIVE = "live"
    EMULATED = "emulated"  # a VM whose processor is a program
    RECORDED = "recorded"  # lessons show what was recorded elsewhere


@dataclass(frozen=True)
class Row:
    """One thing that was looked at: what was found, in words, and the command that mends it."""

    name: str
    finding: Outcome
    value: str
    mend: str


@dataclass(frozen=True)
class Report:
    """Everything that was looked at, and the tier of each kind of box."""

    findings: tuple[Row, ...]
    tiers: dict[str, Tier]

    def rows(self) -> list[dict[str, str]]:
        """The findings as plain dictionaries, for a table."""
        return [asdict(row) for row in self.findings]

    def to_dict(self) -> dict[str, object]:
        """The whole report as plain data, for JSON."""
        return {"machine": host.facts(), "tiers": self.tiers, "findings": self.rows()}


def diagnose() -> Report:
    """Look at everything: some seconds, but a minute where KVM is yet to be found out as broken."""
    boxes = _required(Process, Sandbox, Container, VirtualMachine)
    rows = [_row(check) for check in (*MACHINE, *boxes, *TOOLS, *IMAGES)]
    tiers = {"containers": container_tier(), "virtual machines": machine_tier()}
    rows += [Row(name, Outcome.PASSED, tier, "") for name, tier in tiers.items()]
    return Report(tuple(rows), tiers)


def container_tier() -> Tier:
    """Live where an engine answers, else recorded."""
    return Tier.LIVE if _fulfilled(Container) else Tier.RECORDED


def machine_tier() -> Tier:
    """Live where KVM boots a kernel, emulated where it does not, recorded without QEMU."""
    if not _fulfilled(VirtualMachine):
        return Tier.RECORDED
    try:
        return Tier.LIVE if accelerator.best() == "kvm" else Tier.EMULATED
    except FolderClosed:  # no place for a machine's files
        return Tier.RECORDED


def live() -> dict[str, bool]:
    """By kind of box, whether this machine's processor itself runs what is inside."""
    kinds = {"process": Process, "sandbox": Sandbox, "container": Container}
    found = {name: _fulfilled(kind) for name, kind in kinds.items()}
    return found | {"virtual machine": machine_tier() is Tier.LIVE}


def lacks() -> list[str]:
    """What containers and virtual machines need and this machine has not, each with its mend."""
    rows = map(_row, _required(Container, VirtualMachine))
    missing = [row for row in rows if row.finding is not Outcome.PASSED]
    return [f"{row.name}: {row.value}. Try: `{row.mend}`" for row in missing]


def _fulfilled(kind: type[Box]) -> bool:
    return all(check.run(DEADLINE) for check in kind.requirements())


def _row(check: Check) -> Row:
    found = check.run(DEADLINE)
    return Row(check.description, found.outcome, found.observed, " ".join(found.hints))


def _required(*kinds: type[Box]) -> list[Check]:
    """Every requirement of these kinds of boxes, once."""
    every = (check for kind in kinds for check in kind.requirements())
    return list({check.description: check for check in every}.values())


def _cores() -> Finding:
    facts = host.facts()
    return passed(f"{facts['cores']} × {facts['cpu']}")


def _memory() -> Finding:
    free, total = host.available_memory(), int(host.facts()["memory"])
    text = f"{free / GIB:.1f} GiB free of {total / GIB:.1f}"
    return passed(text) if free >= ENOUGH_MEMORY else failed(text, "close other programs")


def _disk() -> Finding:
    free = shutil.disk_usage(paths.cache_dir()).free
    text = f"{free / GIB:.1f} GiB free in {paths.cache_dir()}"
    mend = "free some room, or set COURSE_CACHE_DIR to a folder on another disk"
    return passed(text) if free >= ENOUGH_DISK else failed(text, mend)


def _storage() -> Finding:
    return passed(engine().info()["Driver"])


def _cgroups() -> Finding:
    return passed(f"version {host.cgroup_version()}")


def _program(name: str) -> Finding:
    """The version that a program says it has."""
    found = programs.require(name)
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"\d[\w.+~-]*", said.stdout)
    return passed(version[0] if version else str(found))


def _kvm() -> Finding:
    device = Path("/dev/kvm")
    if not device.exists():
        return not_attempted("not there: VMs are emulated", "a machine with virtualization on")
    if not os.access(device, os.R_OK | os.W_OK):
        mend = 'sudo usermod -aG kvm "$USER", then log out and in again'
        return failed("there, and this user may not use it", mend)
    return passed("there, and may be opened")


def _accelerator() -> Finding:
    found = accelerator.verdict()
    return passed(f"{'KVM' if found.works else 'TCG, not KVM'}: {found.why}")


def _image(name: str) -> Finding:
    if not forms.verify(name):
        return not_attempted("built when it is first needed", "course setup")
    return passed("built, and every byte as it was built")


MACHINE = (
    Check("Python", lambda: passed(platform.python_version())),
    Check("processor", _cores),
    Check("memory", _memory),
    Check("disk", explained(_disk)),
    Check("cgroups", _cgroups),
    Check("/dev/kvm", _kvm),
    Check("accelerator that works", explained(_accelerator)),
)
TOOLS = (
    Check("storage driver", explained(_storage)),
    Check("docker command", explained(partial(_program, "docker"))),
    Check("QEMU", explained(partial(_program, "qemu-system-x86_64"))),
    Check("QEMU for arm64", explained(partial(_program, "qemu-system-aarch64"))),
)
IMAGES = tuple(Check(f"image {name}", explained(partial(_image, name))) for name in forms.NAMES)

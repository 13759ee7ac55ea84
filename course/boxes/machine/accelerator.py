"""Which accelerator really works here: KVM, where the processor itself runs the guest, or TCG,
where QEMU translates every instruction.

That ``/dev/kvm`` opens means little. KVM counts only after a few telling instructions ran on it,
and then a real kernel. The verdict is remembered until the machine is started again, for then a
setting of its firmware or its host may be another, and for this QEMU.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from course.errors import NeverAnswered, StartFailed
from course.system import paths, programs
from . import plain
from .kvm_probe import DEVICE
from .plan import HOME

PROBE_DEADLINE, BOOT_DEADLINE = 5.0, 20.0  # seconds
BOOT = Path("/proc/sys/kernel/random/boot_id")  # random(4): another after each start


@dataclass(frozen=True)
class Verdict:
    """Whether KVM runs a real kernel, and how that was found out."""

    works: bool
    why: str


def best() -> str:
    """The accelerator to use: "kvm" where a real kernel boots on it, else "tcg"."""
    return "kvm" if verdict().works else "tcg"


def verdict() -> Verdict:
    """What is true of KVM here; the first time it takes a moment to find out."""
    if not DEVICE.exists():
        return Verdict(False, f"{DEVICE} is not there")
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return Verdict(False, f"this user may not open {DEVICE}")
    memory, here = paths.cache_dir() / "accelerator.json", _here()
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        kept = json.loads(memory.read_text())
        if kept["here"] == here:
            return Verdict(**kept["verdict"])
    found = _judge()
    unfinished = memory.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps({"here": here, "verdict": asdict(found)}))
    unfinished.rename(memory)
    return found


def require_kvm() -> None:
    """Raise StartFailed with the reason where KVM does not work."""
    found = verdict()
    if not found.works:
        mend = 'accelerator="tcg"'
        if DEVICE.exists() and not os.access(DEVICE, os.R_OK | os.W_OK):
            mend = 'sudo usermod -aG kvm "$USER", then log out and in again'
        raise StartFailed("a KVM that runs a kernel", found.why, mend)


def _here() -> list[str]:
    program = programs.require(f"qemu-system-{HOME}")
    return [BOOT.read_text(), str(program), str(program.stat().st_mtime_ns)]


def _judge() -> Verdict:
    if HOME == "x86_64":
        good, said = _small_guest()
        if not good:
            return Verdict(False, f"a guest of a few instructions: {said}")
    try:
        plain.boot("kvm", "host", BOOT_DEADLINE)
    except (StartFailed, NeverAnswered) as error:
        return Verdict(False, f"a real kernel does not boot: {error.found}")
    return Verdict(True, "a real kernel boots")


def _small_guest() -> tuple[bool, str]:
    """In a process of its own, which can be killed when the guest hangs."""
    argv = [sys.executable, "-P", "-m", "course.boxes.machine.kvm_probe"]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=PROBE_DEADLINE, check=False, cwd="/"
        )
    except subprocess.TimeoutExpired:
        return False, "it hangs"
    said = done.stdout.strip() or done.stderr.strip().rpartition("\n")[2]
    return done.returncode == 0, said

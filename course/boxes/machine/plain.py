"""A virtual machine as a manual starts one: nothing tuned, nothing of ours but what is inside."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

from course.images import forms, kernel
from course.system import reaper
from .plan import HOME
from .qemu import Qemu

CONSOLES = "console=ttyS0 console=ttyAMA0"  # of a PC, and of an ARM machine
READY = "ready"  # what the guest `tiny` prints at the end of its boot
LOOK = 0.002  # seconds


def boot(accelerator: str, processor: str | None = None, deadline: float = 120.0) -> float:
    """Boot ``tiny`` with 128 MiB, by its packed kernel and initramfs; then end it.

    Returns the seconds from the start of QEMU until the guest says that it is ready. Raises
    StartFailed, NeverAnswered.
    """
    folder = reaper.state("plain")
    try:
        initrd = folder / "initrd.gz"
        initrd.write_bytes(gzip.compress(forms.image("tiny").initrd.read_bytes()))
        argv = [f"qemu-system-{HOME}", "-accel", accelerator, "-m", "128", "-display", "none"]
        argv += ["-machine", "virt"] if HOME == "aarch64" else []
        argv += ["-cpu", processor] if processor else []
        argv += ["-kernel", str(kernel().packed), "-initrd", str(initrd), "-append", CONSOLES]
        argv += ["-no-reboot", "-serial", f"file:{folder / 'console'}"]
        return _time(folder, argv, deadline)
    finally:
        reaper.remove(folder)


def _time(folder: Path, argv: list[str], deadline: float) -> float:
    began = time.perf_counter()
    qemu = Qemu(folder, argv)
    try:
        while READY not in qemu.console.splitlines():
            if not qemu.is_running:
                raise qemu.failure()
            if time.perf_counter() - began > deadline:
                raise qemu.silence("the guest to boot")
            time.sleep(LOOK)
        return time.perf_counter() - began
    finally:
        qemu.end()

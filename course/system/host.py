"""The facts of the machine that a result was taken on."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

_noted: set[str] = set()


@cache
def facts() -> dict[str, str | int]:
    """Processor, cores, memory (bytes), kernel, distribution and cgroup version.

    No host name and no user name: results are meant to be shared.
    """
    return {
        "cpu": _field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "system": _distribution(),
        "architecture": platform.machine(),
        "cgroup": cgroup_version(),
        "python": platform.python_version(),
    }


def cgroup_version() -> int:
    """2 where the unified hierarchy has the controllers, else 1.

    A v2 mount beside v1 ("hybrid") has no memory, pids or cpu controller: that is version 1.
    Source: kernel documentation, admin-guide/cgroup-v2.rst, "Mounting".
    """
    controllers = Path("/sys/fs/cgroup/cgroup.controllers")
    return 2 if controllers.exists() and "memory" in controllers.read_text() else 1


def note_emulation() -> None:
    """From now on ``tier`` says that a VM of this process runs on a processor that is a program."""
    _noted.add("emulated")


def tier() -> str:
    """How true to the hardware this process's boxes are: "live", or "emulated" once noted."""
    return "emulated" if "emulated" in _noted else "live"


def available_memory() -> int:
    """Bytes that can be given to new processes without swapping (MemAvailable)."""
    kilobytes = _field("/proc/meminfo", "MemAvailable").split()
    return int(kilobytes[0]) * 1024 if kilobytes else 0


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _field(path: str, name: str) -> str:
    """The value of the first ``name : value`` line, or nothing."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip() == name), "")

"""Caps on memory, processors and processes: control groups, version 1 and version 2.

``python -m course.system.cgroups NAME`` removes the group of that name.
Sources: kernel documentation, admin-guide/cgroup-v1 and admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path

from course.errors import ResourceError
from . import host

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
CONTROLLERS = ("memory", "cpu", "pids")
PERIOD = 100_000  # microseconds in which a group may use its share of the processors
PATIENCE = 10.0  # seconds for killed processes to leave their group


def make(name: str, *, memory: int | None, cpus: float | None, pids: int | None) -> list[Path]:
    """Make a group with these caps and return its folders: one for each cap on version 1.

    ``memory`` in bytes, swap included. Raises ResourceError where this user may not.
    """
    write = _make_1 if host.cgroup_version() == 1 else _make_2
    try:
        return write(name, memory, cpus, pids)
    except OSError as error:
        remove(name)
        mend = "no caps, or run the course as root"
        raise ResourceError("a control group of one's own", str(error), mend) from error


def remove(name: str) -> None:
    """Remove the group, once the killed processes in it are gone; none of that name is fine.

    Raises OSError where one stays for longer than ``PATIENCE``.
    """
    deadline = time.monotonic() + PATIENCE
    for folder in (parent / name for parent in (*_parents_1(), *_parents_2())):
        while folder.is_dir():
            try:
                folder.rmdir()
            except FileNotFoundError:
                break  # the guard was quicker
            except OSError:  # busy as long as a process is in it
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.001)


def cpu(pid: int) -> float:
    """Seconds of processor time of a process's group, ended ones included. Raises OSError."""
    lines = (line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    groups = {name: path.strip("/") for _, names, path in lines for name in names.split(",")}
    if "cpuacct" in groups:  # version 1
        return int((ROOT / "cpuacct" / groups["cpuacct"] / "cpuacct.usage").read_text()) / 1e9
    words = (ROOT / groups[""] / "cpu.stat").read_text().split()
    return int(words[words.index("usage_usec") + 1]) / 1e6


def _make_1(name: str, memory: int | None, cpus: float | None, pids: int | None) -> list[Path]:
    """Version 1: a tree for each controller."""
    made = []
    if memory is not None:
        made.append(_folder(ROOT / "memory" / name))
        (made[-1] / "memory.limit_in_bytes").write_text(str(memory))
        with suppress(OSError):  # not there where the kernel does not count swap
            (made[-1] / "memory.memsw.limit_in_bytes").write_text(str(memory))
    if cpus is not None:
        made.append(_folder(ROOT / "cpu" / name))
        (made[-1] / "cpu.cfs_period_us").write_text(str(PERIOD))
        (made[-1] / "cpu.cfs_quota_us").write_text(str(round(cpus * PERIOD)))
    if pids is not None:
        made.append(_folder(ROOT / "pids" / name))
        (made[-1] / "pids.max").write_text(str(pids))
    return made


def _make_2(name: str, memory: int | None, cpus: float | None, pids: int | None) -> list[Path]:
    """Version 2: one tree, where a parent passes its controllers on."""
    folder = _folder(_delegated() / name)
    if memory is not None:
        (folder / "memory.max").write_text(str(memory))
        with suppress(OSError):  # not there where the kernel does not count swap
            (folder / "memory.swap.max").write_text("0")
    if cpus is not None:
        (folder / "cpu.max").write_text(f"{round(cpus * PERIOD)} {PERIOD}")
    if pids is not None:
        (folder / "pids.max").write_text(str(pids))
    return [folder]


def _delegated() -> Path:
    """The highest group that this user may add to: root's is the root, others' is systemd's gift.

    One that holds processes itself cannot pass controllers on ("no internal processes").
    """
    refusal: OSError = FileNotFoundError("no group with the controllers memory, cpu and pids")
    for parent in _parents_2():
        try:
            (parent / "cgroup.subtree_control").write_text(" ".join(f"+{c}" for c in CONTROLLERS))
            return parent
        except OSError as error:
            refusal = error
    raise refusal


def _parents_1() -> list[Path]:
    return [ROOT / controller for controller in CONTROLLERS]


def _parents_2() -> list[Path]:
    """The root of the tree and every group on the way down to our own."""
    lines = OWN.read_text().splitlines()
    own = next((line.removeprefix("0::/") for line in lines if line.startswith("0::")), "")
    group = ROOT / own
    above = [group, *group.parents]
    return above[above.index(ROOT) :: -1]


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


if __name__ == "__main__":
    remove(sys.argv[1])

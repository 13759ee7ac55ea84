"""What the kernel says about processes, read from ``/proc``."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")  # a second


class Stat(NamedTuple):
    """A process in numbers; ``cpu`` in seconds, ``start`` in clock ticks after boot.

    Source: proc_pid_stat(5), fields 3, 4, 5, 7, 14 + 15 and 22.
    """

    state: str
    parent: int
    group: int
    terminal: int
    cpu: float
    start: int


def stat(pid: int) -> Stat | None:
    """The process with that number; None where there is none."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = line.rpartition(")")[2].split()  # the name before them may hold anything
    cpu = (int(fields[11]) + int(fields[12])) / TICKS
    parent, group, terminal, start = (int(fields[index]) for index in (1, 2, 4, 19))
    return Stat(fields[0], parent, group, terminal, cpu, start)


def is_alive(pid: int, start: int) -> bool:
    """Whether that very process still runs; a zombie (Z) or a dead one (X) does not."""
    found = stat(pid)
    return found is not None and found.start == start and found.state not in "ZX"


def kill_group(pid: int, start: int, patience: float) -> None:
    """Kill a process group, unless its number is another process's by now.

    Waits until its leader is gone, ``patience`` seconds at most. One that was gone before is no
    hindrance: the kernel gives nobody else the number of a group that still has members.
    """
    if (found := stat(pid)) and found.start != start:
        return
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    deadline = time.monotonic() + patience
    while is_alive(pid, start) and time.monotonic() < deadline:
        time.sleep(0.002)


@contextmanager
def ending(pid: int) -> Iterator[int]:
    """A file that can be read from the moment the process ends. Source: pidfd_open(2), Linux 5.3.

    Raises ProcessLookupError.
    """
    file = os.pidfd_open(pid)
    try:
        yield file
    finally:
        os.close(file)


def everyone() -> dict[int, Stat]:
    """All processes that run, those that wait to be collected (zombies) left out."""
    numbers = (int(name) for name in os.listdir("/proc") if name.isdecimal())
    return {pid: found for pid in numbers if (found := stat(pid)) and found.state not in "ZX"}


def family(pid: int) -> list[int]:
    """A process and everything that descends from it."""
    children: dict[int, list[int]] = {}
    for child, found in everyone().items():
        children.setdefault(found.parent, []).append(child)
    found = [pid]
    for member in found:  # grows while it is walked
        found += children.get(member, [])
    return found


def working_in(folder: Path) -> list[int]:
    """The processes without a terminal whose working directory is in a folder."""
    found = []
    for pid, process in everyone().items():
        with suppress(OSError):  # it ended, or is another user's
            here = Path(os.readlink(f"/proc/{pid}/cwd"))
            if here.is_relative_to(folder) and not process.terminal:
                found.append(pid)
    return found


def memory(pids: Iterable[int]) -> int:
    """Bytes of memory: each page is shared out among the processes that use it (PSS).

    Raises PermissionError for processes of another user. Source: proc_pid_smaps_rollup(5).
    """
    total = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += sum(int(kilobytes) for kilobytes in re.findall(r"^Pss: +(\d+)", text, re.M))
    return total * 1024


def cpu(pids: Iterable[int]) -> float:
    """Seconds of processor time that these processes have used."""
    return sum(found.cpu for pid in pids if (found := stat(pid)))


def exit_code(status: int) -> int:
    """The exit code in a wait status; 128 + signal for a process that was killed, as in sh."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code

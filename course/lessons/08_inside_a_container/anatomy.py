"""What the kernel says about a process: its namespaces, control groups, powers and root.

Sources: namespaces(7), cgroups(7), proc_pid_status(5), proc_pid_mountinfo(5).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from course.errors import BoxError
from course.measuring import results, size
from course.system import cgroups, host

KINDS = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
LEVELS = ["the host's", "its own"]
UNLIMITED = 2**60  # version 1 says "no limit" with a number that no machine reaches
PERIOD = cgroups.PERIOD  # microseconds, where a group names none of its own


def namespaces(pid: int | str = "self") -> dict[str, str]:
    """Each kind of namespace that a process is in, such as ``uts:[4026531838]``.

    Raises BoxError where that is not ours to see.
    """
    there = [kind for kind in KINDS if os.path.lexists(f"/proc/{pid}/ns/{kind}")]
    try:
        return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in there}
    except PermissionError as error:
        raise BoxError(f"root, to look into process {pid}", str(error), "sudo") from error


def whose(pids: Mapping[str, int]) -> pd.DataFrame:
    """For each process and kind of namespace, whether it is ours too; a row a kind."""
    ours = namespaces()
    theirs = {name: namespaces(pid) for name, pid in pids.items()}
    rows = [
        {name: LEVELS[own[kind] != ours[kind]] for name, own in theirs.items()} for kind in ours
    ]
    return results.table(rows).set_axis(list(ours))


def groups(said: str, version: int, root: Path = cgroups.ROOT) -> dict[str, Path]:
    """The folder of each controller, from what /proc/PID/cgroup says.

    Version 1 has a line for each tree, ``8:pids:/docker/4f…``; version 2 has one, ``0::/…``.
    """
    lines = [line.split(":", 2) for line in said.splitlines()]
    if version == 2:
        path = next(path for _, controllers, path in lines if not controllers)
        return dict.fromkeys(cgroups.CONTROLLERS, root / path.lstrip("/"))
    trees = {name: path for _, names, path in lines for name in names.split(",")}
    return {name: root / name / trees[name].lstrip("/") for name in cgroups.CONTROLLERS}


def caps(pid: int) -> dict[str, tuple[Path, float | None]]:
    """What a process is held to: for each controller the file that says so, and its number."""
    version = host.cgroup_version()
    folders = groups(Path(f"/proc/{pid}/cgroup").read_text(), version)
    return read_caps(folders, version)


def read_caps(folders: Mapping[str, Path], version: int) -> dict[str, tuple[Path, float | None]]:
    """Bytes of memory, processors, processes; None where there is no cap."""
    if version == 2:
        files = {"memory": "memory.max", "cpu": "cpu.max", "pids": "pids.max"}
    else:
        files = {"memory": "memory.limit_in_bytes", "cpu": "cpu.cfs_quota_us", "pids": "pids.max"}
    paths = {name: folders[name] / file for name, file in files.items()}
    return {name: (path, _number(name, path.read_text())) for name, path in paths.items()}


def caps_table(pid: int) -> pd.DataFrame:
    """The caps in words: columns what, file, in it, so at most."""
    show = {"memory": size, "cpu": "{:g} processors".format, "pids": "{:.0f} processes".format}
    rows = [
        {"what": name, "file": path.name, "in it": path.read_text().strip(), "so at most": text}
        for name, (path, number) in caps(pid).items()
        for text in [show[name](number) if number is not None else "no cap"]
    ]
    return results.table(rows)


def status(pid: int | str, *names: str) -> dict[str, str]:
    """Some lines of /proc/PID/status."""
    text = Path(f"/proc/{pid}/status").read_text()
    return {name: re.search(rf"^{name}:\s+(.*)$", text, re.MULTILINE)[1] for name in names}


def root_mount(pid: int | str) -> tuple[str, dict[str, str]]:
    """The kind of file system that a process has for ``/``, and its options."""
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if before.split()[4] == "/":
            kind, _, options = after.split(" ", 2)
            return kind, dict(option.partition("=")[::2] for option in options.split(","))
    raise BoxError(f"a root in the mounts of process {pid}", "none")


def _number(name: str, text: str) -> float | None:
    """A cap's text as a number: ``67108864``, ``50000 100000`` (of a period), ``max``, ``-1``."""
    first, *period = text.split()
    if first in ("max", "-1") or int(first) > UNLIMITED:
        return None
    return int(first) / int(period[0] if period else PERIOD) if name == "cpu" else int(first)

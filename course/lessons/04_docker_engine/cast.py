"""Who appears on the host while a container starts, seen by looking into ``/proc`` all the time."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from docker.models.containers import Container

from course.measuring import COLOURS, Figure, paper, styled, tint
from course.system import processes

SHORT = {"containerd-shim-runc-v2": "shim", "libnetwork-setkey": "libnetwork"}
VERBS = {"create", "init", "start", "delete"}  # what runc is asked to do
AFTERWARDS = 0.05  # seconds to look on after the engine said "started"


@dataclass
class Sighting:
    """One process under one name: seen from ``first`` to ``last``, ms after the start began."""

    pid: int
    parent: int
    name: str
    first: float
    last: float


def watch_start(container: Container) -> list[Sighting]:
    """Start a container; every process that belongs to it, in the order of appearance.

    A process that goes on to run another program keeps its number and is listed once for each.
    Needs the engine on this machine; what lives for less than a few milliseconds may be missed.
    """
    before, over = set(processes.everyone()), threading.Event()
    seen: dict[tuple[int, str], Sighting] = {}
    began = time.perf_counter()

    def look() -> None:
        while not over.is_set():
            now = (time.perf_counter() - began) * 1000
            for name in os.listdir("/proc"):
                if name.isdecimal() and int(name) not in before:
                    _note(seen, int(name), container.id, now)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        container.start()
        over.wait(AFTERWARDS)
    finally:
        over.set()
        watcher.join()
    return list(seen.values())


@styled
def draw(cast: list[Sighting]) -> Figure:
    """A row for each process, a bar for each program that it ran, darker after the first."""
    rows = {pid: row for row, pid in enumerate(dict.fromkeys(one.pid for one in cast))}
    words = [f"{one.name} ({one.pid}) from {one.first:.0f} to {one.last:.0f}" for one in cast]
    title = "Who appears on the host while a container starts"
    canvas, axes = paper(len(rows), title, "one start on this machine; one row, one process")
    end = max(one.last for one in cast)
    first_of = {one.pid: one for one in reversed(cast)}
    for one in cast:
        length = max(one.last - one.first, end / 150)  # what was seen only once is drawn as well
        shade = tint(COLOURS["container"], 0.75 if one is first_of[one.pid] else 0.55)
        axes.barh(rows[one.pid], length, left=one.first, height=0.62, color=shade)
        axes.text(one.first, rows[one.pid], f" {one.name}", va="center")
    axes.set_yticks(list(rows.values()), [f"process {pid}" for pid in rows])
    axes.set_xlim(left=0)
    axes.set_xlabel("milliseconds after the engine was asked to start the container")
    return Figure(canvas, f"{title}, in milliseconds: {'; '.join(words)}.")


def family_tree(pid: int) -> str:
    """A diagram in Mermaid: from process 1 to ``pid``, and to the engine's daemons beside it."""
    branches = [_branch(one) for one in (*_named("dockerd", "containerd"), pid)]
    edges = {edge: None for branch in branches for edge in pairwise(branch)}
    lines = [f"    {_box(parent)} --> {_box(child)}" for parent, child in edges]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```"])


def _branch(pid: int) -> list[int]:
    """Process 1, and so on down to this one."""
    branch = [pid]
    while branch[0] != 1:
        branch.insert(0, processes.stat(branch[0]).parent)
    return branch


def _named(*names: str) -> list[int]:
    return [pid for pid in processes.everyone() if _program(pid) in names]


def _box(pid: int) -> str:
    return f'{pid}["{"process 1" if pid == 1 else f"{_program(pid)}<br>{pid}"}"]'


def _program(pid: int) -> str:
    """The program a process runs, as the kernel names it (15 characters at most)."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _note(seen: dict[tuple[int, str], Sighting], pid: int, container: str, now: float) -> None:
    found = processes.stat(pid)
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return  # gone while we looked
    if found is None or not command[0]:
        return
    family = {known for known, _ in seen}
    if found.parent in family or any(container in word for word in command):
        name = _name(command)
        seen.setdefault((pid, name), Sighting(pid, found.parent, name, now, now)).last = now


def _name(command: list[str]) -> str:
    program = os.path.basename(command[0])
    verb = next((word for word in command[1:] if word in VERBS), "")
    return f"runc {verb}" if program == "runc" else SHORT.get(program, program)

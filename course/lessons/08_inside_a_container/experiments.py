"""The experiments of this lesson: who starts how fast, where a start goes, what a wall holds."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from docker.models.containers import Container as DockerContainer

from course.boxes import Box, Container, Sandbox
from course.claims import BASELINE, BOXES, CLOCK, can_run, docker_run, first_answer
from course.engine import engine, labels
from course.images import forms
from course.measuring import PHASE, Arm, commands, results
from course.system import processes, reaper
from . import workshop

HAND = "by hand, a new Python"
MARKED = "sleep 31536008"  # a process that no machine has by chance
# What is forked runs the shell until it has become the program: only then has it the mark.
RUNS = f"{MARKED} >/dev/null 2>&1 </dev/null & until grep -qx sleep /proc/$!/comm; do :; done"
SHARE, SPIN = 0.25, 1  # of one processor; seconds
BUSY = f"timeout {SPIN} sh -c 'while :; do :; done'"


def start(*steps: Callable, rounds: int = 10, budget: float | None = None) -> pd.DataFrame:
    """From nothing to the first answer: the sandbox, ``docker run``, and the steps if given."""
    arms: dict[str, Arm] = {"sandbox": first_answer(Sandbox)} if can_run(Sandbox) else {}
    if can_run(Container):
        arms[BASELINE] = docker_run(forms.container_image("tiny"))
    return _measured(arms, commands.program, steps, rounds, budget)


def parts(*steps: Callable, rounds: int = 10, budget: float | None = None) -> pd.DataFrame:
    """Where a start goes: the phases of a container with and without a network, and of ours."""
    arms: dict[str, Arm] = {"sandbox": first_answer(Sandbox)} if can_run(Sandbox) else {}
    if can_run(Container):
        image = forms.container_image("tiny")
        arms["docker, a network"] = partial(_docker_start, image, "bridge")
        arms["docker, no network"] = partial(_docker_start, image, "none")
    timed = partial(partial, _timed_steps)
    return _measured(arms, timed, steps, rounds, budget, timed=True)


def gathered(parts: pd.DataFrame) -> pd.DataFrame:
    """The table of ``parts``, the steps made by hand as one phase, "walls"."""
    steps = _steps(parts)
    return parts.assign(**{f"{PHASE}walls": parts[steps].max(axis=1)}).drop(columns=steps)


def each_wall(parts: pd.DataFrame) -> pd.DataFrame:
    """How long each step by hand took: columns arm (the step), round, seconds."""
    own, steps = parts[parts["arm"] == HAND].set_index("round"), _steps(parts)
    took = own[[f"{PHASE}Python", *steps]].diff(axis="columns")[steps]
    took.columns = [name.removeprefix(PHASE) for name in steps]
    rows = took.reset_index().melt("round", var_name="arm", value_name="seconds")
    rows.attrs = parts.attrs
    return rows


def listed(rounds: int = 3) -> pd.DataFrame:
    """Whether the host lists a process of the box: columns arm, round, listed (1 or 0)."""
    makers = {"sandbox": Sandbox, "container": Container, "vm": BOXES["vm resumed"]}
    rows = []
    for arm, make in makers.items():
        if can_run(make):
            with make() as box:
                box.exec(RUNS)
                rows += [
                    {"arm": arm, "round": turn, "listed": _on_host()}
                    for turn in range(1, rounds + 1)
                ]
    return results.table(rows)


def share(rounds: int = 3) -> pd.DataFrame:
    """What a box capped at a quarter of a processor used: arm, round, share (of its cap)."""
    makers = {"sandbox": Sandbox, "container": Container}
    rows = [
        {"arm": arm, "round": turn, "share": _used(partial(make, cpus=SHARE)) / SHARE}
        for turn in range(1, rounds + 1)
        for arm, make in makers.items()
        if can_run(make)
    ]
    return results.table(rows)


def _measured(
    arms: dict[str, Arm],
    make: Callable[[list[str]], Arm],
    steps: Sequence[Callable],
    rounds: int,
    budget: float | None,
    **options: Any,
) -> pd.DataFrame:
    state = reaper.state("program")
    try:
        if steps:
            arms[HAND] = make(workshop.command_line(steps, "true", state, **options))
        return results.measure(arms, rounds, budget=budget)
    finally:
        reaper.remove(state)


def _steps(parts: pd.DataFrame) -> list[str]:
    """The columns of the steps made by hand."""
    phases = parts.loc[parts["arm"] == HAND].filter(like=PHASE).dropna(axis="columns", how="all")
    return [name for name in phases if name != f"{PHASE}Python"]


def _used(make: Callable[[], Box]) -> float:
    """Processors that a program which never rests used, by the kernel's own count."""
    with make() as box:
        before, began = box.usage().cpu, time.perf_counter()
        box.exec(BUSY)
        return (box.usage().cpu - before) / (time.perf_counter() - began)


def _on_host() -> int:
    """1 if a process of the host has the mark on its command line, else 0."""
    wanted = MARKED.replace(" ", "\0") + "\0"
    for pid in processes.everyone():
        with suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_text(errors="replace").endswith(wanted):
                return 1
    return 0


def _timed_steps(argv: Sequence[str]) -> dict[str, float]:
    """Run the program that tells when each step ended."""
    began = time.perf_counter()
    run = subprocess.run(argv, capture_output=True, text=True, check=True)
    marks = re.findall(r"^(\w+) (\d+\.\d+)$", run.stderr, re.MULTILINE)
    return {name: float(when) - began for name, when in marks}


def _docker_start(image: str, network: str) -> Iterator[dict[str, float]]:
    """A container from ``create`` until the engine says that it started."""
    began, phases = time.time(), {}
    command = ["sh", "-c", f"{CLOCK}; exec sleep 600"]
    options = {"network_mode": network, "labels": labels.label()}
    container = engine().containers.create(image, command, **options)
    phases["created"] = time.time() - began
    try:
        container.start()
        yield phases  # what it holds is read after the clean-up
        phases |= _moments(container, began)
    finally:
        container.remove(force=True)


def _moments(container: DockerContainer, began: float) -> dict[str, float]:
    """When the shim was there, when runc began with the walls, when the program ran.

    The kernel notes in ticks when a process was made; runc's last part *becomes* the program.
    """
    container.reload()
    said = next(container.logs(stream=True))
    moments = {"program runs": float(said) - began}
    inside = processes.stat(container.attrs["State"]["Pid"])
    if inside is None:  # the engine is in another machine
        return moments
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    starts = {"shim runs": processes.stat(inside.parent).start, "walls begun": inside.start}
    return {
        name: boot + ticks / processes.TICKS - began for name, ticks in starts.items()
    } | moments

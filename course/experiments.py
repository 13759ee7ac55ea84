"""The experiments that the race, the bench and the claims share; each returns a table.

What differs between two arms of an experiment is the box, and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from statistics import median

import pandas as pd

from course import commands, host, images, labels, programs, results, stats
from course.boxes.box import Box
from course.boxes.container import Container
from course.boxes.machine import VirtualMachine
from course.boxes.process import Process
from course.boxes.sandbox import Sandbox
from course.trials import Arm
from course.units import number, seconds

Make = Callable[[], Box]

BOXES: dict[str, Make] = {
    "process": Process,
    "sandbox": Sandbox,
    "container": Container,
    "vm resumed": partial(VirtualMachine, resume=True),
    "vm booted": partial(VirtualMachine, resume=False),
}
BASELINE = "docker run"
CROWDS = {"process": 12, "sandbox": 12, "container": 12, "vm resumed": 8}
SPARE = 0.25  # the share of the machine's memory that a crowd of boxes leaves alone

# Each runs for about a twentieth of a second on a bare processor, and says nothing.
WORK = {
    "processor": "dd if=/dev/zero bs=1M count=16 2>/dev/null | sha256sum >/dev/null",
    "system calls": "dd if=/dev/zero of=/dev/null bs=1 count=100000 2>/dev/null",
    "memory": "dd if=/dev/zero of=/dev/null bs=16M count=16 2>/dev/null",
    "processes": "for i in $(seq 60); do busybox true; done",
    "disk": "dd if=/dev/zero of=work bs=1M count=8 conv=fsync 2>/dev/null; rm work",
}
IDLE = "sleep 3600 >/dev/null 2>&1 </dev/null &"  # so that there is a program in every box
CLOCK = "echo | ts %.s"  # seconds, to the microsecond, by the box's own clock


def start_arms(boxes: Mapping[str, Make] = BOXES) -> dict[str, Arm]:
    """Every kind of start that this machine can do, timed from nothing to the first answer.

    ``docker run`` is the command as people type it: with a network, and removed at its end.
    """
    arms = {name: first_answer(make) for name, make in boxes.items() if can_run(make)}
    if programs.find("docker") and can_run(Container):
        arms[BASELINE] = docker_run(images.container_image("tiny"))
    return arms


def first_answer(make: Make) -> Arm:
    """An arm that starts a box and gets one answer; stopping the box is not timed."""

    def arm() -> Iterator[dict[str, float]]:
        with make() as box:
            box.exec("true")
            yield box.phases

    return arm


def docker_run(image: str) -> Arm:
    """An arm that runs ``true`` by the docker command."""
    marks = [f"--label={name}={session}" for name, session in labels.label().items()]
    return commands.program(["docker", "run", "--rm", *marks, image, "true"])


def can_run(make: Make) -> bool:
    """Whether this machine has all that such a box needs."""
    kind = make.func if isinstance(make, partial) else make
    return all(check.run() for check in kind.requirements())


def race(rounds: int = 10, budget: float | None = None) -> pd.DataFrame:
    """From start to first answer, each kind of box: one row a trial, in seconds."""
    return results.measure(start_arms(), rounds, budget=budget)


def race_data(frame: pd.DataFrame) -> dict[str, object]:
    """A race as plain data: each arm's median and interval in seconds, and the machine."""
    table = stats.summary(frame).set_index("arm")
    arms = table[["median", "low", "high", "n"]].to_dict("index")
    return {"arms": arms, "machine": frame.attrs["machine"] | {"tier": frame.attrs["tier"]}}


def race_rows(frame: pd.DataFrame) -> list[dict[str, object]]:
    """A race as rows for a terminal: with units, the ratio to the baseline, and a bar.

    What this machine could not run has a row too, which says so.
    """
    ran = set(frame["arm"])
    table = stats.summary(frame, BASELINE if BASELINE in ran else None)
    rows = [_race_row(arm, table["median"].max()) for _, arm in table.iterrows()]
    absent = [arm for arm in (*BOXES, BASELINE) if arm not in ran]
    empty = dict.fromkeys(rows[0], "")
    return rows + [empty | {"arm": arm, "median": "not here: course doctor"} for arm in absent]


def costs(rounds: int = 3, boxes: Mapping[str, Make] = BOXES) -> pd.DataFrame:
    """What a box with one sleeping program costs: columns arm, round, memory, disk (bytes)."""
    able = {arm: make for arm, make in boxes.items() if can_run(make)}
    rows = [
        {"arm": arm, "round": turn, **_cost(make)}
        for turn in range(1, rounds + 1)
        for arm, make in able.items()
    ]
    return results.table(rows)


def speed(
    rounds: int = 10, budget: float | None = None, boxes: Mapping[str, Make] = BOXES
) -> pd.DataFrame:
    """The same work in every kind of box, by its own clock: columns work, arm, round, seconds."""
    with ExitStack() as stack:
        running = {arm: stack.enter_context(make()) for arm, make in boxes.items() if can_run(make)}
        arms = {
            f"{work}/{arm}": partial(_inside, box, command)
            for work, command in WORK.items()
            for arm, box in running.items()
        }
        frame = results.measure(arms, rounds, budget=budget)
    inside = frame.pop(results.PHASE + "inside")
    frame[["work", "arm"]] = frame["arm"].str.split("/", expand=True)
    return frame.assign(seconds=inside)


def density(crowds: Mapping[str, int] = CROWDS) -> pd.DataFrame:
    """What a crowd of each kind of box costs together: columns arm, boxes, memory, seconds."""
    able = {arm: most for arm, most in crowds.items() if can_run(BOXES[arm])}
    rows = [
        {"arm": arm, **row}
        for arm, most in able.items()
        for row in crowd(BOXES[arm], most, every=1)
    ]
    return results.table(rows)


def crowd(
    make: Make, most: int, every: int = 5, spare: float = SPARE
) -> Iterator[dict[str, float]]:
    """Start boxes one after another; every few, say how many run and what they cost together.

    Stops at ``most``, or when only the share ``spare`` of the machine's memory is free. Rows:
    boxes, memory (bytes, PSS, of all of them), seconds (from start to first answer, the median
    of the last few). Every box is stopped at the end, however it comes.
    """
    limit = spare * int(host.facts()["memory"])
    with ExitStack() as stack:
        boxes: list[Box] = []
        starts: list[float] = []
        while len(boxes) < most and host.available_memory() > limit:
            began = time.perf_counter()
            boxes.append(stack.enter_context(make()))
            boxes[-1].exec(IDLE)
            starts.append(time.perf_counter() - began)
            if len(boxes) % every == 0:
                memory = sum(box.usage().memory for box in boxes)
                yield {"boxes": len(boxes), "memory": memory, "seconds": median(starts[-every:])}


def clocked(command: str) -> str:
    """The command, between two looks at the clock of the box that it runs in."""
    return f"a=$({CLOCK}); {command}; b=$({CLOCK}); echo $a $b"


def _cost(make: Make) -> dict[str, int]:
    with make() as box:
        box.exec(IDLE)
        usage = box.usage()
        return {"memory": usage.memory, "disk": usage.disk}


def _inside(box: Box, command: str) -> dict[str, float]:
    """Seconds that the command takes by the box's own clock: the way in and out is not counted."""
    began, ended = map(float, box.exec(clocked(command)).stdout.split())
    return {"inside": ended - began}


def _race_row(arm: pd.Series, slowest: float) -> dict[str, object]:
    row = {"arm": arm.arm, "n": arm.n, "median": seconds(arm["median"])}
    row["95% interval"] = f"{seconds(arm.low)} to {seconds(arm.high)}"
    if "ratio" in arm:
        ends = f"[{number(arm.ratio_low)}, {number(arm.ratio_high)}]"
        row[f"times {BASELINE}"] = f"{number(arm.ratio)} {ends}"
    return row | {"share of the slowest": "█" * round(30 * arm["median"] / slowest) or "▏"}

"""The experiments that the race, the bench and the claims share; each returns a table.

What differs between two arms of an experiment is the box, and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from functools import partial
from statistics import median

import pandas as pd

from course.boxes import Box, Container, Process, Sandbox, VirtualMachine
from course.engine import labels
from course.errors import BoxError, ResultsError
from course.images import forms
from course.measuring import Arm, commands, results, seconds, stats, with_interval
from course.system import host, programs

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
    "processor": "dd if=/dev/zero bs=1M count=4 2>/dev/null | sha256sum >/dev/null",
    "system calls": "dd if=/dev/zero of=/dev/null bs=1 count=40000 2>/dev/null",
    "memory": "dd if=/dev/zero of=/dev/null bs=16M count=16 2>/dev/null",
    "processes": "for i in $(seq 20); do busybox true; done",
}
IDLE = "sleep 3600 >/dev/null 2>&1 </dev/null &"  # so that there is a program in every box
CLOCK = "echo | ts %.s"  # seconds, to the microsecond, by the box's own clock


def start_arms(boxes: Mapping[str, Make] = BOXES) -> dict[str, Arm]:
    """Every kind of start that this machine can do, timed from nothing to the first answer.

    ``docker run`` is the command as people type it: with a network, and removed at its end.
    """
    arms = {name: first_answer(make) for name, make in boxes.items() if can_run(make)}
    if programs.find("docker") and can_run(Container):
        arms[BASELINE] = docker_run(forms.container_image("tiny"))
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


def race(rounds: int = 10) -> pd.DataFrame:
    """From start to first answer, each kind of box: one row a trial, in seconds."""
    return results.measure(start_arms(), rounds)


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
    interval, slowest = stats.called(table["n"]), table["median"].max()
    rows = [_race_row(arm, interval, slowest) for _, arm in table.iterrows()]
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


def density(
    crowds: Mapping[str, int] = CROWDS,
    every: int = 1,
    watch: Callable[[pd.DataFrame], object] | None = None,
) -> pd.DataFrame:
    """What a crowd of each kind of box costs together: columns arm, boxes, memory, seconds.

    A row for every few boxes; ``watch`` is given the table each time it has grown. An interrupt
    stops all boxes and keeps what was counted, and ``attrs["interrupted"]`` says so. Raises
    ResultsError where not one could be counted.
    """
    rows: list[dict[str, object]] = []
    interrupted = False
    try:
        for arm, most in crowds.items():
            if can_run(BOXES[arm]):
                _grow(rows, arm, crowd(BOXES[arm], most, every), watch)
    except KeyboardInterrupt:
        if not rows:
            raise
        interrupted = True
    if not rows:
        raise ResultsError(
            "a box that this machine can run and has room for", "none", "course doctor"
        )
    frame = results.table(rows)
    frame.attrs["interrupted"] = interrupted
    return frame


def crowd(
    make: Make, most: int, every: int = 5, skip: range = range(0)
) -> Iterator[dict[str, float]]:
    """Start boxes one after another; every few, say how many run and what they cost together.

    Stops at ``most``, or when only the share ``SPARE`` of the machine's memory is free. Rows:
    boxes, memory (bytes, PSS, of all of them), seconds (from start to first answer, the median
    of the last few). ``skip``: numbers of boxes at which nobody looks, for a look at many boxes
    takes long. Every box is stopped at the end, however it comes.
    """
    limit = SPARE * int(host.facts()["memory"])
    with ExitStack() as stack:
        boxes: list[Box] = []
        starts: list[float] = []
        while len(boxes) < most and host.available_memory() > limit:
            began = time.perf_counter()
            boxes.append(stack.enter_context(make()))
            boxes[-1].exec(IDLE)
            starts.append(time.perf_counter() - began)
            if len(boxes) % every == 0 and len(boxes) not in skip:
                memory = sum(box.usage().memory for box in boxes)
                yield {"boxes": len(boxes), "memory": memory, "seconds": median(starts[-every:])}


def clocked(command: str) -> str:
    """The command, between two looks at the clock of the box that it runs in.

    It prints both times, in seconds, and nothing when the command fails.
    """
    return f"a=$({CLOCK}); {{ {command}; }} || exit; b=$({CLOCK}); echo $a $b"


def inside(box: Box, command: str) -> dict[str, float]:
    """Seconds that a command takes by the box's own clock: the way in and out is not counted.

    Raises BoxError when the command fails: what failed was quick, and would win.
    """
    output = box.exec(clocked(command))
    if output.exit_code:
        raise BoxError(f"{command!r} to succeed in the {box.kind}", output.stderr or "it failed")
    began, ended = map(float, output.stdout.split())
    return {"inside": ended - began}


def _grow(
    rows: list[dict[str, object]],
    arm: str,
    growing: Iterator[dict[str, float]],
    watch: Callable[[pd.DataFrame], object] | None,
) -> None:
    """Add a crowd's rows as they come; whatever ends this also ends the crowd's boxes."""
    with closing(growing):
        for row in growing:
            rows.append({"arm": arm, **row})
            if watch:
                watch(results.table(rows))


def _cost(make: Make) -> dict[str, int]:
    with make() as box:
        box.exec(IDLE)
        usage = box.usage()
        return {"memory": usage.memory, "disk": usage.disk}


def _race_row(arm: pd.Series, interval: str, slowest: float) -> dict[str, object]:
    row = {"arm": arm.arm, "n": arm.n, "median": seconds(arm["median"])}
    row[interval] = f"{seconds(arm.low)} to {seconds(arm.high)}"
    if "ratio" in arm:
        row[f"times {BASELINE}"] = with_interval((arm.ratio, arm.ratio_low, arm.ratio_high))
    return row | {"of slowest": "█" * round(10 * arm["median"] / slowest) or "▏"}

"""Run callables in interleaved rounds and time each run.

Interleaving matters more than repeating: a machine that slows down for a minute then slows
every arm alike, and not the one whose turn it was. (Google Benchmark's user guide, "Random
Interleaving", reports about 40 % less variation from run to run.)

An arm is a callable, and the time until it returns counts. One that *yields* is timed until
it yields and cleans up after that, so ``with`` and ``yield`` time a start alone:

    def start():
        with Container() as box:
            box.exec("true")
            yield box.phases

A dict that comes back, ``{phase: seconds}``, becomes the phases of the trial.
"""

from __future__ import annotations

import gc
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import GeneratorType

from course.system import Bar

FEWEST_ROUNDS = 3  # a budget of time never leaves fewer
FEWEST_IN_HASTE = 2
HASTE = "COURSE_HASTE"  # divides every budget, and lets nothing warm up: tests run all, less often

Arm = Callable[[], object]


@dataclass(frozen=True)
class Trial:
    """One timed run of one arm.

    ``round`` counts from 1; ``order`` is the arm's place in its round, from 0. ``started`` and
    ``seconds``: when it began, after ``run`` did, and how long it took, in seconds.
    ``phases``: when each phase of the run ended, in seconds after it began.
    """

    arm: str
    round: int
    order: int
    started: float
    seconds: float
    phases: dict[str, float] = field(default_factory=dict)


def run(
    arms: Mapping[str, Arm],
    rounds: int = 10,
    *,
    warmup: int = 1,
    budget: float | None = None,
    seed: int = 0,
) -> Iterator[Trial]:
    """Run every arm once a round, in an order shuffled by ``seed``; yield each trial as it ends.

    ``warmup`` rounds come first and are not yielded. ``budget``: once so many seconds are
    spent no round begins, after the third. An arm's exception ends it, noting arm and round.
    """
    fewest, haste = FEWEST_ROUNDS, float(os.environ.get(HASTE, "1"))
    if haste > 1:
        budget, warmup, fewest = budget and budget / haste, 0, FEWEST_IN_HASTE
    shuffler, began = random.Random(seed), time.perf_counter()
    steps = (warmup + rounds) * len(arms)
    # smoothing=0: arms differ a thousandfold, only the average over all foretells the end.
    with Bar(total=steps, desc="measuring", unit="trial", smoothing=0) as bar:
        for number in range(1 - warmup, rounds + 1):
            spent = time.perf_counter() - began
            if budget is not None and spent > budget and number > fewest:
                return
            for order, arm in enumerate(shuffler.sample(list(arms), len(arms))):
                started = time.perf_counter() - began
                seconds, phases = _noted(arms[arm], f"in arm {arm!r}, round {number}")
                bar.update()
                if number > 0:
                    yield Trial(arm, number, order, started, seconds, phases)


def _noted(arm: Arm, place: str) -> tuple[float, dict[str, float]]:
    try:
        return _timed(arm)
    except Exception as error:
        error.add_note(place)
        raise


def _timed(arm: Arm) -> tuple[float, dict[str, float]]:
    """Seconds until the arm returned or yielded, and its phases if it told any."""
    collecting = gc.isenabled()
    gc.disable()  # a collection would be charged to the arm that happens to run
    try:
        began = time.perf_counter()
        told = cleanup = arm()
        if isinstance(cleanup, GeneratorType):
            told = next(cleanup, None)
        seconds = time.perf_counter() - began
    finally:
        if collecting:
            gc.enable()
    if isinstance(cleanup, GeneratorType):
        for _ in cleanup:
            raise TypeError("an arm yields once, when what is timed has ended")
    return seconds, dict(told) if isinstance(told, Mapping) else {}

"""A session that is killed, or interrupted, in the middle of a start."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from faults.victim import WALLS
from faults.world import Nursery

BOOTED = {"resume": False}
STARTS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "a process": ("Process", {}, ("folder",)),
    "a sandbox": ("Sandbox", {}, (WALLS,)),
    "a sandbox with caps": ("Sandbox", {"memory": "64M", "pids_limit": 20}, (WALLS,)),
    "a container": ("Container", {}, ("created", "started")),
    "a VM that resumes": ("VirtualMachine", {}, ("qemu started", "state loaded", "answered")),
    "a VM that boots": ("VirtualMachine", BOOTED, ("qemu started", "answered")),
}
NEEDS = {"Container": pytest.mark.docker, "VirtualMachine": pytest.mark.vm}
WORDS = {"kill": "session killed (-9)", "interrupt": "interrupt (■)"}
LINES = 2  # of each start, for each injection that is asked for


def cases(by_phase: bool) -> list[Any]:
    """Every start with every fault, and a phase: ``start, fault, phase``."""
    return list(_cases(by_phase))


def _cases(by_phase: bool) -> Iterator[Any]:
    for start, (box, _, phases) in STARTS.items():
        for fault, words in WORDS.items():
            where = "each phase" if by_phase else "any line"
            marks = [pytest.mark.fault(f"{words} at {where} of the start of {start}")]
            marks += [NEEDS[box]] if box in NEEDS else []
            for phase in phases if by_phase else [""]:
                name = f"{start}-{phase}-{fault}".replace(" ", "_")
                yield pytest.param(start, fault, phase, marks=marks, id=name)


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    nursery = Nursery(tmp_path_factory.mktemp("run"))
    yield nursery
    nursery.close()


@pytest.fixture(scope="module")
def length(nursery: Nursery) -> Callable[[str], int]:
    """How many lines of ours a start runs."""

    @cache
    def lines(start: str) -> int:
        box, options, _ = STARTS[start]
        whole = nursery.order(box, options, at=10**9)
        assert whole["error"] == "NoneType", whole
        return whole["lines"]

    return lines


def hit(nursery: Nursery, start: str, fault: str, at: str | int) -> list[str]:
    """Hit one start; what is left, at once or in the end."""
    box, options, _ = STARTS[start]
    came = nursery.order(box, options, fault=fault, at=at)
    left = came["left"] + came["after all"]
    assert came["ended"] == (-9 if fault == "kill" else 0), came
    assert came.get("error") == (None if fault == "kill" else "KeyboardInterrupt"), came
    return [f"{what} ({came.get('where') or at})" for what in left]


@pytest.mark.parametrize(("start", "fault", "phase"), cases(by_phase=True))
def test_a_start_that_is_hit_at_a_phase_leaves_nothing(
    start: str, fault: str, phase: str, request: pytest.FixtureRequest
) -> None:
    nursery, often, count = map(request.getfixturevalue, ("nursery", "often", "injections"))
    for _ in range(often):
        count(hit(nursery, start, fault, phase))


@pytest.mark.parametrize(("start", "fault", "phase"), cases(by_phase=False))
def test_a_start_that_is_hit_at_any_line_leaves_nothing(
    start: str, fault: str, phase: str, request: pytest.FixtureRequest
) -> None:
    nursery, often, count = map(request.getfixturevalue, ("nursery", "often", "injections"))
    # The last lines may not come: how often a start looks for its socket is chance.
    last = request.getfixturevalue("length")(start) * 9 // 10
    chosen = random.Random(f"{start} {fault} {often}")  # the same lines whenever it is run
    for _ in range(often * LINES):
        count(hit(nursery, start, fault, chosen.randint(1, last)))


def test_the_run_folder_is_empty_in_the_end(nursery: Nursery) -> None:
    assert list(Path(nursery.run).iterdir()) == []

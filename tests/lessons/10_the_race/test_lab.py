"""Lesson 10's lab: right answers pass, a blank lab is not attempted, each mistake has its hint."""

from __future__ import annotations

import pandas as pd
import pytest
from labkit import Lab

from course.checks import Outcome
from course.measuring import Estimate, results, stats

LAB = Lab("10_the_race")
LESSON, check = LAB.lesson, LAB.check
TASKS = list(LESSON.tasks())
QEMU = "phase qemu started"


def trials(arms: dict[str, dict[str, float]], rounds: int = 6, turns: bool = True) -> pd.DataFrame:
    """Rounds of each arm, each a bit slower than the one before it, in turns or not."""
    rows = [
        {"arm": arm, "round": turn, "order": place if turns else 0, **columns}
        for turn in range(1, rounds + 1)
        for place, (arm, columns) in enumerate(arms.items())
    ]
    frame = results.table(rows)
    return frame.assign(seconds=frame["seconds"] * (1 + 0.1 * (frame["round"] % 3)))


BOOT = {"seconds": 2.0, QEMU: 0.2, "phase kernel started": 0.9, "phase answered": 1.9}
RACE = trials({"container": {"seconds": 0.25, "phase started": 0.2}, "vm booted": BOOT})
FACTOR = stats.ratio(RACE, "vm booted", "container")
QUICKER = RACE.assign(seconds=RACE["seconds"] - RACE[QEMU].fillna(0))
WITHOUT = stats.ratio(QUICKER, "vm booted", "container")
ARRIVALS = trials(
    {
        "small": {"seconds": 0.4, "phase delivered": 0.1},
        "large": {"seconds": 1.0, "phase delivered": 0.7},
    }
)
PARTS = (ARRIVALS["phase delivered"] / ARRIVALS["seconds"]).groupby(ARRIVALS["arm"])
SHARE = PARTS.median().to_dict()
RESUMED = {"container": {"seconds": 0.25}, "vm booted": {"seconds": 0.2, "phase answered": 0.1}}
SAME = {"ours": {"seconds": 0.3}, "theirs": {"seconds": 0.3}}
RIGHT = {
    "frame": RACE,
    "factor": FACTOR,
    "slowest": "answered",
    "cost": {"container": 7 * 2**20, "vm": 30 * 2**20},
    "again": trials(SAME),
    "without": WITHOUT,
    "arrivals": ARRIVALS,
    "share": SHARE,
}


@pytest.mark.parametrize("task", TASKS)
def test_a_right_answer_passes(task: str) -> None:
    assert check(task, **RIGHT).outcome is Outcome.PASSED


@pytest.mark.parametrize("task", TASKS)
def test_an_untouched_lab_is_not_attempted(task: str) -> None:
    assert check(task).outcome is Outcome.NOT_ATTEMPTED


@pytest.mark.parametrize(
    ("task", "wrong", "hint"),
    [
        ("fair-race", {"frame": {}}, "a dict"),
        ("fair-race", {"frame": RACE[RACE["arm"] == "container"]}, "somebody to race against"),
        ("fair-race", {"frame": RACE[RACE["round"] < 6]}, "at least 6 rounds"),
        ("fair-race", {"frame": pd.DataFrame({"arm": ["container"]})}, "a dict"),
        ("fair-race", {"frame": trials(RESUMED, turns=False)}, "takes them in turns"),
        ("fair-race", {"frame": trials(RESUMED)}, "resume=False"),
        ("fair-race", {"frame": RACE.drop(columns=RACE.filter(like="phase "))}, "yields"),
        ("ratio", {"factor": "eight"}, "divides two arms"),
        ("ratio", {"factor": stats.ratio(RACE, "container", "vm booted")}, "baseline comes last"),
        ("ratio", {"factor": FACTOR.value * 1.01}, "Dividing two averages"),
        ("ratio", {"factor": FACTOR.value}, "whole estimate"),
        ("slowest-phase", {"slowest": "boot"}, "The phases are"),
        ("slowest-phase", {"slowest": "qemu started"}, "widest part"),
        ("cost", {"cost": [1, 2]}, "Ask each running box"),
        ("cost", {"cost": {"container": 7, "vm": 30}}, "in bytes"),
        ("cost", {"cost": {"container": "7M", "vm": "30M"}}, "in bytes"),
        ("take-apart", {"again": RACE}, "two names"),
        ("take-apart", {"again": trials(SAME, rounds=5)}, "at least 6 rounds"),
        ("take-apart", {"again": trials(SAME, turns=False)}, "takes them in turns"),
        ("quicker-tools", {"without": 7.2}, "an estimate in task 2"),
        ("quicker-tools", {"without": FACTOR}, "Which column"),
        ("quicker-tools", {"without": Estimate(3.0, 2.0, 4.0, 6)}, "fillna"),
        ("larger-image", {"arrivals": RACE}, "how many MiB"),
        (
            "larger-image",
            {"arrivals": trials({"small": {"seconds": 1}, "large": {"seconds": 2}})},
            "how many MiB",
        ),
        ("larger-image", {"share": 0.5}, "divide by what"),
        ("larger-image", {"share": {"small": 25.0, "large": 70.0}}, "larger than the whole"),
        ("larger-image", {"share": {"small": 0.3, "large": 0.7}}, "within each trial"),
    ],
)
def test_a_mistake_gets_its_hint(task: str, wrong: dict[str, object], hint: str) -> None:
    finding = check(task, **RIGHT | wrong)
    assert finding.outcome is Outcome.FAILED
    assert hint in " ".join(finding.hints)
    assert len(finding.hints) == 3


@pytest.mark.parametrize("task", ["ratio", "slowest-phase", "quicker-tools"])
def test_what_rests_on_the_race_waits_for_it(task: str) -> None:
    finding = check(task, **RIGHT | {"frame": trials(RESUMED)})
    assert finding.outcome is Outcome.NOT_ATTEMPTED
    assert "task 1" in finding.observed


def test_two_tables_put_together_are_no_race() -> None:
    apart = [results.measure({arm: lambda: None}, rounds=6) for arm in SAME]
    for again in (results.pool(apart), pd.concat(apart)):
        assert "one after the other" in check("take-apart", again=again).observed


def test_a_race_that_was_interrupted_counts_its_whole_rounds() -> None:
    longer = trials(SAME, rounds=7)
    assert check("take-apart", again=longer.iloc[:-1]).outcome is Outcome.PASSED


def test_the_same_answer_in_other_words_passes() -> None:
    assert check("slowest-phase", frame=RACE, slowest="phase answered").outcome is Outcome.PASSED
    assert check("cost", cost={"container": 7.5e6, "vm": 3e7}).outcome is Outcome.PASSED

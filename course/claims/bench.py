"""The goals that this course sets itself, judged by measurement.

``goals.yaml`` says what the goals are, ``goals.py`` and ``pace.py`` how each is measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from course.errors import CourseError, ResultsError
from course.measuring import OF_COLUMN, Estimate, results, stats, with_interval
from course.system import Bar
from . import goals, pace

TITLE = """\
# Benchmarks

Made by `make bench` from its own data; no number here is typed by hand. A ratio is taken in each
round of one interleaved run, then the median; in brackets its 95% interval, or the range of fewer
than six rounds; then n, the rounds.
"""
KEYS = ("name", "ratio", "low", "high", "goal", "holds")

Measured = Mapping[str, "pd.DataFrame | CourseError"]


@dataclass(frozen=True)
class Goal:
    """An arm's ratio to its baseline, or without one its own amount, is at most ``goal``.

    ``share``: of the trials, this share is to be at most that; one half is the median.
    """

    name: str
    arm: str
    goal: float
    baseline: str = ""
    column: str = "seconds"
    share: float = 0.5


def aims() -> dict[str, list[Goal]]:
    """The goals, by the measurement that they are judged by."""
    data = yaml.safe_load(Path(__file__).with_name("goals.yaml").read_text())
    return {name: [Goal(**entry) for entry in entries] for name, entries in data.items()}


def measure() -> Measured:
    """Measure all that the goals are judged by; some minutes. Each table is kept as it comes.

    Where a measurement needs what this machine has not got, the error says so in its place.
    """
    found: dict[str, pd.DataFrame | CourseError] = {}
    for name in Bar(aims(), desc="goals"):
        try:
            found[name] = measurement(name)()
            results.write(found[name], pace.noted(name))
        except CourseError as error:
            found[name] = error
    return found


def lacks(found: Measured) -> dict[str, CourseError]:
    """What could not be measured here, and why."""
    return {name: error for name, error in found.items() if isinstance(error, CourseError)}


def measurement(name: str) -> Callable[[], pd.DataFrame]:
    """The function that measures what the goals under this name are judged by."""
    return getattr(goals, name, None) or getattr(pace, name)


def judged(found: Measured) -> list[dict[str, object]]:
    """Every goal as a row: name, ratio, low, high, goal, holds, n.

    A goal in seconds or bytes says so in its name, and ``ratio`` is that amount. What was not
    measured has no ratio, and does not hold.
    """
    return [judge(goal, found[name]) for name, many in aims().items() for goal in many]


def judge(goal: Goal, frame: pd.DataFrame | CourseError) -> dict[str, object]:
    """A goal and what these data say of it, as a row."""
    try:
        found = _estimate(goal, frame)
    except ResultsError:  # an arm that this machine cannot run
        found = None
    ends = found.ends if found else (None,) * 3
    holds = bool(found and found.value <= goal.goal)
    row = dict(zip(KEYS, (goal.name, *ends, goal.goal, holds), strict=True))
    return row | {"n": found.n if found else 0}


def shown(rows: Sequence[Mapping[str, object]]) -> list[dict[str, str]]:
    """The same rows as a table for reading."""
    return [_row(row) for row in rows]


def write(found: Measured, path: Path) -> None:
    """Write the goals, and the data behind them, as a page in Markdown."""
    parts = [TITLE, _markdown(pd.DataFrame(shown(judged(found))))]
    for name, many in aims().items():
        parts += [f"## {measurement(name).__doc__}\n", *_section(found[name], many)]
    path.write_text("\n".join(parts), encoding="utf-8")


def _section(frame: pd.DataFrame | CourseError, many: Sequence[Goal]) -> list[str]:
    """The data of one measurement, or what it lacks."""
    if isinstance(frame, CourseError):
        return [f"Not measured here. {frame.expected}: {frame.found}.\n"]
    shares = {goal.share for goal in many} - {0.5}
    tables = [_summary(frame, sorted(shares)), _phases(frame)]
    return [*(_markdown(table) for table in tables if len(table)), f"{results.provenance(frame)}\n"]


def _estimate(goal: Goal, frame: pd.DataFrame | CourseError) -> Estimate:
    if isinstance(frame, CourseError):
        raise ResultsError("data", "none")
    if goal.baseline:
        return stats.ratio(frame, goal.arm, goal.baseline, goal.column)
    values = frame.loc[frame["arm"] == goal.arm, goal.column]
    return stats.median(values) if goal.share == 0.5 else _quantile(values, goal.share)


def _quantile(values: pd.Series, share: float) -> Estimate:
    """The value that this share lies below: how many do is binomial, here taken as normal."""
    error = 1.96 * math.sqrt(share * (1 - share) / len(values))
    ends = max(0.0, share - error), share, min(1.0, share + error)
    low, middle, high = values.quantile(list(ends))
    return Estimate(middle, low, high, len(values))


def _row(row: Mapping[str, object]) -> dict[str, str]:
    ends = "not measured here"
    if row["ratio"] is not None:
        ends = with_interval(row[end] for end in ("ratio", "low", "high"))
    holds = "yes" if row["holds"] else "**no**"
    n = str(row["n"] or "")
    return {"goal": row["name"], "measured": ends, "n": n, "≤": f"{row['goal']:g}", "holds": holds}


def _summary(frame: pd.DataFrame, shares: Sequence[float]) -> pd.DataFrame:
    """Every column that was measured, arm by arm, with units."""
    columns = [name for name in OF_COLUMN if name in frame and frame[name].notna().any()]
    tables = []
    for column in columns:
        show = OF_COLUMN[column]
        table = stats.summary(frame.dropna(subset=column), column=column)
        table["interval"] = [f"{show(row.low)} to {show(row.high)}" for row in table.itertuples()]
        table["median"] = table["median"].map(show)
        under = {f"{share:.0%} are under": share for share in shares}
        for name, share in under.items():
            high = frame.groupby("arm")[column].quantile(share)
            table[name] = table["arm"].map(high).map(show)
        tables.append(table[["arm", "median", "interval", "n", *under]].assign(measured=column))
    return pd.concat(tables)


def _phases(frame: pd.DataFrame) -> pd.DataFrame:
    """When each phase of a start ended: where the time goes."""
    names = [name for name in frame if name.startswith(results.PHASE)]
    ends = frame.groupby("arm", sort=False)[names].median()
    show = OF_COLUMN["seconds"]
    rows = [
        {"arm": arm, "phase": name.removeprefix(results.PHASE), "ended after": show(end)}
        for arm, phases in ends.iterrows()
        for name, end in phases.dropna().sort_values().items()
    ]
    return pd.DataFrame(rows)


def _markdown(table: pd.DataFrame) -> str:
    rows = [list(table), ["---"] * len(table.columns), *table.astype(str).to_numpy().tolist()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)

"""The goals that this course sets itself, judged by measurement; and a command timed.

``static/goals.yaml`` says what the goals are, ``goals.py`` how each is measured.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml
from tqdm.auto import tqdm

from course import commands, goals, paths, results, stats
from course.errors import ResultsError
from course.stats import Estimate
from course.units import OF_COLUMN, number

TITLE = """\
# Benchmarks

Made by `make bench` from its own data; no number here is typed by hand. A ratio is taken in each
round of one interleaved run, then the median; in brackets its 95% interval, then n, the rounds.
"""


@dataclass(frozen=True)
class Goal:
    """An arm's ratio to its baseline, or without one its own amount, is at most ``goal``."""

    name: str
    arm: str
    goal: float
    baseline: str = ""
    column: str = "seconds"


def aims() -> dict[str, list[Goal]]:
    """The goals, by the measurement that they are judged by."""
    data = yaml.safe_load((Path(__file__).parent / "static" / "goals.yaml").read_text())
    return {name: [Goal(**entry) for entry in entries] for name, entries in data.items()}


def measure_command(command: Sequence[str], rounds: int = 10) -> dict[str, object]:
    """Time a command's run, in seconds: command, median, low, high, n. Raises CourseError."""
    name = shlex.join(command)
    found = stats.median(results.measure({name: commands.program(command)}, rounds)["seconds"])
    ends = {"median": found.value, "low": found.low, "high": found.high}
    return {"command": name, **ends, "n": found.n}


def measure_goals() -> list[dict[str, object]]:
    """Measure every goal: name, ratio, low, high, n, goal, holds; some minutes.

    A goal in seconds, bytes or percent says so in its name, and ``ratio`` is that amount. What
    this machine cannot run has no ratio, and does not hold. The data are kept for ``write``.
    """
    rows = []
    for name, found in tqdm(aims().items(), desc="goals", leave=False):
        frame = getattr(goals, name)()
        results.write(frame, _kept(name))
        rows += [judge(goal, frame) for goal in found]
    return rows


def judge(goal: Goal, frame: pd.DataFrame) -> dict[str, object]:
    """A goal and what these data say of it, as a row."""
    try:
        found = _estimate(goal, frame)
    except ResultsError:  # an arm that this machine cannot run
        found = None
    ends = (found.value, found.low, found.high, found.n) if found else (None,) * 4
    row = dict(zip(("name", "ratio", "low", "high", "n"), (goal.name, *ends), strict=True))
    return row | {"goal": goal.goal, "holds": bool(found and found.value <= goal.goal)}


def write(rows: Sequence[dict[str, object]], path: Path) -> None:
    """Write the goals, and the data behind them, as a page in Markdown."""
    parts = [TITLE, _markdown(pd.DataFrame([_row(row) for row in rows]))]
    for name in aims():
        frame = results.read(_kept(name))
        heading = f"## {getattr(goals, name).__doc__}\n"
        parts += [heading, _markdown(_summary(frame)), f"{results.provenance(frame)}\n"]
    path.write_text("\n".join(parts), encoding="utf-8")


def _estimate(goal: Goal, frame: pd.DataFrame) -> Estimate:
    if goal.baseline:
        return stats.ratio(frame, goal.arm, goal.baseline, goal.column)
    return stats.median(frame.loc[frame["arm"] == goal.arm, goal.column])


def _row(row: dict[str, object]) -> dict[str, str]:
    if row["ratio"] is None:
        ends = "not measured here"
    else:
        ends = f"{number(row['ratio'])} [{number(row['low'])}, {number(row['high'])}]"
    holds = "yes" if row["holds"] else "**no**"
    n = str(row["n"] or "")
    return {"goal": row["name"], "measured": ends, "n": n, "≤": f"{row['goal']:g}", "holds": holds}


def _summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Every column that was measured, arm by arm, with units."""
    columns = [name for name in OF_COLUMN if name in frame and frame[name].notna().any()]
    tables = []
    for column in columns:
        show = OF_COLUMN[column]
        table = stats.summary(frame.dropna(subset=column), column=column)
        table["interval"] = [f"{show(row.low)} to {show(row.high)}" for row in table.itertuples()]
        table["median"] = table["median"].map(show)
        tables.append(table[["arm", "median", "interval", "n"]].assign(measured=column))
    return pd.concat(tables)


def _markdown(table: pd.DataFrame) -> str:
    rows = [list(table), ["---"] * len(table.columns), *table.astype(str).to_numpy().tolist()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _kept(name: str) -> Path:
    return paths.data_dir() / "bench" / f"{name}.csv"

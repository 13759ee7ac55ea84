"""Tables as figures: each has units, its n, the machine and the tier, and says itself in words.

figures.race(frame, baseline="docker run")
"""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd

from . import results, stats
from .drawing import (
    GREY,
    INK,
    PAPER,
    Axes,
    Figure,
    beside,
    colour,
    ink_on,
    logarithmic,
    paper,
    styled,
    tint,
)
from .stats import Estimate
from .units import IN_WORDS, OF_COLUMN, number, seconds, size, with_interval

CLOUD = 5_000  # so many trials of an arm cover each other: a pixel for each is enough
VERDICTS = {
    "supported": ("●", "#0072b2"),
    "depends": ("◐", "#8a6d00"),
    "refuted": ("✕", "#b3420a"),
    "not measured": ("–", GREY),
}


@styled
def race(
    frame: pd.DataFrame, baseline: str | None = None, column: str = "seconds", title: str = ""
) -> Figure:
    """Each arm's median and interval, on a logarithmic scale, its trials faint behind.

    The trials of an arm stand one below another in the order of the rounds. With a baseline,
    each arm's ratio to it stands at the right.
    """
    table = stats.summary(frame, baseline, column)
    title, show = title or _winner(frame, table, column), OF_COLUMN.get(column, number)
    canvas, axes = paper(len(table), title, results.provenance(frame))
    for place, row in table.iterrows():
        shade = colour(row.arm)
        trials = frame.loc[frame["arm"] == row.arm].sort_values("round")[column]
        heights = np.linspace(place - 0.3, place + 0.3, len(trials))
        mark = "o" if len(trials) < CLOUD else ","
        axes.plot(trials, heights, mark, ms=4.5, mew=0, color=shade, alpha=0.3)
        axes.plot([row.low, row.high], [place] * 2, color=shade, lw=7, alpha=0.55)
        axes.plot(row["median"], place, "o", ms=8, color=shade, mec=PAPER, mew=1.2)
        beside(axes, place, show(row["median"]), *([_times(row, baseline)] if baseline else []))
    axes.set_yticks(range(len(table)), table["arm"])
    measured = IN_WORDS.get(column, column)
    bar = stats.called(table["n"])
    axes.set_xlabel(f"{measured}, logarithmic scale; dot: median, bar: {bar}")
    logarithmic(axes, show)
    words = [f"{row.arm} {show(row['median'])}" for _, row in table.iterrows()]
    return Figure(canvas, f"{title}. Medians: {', '.join(words)}.")


@styled
def timeline(frame: pd.DataFrame, title: str = "") -> Figure:
    """Where the time of each arm's trials goes: the median length and share of each phase.

    A phase is named for what ends it, as in ``box.phases``.
    """
    arms = {arm: _lengths(trials) for arm, trials in frame.groupby("arm")}
    arms = dict(sorted(arms.items(), key=lambda item: item[1].sum()))
    arm, lengths = list(arms.items())[-1]
    share = lengths.max() / lengths.sum()
    title = title or f"{share:.0%} of {arm} is the way to “{lengths.idxmax()}”"
    canvas, axes = paper(len(arms), title, results.provenance(frame), row=0.82)
    for place, (arm, lengths) in enumerate(arms.items()):
        _bar(axes, place, lengths, colour(arm))
        beside(axes, place, seconds(frame.loc[frame["arm"] == arm, "seconds"].median()))
    axes.set_yticks(range(len(arms)), arms)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.set_xlabel("share of the trial; each part ends with what its name says; medians")
    words = [f"{arm}: {_listed(lengths.map(seconds))}" for arm, lengths in arms.items()]
    return Figure(canvas, f"{title}. {'; '.join(words)}.")


@styled
def density(frame: pd.DataFrame, title: str = "") -> Figure:
    """Memory of the host as boxes are added: columns arm, boxes, memory (bytes of all of them).

    Says what one box costs, with its interval, and how many the whole machine would hold: as soon
    as there are two counts of a kind, so that it can be drawn while they are taken.
    """
    arms = {arm: rows.sort_values("boxes") for arm, rows in frame.groupby("arm")}
    costs = {
        arm: stats.slope(rows["boxes"], rows["memory"])
        for arm, rows in arms.items()
        if len(rows) > 1
    }
    canvas, axes = paper(6, title or _dearest(costs), results.provenance(frame))
    words = []
    for arm in sorted(arms, key=lambda arm: -costs[arm].value if arm in costs else 0):
        words.append(_fit(arm, costs.get(arm), frame.attrs["machine"]["memory"]))
        memory = arms[arm]["memory"] / 2**20
        axes.plot(arms[arm]["boxes"], memory, "o-", ms=4, color=colour(arm), label=words[-1])
    axes.set_ylim(0, 1.05 * frame["memory"].max() / 2**20)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="y")
    axes.set_xlabel("boxes running")
    axes.set_ylabel("memory of all of them, MiB (PSS)")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, labelspacing=1)
    said = f"{title or _dearest(costs)}. {'; '.join(words)}."
    return Figure(canvas, said.replace("\n", ", "))


@styled
def heat_map(table: pd.DataFrame, levels: list[str], title: str) -> Figure:
    """Who sees what: a row a probe, a column a box, in each cell one of ``levels``.

    The levels go from least to most and from light to dark; each cell also says its level.
    """
    canvas, axes = paper(len(table), title, results.provenance(table), row=0.38)
    for row, column in np.ndindex(table.shape):
        level = table.iloc[row, column]
        shade = tint("#0072b2", 0.92 * (1 - levels.index(level) / (len(levels) - 1)))
        axes.barh(row, 0.96, left=column + 0.02, height=0.9, color=[shade])
        axes.text(column + 0.5, row, level, ha="center", va="center", size=8.5, color=ink_on(shade))
    axes.set_yticks(range(len(table)), table.index)
    axes.set_xticks(np.arange(len(table.columns)) + 0.5, table.columns, color=INK)
    axes.tick_params(bottom=False, labeltop=True, labelbottom=False)
    axes.set_xlim(0, len(table.columns))
    axes.spines["bottom"].set_visible(False)
    axes.grid(visible=False)
    words = [f"{box}: {_listed(table[box])}" for box in table]
    return Figure(canvas, f"{title}. {'; '.join(words)}.")


@styled
def ledger(table: pd.DataFrame, title: str = "") -> Figure:
    """Every claim and its verdict here: columns topic, sentence, verdict, estimate (in words)."""
    counts = table["verdict"].value_counts()
    said = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts]
    title = title or f"Of {len(table)} claims, on this machine: {', '.join(said)}"
    canvas, axes = paper(len(table), title, results.provenance(table), row=0.5)
    for place, row in table.reset_index(drop=True).iterrows():
        mark, shade = VERDICTS[row.verdict]
        axes.text(0.02, place, f"{mark} {row.verdict}", va="center", color=shade, weight="bold")
        axes.text(0.36, place, row.estimate, va="center", color=GREY)
    labels = table["topic"] + ": " + table["sentence"]
    axes.set_yticks(range(len(table)), [textwrap.fill(label, 50) for label in labels], size=9)
    axes.tick_params(bottom=False, labelbottom=False)
    axes.spines["bottom"].set_visible(False)
    axes.grid(visible=False)
    return Figure(canvas, f"{title}. {_listed(pd.Series(list(table['verdict']), labels))}.")


def _winner(frame: pd.DataFrame, table: pd.DataFrame, column: str) -> str:
    """What a race shows, in a sentence."""
    first, last = table.iloc[0], table.iloc[-1]
    if len(table) > 1 and first.high >= table["low"][1]:
        return f"{first.arm} and {table['arm'][1]} are too close to call"
    # As the label says it: not the quotient of the medians.
    times = number(stats.ratio(frame, last.arm, first.arm, column).value)
    if column != "seconds":
        least = f"{first.arm} needs least {IN_WORDS.get(column, column)}"
        return f"{least}; {last.arm} needs {times} times as much"
    return f"{first.arm} is first; {last.arm} takes {times} times as long"


def _times(row: pd.Series, baseline: str) -> str:
    if row.arm == baseline:
        return "baseline"
    return with_interval((row.ratio, row.ratio_low, row.ratio_high), mark=" × ")


def _dearest(costs: dict[str, Estimate]) -> str:
    """Whose memory costs most, in a sentence."""
    if len(costs) < 2:
        return "Memory, as boxes are added"
    ordered = sorted(costs, key=lambda arm: -costs[arm].value)
    times = number(costs[ordered[0]].value / costs[ordered[-1]].value)
    return f"A {ordered[0]} needs {times} times the memory of a {ordered[-1]}"


def _fit(arm: str, each: Estimate | None, memory: int) -> str:
    """What one box costs, and how many a machine of so much memory would hold."""
    if each is None:
        return f"{arm}: the first one"
    cost = f"{arm}: {with_interval(each.ends, size, ' each')}"
    held = stats.capacity(memory, each)
    return f"{cost}\n{size(memory)} would hold {number(held.low)} to {number(held.high)}"


def _lengths(trials: pd.DataFrame) -> pd.Series:
    """The median seconds that each phase of an arm lasted, in order, and the command after them."""
    ends = trials.filter(like=results.PHASE).dropna(axis="columns", how="all")
    ends = ends.rename(columns=lambda name: name.removeprefix(results.PHASE))
    ends = ends[ends.median().sort_values().index].assign(command=trials["seconds"])
    lengths = ends.diff(axis="columns").fillna(ends).median()
    return lengths[lengths > 0.005 * lengths.sum()]


def _bar(axes: Axes, place: int, lengths: pd.Series, shade: str) -> None:
    """One bar, its phases named inside where they fit and below where they do not."""
    shares, below, left = lengths / lengths.sum(), [], 0.0
    for step, (name, share) in enumerate(shares.items()):
        fill = tint(shade, 0.72 * step / max(1, len(shares) - 1))
        axes.barh(place, share, left=left, height=0.52, color=[fill], edgecolor=PAPER, lw=1.5)
        text = f"{name}\n{seconds(lengths[name])}"
        if share > 0.018 * len(name):
            centre = {"ha": "center", "va": "center", "size": 8.5, "color": ink_on(fill)}
            axes.text(left + share / 2, place, text, **centre)
        else:
            below.append(text.replace("\n", " "))
        left += share
    axes.text(0, place + 0.3, ", ".join(below), va="top", color=GREY, size=8)


def _listed(values: pd.Series) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())

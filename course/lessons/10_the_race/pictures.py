"""The figures of this lesson: ratios of many kinds of work, and published numbers beside ours."""

from __future__ import annotations

import pandas as pd

from course.measuring import (
    GREY,
    INK,
    PAPER,
    Axes,
    Figure,
    beside,
    colour,
    logarithmic,
    number,
    paper,
    results,
    stats,
    styled,
    with_interval,
)

BASELINE = "process"


@styled
def ratios(frame: pd.DataFrame) -> Figure:
    """How many times ``process`` each kind of work takes: columns work, arm, round, seconds.

    Dot: the median of the rounds' ratios; bar: its interval.
    """
    works = {work: _against(rows) for work, rows in frame.groupby("work", sort=True)}
    title = _furthest(works)
    canvas, axes = paper(len(works), title, results.provenance(frame), row=0.5)
    axes.axvline(1, color=INK, lw=1)
    words = []
    for place, (work, table) in enumerate(works.items()):
        for step, row in enumerate(table.itertuples()):
            _dot(axes, place + 0.6 * (step + 0.5) / len(table) - 0.3, row)
        words.append(f"{work}: " + ", ".join(map(_said, table.itertuples())))
    axes.set_yticks(range(len(works)), list(works))
    called = stats.called(n for table in works.values() for n in table["n"])
    axes.set_xlabel(f"times {BASELINE}, logarithmic scale; dot: median, bar: {called}")
    logarithmic(axes, lambda value: f"{number(value)} ×")
    marks, names = axes.get_legend_handles_labels()
    known = dict(zip(names, marks, strict=True))
    axes.legend(known.values(), known, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    return Figure(canvas, f"{title}. {'; '.join(words)}.")


@styled
def gaps(table: pd.DataFrame) -> Figure:
    """Ours as a multiple of what was published: columns what, published, ours, low, high, said.

    On the line, the result is replicated.
    """
    table = table.reset_index(drop=True)
    near = ((table["low"] <= table["published"]) & (table["published"] <= table["high"])).sum()
    title = f"{near} of {len(table)} published numbers lie in the interval of ours"
    canvas, axes = paper(len(table), title, results.provenance(table), row=0.5)
    axes.axvline(1, color=INK, lw=1)
    words = []
    for place, row in table.iterrows():
        axes.plot([1, row.ours / row.published], [place] * 2, color=GREY, lw=1)
        axes.plot([row.low / row.published, row.high / row.published], [place] * 2, color=INK, lw=6)
        axes.plot(row.ours / row.published, place, "D", ms=7, mfc=PAPER, mec="#0072b2", mew=2)
        beside(axes, place, row.said)
        words.append(f"{row.what}: {row.said}")
    axes.set_yticks(range(len(table)), [f"{row.what}\n{row.source}" for row in table.itertuples()])
    axes.set_xlabel("measured here ÷ published, logarithmic scale; bar: interval")
    logarithmic(axes, lambda value: f"{number(value)} ×")
    return Figure(canvas, f"{title}. {'; '.join(words)}.")


def _against(rows: pd.DataFrame) -> pd.DataFrame:
    """The arms and their ratios, without the baseline's own."""
    table = stats.summary(rows, BASELINE)
    return table[table["arm"] != BASELINE].sort_values("arm")


def _dot(axes: Axes, place: float, row: tuple) -> None:
    """One arm's ratio and interval; a second way to the same box is hollow."""
    shade = colour(row.arm)
    axes.plot([row.ratio_low, row.ratio_high], [place] * 2, color=shade, lw=4, alpha=0.55)
    fill = PAPER if "," in row.arm else shade
    axes.plot(row.ratio, place, "o", ms=6, color=shade, mfc=fill, label=row.arm)


def _said(row: tuple) -> str:
    return f"{row.arm} {with_interval((row.ratio, row.ratio_low, row.ratio_high), mark=' ×')}"


def _furthest(works: dict[str, pd.DataFrame]) -> str:
    """Which arm is furthest from the baseline, and where, in a sentence."""
    tops = {work: table.loc[table["ratio"].idxmax()] for work, table in works.items()}
    work = max(tops, key=lambda name: tops[name].ratio)
    return f"{tops[work].arm} loses most at “{work}”: {number(tops[work].ratio)} times as long"

"""Numbers from trials: a median, a ratio, and how sure one can be of them.

The interval is that of Hettmansperger and Sheather ("Confidence intervals based on
interpolated order statistics", Statistics & Probability Letters 4, 1986). A bootstrap of the
median also ends at order statistics, only at ones chosen by chance; how likely each of them
is to lie beyond the true median is binomial, so nothing has to be drawn. At the ten rounds
of a lesson this covers the truth in 95 % of experiments where the percentile bootstrap
covers 92 to 95 %. `pytest -m statistics -s` prints the table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from course.errors import ResultsError

CONFIDENCE = 0.95
FEWEST = 6  # below six rounds even the range covers the median in less than 95 %
NOISE = 0.2  # the middle half of the trials spans more than this share of the median
DRIFT = 0.05  # the last third of the trials differs by more than this from the first
FAR = 10.0  # standard deviations; hyperfine's limit for outliers and slow first runs
SHORT = 0.005  # seconds


@dataclass(frozen=True)
class Estimate:
    """A value, its ``interval``, and the number of rounds that both rest on."""

    value: float
    low: float
    high: float
    n: int

    @property
    def ends(self) -> tuple[float, float, float]:
        """The value, then the two ends of its interval."""
        return self.value, self.low, self.high


def interval(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low and high end of the 95 % interval of the median, along the last axis.

    Under six samples no such interval exists: then it is their range.
    """
    ordered = np.sort(samples, axis=-1)
    n = ordered.shape[-1]
    if n < FEWEST:
        return ordered[..., 0], ordered[..., -1]
    rank, inward = _ranks(n)
    low, high = ordered[..., rank : rank + 2], ordered[..., n - rank - 2 : n - rank]
    weights = np.array([1 - inward, inward])
    return low @ weights, high @ weights[::-1]


def called(rounds: Iterable[int]) -> str:
    """What intervals that rest on so many rounds each are called beside their numbers."""
    names = ("95% interval" if n >= FEWEST else f"range of {n} rounds" for n in rounds)
    return " or ".join(dict.fromkeys(names))


@cache
def _ranks(n: int) -> tuple[int, float]:
    """Which order statistic bounds the interval from below, and how far to go to the next."""
    k = np.arange(n // 2 + 1)
    steps = np.log((n - k[1:] + 1) / k[1:])
    logs = np.concatenate([[0.0], np.cumsum(steps)]) - n * math.log(2)
    coverage = 1 - 2 * np.cumsum(np.exp(logs))  # of the order statistics k + 1 and n - k
    rank = int(np.flatnonzero(coverage >= CONFIDENCE)[-1])
    surplus = (coverage[rank] - CONFIDENCE) / (coverage[rank] - coverage[rank + 1])
    depth = rank + 1
    return rank, float((n - depth) * surplus / (depth + (n - 2 * depth) * surplus))


def median(values: np.ndarray | pd.Series) -> Estimate:
    """The median of the values, with its interval. Raises ResultsError when there are none."""
    found = np.asarray(values, dtype=float)
    found = found[~np.isnan(found)]
    if not found.size:
        raise ResultsError("at least one trial", "none")
    low, high = interval(found)
    return Estimate(float(np.median(found)), float(low), float(high), found.size)


def ratio(frame: pd.DataFrame, arm: str, baseline: str, column: str = "seconds") -> Estimate:
    """How many times the baseline an arm took: divided in each round, then the median.

    What slows a whole round slows both, and leaves their ratio. It is that of a typical
    round: where the arms scatter in unlike ways, not quite the quotient of their medians.
    Rounds that lack either are left out. Raises ResultsError when an arm is not in the frame.
    """
    return _ratio(_rounds(frame, column), arm, baseline)


def slope(x: pd.Series, y: pd.Series) -> Estimate:
    """How much y grows with x, from one row to the next: the cost of one more box."""
    return median(np.diff(y) / np.diff(x))


def capacity(room: float, each: Estimate) -> Estimate:
    """How many fit into so much room at that cost; without limit where it may be nothing."""
    ends = (room / cost if cost > 0 else math.inf for cost in (each.value, each.high, each.low))
    return Estimate(*ends, each.n)


def summary(
    frame: pd.DataFrame, baseline: str | None = None, column: str = "seconds"
) -> pd.DataFrame:
    """One row an arm, smallest median first: n, median, low, high, in the column's unit.

    With a baseline also ratio, ratio_low and ratio_high. Raises ResultsError.
    """
    rounds = _rounds(frame, column)
    rows = []
    for arm in rounds:
        found = median(rounds[arm])
        row = {"arm": arm, "n": found.n, "median": found.value}
        row |= {"low": found.low, "high": found.high}
        if baseline is not None:
            share = _ratio(rounds, arm, baseline)
            row |= {"ratio": share.value, "ratio_low": share.low, "ratio_high": share.high}
        rows.append(row)
    table = pd.DataFrame(rows).sort_values("median", ignore_index=True)
    table.attrs = dict(frame.attrs)
    return table


def warnings(frame: pd.DataFrame) -> list[str]:
    """What a careful reader should know about these trials, a sentence each; often nothing."""
    arms = frame.sort_values("round").groupby("arm", sort=False)["seconds"]
    rounds = int(arms.count().min())
    said = [f"{arm}: {sentence}" for arm, trials in arms for sentence in _doubts(trials.to_numpy())]
    if rounds < FEWEST:
        said.append(f"only {rounds} rounds: an interval is their range, and covers less than 95%.")
    return said


def _doubts(seconds: np.ndarray) -> list[str]:
    middle, wide = float(np.median(seconds)), float(spread(seconds))
    strays, later = np.flatnonzero(far(seconds)), drift(seconds)
    slow = 0 in strays and seconds[0] > middle
    doubts = [
        (middle < SHORT, "under 5 ms, where the cost of the call itself is part of it."),
        (wide > NOISE, f"noisy, half of it spans {wide:.0%} of the median: add rounds."),
        (drifts(seconds), f"drifted by {later:+.0%} from its first third to its last."),
        (slow, f"its first round was slow ({seconds[0]:.3g} s): a cache was cold."),
        (strays.size, f"{strays.size} of {seconds.size} lie far from the rest. They are kept."),
    ]
    return [sentence for holds, sentence in doubts if holds]


def spread(samples: np.ndarray) -> np.ndarray:
    """The width of the middle half of the samples, as a share of their median."""
    quarter, middle, three_quarters = np.quantile(samples, [0.25, 0.5, 0.75], axis=-1)
    return (three_quarters - quarter) / middle


def drift(samples: np.ndarray) -> np.ndarray:
    """By what share the median of the last third differs from that of the first."""
    third = max(1, samples.shape[-1] // 3)
    first = np.median(samples[..., :third], axis=-1)
    return np.median(samples[..., -third:], axis=-1) / first - 1


def drifts(samples: np.ndarray) -> np.ndarray:
    """Whether the samples climb or fall: by more than 5 %, and by more than chance (p < 0.05).

    The test is Spearman's: the correlation of rank and time, times √(n − 1), is near normal.
    """
    n = samples.shape[-1]
    ranks = samples.argsort(axis=-1).argsort(axis=-1) - (n - 1) / 2
    times = np.arange(n) - (n - 1) / 2
    score = (ranks @ times) / (times @ times) * math.sqrt(n - 1)
    return (np.abs(score) > 1.96) & (np.abs(drift(samples)) > DRIFT)


def far(samples: np.ndarray) -> np.ndarray:
    """Which samples lie ten robust standard deviations (1.4826 × MAD) from the median."""
    distance = np.abs(samples - np.median(samples, axis=-1, keepdims=True))
    scale = 1.4826 * np.median(distance, axis=-1, keepdims=True)
    return (distance > FAR * scale) & (scale > 0)


def _rounds(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """One row a round, one column an arm."""
    return frame.pivot(index="round", columns="arm", values=column)


def _ratio(rounds: pd.DataFrame, arm: str, baseline: str) -> Estimate:
    for name in (arm, baseline):
        if name not in rounds:
            raise ResultsError(f"one of the arms {', '.join(rounds)}", repr(name))
    # Logarithms: so that the ratio of b to a is exactly one over that of a to b.
    found = median(np.log(rounds[arm] / rounds[baseline]))
    return Estimate(*map(math.exp, found.ends), found.n)

"""A claim that people make about the two boxes, and what a table of results says of it.

A verdict follows from these two, and from nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import pandas as pd

from course.errors import ResultsError
from course.measuring import OF_COLUMN, Estimate, number, stats, with_interval


class Verdict(StrEnum):
    """What the data say of a claim."""

    SUPPORTED = "supported"
    DEPENDS = "depends"
    REFUTED = "refuted"
    NOT_MEASURED = "not measured"


TONES = dict(zip(Verdict, ("good", "open", "bad", "quiet"), strict=True))  # in a table


@dataclass(frozen=True)
class Claim:
    """A sentence, and the number that decides about it.

    The ``statistic`` of the ``arm``'s ``column`` in the ``experiment``'s table, only the rows
    ``where`` holds: when its whole interval lies on the ``side`` of the threshold ``supported``,
    the claim is; when it lies wholly beyond ``refuted``, it is that; else it depends.
    """

    id: str
    lesson: str
    topic: str
    sentence: str
    experiment: str
    statistic: str
    arm: str
    side: str
    supported: float
    refuted: float
    baseline: str = ""
    column: str = "seconds"
    where: dict[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """A claim, the estimate that was compared with its thresholds, and the verdict.

    ``tier``: live, emulated or recorded. Without data there is no estimate and no tier.
    """

    claim: Claim
    verdict: Verdict
    estimate: Estimate | None = None
    tier: str = ""

    def row(self) -> dict[str, str]:
        """As it is read in a table."""
        claim = self.claim
        experiment = f"{claim.lesson[:2]} {claim.experiment}"
        said = {"claim": claim.sentence, "topic": claim.topic, "experiment": experiment}
        return said | {"estimate": self.words, "verdict": str(self.verdict), "tier": self.tier}

    def to_dict(self) -> dict[str, object]:
        """Plain data: id, lesson, topic, estimate, low, high, verdict, tier."""
        claim, found = self.claim, self.estimate
        ends = found.ends if found else (None,) * 3
        numbers = dict(zip(("estimate", "low", "high"), ends, strict=True))
        said = {"id": claim.id, "lesson": claim.lesson, "topic": claim.topic} | numbers
        return said | {"verdict": str(self.verdict), "tier": self.tier}

    @property
    def words(self) -> str:
        """The estimate with its interval and unit; nothing where there is none."""
        if not self.estimate:
            return ""
        times, counts = (self.claim.statistic == kind for kind in ("ratio", "capacity"))
        show = number if times or counts else OF_COLUMN.get(self.claim.column, number)
        return with_interval(self.estimate.ends, show, " ×" if times else "")


def judge(claim: Claim, frame: pd.DataFrame) -> Judgement:
    """What these data say of the claim. Raises ResultsError when they lack its arms or columns."""
    try:
        chosen = frame
        for column, value in claim.where.items():
            chosen = chosen[chosen[column] == value]
        found = STATISTICS[claim.statistic](claim, chosen)
    except KeyError as error:
        raise ResultsError(f"results with a column {error}", ", ".join(frame)) from error
    if claim.side == "below":
        supports, refutes = found.high < claim.supported, found.low > claim.refuted
    else:
        supports, refutes = found.low > claim.supported, found.high < claim.refuted
    verdict = Verdict.SUPPORTED if supports else Verdict.REFUTED if refutes else Verdict.DEPENDS
    return Judgement(claim, verdict, found, frame.attrs.get("tier", ""))


def _median(claim: Claim, frame: pd.DataFrame) -> Estimate:
    return stats.median(frame.loc[frame["arm"] == claim.arm, claim.column])


def _ratio(claim: Claim, frame: pd.DataFrame) -> Estimate:
    return stats.ratio(frame, claim.arm, claim.baseline, claim.column)


def _every(claim: Claim, frame: pd.DataFrame) -> Estimate:
    """For what is so or is not: the rows must agree, so the interval is their range."""
    values = frame.loc[frame["arm"] == claim.arm, claim.column].to_numpy(dtype=float)
    if not values.size:
        raise ResultsError(f"rows of {claim.arm}", "none")
    return Estimate(float(np.median(values)), float(values.min()), float(values.max()), values.size)


def _capacity(claim: Claim, frame: pd.DataFrame) -> Estimate:
    """How many boxes the whole machine's memory would hold, by what one more box costs."""
    rows = frame[frame["arm"] == claim.arm].sort_values("boxes")
    each = stats.slope(rows["boxes"], rows["memory"])
    return stats.capacity(frame.attrs["machine"]["memory"], each)


STATISTICS: dict[str, Callable[[Claim, pd.DataFrame], Estimate]] = {
    "median": _median,
    "ratio": _ratio,
    "every": _every,
    "capacity": _capacity,
}

"""Claims that people make about the two boxes, and what a machine's own data say of them.

A lesson's ``claims.yaml`` holds its claims, ``claims.schema.json`` says what one may hold.
A verdict follows from a claim and a table of results, and from nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from course.errors import DataError, LessonError, ResultsError, unknown
from course.measuring import OF_COLUMN, Estimate, number, results, stats
from course.system import best_match, paths, validator

from . import experiments

SCHEMA = Path(__file__).with_name("claims.schema.json")


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

    def to_dict(self) -> dict[str, object]:
        """Plain data: id, lesson, topic, estimate, low, high, verdict, tier."""
        claim, found = self.claim, self.estimate
        ends = (found.value, found.low, found.high) if found else (None, None, None)
        return {
            "id": claim.id,
            "lesson": claim.lesson,
            "topic": claim.topic,
            **dict(zip(("estimate", "low", "high"), ends, strict=True)),
            "verdict": str(self.verdict),
            "tier": self.tier,
        }

    @property
    def words(self) -> str:
        """The estimate with its interval and unit; nothing where there is none."""
        if not self.estimate:
            return ""
        times, counts = (self.claim.statistic == kind for kind in ("ratio", "capacity"))
        show = number if times or counts else OF_COLUMN.get(self.claim.column, number)
        value, low, high = map(show, (self.estimate.value, self.estimate.low, self.estimate.high))
        return f"{value}{' ×' if times else ''} [{low}, {high}]"


def claims(slug: str) -> list[Claim]:
    """The claims of a lesson, none where it has no such file. Raises DataError."""
    path = paths.lesson(slug) / "claims.yaml"
    if not path.exists():
        return []
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise DataError(f"claims in YAML at {path}", " ".join(str(error).split())) from error
    error = best_match(validator(SCHEMA).iter_errors(entries))
    if error is not None:
        place = " → ".join(str(part) for part in error.absolute_path) or "the whole"
        raise DataError(f"claims in {path} as the schema has them", f"{place}: {error.message}")
    return [Claim(lesson=slug, **entry) for entry in entries]


def claim(name: str) -> Claim:
    """The claim of that id. Raises LessonError that lists the ids near to it."""
    known = {found.id: found for found in _all()}
    if name not in known:
        raise unknown("a claim", name, list(known))
    return known[name]


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


def keep(frame: pd.DataFrame, slug: str, experiment: str) -> list[Judgement]:
    """Keep a lesson's results for the ledger; return what they say of its claims."""
    results.write(frame, _kept(slug, experiment))
    return [judged(found) for found in claims(slug) if found.experiment == experiment]


def run(claim: Claim) -> Judgement:
    """Run the claim's experiment again, keep its results, and judge it by them."""
    keep(_experiment(claim)(), claim.lesson, claim.experiment)
    return judged(claim)


def record(slug: str) -> list[Path]:
    """For authors: run a lesson's experiments here, and have the lesson carry the results."""
    written = []
    for found in {found.experiment: found for found in claims(slug)}.values():
        written.append(paths.lesson(slug) / "recorded" / f"{found.experiment}.csv")
        results.write(_experiment(found)(), written[-1])
    return written


def judged(claim: Claim) -> Judgement:
    """What the results kept on this machine say of the claim, or else the recorded ones."""
    frame = _evidence(claim)
    if frame is None:
        return Judgement(claim, Verdict.NOT_MEASURED)
    try:
        return judge(claim, frame)
    except ResultsError:  # their machine could not run the claim's arms, or the course was older
        return Judgement(claim, Verdict.NOT_MEASURED)


def ledger() -> list[Judgement]:
    """Every claim of every lesson, and its verdict on this machine."""
    return [judged(claim) for claim in _all()]


def table(judgements: list[Judgement]) -> pd.DataFrame:
    """The ledger as ``figures.ledger`` draws it: topic, sentence, verdict, estimate.

    A recorded estimate says so: the figure's caption names this machine only.
    """
    rows = [
        {
            "topic": found.claim.topic,
            "sentence": found.claim.sentence,
            "verdict": str(found.verdict),
            "estimate": found.words + (", recorded" if found.tier == "recorded" else ""),
        }
        for found in judgements
    ]
    return results.table(rows)


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


def _evidence(claim: Claim) -> pd.DataFrame | None:
    kept = _kept(claim.lesson, claim.experiment)
    if kept.exists():
        return results.read(kept)
    recorded = paths.lesson(claim.lesson) / "recorded" / f"{claim.experiment}.csv"
    return results.recorded(claim.lesson, claim.experiment) if recorded.exists() else None


def _kept(slug: str, experiment: str) -> Path:
    return paths.data_dir() / "results" / slug / f"{experiment}.csv"


def _experiment(claim: Claim) -> Callable[[], pd.DataFrame]:
    """The function of that name: the lesson's own, or one that all share."""
    own = paths.lesson(claim.lesson) / "experiments.py"
    module = import_module(f"course.lessons.{claim.lesson}.experiments") if own.exists() else None
    found = getattr(module, claim.experiment, getattr(experiments, claim.experiment, None))
    if found is None:
        mend = f"open the lesson {claim.lesson}"
        raise LessonError("an experiment that runs without its lesson", claim.experiment, mend)
    return found


def _all() -> Iterator[Claim]:
    return (found for folder in paths.lessons() for found in claims(folder.name))

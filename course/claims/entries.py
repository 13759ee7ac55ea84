"""The entries of the ledger: the claims of every lesson, and what was measured of each.

A lesson's ``claims.yaml`` holds its claims, ``claims.schema.json`` says what one may hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pandas as pd
import yaml

from course.errors import DataError, LessonError, ResultsError, unknown
from course.measuring import results
from course.system import best_match, paths, validator
from . import experiments
from .verdicts import Claim, Judgement, Verdict, judge

SCHEMA = Path(__file__).with_name("claims.schema.json")


def claims(slug: str) -> list[Claim]:
    """The claims of a lesson, none where it has no such file. Raises DataError."""
    path = paths.lesson_dir(slug) / "claims.yaml"
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
        written.append(paths.recorded(slug, found.experiment))
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


def _evidence(claim: Claim) -> pd.DataFrame | None:
    kept = _kept(claim.lesson, claim.experiment)
    if kept.exists():
        return results.read(kept)
    recorded = paths.recorded(claim.lesson, claim.experiment).exists()
    return results.recorded(claim.lesson, claim.experiment) if recorded else None


def _kept(slug: str, experiment: str) -> Path:
    return paths.data_dir() / "results" / slug / f"{experiment}.csv"


def _experiment(claim: Claim) -> Callable[[], pd.DataFrame]:
    """The function of that name: the lesson's own, or one that all share."""
    own = paths.lesson_dir(claim.lesson) / "experiments.py"
    module = import_module(f"course.lessons.{claim.lesson}.experiments") if own.exists() else None
    found = getattr(module, claim.experiment, getattr(experiments, claim.experiment, None))
    if found is None:
        mend = f"open the lesson {claim.lesson}"
        raise LessonError("an experiment that runs without its lesson", claim.experiment, mend)
    return found


def _all() -> Iterator[Claim]:
    return (found for slug in paths.lesson_dirs() for found in claims(slug))

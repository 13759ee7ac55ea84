"""Claims: verdicts follow from data, in both directions."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
import yaml

from course import claims
from course.claims import Claim, Verdict
from course.errors import DataError, LessonError, ResultsError
from course.lessons import lessons
from course.measuring import figures, results

EVERY = [claim for lesson in lessons() for claim in claims.claims(lesson.slug)]
FIELDS = {
    "id": "quick",
    "topic": "boot time",
    "sentence": "It is quick.",
    "experiment": "race",
    "statistic": "median",
    "arm": "container",
    "side": "below",
    "supported": 5,
    "refuted": 10,
}
QUICK = Claim(lesson="10_the_race", **FIELDS)


def data(claim: Claim, value: float, spread: float = 0.0) -> pd.DataFrame:
    """A table in which the claim's statistic is ``value``, give or take ``spread``."""
    total = results.host.facts()["memory"]
    rows = []
    for number in range(1, 11):
        found = value * (1 + spread * (number - 5.5))
        if claim.statistic == "capacity":
            rows.append({"arm": claim.arm, "boxes": number, "memory": number * total / value})
        else:
            rows.append({"arm": claim.arm, "round": number, claim.column: found})
        if claim.baseline:
            rows.append({"arm": claim.baseline, "round": number, claim.column: 1.0})
    frame = results.table([row | claim.where for row in rows])
    frame.attrs["tier"] = "live"
    return frame


def beyond(claim: Claim, threshold: float, towards: bool) -> float:
    """A value well on the claim's side of the threshold, or well on the other."""
    step = abs(threshold) / 2 or 1.0
    return threshold - step if (claim.side == "below") == towards else threshold + step


@pytest.mark.parametrize("claim", EVERY, ids=lambda claim: claim.id)
def test_data_that_should_support_a_claim_do(claim: Claim) -> None:
    frame = data(claim, beyond(claim, claim.supported, towards=True))
    assert claims.judge(claim, frame).verdict is Verdict.SUPPORTED


@pytest.mark.parametrize("claim", EVERY, ids=lambda claim: claim.id)
def test_data_that_should_refute_a_claim_do(claim: Claim) -> None:
    frame = data(claim, beyond(claim, claim.refuted, towards=False))
    assert claims.judge(claim, frame).verdict is Verdict.REFUTED


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("statistic", ["median", "ratio", "every", "capacity"])
def test_every_kind_of_claim_is_judged_both_ways(side: str, statistic: str) -> None:
    baseline = "vm" if statistic == "ratio" else ""
    claim = replace(QUICK, side=side, statistic=statistic, baseline=baseline, refuted=5)
    low, high = (claims.judge(claim, data(claim, value)).verdict for value in (4, 6))
    assert (low, high) == (
        ("supported", "refuted") if side == "below" else ("refuted", "supported")
    )


def test_an_interval_across_the_threshold_depends() -> None:
    frame = data(replace(QUICK, refuted=5), 5, spread=0.1)
    assert claims.judge(QUICK, frame).verdict is Verdict.DEPENDS


def test_a_value_between_the_two_thresholds_depends() -> None:
    assert claims.judge(QUICK, data(QUICK, 7)).verdict is Verdict.DEPENDS


def test_rows_that_disagree_about_a_fact_depend() -> None:
    fact = replace(QUICK, statistic="every", column="same", side="above", supported=0.5)
    fact = replace(fact, refuted=0.5)
    frame = data(fact, 1)
    assert claims.judge(fact, frame).verdict is Verdict.SUPPORTED
    frame.loc[0, "same"] = 0
    assert claims.judge(fact, frame).verdict is Verdict.DEPENDS


def test_only_the_rows_that_the_claim_names_count() -> None:
    disk = replace(QUICK, where={"work": "disk"})
    frame = pd.concat([data(disk, 4), data(replace(disk, where={"work": "memory"}), 400)])
    frame.attrs = results.table([{}]).attrs
    assert claims.judge(disk, frame).verdict is Verdict.SUPPORTED


def test_data_without_the_arm_judge_nothing() -> None:
    for statistic in ("median", "every"):
        with pytest.raises(ResultsError):
            claims.judge(replace(QUICK, statistic=statistic, arm="vm"), data(QUICK, 4))


@pytest.mark.parametrize("lack", [{"column": "memory"}, {"where": {"work": "disk"}}])
def test_data_of_an_older_course_judge_nothing(lack: dict[str, object]) -> None:
    with pytest.raises(ResultsError, match="arm, round, seconds"):
        claims.judge(replace(QUICK, **lack), data(QUICK, 4))


def test_a_judgement_as_data_has_the_fields_of_the_ledger() -> None:
    frame = data(QUICK, 4)
    assert claims.judge(QUICK, frame).to_dict() == {
        "id": "quick",
        "lesson": "10_the_race",
        "topic": "boot time",
        "estimate": 4.0,
        "low": 4.0,
        "high": 4.0,
        "verdict": "supported",
        "tier": "live",
    }


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Lessons with one claim, and a learner's data folder, both empty of results."""
    (tmp_path / "10_the_race").mkdir()
    (tmp_path / "10_the_race" / "claims.yaml").write_text(yaml.safe_dump([FIELDS]))
    monkeypatch.setattr("course.system.paths.LESSONS", tmp_path)
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def test_what_a_lesson_keeps_is_in_the_ledger(home) -> None:
    [kept] = claims.keep(data(QUICK, 4), "10_the_race", "race")
    assert kept.verdict is Verdict.SUPPORTED
    assert claims.ledger() == [kept]
    assert kept.words == "4.0 s [4.0 s, 4.0 s]"


def test_a_claim_that_nobody_measured_says_so(home) -> None:
    [found] = claims.ledger()
    assert found.verdict is Verdict.NOT_MEASURED
    assert found.to_dict()["estimate"] is None


def test_recorded_results_stand_in_and_say_so(home) -> None:
    results.write(data(QUICK, 20), home / "10_the_race" / "recorded" / "race.csv")
    [found] = claims.ledger()
    assert (found.verdict, found.tier) == (Verdict.REFUTED, "recorded")
    assert found.words == "20 s [20 s, 20 s]"  # for tables, which have a column for the tier
    assert claims.table([found])["estimate"][0] == "20 s [20 s, 20 s], recorded"
    claims.keep(data(QUICK, 4), "10_the_race", "race")
    [found] = claims.ledger()
    assert (found.verdict, found.tier) == (Verdict.SUPPORTED, "live")


def test_a_machine_without_the_arm_has_not_measured_the_claim(home) -> None:
    claims.keep(data(replace(QUICK, arm="vm"), 4), "10_the_race", "race")
    assert claims.ledger()[0].verdict is Verdict.NOT_MEASURED


def test_a_claim_can_be_run_again(home, monkeypatch) -> None:
    monkeypatch.setattr("course.claims.experiments.race", lambda: data(QUICK, 4))
    assert claims.run(claims.claim("quick")).verdict is Verdict.SUPPORTED
    with pytest.raises(LessonError, match="without its lesson"):
        claims.run(replace(QUICK, experiment="by_hand"))


def test_an_author_records_what_a_lesson_carries(home, monkeypatch) -> None:
    monkeypatch.setattr("course.claims.experiments.race", lambda: data(QUICK, 4))
    [path] = claims.record("10_the_race")
    assert path == home / "10_the_race" / "recorded" / "race.csv"
    assert claims.ledger()[0].tier == "recorded"


def test_the_ledger_can_be_drawn(home) -> None:
    drawn = figures.ledger(claims.table(claims.ledger()))
    assert "1 not measured" in drawn.alt


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"side": "left"}, "left"),
        ({"supported": "soon"}, "soon"),
        ({"statistic": "ratio"}, "baseline"),
        ({"baseline": "vm"}, "baseline"),
        ({"topic": "weather"}, "weather"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_file_that_breaks_the_schema_is_told_where(home, change, said) -> None:
    path = home / "10_the_race" / "claims.yaml"
    path.write_text(yaml.safe_dump([FIELDS | change]))
    with pytest.raises(DataError, match=said) as caught:
        claims.claims("10_the_race")
    assert str(path) in caught.value.expected


@pytest.mark.parametrize("text", ["- [", "", "text", "- id: 1"])
def test_a_file_that_holds_no_claims_is_told(home, text) -> None:
    (home / "10_the_race" / "claims.yaml").write_text(text)
    with pytest.raises(DataError):
        claims.claims("10_the_race")


def test_an_unknown_claim_is_told_with_those_near(home) -> None:
    with pytest.raises(LessonError, match="quick"):
        claims.claim("quik")


def test_claims_have_ids_of_their_own() -> None:
    names = [claim.id for claim in EVERY]
    assert len(names) == len(set(names))

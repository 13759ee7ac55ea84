"""Lesson 12: the whole ledger, choices that follow from data, and the way to a first page."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from course import claims
from course.claims import Claim, Judgement, Verdict, entries
from course.cli import main
from course.errors import LessonError
from course.lessons import lesson, lessons
from course.measuring import Estimate
from course.measuring.results import recorded
from course.study import overview

LESSON = lesson("12_choose")
EVERY = [claim for found in lessons() for claim in claims.claims(found.slug)]
# The rows of the textbook's comparison, and what it says that both boxes share.
COMPARED = [
    "architecture",
    "boot time",
    "resource use",
    "portability",
    "virtualization layer",
    "execution engine",
    "security",
    "performance",
    "scalability",
    "ease of use",
]
SHARED = [
    "isolation",
    "portability",
    "scaling",
    "testing",
    "snapshots",
    "replication",
    "rollback",
    "resource allocation",
]
FIELDS = ["id", "lesson", "topic", "estimate", "low", "high", "verdict", "tier"]
SITUATIONS = [
    "microservices",
    "CI/CD",
    "cloud-native",
    "self-hosting",
    "homelab",
    "several systems",
    "legacy software",
    "high security",
    "whole servers",
]


part = lesson("12_choose").part


decision = part("decision")


# --- the whole ledger --------------------------------------------------------------------------


@pytest.mark.parametrize("topic", sorted({*COMPARED, *SHARED}))
def test_every_topic_of_the_comparison_has_a_claim(topic: str) -> None:
    assert topic in {claim.topic for claim in EVERY}


@pytest.mark.parametrize("claim", EVERY, ids=lambda claim: claim.id)
def test_every_claim_can_be_run_again_and_was_recorded(claim: Claim) -> None:
    assert callable(entries._experiment(claim))
    kept = recorded(claim.lesson, claim.experiment)
    assert claims.judge(claim, kept).tier == "recorded"


def test_the_command_prints_the_ledger_as_data(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    said = json.loads(CliRunner().invoke(main, ["claims", "--json"]).output)
    assert [row["id"] for row in said] == [claim.id for claim in EVERY]
    assert all(list(row) == FIELDS for row in said)


def test_the_command_says_each_claim_in_words_with_its_experiment() -> None:
    said = CliRunner().invoke(main, ["claims"], env={"COLUMNS": "300"}).output
    assert claims.claim("docker_needs_other_tools").sentence in said
    assert "12 first_page" in said


def test_the_view_shows_every_claim_by_topic_with_its_experiment() -> None:
    said = overview.claims_ledger().text
    head, *rows = said.splitlines()[2:]
    assert head.split() == ["Claim", "Topic", "Experiment", "Estimate", "Verdict", "Tier"]
    assert len(rows) == len(EVERY)
    assert rows[0].startswith(next(c.sentence for c in EVERY if c.topic == "architecture"))


# --- the choice --------------------------------------------------------------------------------


def judged(**verdicts: Verdict) -> list[Judgement]:
    """A ledger in which every claim depends, but these."""
    return [
        Judgement(claim, verdicts.get(claim.id, Verdict.DEPENDS), Estimate(1, 1, 1, 1), "live")
        for claim in EVERY
    ]


@pytest.fixture
def ledger(monkeypatch):
    """Put verdicts into the ledger."""

    def put(**verdicts: Verdict) -> None:
        monkeypatch.setattr("course.claims.entries.ledger", lambda: judged(**verdicts))

    put()
    return put


def test_the_nine_situations_are_weighed_by_claims_that_exist(ledger) -> None:
    assert list(decision.choose_all()) == SITUATIONS
    assert set(decision.evidence()) == set(decision.criteria())


def test_evidence_that_depends_chooses_neither(ledger) -> None:
    assert {one.box for one in decision.choose_all().values()} == {"either"}


def test_a_supported_claim_speaks_for_its_box_and_a_refuted_one_does_not(ledger) -> None:
    ledger(container_is_light=Verdict.SUPPORTED)
    light = decision.choose("mine", {"costs little memory": 1})
    assert (light.score, light.box) == (1.0, "container")
    ledger(container_is_light=Verdict.REFUTED)
    assert decision.choose("mine", {"costs little memory": 1}).box == "either"


def test_a_refuted_claim_may_speak_for_the_other_box(ledger) -> None:
    ledger(vm_starts_later=Verdict.REFUTED)
    assert decision.choose("mine", {"starts quickly": 3}).box == "virtual machine"


def test_what_was_not_measured_pulls_nowhere(ledger) -> None:
    ledger(vm_wall_is_stronger=Verdict.SUPPORTED, container_wall_is_weak=Verdict.NOT_MEASURED)
    ledger_pull = decision.pull(decision.evidence()["a strong wall"])
    assert ledger_pull == pytest.approx(-1 / 2), "the mean of the two that were measured"


def test_a_must_decides_before_any_weight(ledger) -> None:
    own = {"vm_brings_its_kernel", "container_shares_the_kernel", "container_is_light"}
    ledger(**dict.fromkeys(own, Verdict.SUPPORTED))
    choice = decision.choose("mine", {"costs little memory": 3}, must="a kernel of its own")
    assert (choice.score, choice.box) == (1.0, "virtual machine")
    assert "no must “a kernel of its own”: container" in choice.tipping
    assert choice.page.text.startswith("mine: virtual machine (a must: a kernel of its own; score")


def test_a_weight_is_shown_once_however_many_claims_speak(ledger) -> None:
    page = decision.choose("mine", {"a strong wall": 2}).page
    assert (page.text.count("a strong wall"), page.text.count("depends")) == (1, 3)
    assert page.html.count('scope="row"') == 1


def test_what_would_change_the_choice_does_change_it(ledger) -> None:
    ledger(container_is_light=Verdict.SUPPORTED, vm_wall_is_stronger=Verdict.SUPPORTED)
    choice = decision.choose("mine", {"costs little memory": 1})
    assert "“costs little memory” weighs 0, not 1: either" in choice.tipping
    assert replace(choice, weights={"costs little memory": 0}).box == "either"
    assert not any(change.endswith(": container") for change in choice.tipping)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"scenario": "microservice"}, "microservices"),
        ({"scenario": "mine", "weights": {"costs little memry": 1}}, "costs little memory"),
        ({"scenario": "mine", "weights": {"costs little memory": 4}}, "0 to 3"),
        ({"scenario": "mine", "weights": {}, "must": "a kernel"}, "a kernel of its own"),
    ],
)
def test_what_cannot_be_weighed_is_told(ledger, asked: dict, said: str) -> None:
    with pytest.raises(LessonError, match=said):
        decision.choose(**asked)


def test_a_choice_is_shown_with_its_claims_and_drawn_with_its_box(ledger) -> None:
    ledger(container_is_light=Verdict.SUPPORTED)
    choice = decision.choose("mine", {"costs little memory": 2})
    assert claims.claim("container_is_light").sentence in choice.page.text
    assert "mine +1.00, container" in decision.draw([choice]).alt
    assert "1 of 1" in decision.pulls().text


# --- the way to a first page -------------------------------------------------------------------


def test_commands_lines_and_tools_are_counted() -> None:
    ways = {
        "container": (["docker a", "docker b"], ["FROM x"]),
        "virtual machine": (["a", "b"], []),
    }
    frame = part("experiments").counted(ways)
    counts = frame.pivot(index="what", columns="arm", values="count")
    assert counts["container"].to_dict() == {"commands": 2, "lines": 3, "tools": 1}
    assert counts["virtual machine ÷ container"].tolist() == [1, 2 / 3, 2]


@pytest.mark.docker
@pytest.mark.vm
def test_the_same_page_is_served_by_both_and_nothing_is_left(nothing_left: None) -> None:
    frame = part("experiments").first_page()
    verdicts = {
        found.id: claims.judge(found, frame).verdict for found in claims.claims(LESSON.slug)
    }
    assert verdicts == {
        "vm_is_easier": Verdict.DEPENDS,
        "docker_needs_other_tools": Verdict.REFUTED,
    }


# --- the report --------------------------------------------------------------------------------


def test_a_report_shows_its_evidence_with_units_and_source() -> None:
    reports = part("report")
    evidence = reports.Evidence(
        "A visit takes <this> long.", Estimate(0.25, 0.2, 0.3, 9), "seconds"
    )
    page = reports.Report("Where shall it live?", "container", [evidence], "If it grows.").page
    assert "250 ms [200 ms, 300 ms]" in page.text
    assert "&lt;this&gt;" in page.html
    assert page.text.endswith("If it grows.")
    assert reports.Evidence("Nobody has looked.", None).words == "not measured"
    assert reports.Evidence("A plain number.", 17).words == "17, without an interval"


def test_a_claim_of_the_ledger_is_evidence() -> None:
    found = part("report").from_ledger("docker_needs_other_tools")
    assert "refuted" in found.sentence
    assert found.estimate.low <= found.estimate.value <= found.estimate.high

"""Lesson 12's task of weighing needs: what passes, and what each wrong answer is told."""

from __future__ import annotations

from functools import cache, partial

import pytest
from labkit import Lab

from course.checks import Outcome
from course.lessons import cells, lesson

LAB = Lab("12_choose")
check = partial(LAB.check, "needs")
decision = lesson("12_choose").part("decision")
NEEDS = {"costs little memory": 3, "easy to begin": 2, "a way back": 1, "a strong wall": 1}


@cache
def found() -> dict:
    return decision.evidence()


def chosen(weights: dict) -> object:
    return decision.choose("our guest book", weights, found=found())


def test_the_solution_passes_and_says_what_would_change_it() -> None:
    names = {"decision": decision}
    exec(cells.solution_of(LAB.lesson, "needs"), names)
    assert check(**names).outcome is Outcome.PASSED
    assert names["tips"], "the solution's weights leave something that would change the choice"


def test_what_is_not_there_yet_is_not_attempted() -> None:
    assert check().outcome is Outcome.NOT_ATTEMPTED
    assert check(mine=...).outcome is Outcome.NOT_ATTEMPTED
    assert check(mine=chosen(NEEDS)).outcome is Outcome.NOT_ATTEMPTED


def test_a_choice_that_no_single_weight_changes_has_no_tip() -> None:
    firm = decision.Choice("our guest book", NEEDS, dict.fromkeys(found(), ()))
    assert check(mine=firm, tips=None).outcome is Outcome.PASSED
    assert check(mine=firm, tips="“a way back” weighs 3").outcome is Outcome.FAILED


def test_each_change_of_the_list_passes() -> None:
    mine = chosen(NEEDS)
    assert mine.tipping
    assert all(check(mine=mine, tips=one).outcome is Outcome.PASSED for one in mine.tipping)


@pytest.mark.parametrize(
    ("weights", "tips", "said"),
    [
        (dict(list(NEEDS.items())[:3]), None, "3 needs have a weight"),
        (NEEDS | {"a strong wall": 0}, None, "3 needs have a weight"),
        (dict.fromkeys(NEEDS, 2), None, "every need weighs 2"),
        (dict.fromkeys(NEEDS, 2) | {"many on one host": 0}, None, "every need weighs 2"),
        (NEEDS, None, "tips = mine.tipping[0]"),
        (NEEDS, ["a list"], "One change is asked for"),
        (NEEDS, "a hunch", "Take it from `mine.tipping`"),
    ],
)
def test_a_wrong_answer_is_told(weights: dict, tips: object, said: str) -> None:
    finding = check(mine=chosen(weights), tips=tips)
    assert finding.outcome is Outcome.FAILED
    assert len(finding.hints) == 3
    assert said in " ".join([finding.observed, *finding.hints])


def test_weights_alone_are_no_choice() -> None:
    assert "`decision.choose` takes" in " ".join(check(mine=NEEDS, tips=None).hints)

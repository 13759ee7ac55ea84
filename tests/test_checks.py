"""Checks: four outcomes, never an exception, never a wait without end."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as some

from course.checks import (
    Check,
    Finding,
    Names,
    Outcome,
    explained,
    failed,
    not_attempted,
    passed,
    task,
)
from course.errors import CourseError


@task("answer", "`answer` is 42")
def answer(names: Names) -> Finding:
    if names["answer"] != 42:
        return failed(f"`answer` is {names['answer']}", "nudge", "step", "near")
    return passed()


def outcome(namespace: dict[str, object]) -> Outcome:
    return answer.check(namespace).run().outcome


def test_the_state_decides_between_passed_and_failed() -> None:
    assert outcome({"answer": 42}) is Outcome.PASSED
    assert outcome({"answer": 41}) is Outcome.FAILED


@pytest.mark.parametrize("namespace", [{}, {"answer": ...}, {"other": 42}])
def test_a_name_without_a_value_is_not_attempted(namespace: dict[str, object]) -> None:
    finding = answer.check(namespace).run()
    assert finding.outcome is Outcome.NOT_ATTEMPTED
    assert "`answer`" in finding.observed


def test_a_name_inside_another_object_is_no_excuse() -> None:
    broken = Check("looks up a key", lambda: {}["answer"])
    assert broken.run().outcome is Outcome.BROKEN


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(1), KeyboardInterrupt()])
def test_whatever_a_probe_raises_is_a_broken_check(error: BaseException) -> None:
    def probe() -> Finding:
        raise error

    finding = Check("raises", probe).run()
    assert finding.outcome is Outcome.BROKEN
    assert type(error).__name__ in finding.observed


@pytest.mark.parametrize("nonsense", [None, True, "passed"])
def test_a_probe_that_returns_no_finding_is_broken(nonsense: object) -> None:
    assert Check("returns nonsense", lambda: nonsense).run().outcome is Outcome.BROKEN


def test_a_probe_that_hangs_is_broken_at_its_deadline() -> None:
    release = threading.Event()
    finding = Check("hangs", lambda: release.wait() and passed()).run(deadline=0.05)
    release.set()
    assert finding.outcome is Outcome.BROKEN
    assert "0.05 s" in finding.observed


def test_the_check_s_own_hint_is_used_where_the_finding_has_none() -> None:
    assert Check("x", lambda: failed("no"), "do this").run().hints == ("do this",)
    assert Check("x", lambda: failed("no", "nudge"), "do this").run().hints == ("nudge",)


def test_only_passed_is_true() -> None:
    assert passed()
    assert not failed("no")
    assert not not_attempted()


def test_a_check_sees_the_names_as_they_were_and_cannot_rebind_them() -> None:
    namespace = {"answer": 42, "_hidden": 1}
    names = Names(namespace)
    namespace["answer"] = 0
    assert names["answer"] == 42
    assert "_hidden" not in names
    assert not hasattr(names, "__setitem__")


@given(namespace=some.dictionaries(some.text(), some.none() | some.integers() | some.text()))
def test_any_namespace_gets_one_of_the_outcomes(namespace: dict[str, object]) -> None:
    expected = Outcome.FAILED if "answer" in namespace else Outcome.NOT_ATTEMPTED
    assert outcome(namespace) is (Outcome.PASSED if namespace.get("answer") == 42 else expected)


def test_what_the_course_foresaw_is_a_finding_with_the_mend_as_its_hint() -> None:
    def probe() -> Finding:
        raise CourseError("an engine", "none", "course setup")

    found = Check("an engine answers", explained(probe)).run()
    assert (found.outcome, found.observed) == (Outcome.FAILED, "none")
    assert found.hints == ("course setup",)

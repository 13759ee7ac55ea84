"""What the checks of several labs ask, and the words in which they say what they found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from labkit import start

from course import Container, FakeBox
from course.checks import Finding, Names, Outcome, passed
from course.engine import engine, label
from course.lessons import checking


def test_the_first_that_finds_something_is_heard() -> None:
    found = checking.first(lambda: None, lambda: passed("second"), lambda: passed("third"))
    assert found.observed == "second"


def test_a_judge_is_handed_what_was_found_and_not_asked_about_a_finding() -> None:
    judge = checking.handed(lambda names: names["box"])(lambda found, names: passed(str(found)))
    assert judge(Names({"box": 7})).observed == "7"
    assert judge(Names({"box": checking.failed("none")})).observed == "none"


@pytest.mark.parametrize(
    ("found", "observed", "near"),
    [
        ("tiny", "`box` is a str, not a FakeBox", "box = FakeBox().start()"),
        (FakeBox(), "`box` does not run", "box.start()"),
    ],
)
def test_what_is_no_running_box_is_told_with_what_one_would_type(
    found: object, observed: str, near: str
) -> None:
    said = checking.of_box("box", FakeBox)(lambda box, names: passed())(Names({"box": found}))
    assert (said.outcome, said.observed, said.hints[-1]) == (Outcome.FAILED, observed, near)


def test_a_box_that_runs_is_handed_on() -> None:
    with FakeBox() as box:
        judge = checking.of_box("box", FakeBox)(lambda found, names: passed(str(found is box)))
        assert judge(Names({"box": box})).observed == "True"


def test_a_digest_without_its_algorithm_is_told_and_no_other() -> None:
    assert checking.no_algorithm("seen", "12", "sha256:12").observed == "seen"
    assert checking.no_algorithm("seen", "13", "sha256:12") is None


@pytest.fixture
def another(tidy: None) -> Iterator[str]:
    """A container of somebody else's."""
    start("two-boxes-theirs", labels={})
    yield "two-boxes-theirs"
    engine().containers.get("two-boxes-theirs").remove(force=True)


@pytest.mark.docker
def test_whose_a_container_is_decides_whether_it_is_judged(another: str) -> None:
    def asked(name: str) -> Finding:
        judge = checking.of_container(name, "make it again.")(lambda found, names: passed())
        return judge(Names({}))

    assert asked("two-boxes-none").outcome is Outcome.NOT_ATTEMPTED
    assert "no label" in asked(another).observed
    assert asked(another).hints[-1] == "Just now: make it again."
    with Container(name="two-boxes-ours") as box:
        assert asked(box.docker.name)


def test_what_carries_another_label_would_stay_behind() -> None:
    assert checking.left_behind("network", label(), "…") is None
    for labels in (None, {}, {"two-boxes": "1-1"}):
        assert "would stay behind" in checking.left_behind("network", labels, "…").observed

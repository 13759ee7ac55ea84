from __future__ import annotations

import pytest

from course import FakeBox
from course.boxes import Output
from course.errors import CommandTimeout, NotRunning, SnapshotMissing


def count(box: FakeBox) -> str:
    box.state["count"] = box.state.get("count", 0) + 1
    return f"{box.state['count']}\n"


def test_it_gives_the_answers_it_was_given() -> None:
    with FakeBox({"uname -r": "6.1\n", "false": Output(1, "", "", 0.0), "count": count}) as box:
        assert box.exec("uname -r") == Output(0, "6.1\n", "", 0.0)
        assert box.exec(["uname", "-r"]).stdout == "6.1\n"
        assert box.exec("false").exit_code == 1
        assert [box.exec("count").stdout for _ in range(2)] == ["1\n", "2\n"]


def test_any_other_command_is_not_found() -> None:
    with FakeBox() as box:
        output = box.exec("uname")
    assert (output.exit_code, output.stderr) == (127, "sh: uname: not found\n")


def test_time_passes_only_on_the_clock_it_was_given() -> None:
    passed: list[float] = []
    answers = {"work": Output(0, "", "", 3.0)}
    with FakeBox(answers, start_seconds=2.0, sleep=passed.append) as box:
        box.exec("work")
        with pytest.raises(CommandTimeout):
            box.exec("work", timeout=1.0)
    assert passed == [2.0, 3.0, 1.0]
    assert box.phases == {"answered": 2.0}


def test_a_snapshot_brings_back_the_state_and_a_clone_has_its_own() -> None:
    with FakeBox({"count": count}) as box:
        box.exec("count")
        box.snapshot("one")
        box.exec("count")
        twin = box.clone()
        box.rollback("one")
        assert box.exec("count").stdout == "2\n"
        assert twin.exec("count").stdout == "3\n"
        with pytest.raises(SnapshotMissing):
            box.rollback("two")


def test_it_has_to_run() -> None:
    box = FakeBox({"true": ""})
    with pytest.raises(NotRunning):
        box.exec("true")

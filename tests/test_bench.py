"""The bench: goals are data, what is judged is data, and what is written is what was judged."""

from __future__ import annotations

import pandas as pd
import pytest

from course import bench, goals, results
from course.bench import Goal
from course.errors import CourseError

HALF = Goal("half / whole", "half", 0.6, "whole")


def frame(**arms: float) -> pd.DataFrame:
    rows = [
        {"arm": arm, "round": number, "seconds": value}
        for number in range(1, 9)
        for arm, value in arms.items()
    ]
    return results.table(rows)


def starts() -> pd.DataFrame:
    """From start to first answer"""
    return frame(half=1.0, whole=2.0)


def test_every_goal_names_a_measurement_that_there_is() -> None:
    for name, found in bench.aims().items():
        assert getattr(goals, name).__doc__
        assert all(goal.goal > 0 for goal in found)


def test_a_goal_holds_when_its_ratio_is_small_enough() -> None:
    row = bench.judge(HALF, frame(half=1.0, whole=2.0))
    assert row == {
        "name": "half / whole",
        "ratio": pytest.approx(0.5),
        "low": pytest.approx(0.5),
        "high": pytest.approx(0.5),
        "n": 8,
        "goal": 0.6,
        "holds": True,
    }
    assert not bench.judge(HALF, frame(half=1.5, whole=2.0))["holds"]


def test_a_goal_without_a_baseline_is_the_amount_itself() -> None:
    goal = Goal("call, seconds", "half", 0.015)
    assert bench.judge(goal, frame(half=0.010))["holds"]
    assert not bench.judge(goal, frame(half=0.020))["holds"]


def test_what_this_machine_cannot_run_does_not_hold() -> None:
    row = bench.judge(HALF, frame(half=1.0))
    assert row["ratio"] is None
    assert row["holds"] is False


def test_the_page_is_written_from_the_data(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(bench, "aims", lambda: {"starts": [HALF]})
    monkeypatch.setattr(goals, "starts", starts)
    rows = bench.measure_goals()
    bench.write(rows, tmp_path / "BENCHMARKS.md")
    page = (tmp_path / "BENCHMARKS.md").read_text()
    assert "| half / whole | 0.50 [0.50, 0.50] | 8 | 0.6 | yes |" in page
    assert "## From start to first answer" in page
    assert "| whole | 2.0 s | 2.0 s to 2.0 s | 8 | seconds |" in page
    assert results.provenance(frame(half=1.0)) in page


def test_a_command_is_timed() -> None:
    row = bench.measure_command(["sleep", "0.05"], rounds=6)
    assert row["command"] == "sleep 0.05"
    assert 0.05 <= row["low"] <= row["median"] <= row["high"] < 0.2
    assert row["n"] == 6


def test_a_command_that_fails_or_is_not_there_is_told() -> None:
    with pytest.raises(CourseError, match="exit code 1"):
        bench.measure_command(["false"])
    with pytest.raises(CourseError, match="no-such-program"):
        bench.measure_command(["no-such-program"])


def test_the_measurements_that_need_no_box_measure(monkeypatch) -> None:
    monkeypatch.setattr(goals, "ROUNDS", 3)
    imports = goals.imports().groupby("arm")["seconds"].median()
    assert imports["course"] < imports["pandas"]
    assert (goals.overheads()["seconds"] > 0).all()
    assert set(goals.scale()["arm"]) == {"all of it"}


def test_hyperfine_and_the_course_agree_on_what_a_sleep_takes(monkeypatch) -> None:
    monkeypatch.setattr(goals, "TURNS", 6)
    measured = goals.tools().groupby("arm")["seconds"].median()
    assert measured["course: sleep"] == pytest.approx(measured["hyperfine: sleep"], rel=0.1)


@pytest.mark.docker
@pytest.mark.vm
@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("name", ["calls", "eight", "states"])
def test_the_measurements_that_need_boxes_measure(name: str, monkeypatch) -> None:
    monkeypatch.setattr(goals, "ROUNDS", 3)
    measured = getattr(goals, name)()
    assert len(measured) >= 3
    rows = [bench.judge(goal, measured) for goal in bench.aims()[name]]
    assert all(row["ratio"] > 0 for row in rows)

"""The bench: goals are data, what is judged is data, and what is written is what was judged."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from click.testing import CliRunner

from course import cli
from course.claims import bench, goals, pace
from course.claims.bench import Goal
from course.errors import CourseError, NotEnoughMemory, ToolMissing
from course.measuring import results
from course.setup import provision

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
    found = frame(half=1.0, whole=2.0)
    return found.assign(
        **{"phase loaded": found["seconds"] / 2, "phase answered": found["seconds"]}
    )


def test_every_goal_names_a_measurement_that_there_is() -> None:
    for name, found in bench.aims().items():
        assert bench.measurement(name).__doc__
        assert all(goal.goal > 0 and 0 < goal.share < 1 for goal in found)


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


def test_a_goal_for_most_of_the_trials_is_judged_by_those() -> None:
    rows = [{"arm": "click", "round": turn, "seconds": turn / 1000} for turn in range(1, 101)]
    row = bench.judge(Goal("clicks", "click", 0.1, share=0.95), results.table(rows))
    assert row["ratio"] == pytest.approx(0.095, abs=0.001)
    assert 0.090 < row["low"] < row["ratio"] < row["high"] <= 0.1


@pytest.fixture
def measured(tmp_path, monkeypatch) -> bench.Measured:
    """One goal that can be measured here, and one that cannot."""

    def no_tool() -> pd.DataFrame:
        """With a tool that is not here"""
        raise ToolMissing("hyperfine", "none", "sudo apt-get install hyperfine")

    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    other = Goal("tool", "a", 1.03, "b")
    monkeypatch.setattr(bench, "aims", lambda: {"starts": [HALF], "tools": [other]})
    monkeypatch.setattr(goals, "starts", starts)
    monkeypatch.setattr(pace, "tools", no_tool)
    return bench.measure()


def test_the_page_is_written_from_the_data(tmp_path, measured) -> None:
    bench.write(measured, tmp_path / "BENCHMARKS.md")
    page = (tmp_path / "BENCHMARKS.md").read_text()
    assert "| half / whole | 0.50 [0.50, 0.50] | 8 | 0.6 | yes |" in page
    assert "## From start to first answer" in page
    assert "| whole | 2.0 s | 2.0 s to 2.0 s | 8 | seconds |" in page
    assert "| half | loaded | 500 ms |\n| half | answered | 1.0 s |" in page
    assert results.provenance(frame(half=1.0)) in page


def test_what_lacks_a_tool_is_told_and_does_not_keep_the_rest_from_being_measured(
    tmp_path, measured
) -> None:
    bench.write(measured, tmp_path / "BENCHMARKS.md")
    page = (tmp_path / "BENCHMARKS.md").read_text()
    assert "| tool | not measured here |  | 1.03 | **no** |" in page
    assert "## With a tool that is not here\n\nNot measured here. hyperfine: none." in page
    assert list(bench.lacks(measured)) == ["tools"]


def test_the_goals_as_data_have_the_documented_shape(measured, monkeypatch) -> None:
    monkeypatch.setattr(bench, "measure", lambda: measured)
    said = CliRunner().invoke(cli.main, ["bench", "--json"])
    assert said.exit_code == 1  # a goal does not hold
    rows = json.loads(said.stdout)
    assert [set(row) for row in rows] == [{"name", "ratio", "low", "high", "goal", "holds"}] * 2
    assert "Try      sudo apt-get install hyperfine" in said.stderr


def test_what_a_set_up_took_is_read_from_its_own_notes(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(provision, "TOOK", tmp_path / "took")
    results.write(
        results.table([{"arm": "course lab", "round": 1, "seconds": 3}]), pace.noted("laps")
    )
    with pytest.raises(CourseError, match="not fresh"):
        pace.setup()
    (tmp_path / "took").write_text("30 pip\n20 system packages\n7 the image tiny\n9 pip\n")
    rows = [bench.judge(goal, pace.setup()) for goal in bench.aims()["setup"]]
    assert [row["ratio"] for row in rows] == [pytest.approx(60 / 50)]


def test_the_measurements_that_need_no_box_measure(monkeypatch) -> None:
    monkeypatch.setattr(pace, "ROUNDS", 1)
    imports = pace.imports().groupby("arm")["seconds"].median()
    assert imports["course"] < imports["pandas"]
    assert (pace.overheads()["seconds"] > 0).all()
    assert set(pace.scale()["arm"]) == {"all of it"}


def test_hyperfine_and_the_course_agree_on_what_a_sleep_takes(monkeypatch) -> None:
    monkeypatch.setattr(pace, "TURNS", 4)
    # The least of each: what else the machine does meanwhile can only add to a sleep.
    measured = pace.tools().groupby("arm")["seconds"].min()
    assert measured["course: sleep"] == pytest.approx(measured["hyperfine: sleep"], rel=0.1)


def test_a_machine_without_room_for_a_crowd_of_vms_has_not_measured_it(monkeypatch) -> None:
    monkeypatch.setattr(goals.experiments, "crowd", lambda *_, **__: iter([]))
    with pytest.raises(NotEnoughMemory, match="eight resumed VMs"):
        goals.eight()


@pytest.mark.docker
@pytest.mark.vm
@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("name", ["calls", "eight", "states"])
def test_the_measurements_that_need_boxes_measure(name: str, monkeypatch) -> None:
    monkeypatch.setattr(goals, "ROUNDS", 1)
    measured = getattr(goals, name)()
    assert len(measured) >= 1
    rows = [bench.judge(goal, measured) for goal in bench.aims()[name]]
    assert all(row["ratio"] > 0 for row in rows)

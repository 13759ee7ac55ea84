"""Programs of the host, as arms."""

from __future__ import annotations

import select
from contextlib import suppress
from pathlib import Path

import pytest

from course.errors import CourseError, ToolMissing
from course.measuring import commands, results
from course.system import processes


def test_a_program_is_timed_to_its_end() -> None:
    frame = results.measure({"sleep": commands.program(["sleep", "0.05"])}, rounds=2)
    assert (frame["seconds"] >= 0.05).all()


def test_a_program_that_fails_says_what_it_said() -> None:
    arm = commands.program(["sh", "-c", "echo broken >&2; exit 3"])
    with pytest.raises(CourseError, match="exit code 3: broken"):
        arm()


def test_a_program_that_fails_late_says_what_it_said_last(tmp_path: Path) -> None:
    once = 'mkdir "$0" 2>/dev/null && echo well >&2 || { echo broken >&2; exit 3; }'
    arm = commands.program(["sh", "-c", once, f"{tmp_path}/once"])
    arm()
    with pytest.raises(CourseError, match="exit code 3: broken"):
        arm()


def test_an_interrupt_ends_the_program_that_is_timed(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f'echo $$ >"{pid}"; kill -INT $PPID; exec sleep 100'
    with pytest.raises(KeyboardInterrupt):
        commands.program(["sh", "-c", script])()
    with suppress(ProcessLookupError), processes.ending(int(pid.read_text())) as ended:
        assert select.select([ended], [], [], 5)[0]


def test_a_program_that_is_not_there_is_told_before_anything_runs() -> None:
    with pytest.raises(ToolMissing, match="no-such-program"):
        commands.program(["no-such-program"])


@pytest.mark.usefixtures("nothing_left")
def test_a_program_is_timed_to_its_word_and_ended() -> None:
    arm = commands.until(["sh", "-c", "sleep 0.05; echo ready; sleep 100"], "ready")
    frame = results.measure({"server": arm}, rounds=2)
    assert frame["seconds"].between(0.05, 5).all()


@pytest.mark.usefixtures("nothing_left")
def test_a_program_that_never_says_its_word_is_told() -> None:
    with pytest.raises(CourseError, match="ready"):
        results.measure({"server": commands.until(["echo", "hello"], "ready")})


@pytest.mark.usefixtures("nothing_left")
def test_a_program_that_says_nothing_is_waited_for_only_so_long(monkeypatch) -> None:
    monkeypatch.setattr(commands, "DEADLINE", 0.2)
    with pytest.raises(CourseError, match=r"ready.* within 0\.2 s"):
        results.measure({"server": commands.until(["sleep", "100"], "ready")})


def test_what_a_program_prints_is_read_or_its_failure_told() -> None:
    assert commands.output(["echo", "hello"]) == "hello\n"
    with pytest.raises(CourseError, match="exit code 3: broken"):
        commands.output(["sh", "-c", "echo broken >&2; exit 3"])


@pytest.mark.parametrize("stop_watch", [commands.hyperfine, commands.course_measure])
def test_a_stop_watch_that_is_a_program_times_a_command(stop_watch) -> None:
    assert 0.05 <= stop_watch(["sleep", "0.05"])["own"] < 5


def test_a_command_is_timed() -> None:
    row = commands.measure(["sleep", "0.05"], rounds=6)
    assert row["command"] == "sleep 0.05"
    assert 0.05 <= row["low"] <= row["median"] <= row["high"] < 5
    assert row["n"] == 6


def test_a_command_that_fails_or_is_not_there_is_told() -> None:
    with pytest.raises(CourseError, match="exit code 1"):
        commands.measure(["false"])
    with pytest.raises(CourseError, match="no-such-program"):
        commands.measure(["no-such-program"])

"""The commands: what they print, and that what was foreseen ends in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from course import cli
from course.checks import Outcome
from course.engine import labels
from course.errors import EngineUnreachable
from course.images import imports
from course.setup.doctor import Report, Row
from course.system import store


def typed(*words: str) -> Result:
    return CliRunner().invoke(cli.main, words)


def test_a_command_is_timed_with_units_or_as_data() -> None:
    said = typed("measure", "--rounds=2", "sleep", "0.01")
    assert "range of 2 rounds" in said.stdout
    assert " ms to " in said.stdout
    found = json.loads(typed("measure", "--rounds=2", "--json", "true").stdout)
    assert found.keys() == {"command", "median", "low", "high", "n"}


def test_the_options_of_a_command_that_is_timed_are_its_own() -> None:
    found = json.loads(typed("measure", "--rounds=1", "--json", "test", "--json").stdout)
    assert found["command"] == "test --json"


@pytest.mark.parametrize("command", [("measure", "--rounds=0", "true"), ("race", "--rounds=0")])
def test_what_is_never_run_cannot_be_timed(command: tuple[str, ...]) -> None:
    assert "0 is not in the range" in typed(*command).stderr


def test_a_value_in_brackets_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (Row("disk", Outcome.FAILED, "[/tmp/x] :key:", "mend it"),)
    monkeypatch.setattr("course.setup.doctor.diagnose", lambda: Report(rows, {}))
    assert "[/tmp/x] :key:" in typed("doctor").stdout


def test_cleaning_leaves_what_is_not_the_course_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "cache"))
    removed: list[str] = []
    monkeypatch.setattr(labels, "remove", removed.append)
    monkeypatch.setattr(imports, "forget", lambda: removed.append("images"))
    stranger = tmp_path / "cache" / "photographs" / "one"
    stranger.parent.mkdir(parents=True)
    stranger.touch()
    store.built("tiny", {}, lambda folder: (folder / "root.tar").touch())
    (tmp_path / "cache" / "accelerator.json").touch()
    assert typed("clean").exit_code == 0
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["photographs"]
    assert stranger.exists()
    assert removed == [labels.NAME, "images"]


def test_cleaning_without_an_engine_says_what_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_label: str) -> None:
        raise EngineUnreachable("a container engine that answers", "none")

    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(labels, "remove", away)
    assert "are left in the engine" in typed("clean").stdout
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not JSON", "Expected JSON in"),
        ('{"question": "?"}', "a list of questions"),
        ('[{"type": "string"}]', "no 'question'"),
        ('[{"question": "?", "type": "essay"}]', "the type 'essay'"),
        ('[{"question": "?", "type": "numeric", "answers": []}]', "no right answer"),
    ],
)
def test_questions_that_cannot_be_imported_are_told(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "questions.json").write_text(text)
    imported = typed("quiz", "import", str(tmp_path / "questions.json"))
    assert imported.exit_code == 1
    assert said in imported.stderr


@pytest.mark.fault("a damaged record of progress")
@pytest.mark.parametrize("command", [("progress",), ("reset", "--yes"), ("export", "all.csv")])
def test_a_record_that_was_damaged_is_no_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "progress.sqlite").write_text("not a database at all")
    said = typed(*command)
    assert said.exit_code == 0
    (aside,) = tmp_path.glob("progress.damaged-*")
    assert str(aside) in said.stderr

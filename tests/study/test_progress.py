"""Progress survives kernels, crashes, two writers, a damaged file and a home that is read-only."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from course.errors import ProgressError
from course.study import Progress
from course.study import progress as progress_module


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "progress.sqlite"


def test_what_was_recorded_is_there_for_the_next_kernel(path: Path) -> None:
    Progress(path).record("10_the_race", "answered", "why", "right", {"answer": ["é", 1]})
    (event,) = Progress(path).events("10_the_race")
    assert (event.kind, event.item, event.outcome) == ("answered", "why", "right")
    assert event.detail == {"answer": ["é", 1]}
    assert datetime.fromisoformat(event.at).tzinfo == UTC


def test_every_attempt_is_kept_and_the_latest_is_found(path: Path) -> None:
    kept = Progress(path)
    for outcome in ("not right", "right", "not right"):
        kept.record("a", "answered", "why", outcome)
    assert len(kept.events("a", "answered", "why")) == 3
    assert kept.latest("a", "answered")["why"].outcome == "not right"
    assert kept.succeeded("a", "answered", "right") == {"why"}


@pytest.mark.fault("the clock set back by a year")
def test_a_clock_set_back_changes_neither_order_nor_time_spent(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    minutes = iter([0, 5, -120, -117, 600])

    class Clock(datetime):
        @classmethod
        def now(cls, zone: object = None) -> datetime:
            return noon + timedelta(minutes=next(minutes))

    monkeypatch.setattr(progress_module, "datetime", Clock)
    kept = Progress(path)
    for outcome in "abcde":
        kept.record("x", "checked", "task", outcome)
    assert [event.outcome for event in kept.events()] == list("abcde")
    assert kept.latest("x", "checked")["task"].outcome == "e"
    assert kept.seconds("x") == 8 * 60


@pytest.mark.fault("three notebooks write progress at once")
def test_three_kernels_write_at_once_and_nothing_is_lost(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from course.study.progress import Progress\n"
        "kept = Progress(Path(sys.argv[1]))\n"
        "for count in range(100): kept.record(sys.argv[2], 'answered', str(count))\n"
        "assert not kept.notices, kept.notices"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(path), name], stderr=subprocess.PIPE)
        for name in ("one", "two", "three")
    ]
    for writer in writers:
        assert writer.wait(60) == 0, writer.stderr.read().decode()
        writer.stderr.close()
    kept = Progress(path)
    for name in ("one", "two", "three"):
        assert [event.item for event in kept.events(name)] == [str(count) for count in range(100)]


@pytest.mark.fault("a writer of progress killed (-9)")
def test_a_writer_killed_in_the_middle_loses_nothing_that_was_recorded(path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from course.study import Progress\n"
        "kept = Progress(Path(sys.argv[1])); kept.record('a', 'opened')\n"
        "kept._database.execute('BEGIN'); kept._database.execute('DELETE FROM event')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert len(Progress(path).events("a")) == 1


@pytest.mark.parametrize(
    "damage", [b"not a database at all", b"", b"SQLite format 3\0" + b"\1" * 999]
)
@pytest.mark.fault("a damaged record of progress")
def test_a_damaged_file_is_put_aside_and_it_is_said(path: Path, damage: bytes) -> None:
    path.write_bytes(damage)
    kept = Progress(path)
    kept.record("a", "opened")
    assert len(Progress(path).events()) == 1
    if damage:
        (aside,) = path.parent.glob("progress.damaged-*")
        assert aside.read_bytes() == damage
        assert str(aside) in kept.notices[0]


@pytest.mark.fault("a damaged record of progress")
def test_pages_damaged_in_the_middle_are_noticed(path: Path) -> None:
    kept = Progress(path)
    for count in range(300):
        kept.record("a", "answered", str(count), detail={"answer": "x" * 100})
    kept.close()
    content = bytearray(path.read_bytes())
    content[8192:16384] = b"\xff" * 8192
    path.write_bytes(content)
    assert "damaged" in Progress(path).notices[0]


@pytest.mark.fault("a home that cannot be written to")
def test_a_home_that_cannot_be_written_keeps_progress_in_memory_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("a file, where a folder is needed")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "file" / "data"))
    kept = Progress()
    kept.record("a", "opened")
    assert len(kept.events("a")) == 1
    assert "cannot be written" in kept.notices[0]
    with pytest.raises(ProgressError, match="cannot be written"):
        kept.reset("a")
    assert len(kept.events("a")) == 1


@pytest.mark.fault("disk full in the record of progress")
def test_a_disk_that_fails_in_the_middle_loses_nothing(path: Path) -> None:
    kept = Progress(path)
    kept.record("a", "answered", "one")
    kept._database.execute("PRAGMA query_only = ON")  # every write fails from now on
    kept.record("a", "answered", "two")
    assert [event.item for event in kept.events()] == ["one", "two"]
    assert "cannot be written" in kept.notices[0]


def test_reset_forgets_one_lesson_and_keeps_a_copy(path: Path) -> None:
    kept = Progress(path)
    kept.record("a", "opened")
    kept.record("b", "opened")
    copy = kept.reset("a")
    assert [event.lesson for event in Progress(path).events()] == ["b"]
    assert [event.lesson for event in Progress(copy).events()] == ["a", "b"]
    kept.reset()
    assert kept.events() == []


def test_what_cannot_be_copied_is_not_forgotten(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Progress(path)
    kept.record("a", "opened")
    monkeypatch.setattr(kept, "_beside", lambda word: path.parent / "no folder" / "copy.sqlite")
    with pytest.raises(ProgressError, match="unable to open"):
        kept.reset()
    assert len(Progress(path).events()) == 1


def test_two_resets_keep_two_copies(path: Path) -> None:
    kept = Progress(path)
    for _ in range(2):
        kept.record("a", "opened")
        assert kept.reset() is not None
    assert len(list(path.parent.glob("progress.before-reset-*"))) == 2


def test_the_export_holds_every_event(path: Path, tmp_path: Path) -> None:
    kept = Progress(path)
    kept.record("a", "answered", "why", "right", {"answer": 'He said "=1+1", twice'})
    kept.record("a", "opened")
    rows = json.loads(kept.export(tmp_path / "out.json").read_text())
    assert [row["kind"] for row in rows] == ["answered", "opened"]
    with kept.export(tmp_path / "out.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert json.loads(read[0]["detail"]) == {"answer": 'He said "=1+1", twice'}
    with pytest.raises(ProgressError, match="ends in"):
        kept.export(tmp_path / "out.xlsx")
    with pytest.raises(ProgressError, match="No such file"):
        kept.export(tmp_path / "no folder" / "out.csv")


@given(text=some.text(some.characters(exclude_categories=())))
@example(text="half a letter: \ud83d")
@settings(max_examples=40)
def test_an_answer_is_kept_as_the_text_that_it_is(text: str) -> None:
    with TemporaryDirectory() as folder:
        kept = Progress(Path(folder) / "progress.sqlite")
        kept.record("a", "answered", "one", detail={"answer": text})
        assert kept.latest("a", "answered")["one"].detail == {"answer": text}
        kept.export(Path(folder) / "out.json")
        kept.export(Path(folder) / "out.csv")
        assert json.loads((Path(folder) / "out.json").read_text())[0]["detail"] == {"answer": text}
        kept.close()


def test_text_is_kept_as_it_is(path: Path) -> None:
    text = "'; DROP TABLE event; -- \0 <b>é\n"
    kept = Progress(path)
    kept.record("a", "answered", text, text, {text: text})
    (event,) = kept.events("a", item=text)
    assert (event.outcome, event.detail) == (text, {text: text})
    assert sqlite3.connect(path).execute("SELECT count(*) FROM event").fetchone() == (1,)

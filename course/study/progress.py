"""What the learner did, and when: one small SQLite file that survives kernels and crashes.

One table, one row for each event, nothing is ever changed in place. Two notebooks may write at
once (write-ahead log). What happened last is told by the row's number, not by its time: a clock
can be set back.
"""

from __future__ import annotations

import csv
import json
import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TextIO

from course.errors import FolderClosed, ProgressError
from course.system import paths

TABLE = """CREATE TABLE IF NOT EXISTS event (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    lesson TEXT NOT NULL,
    kind TEXT NOT NULL,
    item TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL
)"""
COLUMNS = ("number", "at", "lesson", "kind", "item", "outcome", "detail")
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
PATIENCE = 10.0  # seconds to wait for another writer
PAUSE = 600.0  # seconds without an event, after which the learner was away


@dataclass(frozen=True)
class Event:
    """One thing the learner did.

    ``kind``: opened, answered, predicted, revealed, checked, or shown (a solution). ``item``: the
    question or task. ``at``: UTC, ISO 8601. ``detail``: what else there is to keep, as JSON data.
    """

    number: int
    at: str
    lesson: str
    kind: str
    item: str = ""
    outcome: str = ""
    detail: dict = field(default_factory=dict)


class Progress:
    """The record of one learner.

        progress = Progress()
        progress.record("10_the_race", "checked", "five-rounds", "passed")

    A damaged file is put aside and a new one begun; where nothing can be written the record is
    kept in memory (``path`` is then None). ``notices`` says so; nothing is raised for it.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.notices: list[str] = []
        self.path = path
        try:
            self.path = path or paths.data_dir() / "progress.sqlite"
            self._database = self._opened()
        except (OSError, sqlite3.Error) as error:
            self._fall_back(error)
        except FolderClosed as error:
            self._fall_back(error.found)

    def record(
        self, lesson: str, kind: str, item: str = "", outcome: str = "", detail: dict | None = None
    ) -> None:
        """Add one event. A disk that is full or gone moves the record to memory, and says so."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        row = (now, lesson, kind, item, outcome, json.dumps(detail or {}))
        try:
            self._insert(row)
        except sqlite3.Error as error:
            self._fall_back(error)
            self._insert(row)

    def events(self, lesson: str = "", kind: str = "", item: str = "") -> list[Event]:
        """What happened, oldest first; each argument that is given narrows it."""
        asked = {"lesson": lesson, "kind": kind, "item": item}
        given = {column: value for column, value in asked.items() if value}
        where = " AND ".join(f"{column} = :{column}" for column in given) or "TRUE"
        query = f"SELECT * FROM event WHERE {where} ORDER BY number"
        rows = self._database.execute(query, given).fetchall()
        return [Event(*row[:-1], detail=json.loads(row[-1])) for row in rows]

    def latest(self, lesson: str, kind: str) -> dict[str, Event]:
        """The last event of that kind for each question or task."""
        return {event.item: event for event in self.events(lesson, kind)}

    def succeeded(self, lesson: str, kind: str, outcome: str) -> set[str]:
        """The questions or tasks that ever had this outcome: what was passed stays passed."""
        return {event.item for event in self.events(lesson, kind) if event.outcome == outcome}

    def seconds(self, lesson: str) -> float:
        """Time spent: what lies between events, pauses longer than ten minutes left out."""
        times = [datetime.fromisoformat(event.at) for event in self.events(lesson)]
        gaps = [(b - a).total_seconds() for a, b in pairwise(times)]
        return sum(gap for gap in gaps if 0 <= gap <= PAUSE)

    def reset(self, lesson: str = "") -> Path | None:
        """Forget a lesson, or all of them. Returns the copy that keeps what was, if anything was.

        Raises ProgressError where the record cannot be written, and then forgets nothing.
        """
        if self.path is None:
            raise ProgressError("a record of progress that can be changed", self.notices[-1])
        try:
            copy = self._copy() if self.events() else None
            with self._database:
                forget = "DELETE FROM event WHERE lesson = ? OR ? = ''"
                self._database.execute(forget, (lesson, lesson))
        except sqlite3.Error as error:
            raise ProgressError(f"to change {self.path}", str(error), "course doctor") from error
        return copy

    def export(self, path: Path) -> Path:
        """Write every event to a ``.csv`` or ``.json`` file. Raises ProgressError."""
        rows = [asdict(event) for event in self.events()]
        if path.suffix not in {".csv", ".json"}:
            raise ProgressError("a file that ends in .csv or .json", str(path))
        # Half a letter (a surrogate) is no UTF-8; as "\\ud83d" it is JSON's own way to write it.
        options = {"newline": "", "encoding": "utf-8", "errors": "backslashreplace"}
        try:
            with path.open("w", **options) as file:
                (_write_json if path.suffix == ".json" else _write_csv)(rows, file)
        except OSError as error:
            raise ProgressError(f"to write to {path}", str(error)) from error
        return path

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._connected()
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) not in DAMAGED:
                raise
        aside = self._beside("damaged")
        os.replace(self.path, aside)
        for suffix in ("-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        self.notices.append(
            f"The record of your progress was damaged. It is kept in {aside}; a new one begins."
        )
        return self._connected()

    def _connected(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=PATIENCE, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            # With the log, NORMAL loses nothing when a process dies, and waits for no disk.
            database.execute("PRAGMA synchronous = NORMAL")
            with database:
                database.execute(TABLE)
            if database.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise _damage()
        except BaseException:
            database.close()
            raise
        return database

    def _insert(self, row: tuple[str, ...]) -> None:
        columns, places = ", ".join(COLUMNS[1:]), ", ".join("?" * len(row))
        with self._database:
            self._database.execute(f"INSERT INTO event ({columns}) VALUES ({places})", row)

    def _fall_back(self, reason: Exception | str) -> None:
        """Keep what can be read, in memory from now on."""
        kept = []
        # Reading may fail as writing did: then there is nothing to carry over.
        with suppress(sqlite3.Error, AttributeError):
            kept = self.events()
            self.close()
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute(TABLE)
        for event in kept:
            detail = json.dumps(event.detail)
            self._insert((event.at, event.lesson, event.kind, event.item, event.outcome, detail))
        self.notices.append(
            f"Your progress cannot be written to {self.path or 'its folder'} ({reason}). "
            "It is kept until this notebook's kernel ends."
        )
        self.path = None

    def _copy(self) -> Path:
        copy = self._beside("before-reset")
        try:
            with closing(sqlite3.connect(copy)) as target:
                self._database.backup(target)
        except BaseException:
            copy.unlink(missing_ok=True)
            raise
        return copy

    def _beside(self, word: str) -> Path:
        """A name beside the record that nothing has yet."""
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        return self.path.with_name(f"progress.{word}-{now}.sqlite")


def _write_json(rows: list[dict], file: TextIO) -> None:
    json.dump(rows, file, indent=1, ensure_ascii=False)


def _write_csv(rows: list[dict], file: TextIO) -> None:
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    writer.writerows(row | {"detail": json.dumps(row["detail"])} for row in rows)


def _damage() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("the database fails its own check")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error

"""Where the course keeps what it makes: a cache that can be rebuilt, data that cannot, and
the state folders of what is running now. And where what its lessons carry is kept.

``COURSE_CACHE_DIR``, ``COURSE_DATA_DIR`` and ``COURSE_RUN_DIR`` move the first three (tests do),
whose functions raise FolderClosed where this user may not write.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import platformdirs

from course.errors import FolderClosed, unknown

LESSONS = Path(__file__).parents[1] / "lessons"

with suppress(OSError):  # an interrupt in its first call would leave Python's own lock locked
    tempfile.gettempdir()


def cache_dir() -> Path:
    """Images, saved VM states, verdicts: everything here can be made again."""
    return _folder("COURSE_CACHE_DIR", platformdirs.user_cache_path("two-boxes"))


def data_dir() -> Path:
    """The learner's progress and results: nothing here is ever deleted without asking."""
    return _folder("COURSE_DATA_DIR", platformdirs.user_data_path("two-boxes"))


def run_dir() -> Path:
    """One folder for each session that has something running."""
    # Not the cache: a socket's path must stay below 108 bytes, and a home can be deep.
    short = Path(tempfile.gettempdir()) / f"two-boxes-{os.getuid()}"
    path = _folder("COURSE_RUN_DIR", short)
    if path.stat().st_uid != os.getuid():  # what stands in it is run: it has to be ours
        raise _closed("COURSE_RUN_DIR", f"{path} belongs to another user")
    return path


def lesson_dirs() -> dict[str, Path]:
    """By slug and in order, the folder of each lesson: quiz, checks, claims, what was recorded."""
    return {folder.name: folder for folder in sorted(LESSONS.glob("[0-9][0-9]_*"))}


def lesson_dir(slug: str) -> Path:
    """The folder of one lesson. Raises LessonError that lists the slugs near to it."""
    folders = lesson_dirs()
    if slug not in folders:
        raise unknown("a lesson", slug, list(folders))
    return folders[slug]


def recorded(slug: str, experiment: str) -> Path:
    """Where a lesson carries the results of an experiment, if it does. Raises LessonError."""
    return lesson_dir(slug) / "recorded" / f"{experiment}.csv"


def _folder(variable: str, default: Path) -> Path:
    path = Path(os.environ.get(variable) or default)
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _closed(variable, str(error)) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise _closed(variable, f"{path}, which user {os.getuid()} may not write to")
    return path


def _closed(variable: str, found: str) -> FolderClosed:
    mend = f"set {variable} to a new folder of yours, such as {tempfile.gettempdir()}/my-two-boxes"
    return FolderClosed("a folder that the course may write to", found, mend)

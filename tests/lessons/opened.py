"""The fixture lesson, opened as a notebook would open a real one."""

from __future__ import annotations

from pathlib import Path

from course.lessons import Lesson
from course.study import Progress, Study
from course.system import paths

HERE = Path(__file__).parent
LESSON = Lesson("99_fixture", "A fixture", HERE / "99_fixture", HERE)


def open_fixture(learner: str = "progress") -> Study:
    """What ``open_lesson`` does, for a lesson that is not in the course and any learner."""
    return Study(LESSON, Progress(paths.data_dir() / f"{learner}.sqlite"))

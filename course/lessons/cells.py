"""The cells of a notebook as data, and the tasks that the cells of a lab are for.

A solution's cell tagged ``solution:<task>`` solves that task; in the lab it is blank, and tagged
``task:<task>``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from course.errors import LessonError, unknown
from .syllabus import Lesson

TAG, TASK = "solution:", "task:"
MARKER = re.compile(r"^[ \t]*# (BEGIN|END) SOLUTION[ \t]*\n?", re.MULTILINE)


def read(path: Path) -> dict:
    """A notebook as data. Raises LessonError where there is none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LessonError(f"a notebook at {path}", str(error)) from error


def source(cell: dict) -> str:
    """A cell's text; the file format allows one string or a list of lines."""
    return "".join(cell["source"])


def task_of(cell: dict) -> str | None:
    """The task that this cell of a solution solves."""
    tags = cell.get("metadata", {}).get("tags", [])
    return next((tag.removeprefix(TAG) for tag in tags if tag.startswith(TAG)), None)


def solution_of(lesson: Lesson, task: str) -> str:
    """The code that solves one task. Raises LessonError for a task that has none."""
    cells = [cell for cell in read(lesson.solution)["cells"] if cell["cell_type"] == "code"]
    found = [source(cell) for cell in cells if task_of(cell) == task]
    if not found:
        solved = sorted({name for cell in cells if (name := task_of(cell))})
        raise unknown(f"a solved task of lesson {lesson.slug}", task, solved)
    return "\n\n".join(MARKER.sub("", text).rstrip() for text in found)


def task_names(lesson: Lesson) -> set[str]:
    """The tasks of a lesson, read off its lab: no code of the lesson has to run."""
    cells = read(lesson.lab)["cells"] if lesson.lab.exists() else []
    tags = [tag for cell in cells for tag in cell["metadata"].get("tags", [])]
    return {tag.removeprefix(TASK) for tag in tags if tag.startswith(TASK)}

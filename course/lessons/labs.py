"""Labs made from solutions: one source, so that the two cannot drift apart.

A solution notebook is the lab with its tasks done. Cells tagged ``solution:<task>`` become blank:

- a code cell, wholly; or, where it holds ``# BEGIN SOLUTION`` and ``# END SOLUTION`` lines, only
  what stands between them;
- a markdown cell, which explains the solution, is left out.

Everything else is kept, outputs excepted. Building twice gives the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from course.errors import LessonError, unknown

from . import Lesson, lessons

BLANK = "# Your code here"
TAG = "solution:"
REGION = re.compile(
    r"^(?P<indent>[ \t]*)# BEGIN SOLUTION[ \t]*\n.*?^[ \t]*# END SOLUTION[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
MARKER = re.compile(r"^[ \t]*# (BEGIN|END) SOLUTION[ \t]*\n?", re.MULTILINE)


def read(path: Path) -> dict:
    """A notebook as data. Raises LessonError where there is none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LessonError(f"a notebook at {path}", str(error)) from error


def written(notebook: dict) -> str:
    """The text of a notebook file, as Jupyter itself would write it."""
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def source(cell: dict) -> str:
    """A cell's text; the file format allows one string or a list of lines."""
    return "".join(cell["source"])


def task_of(cell: dict) -> str | None:
    """The task that this cell of a solution solves."""
    tags = cell.get("metadata", {}).get("tags", [])
    return next((tag.removeprefix(TAG) for tag in tags if tag.startswith(TAG)), None)


def lab_from(solution: dict) -> dict:
    """The lab of a solution: its tasks blank, no outputs, the same cell ids."""
    cells = [_blank(cell) for cell in solution["cells"] if not _explains(cell)]
    kept = {key: solution[key] for key in ("metadata", "nbformat", "nbformat_minor")}
    # What the solution's outputs were stored with says nothing of a lab, which has none.
    metadata = {key: value for key, value in kept["metadata"].items() if key != "two_boxes"}
    return kept | {"cells": cells, "metadata": metadata}


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
    return {tag.removeprefix("task:") for tag in tags if tag.startswith("task:")}


def stale(of: Iterable[Lesson] | None = None) -> list[Path]:
    """The labs that are not what their solutions would build."""
    return [path for path, text in _built(of) if not path.exists() or path.read_text() != text]


def build(of: Iterable[Lesson] | None = None) -> list[Path]:
    """Write every lab whose solution says something new; return those written."""
    changed = set(stale(of))
    for path, text in _built(of):
        if path in changed:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return sorted(changed)


def _built(of: Iterable[Lesson] | None) -> list[tuple[Path, str]]:
    solved = [one for one in (lessons() if of is None else of) if one.solution.exists()]
    return [(one.lab, written(lab_from(read(one.solution)))) for one in solved]


def _explains(cell: dict) -> bool:
    return cell["cell_type"] == "markdown" and task_of(cell) is not None


def _blank(cell: dict) -> dict:
    task, kept = task_of(cell), {"id": cell["id"], "cell_type": cell["cell_type"]}
    text = source(cell)
    tags = [tag for tag in cell.get("metadata", {}).get("tags", []) if not tag.startswith(TAG)]
    if task:
        text = REGION.sub(_blank_region, text) if REGION.search(text) else BLANK
        tags.append(f"task:{task}")
    kept |= {"source": text.splitlines(keepends=True), "metadata": {"tags": tags} if tags else {}}
    if cell["cell_type"] == "code":
        kept |= {"outputs": [], "execution_count": None}
    return kept


def _blank_region(found: re.Match) -> str:
    # A block needs a statement: `...` keeps a function whose body is taken out valid Python.
    indent = found["indent"]
    return f"{indent}{BLANK}\n{indent}..." if indent else BLANK

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

from course.lessons import Lesson, cells, lessons

BLANK = "# Your code here"
REGION = re.compile(
    r"^(?P<indent>[ \t]*)# BEGIN SOLUTION[ \t]*\n.*?^[ \t]*# END SOLUTION[ \t]*$",
    re.MULTILINE | re.DOTALL,
)


def written(notebook: dict) -> str:
    """The text of a notebook file, as Jupyter itself would write it."""
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def lab_from(solution: dict) -> dict:
    """The lab of a solution: its tasks blank, no outputs, the same cell ids."""
    blank = [_blank(cell) for cell in solution["cells"] if not _explains(cell)]
    kept = {key: solution[key] for key in ("metadata", "nbformat", "nbformat_minor")}
    # What the solution's outputs were stored with says nothing of a lab, which has none.
    metadata = {key: value for key, value in kept["metadata"].items() if key != "two_boxes"}
    return kept | {"cells": blank, "metadata": metadata}


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
    return [(one.lab, written(lab_from(cells.read(one.solution)))) for one in solved]


def _explains(cell: dict) -> bool:
    return cell["cell_type"] == "markdown" and cells.task_of(cell) is not None


def _blank(cell: dict) -> dict:
    task, kept = cells.task_of(cell), {"id": cell["id"], "cell_type": cell["cell_type"]}
    text = cells.source(cell)
    tags = cell.get("metadata", {}).get("tags", [])
    tags = [tag for tag in tags if not tag.startswith(cells.TAG)]
    if task:
        text = REGION.sub(_blank_region, text) if REGION.search(text) else BLANK
        tags.append(f"{cells.TASK}{task}")
    kept |= {"source": text.splitlines(keepends=True), "metadata": {"tags": tags} if tags else {}}
    if cell["cell_type"] == "code":
        kept |= {"outputs": [], "execution_count": None}
    return kept


def _blank_region(found: re.Match) -> str:
    # A block needs a statement: `...` keeps a function whose body is taken out valid Python.
    indent = found["indent"]
    return f"{indent}{BLANK}\n{indent}..." if indent else BLANK

"""The cells of a solution: what they solve, and a notebook that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from opened import LESSON as FIXTURE

from course.errors import LessonError
from course.lessons import cells


def test_a_solution_is_shown_without_its_markers() -> None:
    shown = cells.solution_of(FIXTURE, "double-it")
    assert shown == "def double(number):\n    return 2 * number\n\n\ndouble(21)"
    with pytest.raises(LessonError, match="double-it"):
        cells.solution_of(FIXTURE, "double")


def test_a_notebook_that_cannot_be_read_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "bad.ipynb").write_text("{")
    for name in ("bad.ipynb", "gone.ipynb"):
        with pytest.raises(LessonError, match=name):
            cells.read(tmp_path / name)

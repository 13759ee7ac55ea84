"""Notebooks run and stored: only what really came out, and nothing of one machine."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from opened import HERE as FIXTURES

from course.authoring import notebooks
from course.errors import LessonError


@pytest.mark.notebook
def test_a_notebook_that_fails_is_not_stored_and_the_cell_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.ipynb"
    made = [nbformat.v4.new_code_cell("1 / 0")]
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    before = path.read_bytes()
    with pytest.raises(LessonError, match="ZeroDivisionError"):
        notebooks.store(path)
    assert path.read_bytes() == before


@pytest.mark.notebook
def test_a_stored_notebook_names_its_machine_and_no_home(tmp_path: Path) -> None:
    path = tmp_path / "good.ipynb"
    source = "from pathlib import Path\nprint(Path.home() / 'here')"
    made = [nbformat.v4.new_code_cell(source, metadata={"tags": ["x"], "collapsed": True})]
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    notebook = nbformat.read(notebooks.store(path), as_version=4)
    assert notebook.metadata.two_boxes.cores >= 1
    assert notebook.cells[0].outputs[0].text == "~/here\n"
    assert notebook.cells[0].metadata == {"tags": ["x"]}
    assert notebooks.faults(notebook) == []


@pytest.mark.notebook
def test_a_stored_notebook_shows_a_quiz_to_whoever_cannot_run_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(FIXTURES))
    path = tmp_path / "quiz.ipynb"
    made = [nbformat.v4.new_code_cell("from opened import open_fixture\nopen_fixture().quiz()")]
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    (output,) = notebooks.run(path).cells[0].outputs
    assert set(output.data) == {"text/html", "text/plain"}, "a widget dies with its kernel"
    for page in output.data.values():
        assert "The C library" in page
        assert "Run this cell to answer." in page
        assert "uname" not in page, "feedback gives the answer away"

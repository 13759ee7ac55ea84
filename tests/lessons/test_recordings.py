"""A machine without an engine or QEMU shows what was recorded, and says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course.lessons import replay_failures

FAILS = "raise ConnectionError('no engine')"


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[InteractiveShell]:
    cells = [
        new_code_cell(FAILS, outputs=[new_output("stream", name="stdout", text="6.1.0-guest\n")]),
        new_code_cell(
            "frame", outputs=[new_output("execute_result", data={"text/plain": "a table"})]
        ),
    ]
    lesson = new_notebook(cells=cells)
    lesson.metadata["two_boxes"] = {"cpu": "a processor", "date": "2026-11-23"}
    solution = new_notebook(cells=[new_code_cell("raise OSError")])
    solution.metadata["two_boxes"] = {"cpu": "another one", "date": "2026-11-24"}
    paths = [tmp_path / "lesson.ipynb", tmp_path / "solution.ipynb"]
    for notebook, path in zip((lesson, solution), paths, strict=True):
        nbformat.write(notebook, path)
    shell = InteractiveShell.instance()  # display() only writes to the one instance
    for _ in range(2):  # a learner runs the first cell again
        replay_failures(shell, paths, "no engine answers. Try: course setup")
    yield shell
    InteractiveShell.clear_instance()


def run(shell: InteractiveShell, source: str) -> tuple[bool, str, list[str]]:
    """Whether the cell succeeded, what it printed and what it displayed."""
    with capture_output() as captured:
        result = shell.run_cell(source, store_history=True)
    shown = [str(next(iter(output.data.values()))) for output in captured.outputs]
    return result.success, captured.stdout, shown


def test_a_cell_that_fails_shows_its_recording_and_where_it_is_from(shell) -> None:
    success, printed, shown = run(shell, FAILS)
    assert success
    assert "6.1.0-guest" in printed
    (note,) = (text for text in shown if "Recorded" in text)
    assert "a processor, 2026-11-23" in note
    assert "course setup" in note
    _, _, (note,) = run(shell, "raise OSError")
    assert "another one, 2026-11-24" in note


def test_what_a_failed_cell_should_have_defined_is_replayed_where_it_is_used(shell) -> None:
    success, _, shown = run(shell, "frame")
    assert success
    assert "a table" in shown


def test_a_cell_that_works_runs_for_real(shell) -> None:
    success, _, shown = run(shell, "answer = 6 * 7\nanswer")
    assert success
    assert shown == ["42"]
    assert shell.user_ns["answer"] == 42


def test_a_cell_that_the_learner_changed_fails_as_any_cell_does(shell) -> None:
    success, printed, _ = run(shell, FAILS + "  # changed")
    assert not success
    assert "6.1.0-guest" not in printed


def test_an_interrupt_is_never_replayed(shell) -> None:
    success, printed, _ = run(shell, "raise KeyboardInterrupt")
    assert not success
    assert "Recorded" not in printed

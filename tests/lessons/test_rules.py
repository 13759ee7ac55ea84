"""Every lesson keeps the rules of the house; every blank lab and every solution runs for real."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from opened import HERE as FIXTURES
from opened import LESSON as FIXTURE

from course import lessons
from course.authoring import notebooks
from course.checks import Outcome
from course.lessons import Lesson, cells
from course.questions import quiz
from course.study import Progress
from course.system import paths

COURSE = lessons.lessons()
WRITTEN = [lesson for lesson in COURSE if lesson.notebook.exists()]
WITH_LAB = [lesson for lesson in COURSE if lesson.solution.exists()]
STORED = [path for lesson in COURSE for path in notebooks.stored(lesson)]

SHARED = paths.LESSONS  # what the checks of several labs ask
NO_CHECKS = {"kvm.py"}  # says what this machine lacks, as the doctor does
TASKS = {
    "01_isolation": "holder file versions side-by-side proof street",
    "02_virtual_machines": "boot find-it resize hand-back disk own-os knob other-processor",
    "03_hypervisors": "types mov arithmetic jump step plug-memory answer serve deadline invent"
    " price",
    "04_docker_engine": "clock ask by-hand find-it polite stubborn",
    "05_images": "site order explain slim image-id by-hand",
    "06_registries": "run-it by-hand names take-it-back lock-it pipeline free-space",
    "07_networks_and_volumes": "database front-door data-stays three-replicas killed full-volume",
    "08_inside_a_container": "own-name own-processes own-mounts own-root own-proc own-network"
    " capped few-powers whole",
    "09_what_they_share": "return start-again replicas capped proof moved clean",
    "10_the_race": "fair-race ratio slowest-phase cost take-apart quicker-tools larger-image",
    "11_security": "probes count key powerless read-only capped service",
    "12_choose": "container machine update roll-back restore measure needs report",
}


def by_slug(lesson: Lesson) -> str:
    return lesson.slug


def check_cells(notebook: dict) -> list[str]:
    """The tasks that are checked, in order."""
    code = [cells.source(cell) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [text.split('"')[1] for text in code if text.startswith("lesson.check(")]


# --- what every lesson keeps -------------------------------------------------------------------


@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_stored_outputs_are_whole_and_belong_to_no_one_machine(path: Path) -> None:
    assert notebooks.faults(nbformat.read(path, as_version=4)) == []


@pytest.mark.parametrize("lesson", WRITTEN, ids=by_slug)
def test_a_notebook_keeps_the_rhythm(lesson: Lesson) -> None:
    notebook = nbformat.read(lesson.notebook, as_version=4)
    assert notebooks.title(notebook) == lesson.title
    assert notebooks.lesson_faults(notebook) == []


@pytest.mark.parametrize("lesson", WRITTEN, ids=by_slug)
def test_the_time_it_states_is_the_time_it_takes(lesson: Lesson) -> None:
    notebook = nbformat.read(lesson.notebook, as_version=4)
    takes = notebooks.minutes(notebook, len(quiz.load(lesson.quiz)))
    assert notebooks.stated_minutes(notebook) == pytest.approx(takes, abs=5)


@pytest.mark.parametrize("lesson", [*WITH_LAB, FIXTURE], ids=by_slug)
def test_every_task_has_a_check_a_solution_and_a_cell_that_checks_it(lesson: Lesson) -> None:
    tasks = list(lesson.tasks())
    assert check_cells(cells.read(lesson.solution)) == tasks
    assert cells.task_names(lesson) == set(tasks)
    assert all(cells.solution_of(lesson, task) for task in tasks)


@pytest.mark.parametrize("lesson", [*WITH_LAB, FIXTURE], ids=by_slug)
def test_every_cell_of_a_lab_can_be_parsed(lesson: Lesson) -> None:
    for cell in cells.read(lesson.lab)["cells"]:
        if cell["cell_type"] == "code" and not cells.source(cell).startswith(("%", "!")):
            ast.parse(cells.source(cell))


@pytest.mark.parametrize("lesson", WITH_LAB, ids=by_slug)
def test_a_task_keeps_its_name(lesson: Lesson) -> None:
    """The learners' progress is kept by it."""
    assert list(lesson.tasks()) == TASKS[lesson.slug].split()


@pytest.mark.parametrize("folder", [*(one.folder for one in WITH_LAB), FIXTURE.folder, SHARED])
def test_every_failure_has_three_hints(folder: Path) -> None:
    calls = [
        (path.name, node)
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "failed"
    ]
    assert calls
    for name, call in calls:
        starred = any(isinstance(argument, ast.Starred) for argument in call.args)
        place = f"{name}, line {call.lineno}: an observation, three hints"
        assert starred or len(call.args) == 4 or name in NO_CHECKS, place


# --- run for real ------------------------------------------------------------------------------


def outcomes(path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What each check of a notebook said, when it ran from top to bottom."""
    monkeypatch.setenv("PYTHONPATH", str(FIXTURES))
    notebooks.run(path, data)
    return checked(path.stem, data)


def checked(slug: str, data: Path) -> dict[str, str]:
    kept = Progress(data / "progress.sqlite")
    return {event.item: event.outcome for event in kept.events(slug, "checked")}


@pytest.mark.notebook
def test_untouched_labs_run_and_say_not_attempted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them in one kernel, one after the other: its start takes as long as most labs do."""
    every, whole = [*WITH_LAB, FIXTURE], nbformat.v4.new_notebook()
    for lesson in every:
        forget = nbformat.v4.new_code_cell("%reset -f")
        whole.cells += [forget, *nbformat.read(lesson.lab, as_version=4).cells]
    for number, cell in enumerate(whole.cells):
        cell.id = f"cell-{number}"
    nbformat.write(whole, tmp_path / "labs.ipynb")
    outcomes(tmp_path / "labs.ipynb", tmp_path, monkeypatch)
    said = {lesson.slug: checked(lesson.slug, tmp_path) for lesson in every}
    expected = {one.slug: dict.fromkeys(one.tasks(), Outcome.NOT_ATTEMPTED) for one in every}
    assert said == expected


@pytest.mark.notebook
@pytest.mark.parametrize("lesson", [*WITH_LAB, FIXTURE], ids=by_slug)
def test_a_solution_passes_every_check(
    lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where nbval has run the solutions already, in this session's data folder, once is enough.
    said = checked(lesson.slug, paths.data_dir())
    said = said or outcomes(lesson.solution, tmp_path, monkeypatch)
    assert said == dict.fromkeys(lesson.tasks(), Outcome.PASSED)

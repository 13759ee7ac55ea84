"""Every lesson keeps the rules of the house, and every lab is what its solution builds."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import nbformat
import pytest

from course import lessons
from course.authoring import labs, notebooks
from course.checks import Outcome
from course.errors import LessonError
from course.lessons import Lesson, cells
from course.questions import quiz
from course.study import Progress
from course.system import paths

sys.path.insert(0, str(Path(__file__).parent / "lessons"))
from opened import HERE as FIXTURES
from opened import LESSON as FIXTURE

COURSE = lessons.lessons()
WRITTEN = [lesson for lesson in COURSE if lesson.notebook.exists()]
WITH_LAB = [lesson for lesson in COURSE if lesson.solution.exists()]
STORED = [path for lesson in COURSE for path in notebooks.stored(lesson)]


def by_slug(lesson: Lesson) -> str:
    return lesson.slug


def check_cells(notebook: dict) -> list[str]:
    """The tasks that are checked, in order."""
    code = [cells.source(cell) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [text.split('"')[1] for text in code if text.startswith("lesson.check(")]


# --- finding lessons ---------------------------------------------------------------------------


def test_lessons_come_in_order() -> None:
    assert [lesson.slug[:2] for lesson in COURSE] == [f"{place:02}" for place in range(13)]


def test_an_unknown_lesson_names_the_near_ones() -> None:
    with pytest.raises(LessonError, match="10_the_race"):
        lessons.lesson("10_race")
    with pytest.raises(LessonError, match="04_docker_engine"):
        lessons.lesson("docker")


def test_an_unknown_task_names_the_near_ones() -> None:
    with pytest.raises(LessonError, match="choose-port"):
        FIXTURE.task("chose-prt")


def test_an_installed_course_finds_its_notebooks_in_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "course" / "lessons"
    monkeypatch.setattr("course.system.paths.LESSONS", package)
    assert lessons.content_dir() == tmp_path, "a checkout: beside the package"
    (tmp_path / "course" / "content").mkdir(parents=True)
    assert lessons.content_dir() == tmp_path / "course" / "content"


# --- labs from solutions -----------------------------------------------------------------------


def test_the_labs_that_are_committed_are_the_labs_that_are_built() -> None:
    assert labs.stale() == [], "run: course labs build"
    assert labs.stale([FIXTURE]) == []


def test_a_lab_is_blank_where_the_solution_is_tagged() -> None:
    lab = {cell["id"]: cell for cell in cells.read(FIXTURE.lab)["cells"]}
    assert cells.source(lab["port"]) == labs.BLANK
    assert cells.source(lab["double"]) == (
        "def double(number):\n    # Your code here\n    ...\n\n\ndouble(21)"
    )
    assert "port-why" not in lab, "an explanation of the solution is left out"
    assert all(cell.get("outputs", []) == [] for cell in lab.values())
    assert lab["port"]["metadata"]["tags"] == ["task:choose-port"]


def test_building_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    copy = Lesson(FIXTURE.slug, FIXTURE.title, FIXTURE.folder, tmp_path)
    copy.solution.parent.mkdir()
    copy.solution.write_bytes(FIXTURE.solution.read_bytes())
    assert labs.build([copy]) == [copy.lab]
    first = copy.lab.read_bytes()
    assert labs.build([copy]) == []
    assert copy.lab.read_bytes() == first == FIXTURE.lab.read_bytes()


def test_a_changed_solution_makes_its_lab_stale(tmp_path: Path) -> None:
    copy = Lesson(FIXTURE.slug, FIXTURE.title, FIXTURE.folder, tmp_path)
    copy.solution.parent.mkdir()
    copy.solution.write_text(FIXTURE.solution.read_text())
    labs.build([copy])
    copy.solution.write_text(FIXTURE.solution.read_text().replace("A fixture", "Another"))
    assert labs.stale([copy]) == [copy.lab]


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


@pytest.mark.parametrize("lesson", [*WITH_LAB, FIXTURE], ids=by_slug)
def test_every_failure_has_three_hints(lesson: Lesson) -> None:
    calls = [
        node
        for node in ast.walk(ast.parse(lesson.checks.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "failed"
    ]
    assert calls
    for call in calls:
        starred = any(isinstance(argument, ast.Starred) for argument in call.args)
        assert starred or len(call.args) == 4, f"line {call.lineno}: an observation, three hints"


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

"""Every lab is what its solution builds."""

from __future__ import annotations

from pathlib import Path

from opened import LESSON as FIXTURE

from course.authoring import labs
from course.lessons import Lesson, cells


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

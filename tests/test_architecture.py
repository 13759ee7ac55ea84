"""The house stands as ARCHITECTURE.md draws it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from house import (
    COMMON,
    FILES,
    PACKAGE,
    ROOT,
    WINGS,
    file_of,
    floors,
    imports,
    inside,
    name_of,
    ours,
    rooms,
    wing_of,
)

import course
from course.authoring import notebooks
from course.lessons import Lesson, cells, lessons

MOST_NAMES = 16  # in the package's folder: as many as a newcomer takes in at a glance

OF_THE_WHOLE = {"browser", "faults"}  # tests of no one wing
OF_ALL_LESSONS = {"test_objectives.py", "test_rules.py"}
every_file = pytest.mark.parametrize("path", FILES, ids=name_of)
every_common_file = pytest.mark.parametrize("path", COMMON, ids=name_of)
every_wing = pytest.mark.parametrize("wing", WINGS)


# --- between wings -------------------------------------------------------------------------------


def test_the_house_can_be_taken_in_at_a_glance() -> None:
    names = [path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert len(names) <= MOST_NAMES
    assert {name.removesuffix(".py") for name in names} - {"__init__"} == set(floors())


@every_file
def test_imports_run_downward_between_wings(path: Path) -> None:
    here, height = wing_of(path), floors()
    named = {parts[0] for parts in ours(path)} & set(height)
    upward = {name for name in named if name != here and height[name] >= height[here]}
    assert not upward, f"{here} (floor {height[here]}) imports from its own floor or above"


@every_file
def test_from_outside_one_imports_the_wing_and_what_it_hands_on(path: Path) -> None:
    others = [parts for parts in ours(path) if parts[0] in WINGS and parts[0] != wing_of(path)]
    assert [parts for parts in others if len(parts) > 2] == [], "a file of another wing"
    names = [(wing, name) for wing, *rest in others for name in rest]
    assert [(wing, name) for wing, name in names if name not in handed_on(wing)] == []


@every_file
def test_the_face_is_for_learners(path: Path) -> None:
    """What the package's own code needs is loaded with it: not when a box is started and timed."""
    assert [parts for parts in ours(path) if len(parts) < 2] == []


@every_wing
def test_a_wing_says_what_it_is_for_and_loads_nothing(wing: str) -> None:
    for path in (PACKAGE / wing).rglob("__init__.py"):
        package = import_module(".".join(path.parent.relative_to(ROOT).parts))
        assert len(package.__doc__.splitlines()) <= 3
        assert len(ast.parse(path.read_text()).body) == 3, "a docstring, an import, one call"
        assert imports(path) == ["course.exports"]
        assert all(getattr(package, name) is not None for name in package.__all__)


@every_wing
def test_nothing_is_handed_on_that_nobody_takes(wing: str) -> None:
    assert handed_on(wing) - {*taken(wing), *course.__all__} == set()


def handed_on(wing: str) -> set[str]:
    return {*import_module(f"course.{wing}").__all__}


def taken(wing: str) -> Iterator[str]:
    """What others take from a wing: its other wings, tests, notebooks and solutions."""
    for text in (text for path, text in texts() if not inside(path, wing)):
        for names in re.findall(rf"from course\.{wing} import (?:\(([^)]+)\)|(.+))", text):
            yield from re.findall(r"\w+", " ".join(names))
        yield from re.findall(rf"\b{wing}\.(\w+)", text)


@cache
def texts() -> list[tuple[Path, str]]:
    code = [(path, path.read_text()) for path in (*FILES, *(ROOT / "tests").rglob("*.py"))]
    stored = [path for lesson in lessons() for path in notebooks.stored(lesson)]
    return code + [
        (path, "\n".join(map(cells.source, cells.read(path)["cells"]))) for path in stored
    ]


# --- inside a wing -------------------------------------------------------------------------------


@every_wing
def test_every_file_of_a_wing_is_on_the_map(wing: str) -> None:
    there = {path.relative_to(PACKAGE / wing).as_posix() for path in COMMON if inside(path, wing)}
    assert {name for name in there if not name.endswith("__init__.py")} == set(rooms(wing))


@every_common_file
def test_imports_run_downward_inside_a_wing(path: Path) -> None:
    wing = wing_of(path)
    if wing not in WINGS or path.name == "__init__.py":
        return
    inside = [file_of(parts) for parts in ours(path) if parts[0] == wing]
    order = rooms(wing)
    here = order.index(path.relative_to(PACKAGE / wing).as_posix())
    below = {order.index(entered(found, wing)) for found in inside if found != path}
    assert all(other > here for other in below), f"{path.name} imports from a row above its own"


def entered(found: Path, wing: str) -> str:
    """The room that an import leads to: a kind's folder is entered by its box."""
    place = found.relative_to(PACKAGE / wing)
    return (place.parent / "box.py" if place.name == "__init__.py" else place).as_posix()


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.slug)
def test_the_files_of_a_lesson_import_each_other_in_no_circle(lesson: Lesson) -> None:
    own = [path for path in FILES if path.parent == lesson.folder]
    graph = {path: {file_of(parts) for parts in ours(path)} & {*own} - {path} for path in own}
    assert list(TopologicalSorter(graph).static_order()) or not own


@every_file
def test_what_a_text_names_of_the_package_is_there(path: Path) -> None:
    """Programs that are started as ``python -m course.…``, and what docstrings point to."""
    said = [
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    named = {name for text in said for name in re.findall(r"\bcourse(?:\.[a-z_]+)+", text)}
    named -= {"course.css", "course.svg"}
    assert [name for name in named if find_spec(name) is None] == []


# --- tests ---------------------------------------------------------------------------------------


def test_tests_mirror_the_wings_and_a_lessons_tests_stand_by_its_slug() -> None:
    slugs = {lesson.slug for lesson in lessons()}
    for path in sorted((ROOT / "tests").glob("*/**/test_*.py")):
        wing, *folders, name = path.relative_to(ROOT / "tests").parts
        if wing in OF_THE_WHOLE or (wing == "lessons" and name in OF_ALL_LESSONS):
            continue
        if wing == "lessons" and folders:
            assert folders[0] in slugs
            continue
        tested = [PACKAGE / wing / room for room in rooms(wing)]
        here = [room.stem for room in tested if room.parent == PACKAGE.joinpath(wing, *folders)]
        stem = name.removeprefix("test_").removesuffix(".py")
        assert any(stem == room or stem.startswith(f"{room}_") for room in here), path

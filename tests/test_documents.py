"""What can be typed is written down, and what is written down is there."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

import course
from course.authoring import notebooks
from course.cli import main
from course.lessons import Lesson, lessons

ROOT = Path(__file__).parent.parent
PAGES = {path.name: path.read_text() for path in ROOT.glob("*.md")}
README = PAGES["README.md"]
ROWS = dict(re.findall(r"^\| (\d\d) \| (.*) \|$", README, re.MULTILINE))


def test_every_command_stands_in_the_readme() -> None:
    stands = set(re.findall(r"^\| `course (\w+)", README, re.MULTILINE))
    assert stands == set(main.commands)


def test_every_name_that_a_learner_types_stands_on_some_page() -> None:
    written = "\n".join(PAGES.values())
    assert [name for name in course.__all__ if name not in written] == []


def test_every_target_of_make_that_a_page_names_is_there() -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    named = {name for page in PAGES.values() for name in re.findall(r"`make (\w+)`", page)}
    assert named <= set(targets.split())


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.slug)
def test_the_readme_names_the_lesson_and_its_minutes(lesson: Lesson) -> None:
    title, _, minutes = ROWS[lesson.slug[:2]].split(" | ")
    stated = notebooks.stated_minutes(nbformat.read(lesson.notebook, as_version=4))
    assert (title, int(minutes)) == (lesson.title, stated)


def test_the_readme_says_how_long_the_labs_take() -> None:
    stored = [nbformat.read(one.solution, as_version=4) for one in lessons() if one.lab.exists()]
    minutes = sorted(map(notebooks.stated_minutes, stored))
    assert f"A lab takes\n{minutes[0]} to {minutes[-1]}, and says so." in README


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_is_there(page: str) -> None:
    """A path from the repository's folder or, on the map, from the package's or its wing's."""
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", PAGES[page])
    named = [name for name in named if not name.startswith(("artifacts/", "workspace/"))]
    places = (ROOT, ROOT / "course", *(ROOT / "course").glob("*/"))
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_links_to_is_there(page: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", PAGES[page])
    assert [link for link in links if not (ROOT / link).exists()] == []

"""The lessons in their order, and what is said where there is none of that name."""

from __future__ import annotations

from pathlib import Path

import pytest
from opened import LESSON as FIXTURE

from course import lessons
from course.errors import LessonError

COURSE = lessons.lessons()


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

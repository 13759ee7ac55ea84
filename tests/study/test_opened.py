"""A lesson opened in a notebook, as far as no view is shown: its own code, and wrong names."""

from __future__ import annotations

import pytest

from course.errors import PartMissing
from course.lessons import Lesson, lesson, lessons
from course.study import Study


def opened(found: Lesson) -> Study:
    return Study(found, progress=None)


@pytest.mark.parametrize("found", lessons(), ids=lambda found: found.slug)
def test_the_files_of_a_lesson_hide_nothing_that_every_lesson_has(found: Lesson) -> None:
    assert not {*found.parts()} & {*dir(Study), *vars(opened(found))}


def test_a_file_of_the_lesson_is_at_hand_and_is_the_one_that_others_have() -> None:
    race = lesson("10_the_race")
    assert opened(race).experiments.delivery
    assert opened(race).experiments is race.part("experiments")
    assert "experiments" in dir(opened(race))


@pytest.mark.parametrize(("wrong", "near"), [("chekc", "check"), ("experiment", "experiments")])
def test_a_wrong_name_is_told_the_near_ones_and_shows_no_traceback(wrong: str, near: str) -> None:
    with pytest.raises(PartMissing, match=near) as raised:
        getattr(opened(lesson("10_the_race")), wrong)
    assert raised.value._render_traceback_()[0] == "PartMissing"


def test_what_jupyter_asks_of_every_object_is_no_part_of_a_lesson() -> None:
    assert not hasattr(opened(lesson("10_the_race")), "_repr_svg_")
    assert not hasattr(opened(lesson("00_start_here")), "experiments")

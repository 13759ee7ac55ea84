"""What a lesson promises it also practises and asks: nobody learns from a promise."""

from __future__ import annotations

import nbformat
import pytest

from course.authoring import notebooks
from course.lessons import Lesson, lessons
from course.questions import Predict, quiz

WRITTEN = [lesson for lesson in lessons() if lesson.notebook.exists()]


def promised(lesson: Lesson) -> list[str]:
    return notebooks.objectives(nbformat.read(lesson.notebook, as_version=4))


def asked(lesson: Lesson, kind: type = object) -> set[str]:
    """The objectives of a lesson's questions of one kind."""
    questions = quiz.load(lesson.quiz).values()
    return {one.objective.strip(" .") for one in questions if isinstance(one, kind)}


@pytest.mark.parametrize("lesson", WRITTEN, ids=lambda lesson: lesson.slug)
def test_every_objective_has_a_question_and_every_question_an_objective(lesson: Lesson) -> None:
    assert asked(lesson) == set(promised(lesson))


@pytest.mark.parametrize("lesson", WRITTEN, ids=lambda lesson: lesson.slug)
def test_every_objective_has_an_exercise(lesson: Lesson) -> None:
    """A task of the lab, or a guess that the learner's own measurement answers."""
    tasks = {number for task in lesson.tasks().values() for number in task.practises}
    guessed = asked(lesson, Predict)
    lacking = [
        text
        for number, text in enumerate(promised(lesson), 1)
        if number not in tasks and text not in guessed
    ]
    assert lacking == []


@pytest.mark.parametrize("lesson", WRITTEN, ids=lambda lesson: lesson.slug)
def test_every_task_practises_what_the_lesson_promises(lesson: Lesson) -> None:
    numbers = range(1, len(promised(lesson)) + 1)
    for task in lesson.tasks().values():
        assert task.practises, task.name
        assert set(task.practises) <= set(numbers), task.name

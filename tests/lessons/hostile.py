"""Views of data that somebody else wrote, and meant badly."""

from __future__ import annotations

from course.checks import failed
from course.questions import markup
from course.questions.kinds import Choice, One
from course.study.widgets import CheckView, QuizView


def hostile_quiz(text: str) -> QuizView:
    """A question whose every text is hostile."""
    choice = Choice(text=text, feedback=text, right=True)
    one = One(id="x", objective=text, question=text, code=text, choices=(choice,))
    return QuizView(text, [one], {}, lambda question, answer: question.mark(answer))


def hostile_check(text: str) -> CheckView:
    """A check whose every text is hostile."""
    return CheckView(text, text, failed(text, text, text), shown=1)


def hostile_table(text: str) -> markup.Page:
    """A table whose every text is hostile."""
    return markup.table(text, [text], [[text], [markup.Tone(text, "bad")]])

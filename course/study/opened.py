"""A lesson opened in a notebook: its quiz, its predictions, its checks, and what is remembered.

from course import open_lesson
lesson = open_lesson("10_the_race")

lesson.predict("boot-ratio")            # a guess, before the measurement
lesson.reveal("boot-ratio", estimate)   # the guess beside what was measured
lesson.check("five-rounds")             # look at the state of a lab's task
lesson.solution("five-rounds")          # one way to do it
lesson.keep(frame, "race")              # results, for the ledger of claims
lesson.quiz()                           # every question of the lesson
lesson.experiments                      # a file of the lesson's own code
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from pathlib import Path
from types import ModuleType

from IPython import get_ipython
from pandas import DataFrame

import __main__
from course.claims import entries
from course.errors import PartMissing, unknown
from course.lessons import Lesson, cells, replay_failures
from course.lessons import lesson as lesson_named
from course.questions import Mark, Page, Predict, Question, Verdict, markup, quiz
from course.setup import doctor
from course.system import reaper
from .overview import ledger
from .progress import Progress
from .reveal import Reveal, figure, together
from .widgets import CheckView, QuizView


def open_lesson(slug: str) -> Study:
    """Open a lesson for the learner of this notebook. Raises LessonError for an unknown slug.

    Where containers or virtual machines cannot run, cells that fail show what was recorded.
    """
    study = Study(lesson_named(slug), Progress())
    study.progress.record(slug, "opened")
    shell, lacks = get_ipython(), doctor.lacks()
    if shell is not None and lacks:
        kept = [path for path in (study.lesson.notebook, study.lesson.solution) if path.exists()]
        replay_failures(shell, kept, " ".join(lacks))
    return study


class Study:
    """One lesson and one learner. Every method returns a view that the notebook shows."""

    def __init__(
        self, lesson: Lesson, progress: Progress, namespace: dict[str, object] | None = None
    ) -> None:
        self.lesson, self.progress = lesson, progress
        # The module in which a notebook's cells run.
        self._namespace = vars(__main__) if namespace is None else namespace
        self._seen: Counter[tuple[str, str]] = Counter()

    def quiz(self, *names: str) -> QuizView:
        """The lesson's questions, or only those named. Earlier answers are there again."""
        asked = [self._question(name) for name in names] or [
            question for question in self._questions.values() if question.kind != "predict"
        ]
        return self._ask(f"{self.lesson.title}: questions", asked, "answered")

    def predict(self, name: str) -> QuizView:
        """Ask for a guess before a number is measured. It can be changed until it is revealed."""
        return self._ask("Before you measure", [self._prediction(name)], "predicted")

    def reveal(self, name: str, measured: object) -> Page:
        """The guess beside what was measured; both are kept.

        ``measured``: a number, or anything with ``value``, ``low`` and ``high`` (an Estimate), in
        the unit of the question.
        """
        question = self._prediction(name)
        event = self.progress.latest(self.lesson.slug, "predicted").get(name)
        reveal = Reveal.of(question, event and event.detail["answer"], measured)
        self.progress.record(self.lesson.slug, "revealed", name, detail=reveal.kept())
        return reveal.page()

    def guesses(self) -> Page:
        """Every guess of this lesson that was revealed, beside its measurement, in one picture."""
        kept = self.progress.latest(self.lesson.slug, "revealed")
        return together([Reveal(**event.detail) for event in kept.values()])

    def check(self, task: str) -> CheckView:
        """Look at the state of a task. Each time the same is found, one more hint is shown."""
        found_task = self.lesson.task(task)
        finding = found_task.check(self._namespace).run()
        self.progress.record(
            self.lesson.slug, "checked", task, finding.outcome, {"observed": finding.observed}
        )
        shown = self._seen[task, finding.observed]
        self._seen[task, finding.observed] += 1
        return CheckView(task, found_task.description, finding, shown)

    def scratch(self) -> Path:
        """A new folder for this lesson's files: gone when the kernel ends, however it ends."""
        return reaper.state("lesson")

    def keep(self, frame: DataFrame, experiment: str) -> Page:
        """Keep an experiment's results for the ledger, and show what they say of its claims."""
        judged = entries.keep(frame, self.lesson.slug, experiment)
        return ledger("What your results say", judged)

    def solution(self, task: str) -> Page:
        """One way to do a task; the progress remembers that it was shown."""
        code = cells.solution_of(self.lesson, self.lesson.task(task).name)
        self.progress.record(self.lesson.slug, "shown", task)
        return markup.listing(f"One way to do {task}", code)

    def __getattr__(self, name: str) -> ModuleType:
        """A file of the lesson's own code, loaded when first used. Raises PartMissing."""
        if name.startswith("_"):  # what Python and Jupyter ask of every object
            raise AttributeError(name)
        if name in self.lesson.parts():
            return self.lesson.part(name)
        known = [known for known in dir(self) if not known.startswith("_")]
        raise unknown(f"something of lesson {self.lesson.slug}", name, known, PartMissing)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.lesson.parts()]

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return self._page()._repr_mimebundle_()

    def __repr__(self) -> str:
        return self._page().text

    def _page(self) -> Page:
        return markup.paragraphs(f"Lesson {self.lesson.title}", *self.progress.notices)

    @cached_property
    def _questions(self) -> dict[str, Question]:
        return quiz.load(self.lesson.quiz)

    def _question(self, name: str) -> Question:
        if name not in self._questions:
            raise unknown(f"a question of lesson {self.lesson.slug}", name, list(self._questions))
        return self._questions[name]

    def _prediction(self, name: str) -> Predict:
        question = self._question(name)
        if not isinstance(question, Predict):
            predictions = [one.id for one in self._questions.values() if one.kind == "predict"]
            raise unknown("a question of kind predict", name, predictions)
        return question

    def _ask(self, title: str, asked: list[Question], kind: str) -> QuizView:
        earlier = self.progress.latest(self.lesson.slug, kind)
        answers = {q.id: earlier[q.id].detail["answer"] for q in asked if q.id in earlier}
        return QuizView(title, asked, answers, lambda q, answer: self._marked(q, answer, kind))

    def _marked(self, question: Question, answer: object, kind: str) -> Mark:
        slug = self.lesson.slug
        seen = self.progress.latest(slug, kind="revealed").get(question.id)
        if question.kind == "predict" and seen and seen.detail["guess"] is not None:
            guess = figure(seen.detail["guess"])
            stands = f"You have seen the measurement, so your guess of {guess} stands."
            return Mark(Verdict.NOTED, (stands,))
        mark = question.mark(answer)
        if mark.verdict is not Verdict.UNREADABLE:
            self.progress.record(slug, kind, question.id, mark.verdict, {"answer": answer})
        return mark

"""The views that answer back: a quiz (or a prediction) and a check with its hints.

Each is an anywidget: HTML drawn by a script beside this file, from data set as text. Marking and
remembering are done by whoever makes the view. Where widgets cannot run, the same is shown as
HTML or text.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path

import traitlets
from anywidget import AnyWidget

from course.checks import Finding, Outcome
from course.questions import Mark, Question, Verdict, markup

HEADINGS = {
    Verdict.RIGHT: "Right",
    Verdict.PARTLY: "Partly right",
    Verdict.WRONG: "Not right yet",
    Verdict.NOTED: "Noted",
    Verdict.UNREADABLE: "Not an answer yet",
    Outcome.PASSED: "Passed",
    Outcome.FAILED: "Not there yet",
    Outcome.NOT_ATTEMPTED: "Not attempted",
    Outcome.BROKEN: "The check itself failed",
}
SCRIPTS = Path(__file__).parent
PICTURES = {".png": "image/png", ".svg": "image/svg+xml"}


def script(name: str) -> str:
    """One module of the page: the shared tools and the view drawn with them."""
    return "\n".join((SCRIPTS / file).read_text("utf-8") for file in ("dom.js", name))


class View(AnyWidget):
    """A widget that is still worth reading where no widget can run."""

    def page(self) -> markup.Page:
        """The same as HTML and text."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.page().text

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return {"text/html": self.page().html} | data, metadata


class QuizView(View):
    """Questions to answer. ``submit`` gets a question and an answer and returns the mark.

    ``answers``: what was answered before, by question id; shown again, marked again.
    """

    _esm = script("quiz.js")
    _css = markup.style()
    questions = traitlets.List().tag(sync=True)
    marks = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        title: str,
        questions: Sequence[Question],
        answers: dict[str, object],
        submit: Callable[[Question, object], Mark],
    ) -> None:
        self._title, self._asked, self._submit = title, {q.id: q for q in questions}, submit
        marked = {name: self._asked[name].mark(answer) for name, answer in answers.items()}
        super().__init__(
            questions=[offered(question) for question in questions],
            marks={
                name: sent(mark, answers[name], 0)
                for name, mark in marked.items()
                if mark.verdict is not Verdict.UNREADABLE
            },
        )
        self.on_msg(self._receive)

    def page(self) -> markup.Page:
        return markup.questions(self._title, list(self._asked.values()), "Run this cell to answer.")

    def _receive(self, _: object, content: object, __: object) -> None:
        # The page may send anything; what is not about one of these questions is not for us.
        name = content.get("question") if isinstance(content, dict) else None
        if not isinstance(name, str) or name not in self._asked:
            return
        answer = content.get("answer")
        attempt = self.marks.get(name, {}).get("attempt", 0) + 1
        mark = self._submit(self._asked[name], answer)
        self.marks = self.marks | {name: sent(mark, answer, attempt)}


class CheckView(View):
    """What a check found. ``shown`` hints are there at once, the rest one by one on a button."""

    _esm = script("check.js")
    _css = markup.style()
    task = traitlets.Unicode().tag(sync=True)
    finding = traitlets.Dict().tag(sync=True)

    def __init__(self, task: str, description: str, finding: Finding, shown: int = 0) -> None:
        self.found, self._description = finding, description
        self._shown = min(shown, len(finding.hints))
        super().__init__(task=task, finding=self._state())
        self.on_msg(self._receive)

    def __bool__(self) -> bool:
        return bool(self.found)

    def page(self) -> markup.Page:
        state = self.finding
        hints = [f"Hint: {hint}" for hint in state["hints"]]
        return markup.paragraphs(
            f"{state['heading']}: {self._description}", state["observed"], *hints
        )

    def _state(self) -> dict[str, object]:
        hints = self.found.hints
        return {
            "outcome": self.found.outcome,
            "heading": HEADINGS[self.found.outcome],
            "description": self._description,
            "observed": self.found.observed,
            "hints": list(hints[: self._shown]),
            "hints_left": len(hints) - self._shown,
        }

    def _receive(self, _: object, content: object, __: object) -> None:
        if content == {"hint": True}:
            self._shown = min(self._shown + 1, len(self.found.hints))
            self.finding = self._state()


def offered(question: Question) -> dict[str, object]:
    """What the page is told of a question: nothing that gives the answer away."""
    told = {"id": question.id, "kind": question.kind, "question": question.question}
    told |= {"code": question.code, "picture": "", "alt": question.alt}
    if question.picture:
        data = base64.b64encode(question.picture.read_bytes()).decode()
        told["picture"] = f"data:{PICTURES[question.picture.suffix]};base64,{data}"
    return told | question.offer()


def sent(mark: Mark, answer: object, attempt: int) -> dict[str, object]:
    """What the page is told of a mark. ``attempt`` tells one mark from the same mark again."""
    return {
        "answer": answer,
        "attempt": attempt,
        "verdict": mark.verdict.name.lower(),
        "heading": HEADINGS[mark.verdict],
        "feedback": list(mark.feedback),
        "parts": mark.parts,
    }

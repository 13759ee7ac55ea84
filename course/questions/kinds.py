"""The kinds of question, and marking: an answer goes in, a verdict with its reasons comes out.

An answer is made of what the learner sees: the text of a choice, a list of texts, a number as
typed, ``{left: right}``. So what is stored stays readable when a quiz is edited.
"""

from __future__ import annotations

import math
import random
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar


class Verdict(StrEnum):
    """What marking can say. A prediction is only noted; what is unreadable is not judged."""

    RIGHT = "right"
    PARTLY = "partly right"
    WRONG = "not right"
    NOTED = "noted"
    UNREADABLE = "not an answer yet"


@dataclass(frozen=True)
class Mark:
    """The verdict on one answer, the sentences that teach, and which parts of it were right."""

    verdict: Verdict
    feedback: tuple[str, ...] = ()
    parts: dict[str, bool] = field(default_factory=dict)


NO_NUMBER = Mark(Verdict.UNREADABLE, ("Type a number, such as 2.5.",))
GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")  # 1,390: how the course writes it


@dataclass(frozen=True, kw_only=True)
class Question(ABC):
    """What every kind of question has.

    ``objective``: what one can do who answers it. ``alt``: the picture, told in words.
    """

    kind: ClassVar[str]
    id: str
    objective: str
    question: str
    code: str = ""
    picture: Path | None = None
    alt: str = ""

    @abstractmethod
    def mark(self, answer: object) -> Mark:
        """Judge an answer. Any value at all gets a verdict; nothing is raised."""

    def offer(self) -> dict[str, object]:
        """What a view must show for this kind, and nothing that gives the answer away."""
        return {}

    def shuffled(self, texts: Iterable[str]) -> list[str]:
        """The texts in an order that is always the same for this question."""
        mixed = list(dict.fromkeys(texts))
        random.Random(self.id).shuffle(mixed)
        return mixed


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One possible answer, and why it is right or wrong."""

    text: str
    feedback: str
    right: bool = False


@dataclass(frozen=True, kw_only=True)
class One(Question):
    """Exactly one of the choices is right."""

    kind = "one"
    choices: tuple[Choice, ...]

    def offer(self) -> dict[str, object]:
        return {"choices": self.shuffled(choice.text for choice in self.choices)}

    def mark(self, answer: object) -> Mark:
        chosen = next((choice for choice in self.choices if choice.text == answer), None)
        if chosen is None:
            return unreadable("Choose one answer.")
        verdict = Verdict.RIGHT if chosen.right else Verdict.WRONG
        return Mark(verdict, (chosen.feedback,), {chosen.text: chosen.right})


@dataclass(frozen=True, kw_only=True)
class Many(One):
    """Every right choice, and no other, has to be taken."""

    kind = "many"

    def mark(self, answer: object) -> Mark:
        taken = texts(answer)
        chosen = [choice for choice in self.choices if choice.text in taken]
        if not chosen or len(chosen) != len(taken):
            return unreadable("Choose at least one answer.")
        parts = {choice.text: choice.right for choice in chosen}
        missing = sum(choice.right for choice in self.choices) - sum(parts.values())
        if not missing and all(parts.values()):
            return Mark(Verdict.RIGHT, tuple(choice.feedback for choice in chosen), parts)
        feedback = tuple(choice.feedback for choice in chosen if not choice.right)
        left = (f"Right answers not chosen yet: {missing}.",) if missing else ()
        verdict = Verdict.PARTLY if any(parts.values()) else Verdict.WRONG
        return Mark(verdict, feedback + left, parts)


@dataclass(frozen=True, kw_only=True)
class Number(Question):
    """A number between ``low`` and ``high``, both included, in the question's unit."""

    kind = "number"
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    feedback: dict[str, str] = field(default_factory=dict)

    def offer(self) -> dict[str, object]:
        return {"unit": self.unit}

    def mark(self, answer: object) -> Mark:
        value = number(answer, self.unit)
        return NO_NUMBER if value is None else self.judged(value)

    def judged(self, value: float) -> Mark:
        if self.low <= value <= self.high:
            return Mark(Verdict.RIGHT, (self.feedback["right"],))
        side = "low" if value < self.low else "high"
        return Mark(Verdict.WRONG, (self.feedback.get(side, self.feedback["wrong"]),))


@dataclass(frozen=True, kw_only=True)
class Predict(Number):
    """A guess before a measurement: it is written down, not judged."""

    kind = "predict"

    def judged(self, value: float) -> Mark:
        if not self.low <= value <= self.high:
            return unreadable(f"Guess between {self.low:,.10g} and {self.high:,.10g}.")
        return Mark(Verdict.NOTED, ("Your guess is noted. Now measure.",))


@dataclass(frozen=True, kw_only=True)
class Text(Question):
    """A few words; case, spaces and a closing full stop do not count."""

    kind = "text"
    answers: tuple[str, ...]
    feedback: dict[str, str]

    def mark(self, answer: object) -> Mark:
        typed = normal(answer)
        if not typed:
            return unreadable("Type a word or two.")
        if typed in {normal(form) for form in self.answers}:
            return Mark(Verdict.RIGHT, (self.feedback["right"],))
        return Mark(Verdict.WRONG, (self.feedback["wrong"],))


@dataclass(frozen=True, kw_only=True)
class Order(Question):
    """Things to put in order."""

    kind = "order"
    items: tuple[str, ...]
    feedback: dict[str, str]

    def offer(self) -> dict[str, object]:
        mixed = self.shuffled(self.items)
        # The right order is the one that must not be shown; turned by one it never is.
        return {"items": mixed if mixed != list(self.items) else [*mixed[1:], mixed[0]]}

    def mark(self, answer: object) -> Mark:
        placed = texts(answer)
        if sorted(placed) != sorted(self.items):
            return unreadable("Put everything in order.")
        parts = {mine: mine == right for mine, right in zip(placed, self.items, strict=True)}
        return _share(parts, self.feedback, "in place")


@dataclass(frozen=True, kw_only=True)
class Match(Question):
    """What belongs to what: each thing on the left to one on the right."""

    kind = "match"
    pairs: dict[str, str]
    feedback: dict[str, str]

    def offer(self) -> dict[str, object]:
        return {"left": list(self.pairs), "right": self.shuffled(self.pairs.values())}

    def mark(self, answer: object) -> Mark:
        matched = answer if isinstance(answer, dict) else {}
        if not all(matched.get(left) in self.pairs.values() for left in self.pairs):
            return unreadable("Choose one for each.")
        parts = {left: matched[left] == right for left, right in self.pairs.items()}
        return _share(parts, self.feedback, "right")


KINDS = {kind.kind: kind for kind in (One, Many, Number, Text, Order, Match, Predict)}


def unreadable(what_to_do: str) -> Mark:
    return Mark(Verdict.UNREADABLE, (what_to_do,))


def texts(answer: object) -> list[str]:
    """The different texts in a list; empty where it is not a list of texts."""
    if not isinstance(answer, list | tuple) or not all(isinstance(one, str) for one in answer):
        return []
    return list(dict.fromkeys(answer))


def number(answer: object, unit: str = "") -> float | None:
    """The finite number that was typed: "8.2", "8,2", "1,390", its unit allowed; else None."""
    typed = "" if isinstance(answer, bool) else str(answer).strip().removesuffix(unit).strip()
    try:
        value = float(typed.replace(",", "" if GROUPED.fullmatch(typed) else "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def normal(answer: object) -> str:
    """A typed text without what does not count: case, runs of space, closing full stops."""
    typed = unicodedata.normalize("NFKC", answer) if isinstance(answer, str) else ""
    return " ".join(typed.casefold().split()).rstrip(" .")


def _share(parts: dict[str, bool], feedback: dict[str, str], what: str) -> Mark:
    right = sum(parts.values())
    if right == len(parts):
        return Mark(Verdict.RIGHT, (feedback["right"],), parts)
    verdict = Verdict.PARTLY if right else Verdict.WRONG
    return Mark(verdict, (feedback["wrong"], f"{right} of {len(parts)} {what}."), parts)

"""A guess beside its measurement: how far apart, in a sentence and in a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

from course import markup
from course.markup import Page, inline, tag
from course.questions import Predict, number

WIDTH, HEIGHT, EDGE = 520, 58, 24  # of one picture; user units of SVG
MIDDLE = 24


@dataclass(frozen=True)
class Reveal:
    """What was guessed and what was measured, in the question's unit.

    ``guess`` is None where there was none; ``low`` and ``high`` bound the measurement's interval.
    """

    question: str
    unit: str
    guess: float | None
    value: float
    low: float
    high: float

    @classmethod
    def of(cls, question: Predict, answer: object, measured: object) -> Self:
        """From an answer to the question and a number, or an estimate with an interval."""
        value = float(getattr(measured, "value", measured))
        low, high = getattr(measured, "low", value), getattr(measured, "high", value)
        guess = number(answer, question.unit)
        return cls(question.question, question.unit, guess, value, float(low), float(high))

    def kept(self) -> dict[str, object]:
        """As data that a record can keep; ``Reveal(**data)`` is the way back."""
        return asdict(self)

    @property
    def guessed(self) -> str:
        return "no guess" if self.guess is None else f"{figure(self.guess)} {self.unit}".strip()

    @property
    def measured(self) -> str:
        said = f"{figure(self.value)} {self.unit}".strip()
        if self.low == self.high:
            return said
        return f"{said} ({figure(self.low)} to {figure(self.high)})"

    @property
    def distance(self) -> str:
        """How far the guess was from the measurement, in words."""
        if self.guess is None:
            return "Guess first the next time: a surprise needs an expectation."
        if self.low <= self.guess <= self.high:
            return "Your guess lies inside the measured interval."
        too = "low" if self.guess < self.value else "high"
        if min(self.guess, self.value) <= 0:
            return f"Your guess was {figure(abs(self.guess - self.value))} too {too}."
        ratio = max(self.guess, self.value) / min(self.guess, self.value)
        if ratio < 2:
            return f"Your guess was {100 * abs(self.guess / self.value - 1):.0f} % too {too}."
        return f"Your guess was {figure(ratio)} times too {too}."

    def page(self) -> Page:
        """The two numbers, the sentence and the picture."""
        said = {"You guessed": self.guessed, "Measured": self.measured}
        pairs = "".join(tag("dt", inline(a)) + tag("dd", inline(b)) for a, b in said.items())
        title = tag("p", inline(self.question), _class="words")
        body = tag("dl", pairs) + self.picture() + tag("p", inline(self.distance))
        lines = [self.question, *(f"{a}: {b}" for a, b in said.items()), self.distance]
        return Page(tag("div", title + body, _class="reveal"), "\n".join(lines))

    def picture(self) -> str:
        """The guess on a line whose middle is the measurement; empty where there is no ratio."""
        if self.guess is None or min(self.guess, self.value, self.low) <= 0:
            return ""
        furthest = max(self.guess / self.value, self.value / self.guess, self.high / self.low)
        decades = max(1, math.ceil(math.log10(furthest)))
        marks = [_ticks(decades), _bar(self.low / self.value, self.high / self.value, decades)]
        marks += [_dot(self.guess / self.value, decades)]
        label = f"Guess {self.guessed}, measured {self.measured}. {self.distance}"
        box = f"0 0 {WIDTH} {HEIGHT}"
        return tag("svg", "".join(marks), viewBox=box, role="img", aria_label=label)


def together(reveals: Sequence[Reveal]) -> Page:
    """Several guesses in one table, each with its picture."""
    if not reveals:
        return markup.paragraphs("Nothing is revealed yet.")
    columns = ("Question", "You guessed", "Measured", "How far")
    rows = [
        (one.question, one.guessed, one.measured, Page(one.picture(), one.distance))
        for one in reveals
    ]
    return markup.table("What you guessed, and what was measured", columns, rows)


def figure(value: float) -> str:
    """A number with three significant figures, without an exponent where that reads well."""
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.2e}"
    return f"{float(f'{value:.3g}'):,.10g}"


def _x(ratio: float, decades: int) -> float:
    half = WIDTH / 2 - EDGE
    return WIDTH / 2 + half * math.log10(ratio) / decades


def _ticks(decades: int) -> str:
    step = max(1, decades // 2)
    powers = range(-decades, decades + 1, step)
    line = f'<path d="M{EDGE} {MIDDLE}H{WIDTH - EDGE}" class="axis"/>'
    return line + "".join(_tick(power, decades) for power in powers)


def _tick(power: int, decades: int) -> str:
    x = _x(10.0**power, decades)
    word = "measured" if power == 0 else f"{'' if power > 0 else '1/'}{10 ** abs(power):,}×"
    return (
        f'<path d="M{x:.1f} {MIDDLE - 5}v10" class="axis"/>'
        f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{word}</text>'
    )


def _bar(low: float, high: float, decades: int) -> str:
    left, right = _x(low, decades), _x(high, decades)
    width = max(right - left, 3)
    return f'<rect x="{left:.1f}" y="{MIDDLE - 7}" width="{width:.1f}" height="14" rx="3"/>'


def _dot(ratio: float, decades: int) -> str:
    return f'<circle cx="{_x(ratio, decades):.1f}" cy="{MIDDLE}" r="7"/>'

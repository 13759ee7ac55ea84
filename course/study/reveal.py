"""A guess beside its measurement: how far apart, in a sentence and in a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

from course.questions import Page, Predict, inline, markup, number, tag

FAR = 1e9  # times: what lies further apart is said, not drawn
HEIGHT, MIDDLE, EDGE = 72, 34, 24  # of a picture: its height, its line, what is left beside it


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
            return "You made no guess. Make one first: a surprise needs an expectation."
        if self.low == self.guess == self.high:
            return "Your guess is exactly what was measured."
        if self.low <= self.guess <= self.high:
            return "Your guess lies inside the measured interval."
        too = "low" if self.guess < self.value else "high"
        if min(self.guess, self.value) <= 0:
            return f"Your guess was {figure(abs(self.guess - self.value))} too {too}."
        ratio = max(self.guess, self.value) / min(self.guess, self.value)
        if ratio < 2:
            share = figure(100 * abs(self.guess / self.value - 1), digits=2)
            return f"Your guess was {share} % too {too}."
        return f"Your guess was {figure(ratio, digits=2)} times too {too}."

    def page(self) -> Page:
        """The two numbers, the sentence and the picture."""
        said = {"You guessed": self.guessed} if self.guess is not None else {}
        said |= {"Measured": self.measured}
        pairs = "".join(tag("dt", inline(a)) + tag("dd", inline(b)) for a, b in said.items())
        title = tag("p", inline(self.question), _class="words")
        body = tag("dl", pairs) + self.picture() + tag("p", inline(self.distance))
        lines = [self.question, *(f"{a}: {b}" for a, b in said.items()), self.distance]
        return Page(tag("section", title + body, _class="reveal"), "\n".join(lines))

    def picture(self, width: int = 520) -> str:
        """The guess on a line whose middle is the measurement; empty where no line can hold both.

        ``width``: in units of SVG, in which letters are 12 high.
        """
        numbers = [self.value, self.low, self.high, math.nan if self.guess is None else self.guess]
        smallest, largest = min(numbers), max(numbers)
        drawable = all(map(math.isfinite, numbers)) and smallest > 0 and largest < FAR * smallest
        if not drawable:
            return ""
        ratio = self.guess / self.value
        furthest = max(ratio, 1 / ratio, self.high / self.value, self.value / self.low)
        line = _Line(width, max(1, math.ceil(math.log10(furthest))))
        label = f"Guess {self.guessed}, measured {self.measured}. {self.distance}"
        drawn = line.ticks() + line.bar(self.low / self.value, self.high / self.value)
        return tag(
            "svg",
            drawn + line.guess(ratio),
            viewBox=f"0 0 {width} {HEIGHT}",
            role="img",
            aria_label=label,
        )


def together(reveals: Sequence[Reveal]) -> Page:
    """Several guesses in one table, each with its picture."""
    if not reveals:
        return markup.paragraphs("Nothing is revealed yet.")
    columns = ("Question", "You guessed", "Measured", "How far")
    rows = [
        (one.question, one.guessed, one.measured, Page(one.picture(260), one.distance))
        for one in reveals
    ]
    return markup.table("What you guessed, and what was measured", columns, rows)


def figure(value: float, digits: int = 3) -> str:
    """A number with that many significant figures, without an exponent where that reads well."""
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:,.10g}" if 1e-4 <= abs(value) < 1e6 or not value else f"{rounded:g}"


@dataclass(frozen=True)
class _Line:
    """A logarithmic axis: its middle is the measurement, its ends are decades away."""

    width: int
    decades: int

    def x(self, ratio: float) -> float:
        half = self.width / 2 - EDGE
        return round(self.width / 2 + half * math.log10(ratio) / self.decades, 1)

    def ticks(self) -> str:
        ends = f'<path d="M{EDGE} {MIDDLE}H{self.width - EDGE}" class="axis"/>'
        return ends + "".join(self._tick(power) for power in (-self.decades, 0, self.decades))

    def _tick(self, power: int) -> str:
        far = f"{10 ** abs(power):,}×"
        word = "measured" if power == 0 else far if power > 0 else f"1/{far}"
        mark = f'<path d="M{self.x(10.0**power)} {MIDDLE - 5}v10" class="axis"/>'
        return mark + self._word(10.0**power, HEIGHT - 6, word)

    def bar(self, low: float, high: float) -> str:
        width = max(self.x(high) - self.x(low), 4)
        middle = (self.x(low) + self.x(high)) / 2
        x = middle - width / 2
        return f'<rect x="{x}" y="{MIDDLE - 7}" width="{width}" height="14" rx="2"/>'

    def guess(self, ratio: float) -> str:
        dot = f'<circle cx="{self.x(ratio)}" cy="{MIDDLE}" r="7"/>'
        return dot + self._word(ratio, MIDDLE - 14, "your guess")

    def _word(self, ratio: float, y: int, word: str) -> str:
        # Half of the longest word must fit beside the ends of the axis.
        x = min(max(self.x(ratio), 30), self.width - 30)
        return f'<text x="{x}" y="{y}" text-anchor="middle">{word}</text>'

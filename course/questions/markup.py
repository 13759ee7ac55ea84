"""What the course shows as plain HTML and as plain text.

Tables and pictures need no more. Widgets carry the same as what is shown where they cannot run:
on a code host, in a printed notebook, in a terminal. Every text is escaped here, at one place;
the only mark-up in data is `code` between backticks.
"""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .kinds import Question

STYLE = Path(__file__).with_name("course.css")
SYMBOLS = {"good": "✓", "open": "◐", "bad": "✗", "quiet": ""}


@dataclass(frozen=True)
class Tone:
    """A word in a table that is good, open, bad or quiet: said by symbol and word, then colour.

    ``share``: how much of something is done, 0 to 1, drawn as a bar below the word.
    """

    word: str
    tone: str = "quiet"
    share: float | None = None

    def __str__(self) -> str:
        return f"{SYMBOLS[self.tone]} {self.word}".strip() if self.word else "–"


@dataclass(frozen=True)
class Page:
    """Something to show: the same as HTML and as text."""

    html: str
    text: str

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        styled = f'<style>{style()}</style><div class="two-boxes page">{self.html}</div>'
        return {"text/html": styled, "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text


Cell = str | int | float | Tone | Page


@cache
def style() -> str:
    """The course's style sheet."""
    return STYLE.read_text(encoding="utf-8")


def inline(text: object) -> str:
    """A sentence as HTML: escaped, with `code` between backticks set as code."""
    parts = html.escape(str(text)).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


# Where a page is read without the course's own style, JupyterLab would put text to the right.
LEFT = "text-align: left"
SENTENCE = 40  # characters from which a cell is one, and gets room for its words


def tag(name: str, content: str, **attributes: str) -> str:
    """An element around content that is HTML already; attributes are escaped."""
    given = "".join(
        f' {key.strip("_").replace("_", "-")}="{html.escape(v)}"' for key, v in attributes.items()
    )
    return f"<{name}{given}>{content}</{name}>"


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Page:
    """A table whose first column names each row; numbers stand to the right."""
    rows = [list(row) for row in rows]
    head = "".join(tag("th", inline(column), scope="col", style=LEFT) for column in columns)
    body = "".join(tag("tr", _name(row[0]) + "".join(map(_data, row[1:]))) for row in rows)
    parts = (
        tag("caption", inline(caption), style=LEFT),
        tag("thead", tag("tr", head)),
        tag("tbody", body),
    )
    return Page(tag("table", "".join(parts)), _columns(caption, [list(columns), *rows]))


def questions(title: str, asked: Sequence[Question], note: str) -> Page:
    """Questions as they are read where nobody can answer them."""
    shown = "".join(_question(one) for one in asked)
    lines = [title, ""]
    for number, one in enumerate(asked, 1):
        lines += [*textwrap.wrap(f"{number}. {one.question}", 88), *_offered(one), ""]
    page = tag("p", tag("strong", inline(title))) + tag("ol", shown) + tag("p", inline(note))
    return Page(page, "\n".join([*lines, note]))


def paragraphs(title: str, *texts: str) -> Page:
    """A bold line and the sentences below it."""
    said = [text for text in texts if text]
    page = tag("p", tag("strong", inline(title))) + "".join(tag("p", inline(t)) for t in said)
    return Page(page, "\n".join([title, *said]))


def listing(title: str, code: str) -> Page:
    """Code to read, under a title."""
    block = tag("pre", tag("code", html.escape(code)), tabindex="0")
    return Page(tag("p", tag("strong", inline(title))) + block, f"{title}\n\n{code}")


def _question(one: Question) -> str:
    code = tag("pre", tag("code", html.escape(one.code))) if one.code else ""
    picture = tag("p", tag("em", inline(f"Picture: {one.alt}"))) if one.alt else ""
    lines = "<br>".join(inline(line.strip()) for line in _offered(one))
    return tag("li", tag("p", inline(one.question)) + code + picture + tag("p", lines))


def _offered(one: Question) -> list[str]:
    """The choices of a question, as lines of text."""
    offer = one.offer()
    if "choices" in offer:
        box = "◻" if one.kind == "many" else "◯"
        return [f"   {box} {choice}" for choice in offer["choices"]]
    if "items" in offer:
        return [f"   ↕ {item}" for item in offer["items"]]
    if "left" in offer:
        return [f"   {left} → {' / '.join(offer['right'])}?" for left in offer["left"]]
    return [f"   Your answer: ______ {offer.get('unit', '')}".rstrip()]


def _cell(value: Cell) -> str:
    if isinstance(value, Page):
        return value.html or inline(value.text)
    if isinstance(value, Tone):
        word = tag("span", inline(value), _class=f"tone {value.tone}")
        if value.share is None:
            return word
        bar = tag("span", "", style=f"width: {value.share:.0%}")
        return word + tag("span", bar, _class=f"bar {value.tone}", aria_hidden="true")
    return inline(_plain(value))


def _name(value: Cell) -> str:
    """A row's name; one that has none goes on with the row above."""
    return _data(value, "th", scope="row") if value != "" else _data(value)


def _data(value: Cell, name: str = "td", **attributes: str) -> str:
    if isinstance(value, int | float) and name == "td":
        return tag("td", _cell(value), _class="number")
    if isinstance(value, str) and len(value) >= SENTENCE:
        attributes["_class"] = "sentence"
    return tag(name, _cell(value), style=LEFT, **attributes)


def _plain(value: Cell) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.3g}"
    return str(value)


def _columns(caption: str, rows: list[list[Cell]]) -> str:
    texts = [[_plain(value).replace("`", "") for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = ["  ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)) for row in texts]
    return "\n".join([caption, "", *(line.rstrip() for line in lines)])

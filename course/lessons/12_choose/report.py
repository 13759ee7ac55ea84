"""A decision, written down so that somebody else can doubt it: choice, evidence, and its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from course.claims import entries
from course.measuring import OF_COLUMN, Estimate, Figure, number, with_interval
from course.questions import Page, markup

BOXES = ("container", "virtual machine", "container in a virtual machine")


@dataclass(frozen=True)
class Evidence:
    """A sentence, and the estimate that it rests on.

    None where nobody has measured it. ``column``: what was measured, "seconds" or "memory", for
    its unit; empty for a ratio or a count. ``source``: where it comes from.
    """

    sentence: str
    estimate: Estimate | None
    column: str = ""
    source: str = "measured in this notebook"

    @property
    def words(self) -> str:
        """The estimate with its interval, in its unit."""
        if self.estimate is None:
            return "not measured"
        if not isinstance(self.estimate, Estimate):  # a plain number, as the learner gave it
            return f"{self.estimate}, without an interval"
        return with_interval(self.estimate.ends, OF_COLUMN.get(self.column, number))


def from_ledger(name: str, sentence: str = "") -> Evidence:
    """A claim of the ledger as a piece of evidence. Raises LessonError for an unknown one."""
    found = entries.judged(entries.claim(name))
    unit = found.claim.column if found.claim.statistic not in {"ratio", "capacity"} else ""
    said = sentence or f"{found.claim.sentence} ({found.verdict})"
    return Evidence(said, found.estimate, unit, f"ledger, {name}, {found.tier or 'not measured'}")


@dataclass(frozen=True)
class Report:
    """What was to be hosted, what was chosen, because of what, and what would change the mind."""

    question: str
    choice: str
    because: Sequence[Evidence]
    unless: str
    figures: Sequence[Figure] = field(default=(), repr=False)

    @property
    def page(self) -> Page:
        """The report as it is read."""
        columns = ("Because", "Estimate [interval]", "Source")
        rows = [(one.sentence, one.words, one.source) for one in self.because]
        title = markup.paragraphs("Decision", self.question, f"Choice: {self.choice}.")
        table = markup.table("The evidence", columns, rows)
        end = markup.paragraphs("What would change my mind", self.unless)
        drawn = "".join(figure._repr_mimebundle_()[0]["text/html"] for figure in self.figures)
        said = [title.text, table.text, *(figure.alt for figure in self.figures), end.text]
        return Page(title.html + table.html + drawn + end.html, "\n\n".join(said))

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return self.page._repr_mimebundle_()

    def __repr__(self) -> str:
        return self.page.text

"""A choice from data: the learner's weights, the ledger's evidence, and what would change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import yaml

from course.claims import TONES, Judgement, Verdict, entries
from course.errors import LessonError, unknown
from course.measuring import COLOURS, GREY, INK, Figure, beside, paper, styled
from course.questions import Page, Tone, markup

CONTAINER, MACHINE, EITHER = "container", "virtual machine", "either"
SIGNS = {CONTAINER: 1, MACHINE: -1}
CLEAR = 0.2  # a score nearer to zero than this decides nothing
MOST = 3  # the largest weight
COLUMNS = ("Criterion", "Weight", "Claim", "Estimate", "Verdict", "Tier", "Speaks for")


@dataclass(frozen=True)
class Argument:
    """A claim as judged here, and the box that it speaks for, if it does."""

    judgement: Judgement
    speaks_for: str


@dataclass(frozen=True)
class Choice:
    """A scenario's weights, and what follows from them and from the ledger.

    ``score``: from -1, all the evidence that counts speaks for the virtual machine, to 1, all for
    the container. ``must``: a criterion without which a box is no solution. ``evidence``: the
    arguments to each criterion.
    """

    scenario: str
    weights: Mapping[str, float]
    evidence: Mapping[str, Sequence[Argument]] = field(repr=False)
    must: str = ""

    @property
    def score(self) -> float:
        total = sum(self.weights.values())
        pulls = (weight * pull(self.evidence[name]) for name, weight in self.weights.items())
        return sum(pulls) / total if total else 0.0

    @property
    def box(self) -> str:
        """What to take: a must decides alone, then the score, if it is clear."""
        decides = pull(self.evidence[self.must]) if self.must else self.score
        if abs(decides) < CLEAR:
            return EITHER
        return CONTAINER if decides > 0 else MACHINE

    @property
    def tipping(self) -> list[str]:
        """What would lead to another box: to drop the must, or to change one weight so far."""
        said = []
        if self.must and (box := replace(self, must="").box) != self.box:
            said.append(f"no must “{self.must}”: {box}")
        for name in self.evidence:
            now, boxes = self.weights.get(name, 0), {}
            for weight in sorted(range(MOST + 1), key=lambda other: abs(other - now)):
                box = replace(self, weights={**self.weights, name: weight}).box
                boxes.setdefault(box, f"“{name}” weighs {weight}, not {now:g}: {box}")
            said += [change for box, change in boxes.items() if box != self.box]
        return said

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return self.page._repr_mimebundle_()

    def __repr__(self) -> str:
        return self.page.text

    @property
    def page(self) -> Page:
        """Each argument that counts here: the claim, what was measured, and for whom it speaks."""
        rows = []
        for name in dict.fromkeys([*filter(None, [self.must]), *self.weights]):
            head = (name, self.weights.get(name, "must"))
            for argument in self.evidence[name]:
                rows.append((*head, *_row(argument)))
                head = ("", "")  # a weight counts once, however many claims speak
        must = f"a must: {self.must}; " if self.must else ""
        said = f"{self.scenario}: {self.box} ({must}score {self.score:+.2f})"
        return markup.table(said, COLUMNS, rows)


def criteria() -> list[str]:
    """What can be given a weight."""
    return list(_data()["criteria"])


def scenarios() -> list[str]:
    """What the lesson chooses for."""
    return list(_data()["scenarios"])


def choose_all() -> dict[str, Choice]:
    """A choice for every scenario of the lesson, by the weights that it suggests."""
    found = evidence()
    return {scenario: choose(scenario, found=found) for scenario in scenarios()}


def choose(
    scenario: str,
    weights: Mapping[str, float] | None = None,
    must: str | None = None,
    found: Mapping[str, Sequence[Argument]] | None = None,
) -> Choice:
    """Choose for a scenario of the lesson or, with ``weights``, for one of the learner's.

    Weights go from 0 to 3; ``found``: the evidence, where it is at hand. Raises LessonError for a
    name that is not known.
    """
    if weights is None and scenario not in scenarios():
        raise unknown("a scenario", scenario, scenarios())
    given = _data()["scenarios"].get(scenario, {})
    chosen = Choice(
        scenario,
        dict(given["weights"] if weights is None else weights),
        found or evidence(),
        given.get("must", "") if must is None else must,
    )
    for name, weight in chosen.weights.items():
        if not 0 <= weight <= MOST:
            raise LessonError(f"a weight from 0 to {MOST} for {name!r}", repr(weight))
    for name in (*chosen.weights, *filter(None, [chosen.must])):
        if name not in criteria():
            raise unknown("a criterion", name, criteria())
    return chosen


def evidence() -> dict[str, list[Argument]]:
    """The claims that speak to each criterion, judged by the results that this machine has."""
    judged = {found.claim.id: found for found in entries.ledger()}
    return {
        name: [Argument(judged[one["claim"]], _speaks_for(one, judged)) for one in entries]
        for name, entries in _data()["criteria"].items()
    }


def pull(arguments: Iterable[Argument]) -> float:
    """Which way the arguments pull: 1 to the container, -1 to the virtual machine.

    Their mean; one that depends pulls to neither. What was not measured is left out.
    """
    measured = [
        SIGNS.get(one.speaks_for, 0)
        for one in arguments
        if one.judgement.verdict is not Verdict.NOT_MEASURED
    ]
    return sum(measured) / len(measured) if measured else 0.0


def pulls() -> Page:
    """Every criterion, how its evidence pulls, and how much of it is this machine's own."""
    rows = []
    for name, found in evidence().items():
        own = sum(one.judgement.tier in {"live", "emulated"} for one in found)
        rows.append((name, f"{pull(found):+.2f}", _side(pull(found)), f"{own} of {len(found)}"))
    columns = ("Criterion", "Pull", "Towards", "Measured here")
    return markup.table("What the evidence says to each criterion", columns, rows)


@styled
def draw(choices: Iterable[Choice]) -> Figure:
    """A bar a scenario, from zero to the left for virtual machines, to the right for containers."""
    choices, title = list(choices), "What your weights and your evidence choose"
    canvas, axes = paper(len(choices), title, _provenance(choices), row=0.42)
    axes.axvspan(-CLEAR, CLEAR, color="#eaeef2", lw=0)
    axes.axvline(0, color=INK, lw=1)
    for place, one in enumerate(choices):
        shade = COLOURS["container"] if one.score > 0 else COLOURS["vm"]
        axes.barh(place, one.score, height=0.55, color=GREY if one.box == EITHER else shade)
        beside(axes, place, one.box + (", a must" if one.must else ""))
    axes.set_yticks(range(len(choices)), [one.scenario for one in choices])
    axes.set_xlim(-1, 1)
    axes.set_xlabel("← virtual machine    score    container →     (grey band: not clear)")
    words = [f"{one.scenario} {one.score:+.2f}, {one.box}" for one in choices]
    return Figure(canvas, f"{title}. {'; '.join(words)}.")


def _provenance(choices: list[Choice]) -> str:
    found = {name: arguments for one in choices for name, arguments in one.evidence.items()}
    tiers = [one.judgement.tier for arguments in found.values() for one in arguments]
    counted = {tier: tiers.count(tier) for tier in dict.fromkeys(filter(None, tiers))}
    return "evidence: " + ", ".join(f"{n} claims {tier}" for tier, n in counted.items())


def _row(argument: Argument) -> tuple[object, ...]:
    found = argument.judgement
    verdict = Tone(str(found.verdict), TONES[found.verdict])
    return found.claim.sentence, found.words, verdict, found.tier, argument.speaks_for or "neither"


def _speaks_for(entry: Mapping[str, str], judged: Mapping[str, Judgement]) -> str:
    return entry.get(str(judged[entry["claim"]].verdict), "")


def _side(pulled: float) -> str:
    return CONTAINER if pulled > 0 else MACHINE if pulled < 0 else "neither"


@cache
def _data() -> dict:
    return yaml.safe_load(Path(__file__).with_name("scenarios.yaml").read_text(encoding="utf-8"))

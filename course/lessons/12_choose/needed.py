"""A learner's own needs, weighed: whether they rank anything, and what would tip the choice."""

from __future__ import annotations

from collections.abc import Mapping

from course.checks import Finding, Names, failed, passed
from . import decision

FEWEST_NEEDS = 4


def judged(mine: object, names: Names) -> Finding:
    """What is to be said of a learner's choice, and of `tips`."""
    if not isinstance(mine, decision.Choice):
        return failed(
            f"`mine` is a {type(mine).__name__}",
            'The notebook made such a choice under "Yours".',
            "`decision.choose` takes a name, and a dict of weights by criterion.",
            'mine = decision.choose("our guest book", {"a way back": 3, …})',
        )
    judges = (lambda: _weighty(mine.weights), lambda: _tipped(mine.tipping, names["tips"]))
    for judge in judges:
        if (wrong := judge()) is not None:
            return wrong
    return passed(f"{mine.box}, score {mine.score:+.2f}; {names['tips'] or 'nothing tips it'}")


def _weighty(weights: Mapping[str, float]) -> Finding | None:
    given = [weight for weight in weights.values() if weight > 0]
    if len(given) < FEWEST_NEEDS:
        return failed(
            f"{len(given)} needs have a weight above 0",
            "Who signs, who pays, who is woken at night? Each of them needs something.",
            f"Weigh {FEWEST_NEEDS} criteria or more. `decision.criteria()` lists them.",
            '{"costs little memory": 2, "a way back": 3, "a strong wall": 1, "easy to begin": 1}',
        )
    if len(set(given)) == 1:
        return failed(
            f"every need weighs {given[0]:g}",
            "If two of them cannot both be had, which one do you give up?",
            "Weights that are all alike rank nothing: the ledger's pulls choose alone.",
            "Give 3 to what it is all about, and 1 to what would be nice.",
        )
    return None


def _tipped(tipping: list[str], tips: object) -> Finding | None:
    if tips in tipping or (tips is None and not tipping):
        return None
    if tips is None:
        return failed(
            f"`tips` is None, but {len(tipping)} changes would lead to another box",
            "Which of your needs are you least sure of?",
            "`mine.tipping` lists each single change that is enough.",
            "tips = mine.tipping[0], or another that could come true",
        )
    return failed(
        f"`tips` is {tips!r:.60}",
        "One change is asked for: the one that you could imagine.",
        "Take it from `mine.tipping`, of the choice as it is now. If that is empty: None.",
        "tips = next(iter(mine.tipping), None)",
    )

"""Quizzes to and from other tools: Moodle's GIFT, and the JSON of jupyterquiz.

Sources: Moodle's ``question/format/gift/format.php``; jupyterquiz's ``schema/`` and ``numeric.js``
(its ranges leave their upper end out). Neither knows an order: it becomes a matching of places
and items. A prediction has no right answer and is not exported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from course.errors import QuizError
from .kinds import Many, Match, Number, One, Order, Predict, Question, Text

FAR = 1e8  # jupyterquiz has no open range; its own examples take this for "any number below"
UNSTATED = "State the objective of this imported question"


def to_gift(questions: Iterable[Question]) -> str:
    """The questions in Moodle's GIFT, one after another."""
    return "\n\n".join(_gift(one) for one in questions if not isinstance(one, Predict)) + "\n"


def to_jupyterquiz(questions: Iterable[Question]) -> list[dict]:
    """The questions as jupyterquiz takes them, ready for ``json.dump``."""
    return [_jupyterquiz(one) for one in questions if not isinstance(one, Predict)]


def from_jupyterquiz(entries: object) -> list[dict]:
    """Entries for a ``quiz.yaml``, to be read with ``quiz.parse``; objectives are yet to state.

    Raises QuizError for what is not in jupyterquiz's schema, or what no quiz of ours can ask.
    """
    if not isinstance(entries, list):
        raise QuizError("a list of questions as jupyterquiz writes it", type(entries).__name__)
    return [_entry(place, entry) for place, entry in enumerate(entries, 1)]


def _entry(place: int, entry: dict) -> dict:
    try:
        known = {"id": f"question-{place}", "objective": UNSTATED, "question": entry["question"]}
        code = {"code": entry["code"]} if entry.get("code") else {}
        if entry["type"] not in READERS:
            raise ValueError(f"the type {entry['type']!r}, none of {', '.join(READERS)}")
        return known | code | READERS[entry["type"]](entry)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        words = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise QuizError(f"question {place} as jupyterquiz writes it", words) from error


def _gift(one: Question) -> str:
    code = f"\n\n```\n{one.code.rstrip()}\n```" if one.code else ""
    answers = "\n".join(f"\t{line}" for line in _gift_answers(one))
    start = "#" if isinstance(one, Number) else ""
    return f"::{escaped(one.id)}::[markdown]{escaped(one.question + code)}{{{start}\n{answers}\n}}"


def _gift_answers(one: Question) -> list[str]:
    if isinstance(one, Many):
        share = 100 / sum(choice.right for choice in one.choices)
        return [
            f"~%{f'{share:.5f}'.rstrip('0').rstrip('.') if choice.right else '-100'}%"
            f"{escaped(choice.text)}#{escaped(choice.feedback)}"
            for choice in one.choices
        ]
    if isinstance(one, One):
        return [
            f"{'=' if choice.right else '~'}{escaped(choice.text)}#{escaped(choice.feedback)}"
            for choice in one.choices
        ]
    if isinstance(one, Number):
        right, wrong = (escaped(one.feedback[key]) for key in ("right", "wrong"))
        return [f"=%100%{one.low}..{one.high}#{right}", f"~#{wrong}"]
    if isinstance(one, Text):
        right = escaped(one.feedback["right"])
        return [f"={escaped(form)}#{right}" for form in one.answers]
    # GIFT cannot escape its arrow, so a text's own arrow becomes a real one.
    pairs = {left.replace("->", "→"): right for left, right in matched(one).items()}
    return [f"={escaped(left)} -> {escaped(right)}" for left, right in pairs.items()]


def escaped(text: str) -> str:
    """A text in which nothing is GIFT's own: its signs escaped, line ends written out."""
    return re.sub(r"([\\~=#{}:])", r"\\\1", text).replace("\n", "\\n")


def matched(one: Question) -> dict[str, str]:
    """What belongs to what; of an order, which item belongs to which place."""
    if isinstance(one, Order):
        return {f"{place}.": item for place, item in enumerate(one.items, 1)}
    return one.pairs if isinstance(one, Match) else {}


def _jupyterquiz(one: Question) -> dict:
    entry = {"question": one.question} | ({"code": one.code} if one.code else {})
    if isinstance(one, One):
        kind = "many_choice" if isinstance(one, Many) else "multiple_choice"
        answers = [_answer(choice.right, choice.feedback, choice.text) for choice in one.choices]
        return entry | {"type": kind, "answers": answers}
    if isinstance(one, Text):
        right = [_answer(True, one.feedback["right"], form) for form in one.answers]
        return entry | {"type": "string", "answers": [*right, _default(one.feedback["wrong"])]}
    if isinstance(one, Number):
        return entry | {"type": "numeric", "answers": _numeric(one)}
    pairs = matched(one)
    options = list(dict.fromkeys(pairs.values()))
    labelled = [{"label": left, "answer": right} for left, right in pairs.items()]
    return entry | {"type": "match", "pairs": labelled, "options": options}


def _numeric(one: Number) -> list[dict]:
    right, wrong = one.feedback["right"], one.feedback["wrong"]
    return [
        {"type": "value", "value": one.high, "correct": True, "feedback": right},
        {"type": "range", "range": [one.low, one.high], "correct": True, "feedback": right},
        {
            "type": "range",
            "range": [-FAR, one.low],
            "correct": False,
            "feedback": one.feedback.get("low", wrong),
        },
        _default(one.feedback.get("high", wrong)),
    ]


def _answer(right: bool, feedback: str, text: str) -> dict:
    return {"answer": text, "correct": right, "feedback": feedback}


def _default(feedback: str) -> dict:
    return {"type": "default", "feedback": feedback}


def _read_choices(entry: dict) -> dict:
    kind = "one" if entry["type"] == "multiple_choice" else "many"
    return {"kind": kind, "choices": [_read_choice(answer) for answer in entry["answers"]]}


def _read_choice(answer: dict) -> dict:
    right = bool(answer.get("correct"))
    text = answer.get("answer") or f"`{answer.get('code', '')}`"
    said = answer.get("feedback") or ("Right." if right else "Not right.")
    return {"text": text, "feedback": said} | ({"right": True} if right else {})


def _read_string(entry: dict) -> dict:
    right = [answer for answer in entry["answers"] if answer.get("correct")]
    return {
        "kind": "text",
        "answers": [answer["answer"] for answer in right],
        "feedback": _read_feedback(entry, right),
    }


def _read_numeric(entry: dict) -> dict:
    right = [answer for answer in entry["answers"] if answer.get("correct")]
    spans = sorted(answer.get("range") or [answer["value"]] * 2 for answer in right)
    if not spans:
        raise ValueError("no right answer")
    for (_, before), (after, _) in pairwise(spans):
        if after > before:
            raise ValueError(f"wrong numbers between right ones, {before} and {after}")
    span = [min(low for low, _ in spans), max(high for _, high in spans)]
    return {"kind": "number", "range": span, "feedback": _read_feedback(entry, right)}


def _read_match(entry: dict) -> dict:
    pairs = {pair["label"]: pair["answer"] for pair in entry["pairs"]}
    return {"kind": "match", "pairs": pairs, "feedback": {"right": "Right.", "wrong": "Not yet."}}


def _read_feedback(entry: dict, right: list[dict]) -> dict:
    default = [answer for answer in entry["answers"] if answer.get("type") == "default"]
    said = [answer.get("feedback", "") for answer in (*right[:1], *default[:1])]
    return {"right": (said[0] if right else "") or "Right.", "wrong": said[-1] or "Not right."}


READERS = {
    "multiple_choice": _read_choices,
    "many_choice": _read_choices,
    "string": _read_string,
    "numeric": _read_numeric,
    "match": _read_match,
}

"""Quizzes: a YAML file becomes questions, or an error that names file, question and field.

``quiz.schema.json`` says what a quiz may hold; kinds.py marks the answers.
"""

from __future__ import annotations

import json
import math
import re
import reprlib
from pathlib import Path

import yaml

from course.errors import QuizError
from course.system import ValidationError, validator
from .kinds import KINDS, Choice, Question

SCHEMA = Path(__file__).with_name("quiz.schema.json")


TYPES = {
    "array": "a list",
    "object": "fields and their values",
    "string": "a text",
    "number": "a number",
    "boolean": "true or false",
}
RULES = {
    "contains": "a choice with right: true (kind one has exactly one)",
    "oneOf": "either answer or range",
    "minLength": "a text that is not empty",
    "uniqueItems": "things that differ",
}


def load(path: Path) -> dict[str, Question]:
    """The questions of a quiz file by id, in order. Raises QuizError."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise QuizError(f"a quiz in YAML at {path}", " ".join(str(error).split())) from error
    return parse(entries, path)


def parse(entries: object, path: Path) -> dict[str, Question]:
    """The same from data; ``path`` is where it came from. Raises QuizError."""
    _validate(entries, path)
    questions: dict[str, Question] = {}
    for entry in entries:
        if entry["id"] in questions:
            raise _refused(path, entry["id"], "id", "an id of its own", entry["id"])
        questions[entry["id"]] = _question(entry, path)
    return questions


def _validate(entries: object, path: Path) -> None:
    # JSON is what the schema speaks of: YAML's dates, infinities and keys that are no texts
    # have no place in it.
    try:
        json.dumps(entries, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise QuizError(f"texts and finite numbers in {path}", str(error)) from error
    error = max(validator(SCHEMA).iter_errors(entries), key=_weight, default=None)
    if error is not None:
        raise _explained(error, entries, path)


def _weight(error: ValidationError) -> tuple[bool, int]:
    # A field that is wrong is also reported as one nobody expected: the nearer cause tells more.
    return error.validator != "unevaluatedProperties", len(error.absolute_path)


def _explained(error: ValidationError, entries: object, path: Path) -> QuizError:
    place = list(error.absolute_path)
    entry = entries[place[0]] if place else {}
    name = entry.get("id", f"number {place[0] + 1}") if isinstance(entry, dict) and place else ""
    field = ".".join(str(part) for part in place[1:])
    return _refused(path, name, field, _wanted(error), error.instance)


def _wanted(error: ValidationError) -> str:
    """The rule that was broken, as a noun that can stand after "Expected"."""
    rule, value = error.validator, error.validator_value
    if rule == "enum":
        return "one of " + ", ".join(value)
    if rule == "type":
        return TYPES[value]
    if rule in {"required", "unevaluatedProperties", "additionalProperties"}:
        names = ", ".join(re.findall(r"'(\w+)'", error.message)) or "unknown"
        return f"the field {names}" if rule == "required" else f"no field {names}"
    return RULES.get(rule, f"{rule} {value}")


def _refused(path: Path, question: object, field: str, expected: str, found: object) -> QuizError:
    places = (str(path), question and f"question {question}", field and f"field {field}")
    where = ", ".join(filter(None, places))
    shown = "" if isinstance(found, dict | list) else f"{reprlib.repr(found)} in "
    return QuizError(expected, shown + where)


def _question(entry: dict, path: Path) -> Question:
    fields = {name: value for name, value in entry.items() if name != "kind"}
    if "choices" in fields:
        fields["choices"] = tuple(Choice(**choice) for choice in fields["choices"])
        _distinct([choice.text for choice in fields["choices"]], entry, path)
    for name in {"answers", "items"} & fields.keys():
        fields[name] = tuple(fields[name])
    if picture := fields.get("picture"):
        fields |= {"picture": path.parent / picture["file"], "alt": picture["alt"]}
        if not fields["picture"].is_file():
            raise _refused(path, entry["id"], "picture.file", "a file", picture["file"])
    if entry["kind"] in {"number", "predict"}:
        low, high = _limits(fields)
        if low > high:
            raise _refused(path, entry["id"], "range", "the smaller number first", [low, high])
        fields |= {"low": low, "high": high}
    return KINDS[entry["kind"]](**fields)


def _distinct(texts: list[str], entry: dict, path: Path) -> None:
    twice = [text for text in texts if texts.count(text) > 1]
    if twice:
        raise _refused(path, entry["id"], "choices", "choices that differ", twice[0])


def _limits(fields: dict) -> tuple[float, float]:
    """The range that a number may lie in; takes what says so out of the fields."""
    answer, tolerance = fields.pop("answer", None), fields.pop("tolerance", 0)
    if answer is not None:
        return answer - tolerance, answer + tolerance
    low, high = fields.pop("range", (-math.inf, math.inf))
    return low, high

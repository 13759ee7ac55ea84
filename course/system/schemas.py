"""Data held to a JSON Schema, by the library jsonschema."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match

__all__ = ["ValidationError", "best_match", "validator"]


@cache
def validator(schema: Path) -> Draft202012Validator:
    """What finds the errors of data, by the schema in a file."""
    return Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))

"""Data held to a JSON Schema, by the library jsonschema."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path


@contextmanager
def _absent(name: str) -> Iterator[None]:
    """Inside, a module that was not loaded yet cannot be."""
    hidden = sys.modules.setdefault(name) is None
    yield
    if hidden:
        del sys.modules[name]


# jsonschema takes it where it is there, for a format that no schema of ours has; and it takes
# more time and memory than all the rest of a lesson's first cell but pandas and matplotlib.
with _absent("rfc3987_syntax"):
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.exceptions import best_match

__all__ = ["ValidationError", "best_match", "validator"]


@cache
def validator(schema: Path) -> Draft202012Validator:
    """What finds the errors of data, by the schema in a file."""
    return Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))

"""Data of YAML files, and data held to a JSON Schema, by the libraries PyYAML and jsonschema."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match

__all__ = ["ValidationError", "best_match", "read_yaml", "validator"]

# libyaml's, where PyYAML was built with it, takes a tenth of the time.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> object:
    """The data in a file. Raises OSError, ValueError, yaml.YAMLError."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)


@cache
def validator(schema: Path) -> Draft202012Validator:
    """What finds the errors of data, by the schema in a file."""
    return Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))

"""One library, one home; files and functions keep their budgets; nothing is loaded unasked."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from house import COMMON, FILES, ROOT, WINGS, imports, name_of

import course

# One third-party library, one home. What a boundary is for, a test must hold.
HOMES = {
    "docker": {
        "engine/client.py",
        "images/imports.py",
        "boxes/container/box.py",
        "boxes/container/docker_exec.py",
        "boxes/container/engine_says.py",
        "lessons/checking.py",
    },
    "qemu": {"boxes/machine/monitor.py"},
    "anywidget": {"study/widgets.py"},
    "matplotlib": {"measuring/drawing.py"},
    "jsonschema": {"system/schemas.py"},
    "rich": {"cli.py"},
    "click": {"cli.py", "authoring/commands.py"},
}
HEAVY = ["IPython", "anywidget", "docker", "ipywidgets", "matplotlib", "numpy", "pandas", "qemu"]

every_file = pytest.mark.parametrize("path", FILES, ids=name_of)
every_common_file = pytest.mark.parametrize("path", COMMON, ids=name_of)
every_wing = pytest.mark.parametrize("wing", WINGS)


@pytest.mark.parametrize("library", HOMES)
def test_one_library_one_home(library: str) -> None:
    users = {
        name_of(path)
        for path in COMMON
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert users <= HOMES[library]
    assert users, f"nothing uses {library}: take it out of pyproject.toml"


def test_every_library_that_is_imported_is_declared() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    declared = {re.match(r"[\w.-]+", one)[0] for one in declared}
    used = {name.split(".")[0] for path in FILES for name in imports(path)}
    installed = {name: {one.lower() for one in by} for name, by in packages_distributions().items()}
    undeclared = [
        name for name in (used - {"course"}) & installed.keys() if not declared & installed[name]
    ]
    assert undeclared == []


def test_what_is_loaded_by_name_is_loaded_in_three_places() -> None:
    """No import runs up unseen: what a package hands on, a claim's experiment, a lesson's code."""
    by_name = ("import_module", "__import__", "spec_from_file_location")
    users = {
        name_of(path)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in by_name
    }
    assert users == {"__init__.py", "claims/entries.py", "lessons/syllabus.py"}


@every_common_file
def test_files_and_functions_keep_their_budgets(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= 250, "a file is at most 250 lines"
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.body[0].lineno + 1 > 25
    }
    assert not long, "a function's body is at most 25 lines"


def test_importing_the_course_and_its_wings_loads_none_of_its_libraries() -> None:
    wings = ", ".join(f"course.{wing}" for wing in WINGS)
    code = f"import sys, course, {wings}; print([name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_public_name_can_be_loaded_and_says_what_it_is() -> None:
    for name in course.__all__:
        assert getattr(course, name).__doc__, name

"""The house stands as ARCHITECTURE.md draws it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "course"
MAP = (ROOT / "ARCHITECTURE.md").read_text()

# One third-party library, one home. What a boundary is for, a test must hold.
HOMES = {
    "docker": {
        "engine/client.py",
        "images/imports.py",
        "boxes/container/box.py",
        "boxes/container/docker_exec.py",
        "boxes/container/engine_says.py",
    },
    "qemu": {"boxes/machine/monitor.py"},
    "anywidget": {"study/widgets.py"},
    "matplotlib": {"measuring/drawing.py"},
    "jsonschema": {"system/schemas.py"},
    "rich": {"cli.py"},
    "click": {"cli.py", "authoring/commands.py"},
}


def modules() -> list[Path]:
    """Every file of the package, except what belongs to single lessons."""
    found = sorted(PACKAGE.rglob("*.py"))
    return [path for path in found if not re.search(r"lessons/\d\d_", path.as_posix())]


def room(path: Path) -> str:
    """The name that the map uses: a top-level file's stem, or its package's name."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def floors() -> dict[str, int]:
    """The drawing in ARCHITECTURE.md, read as data."""
    drawing = re.search(r"## The floors.*?```\n(.*?)```", MAP, re.DOTALL)[1]
    rows = (line.split() for line in drawing.splitlines() if line.strip())
    return {name: int(floor) for floor, *names in rows for name in names}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file names, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_run_downward(path: Path) -> None:
    height = floors()
    if path.name == "__init__.py" and path.parent == PACKAGE:
        return
    here = room(path)
    names = (name.split(".")[1] for name in imports(path) if name.startswith("course."))
    upward = {
        name for name in names if name in height and name != here and height[name] >= height[here]
    }
    assert not upward, f"{here} (floor {height[here]}) imports from its own floor or above"


def test_every_file_is_on_the_map() -> None:
    names = {room(path) for path in modules()} - {"__init__"}
    assert names == set(floors())


@pytest.mark.parametrize("library", HOMES)
def test_one_library_one_home(library: str) -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert users <= HOMES[library]
    assert users, f"nothing uses {library}: take it out of pyproject.toml"


def test_every_library_that_is_imported_is_declared() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    declared = {re.match(r"[\w.-]+", one)[0] for one in declared}
    used = {name.split(".")[0] for path in PACKAGE.rglob("*.py") for name in imports(path)}
    installed = {name: {one.lower() for one in by} for name, by in packages_distributions().items()}
    undeclared = [
        name for name in (used - {"course"}) & installed.keys() if not declared & installed[name]
    ]
    assert undeclared == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
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


def test_importing_the_course_loads_none_of_its_libraries() -> None:
    import subprocess

    heavy = [
        "pandas",
        "numpy",
        "docker",
        "matplotlib",
        "anywidget",
        "ipywidgets",
        "qemu",
        "IPython",
    ]
    code = f"import sys, course; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_public_name_can_be_loaded_and_says_what_it_is() -> None:
    import course

    for name in course.__all__:
        assert getattr(course, name).__doc__, name

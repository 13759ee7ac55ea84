"""The house as it stands, and as ARCHITECTURE.md draws it; both as data."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "course"
MAP = (ROOT / "ARCHITECTURE.md").read_text()
FILES = sorted(PACKAGE.rglob("*.py"))
WINGS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists())


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def belongs_to_one_lesson(path: Path) -> bool:
    return bool(re.search(r"lessons/\d\d_", path.as_posix()))


COMMON = [path for path in FILES if not belongs_to_one_lesson(path)]


def wing_of(path: Path) -> str:
    """The wing that a file stands in; a file of no wing is its own."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def floors() -> dict[str, int]:
    """The drawing of the wings in ARCHITECTURE.md, read as data."""
    drawing = re.search(r"## The wings.*?```\n(.*?)```", MAP, re.DOTALL)[1]
    rows = (line.split() for line in drawing.splitlines() if line.strip())
    return {name: int(floor) for floor, *names in rows for name in names}


@cache
def rooms(wing: str) -> list[str]:
    """The files of a wing, from the top floor to the ground, as its table has them."""
    table = re.search(rf"^### `{wing}/`.*?(?=^##|\Z)", MAP, re.DOTALL | re.MULTILINE)[0]
    return re.findall(r"^\| `([\w/]+\.py)` \|", table, re.MULTILINE)


@cache
def imports(path: Path) -> list[str]:
    """Every module and name that a file imports, wherever in the file it does."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            found += [f"{module}.{alias.name}" for alias in node.names]
    return found


def ours(path: Path) -> Iterator[list[str]]:
    """What a file imports of the course, as the parts of its name behind ``course``."""
    for name in imports(path):
        if name.startswith("course.") and name != "course.exports":
            yield name.split(".")[1:]


def file_of(parts: list[str]) -> Path | None:
    """The file that an imported name is, or stands in."""
    for length in range(len(parts), 0, -1):
        path = PACKAGE.joinpath(*parts[:length])
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.exists():
                return candidate
    return None


def inside(path: Path, wing: str) -> bool:
    return PACKAGE / wing in path.parents

"""A lab as its tests take it: without Jupyter, with right answers and with wrong ones.

That its solution passes every check is seen once for all labs, in ``tests/lessons/test_rules.py``.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from pathlib import Path

from course.checks import Finding, Outcome
from course.engine import engine, label
from course.images import container_image
from course.lessons import Lesson, cells, lesson
from course.study import Study

NOT_HERE = ("lesson.check", "remove_all()")  # a test asks by itself, and tidies up by itself


def start(name: str, *command: str, **options: object) -> None:
    """Put a container in the place of the one of that name."""
    for old in engine().containers.list(all=True, filters={"name": f"^/{name}$"}):
        old.remove(force=True)
    options = {"labels": label(), "network_mode": "none"} | options
    command = command or ("sleep", "1d")
    engine().containers.run(container_image("tiny"), command, name=name, detach=True, **options)


class Lab:
    """A lab's notebook: what its cells have defined so far, and its checks."""

    def __init__(self, slug: str) -> None:
        self.lesson = lesson(slug)
        # It asks and remembers nothing: a test looks at the checks by itself.
        self.names: dict = {"lesson": Study(self.lesson, progress=None)}

    def run(self, code: str) -> None:
        exec(code, self.names)

    def prepare(self) -> None:
        """Run the cells that are given."""
        for task, code in self._cells():
            if task is None:
                self.run(code)

    def solve(self, *tasks: str) -> None:
        for task in tasks:
            self.run(cells.solution_of(self.lesson, task))

    def solve_all(self) -> dict:
        """Run the solution from top to bottom; returns what it has defined."""
        for _, code in self._cells():
            self.run(code)
        return self.names

    def check(self, task: str, **names: object) -> Finding:
        """The check of a task, for these names and for what has been run."""
        return self.lesson.task(task).check(self.names | names).run()

    def hinted(self, task: str, **names: object) -> str:
        """What a wrong answer is told: what was seen, and all three hints."""
        finding = self.check(task, **names)
        assert finding.outcome is Outcome.FAILED, finding
        assert len(finding.hints) == 3
        return " ".join([finding.observed, *finding.hints])

    def _cells(self) -> Iterator[tuple[str | None, str]]:
        """Each code cell that a test can run, and the task that it solves."""
        for cell in cells.read(self.lesson.solution)["cells"]:
            text = cells.source(cell)
            if cell["cell_type"] == "code" and not any(words in text for words in NOT_HERE):
                # A test has opened the lesson already, and needs no more than where it is.
                opened = f'open_lesson("{self.lesson.slug}")'
                yield cells.task_of(cell), text.replace(opened, "lesson")


def defined(lesson: Lesson, notebook: Path) -> dict[str, object]:
    """What a notebook's cells define; their text is where `inspect` looks for it, as in Jupyter."""
    names = {"__name__": "__main__", "lesson": Study(lesson, progress=None)}
    for cell in cells.read(notebook)["cells"]:
        if cell["cell_type"] == "code":
            text, file = cells.source(cell), f"<{notebook.parent.name} {cell['id']}>"
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
            module = ast.parse(text)
            module.body = [part for part in module.body if defines(part, text)]
            exec(compile(module, file, "exec"), names)
    return names


def defines(part: ast.stmt, text: str) -> bool:
    """Whether a statement makes a name, and does nothing else: no start, no run, no view."""
    if isinstance(part, ast.Assign):
        return "(" not in ast.get_source_segment(text, part)
    return isinstance(part, ast.Import | ast.ImportFrom | ast.FunctionDef)

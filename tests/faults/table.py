"""Counts what is broken on purpose, and what is left over; writes the table in TESTING.md.

A test that is marked ``fault("what is injected")`` counts once. One that injects more often says so
through the fixture ``injections``, which also takes what it found left of other sessions.

``python -m pytest -m fault --injections 4 --faults-table tests`` writes the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from course.engine import engine
from course.errors import EngineError
from course.system import host

PAGE = Path(__file__).parents[2] / "TESTING.md"
TEXT = """\
# Testing

`make test` runs everything, on the real thing: boxes, notebooks, solutions, the page in a browser.
`pytest -m fault` breaks things on purpose.

## What was broken on purpose

Written by `python -m pytest -m fault --injections {often} --faults-table tests` on {day}; no
number is typed by hand. After each injection the kernel and the engine are asked what is still
there: folders, processes, mounts, control groups, containers, images, networks, volumes.

Machine: {machine}.

| injected | times | failed | left over |
|---|--:|--:|--:|
{rows}
| **in all** | **{times}** | **{failed}** | **{left}** |

*Failed* counts the tests that did not hold: an error without a clear message, something of the
learner's lost, something of ours left.
"""


class Count:
    """What one test injected, and what was left of it."""

    def __init__(self, what: str) -> None:
        self.what, self.times, self.left = what, 0, []

    def __call__(self, left: Sequence[str] = ()) -> None:
        """One more injection. Nothing may be left of it."""
        self.times += 1
        self.left += left
        assert not left, left


class Table:
    """The plugin: rows by what was injected, filled as the tests go."""

    def __init__(self, left_behind: Callable[[], Sequence[str]]) -> None:
        self.times, self.failed, self.left = Counter(), Counter(), Counter()
        self._left_behind = left_behind  # by this session

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        report = yield
        mark = item.get_closest_marker("fault")
        if mark and mark.args and not report.skipped:
            self._count(mark.args[0], report, getattr(item, "injections", None))
        return report

    def _count(self, what: str, report: pytest.TestReport, count: Count | None) -> None:
        if report.when == "call":
            self.times[what] += count.times if count else 1
            self.left[what] += len(count.left) if count else 0
        if report.when == "teardown":
            self.left[what] += len(self._left_behind())
        self.failed[what] += report.failed

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if session.config.getoption("--faults-table"):
            PAGE.write_text(self.page(session.config.getoption("--injections")), encoding="utf-8")

    def page(self, often: int) -> str:
        """The whole of TESTING.md."""
        rows = [
            f"| {what} | {self.times[what]} | {self.failed[what]} | {self.left[what]} |"
            for what in sorted(self.times)
        ]
        totals = {"times": self.times, "failed": self.failed, "left": self.left}
        return TEXT.format(
            often=often,
            day=datetime.now(UTC).date(),
            machine=_machine(),
            rows="\n".join(rows),
            **{name: column.total() for name, column in totals.items()},
        )


def _machine() -> str:
    facts = host.facts()
    try:
        said = f"Docker Engine {engine().version()['Version']}"
    except EngineError:
        said = "no engine"
    gib = int(facts["memory"]) / 2**30
    return (
        f"{facts['cores']} × {facts['cpu']}, {gib:.0f} GiB, {facts['system']}, kernel"
        f" {facts['kernel']}, cgroup v{facts['cgroup']}, {said}"
    )

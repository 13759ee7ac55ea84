"""TESTING.md is what a real run wrote, and it is about the tests that are here."""

from __future__ import annotations

import re

from faults.table import PAGE, Count, Table
from faults.test_starts import cases
from faults.world import HERE

GOAL = 200  # injections in all


def rows() -> dict[str, tuple[int, int, int]]:
    """The table: times, failed, left over, by what was injected."""
    found = re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \| (\d+) \|$", PAGE.read_text(), re.M)
    return {what: (int(times), int(failed), int(left)) for what, times, failed, left in found}


def injected() -> set[str]:
    """Everything that a test is marked to inject."""
    texts = [path.read_text() for path in HERE.parent.rglob("test_*.py")]
    mark = re.compile(r'^@pytest.mark.fault\(\s*"(.+)"', re.M)
    marks = {what for text in texts for what in mark.findall(text)}
    chosen = [case for by_phase in (True, False) for case in cases(by_phase)]
    return marks | {mark.args[0] for case in chosen for mark in case.marks if mark.name == "fault"}


def test_the_table_has_a_row_for_all_that_is_injected_and_for_nothing_else() -> None:
    assert set(rows()) == injected(), "run: pytest -m fault --injections 4 --faults-table tests"


def test_enough_was_injected_and_nothing_was_left() -> None:
    times, failed, left = map(sum, zip(*rows().values(), strict=True))
    assert times >= GOAL
    assert (failed, left) == (0, 0)


def test_the_page_adds_up_what_was_counted() -> None:
    table = Table(list)
    table.times.update({"a": 2, "b": 3})
    table.failed.update({"b": 1})
    page = table.page(often=7)
    assert "| a | 2 | 0 | 0 |" in page
    assert "| **in all** | **5** | **1** | **0** |" in page
    assert "--injections 7 " in page


def test_what_is_left_is_counted_and_fails_the_test() -> None:
    count = Count("a")
    count()
    try:
        count(["a folder"])
    except AssertionError:
        assert (count.times, count.left) == (2, ["a folder"])
    else:
        raise AssertionError("something was left, and nobody said so")

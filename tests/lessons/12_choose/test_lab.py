"""Lesson 12's lab: the site in both boxes, and what each wrong turn is told."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from labkit import Lab

from course.boxes import Container, VirtualMachine
from course.checks import Outcome
from course.engine import engine, remove_all
from course.lessons import cells, lesson
from course.measuring import Estimate
from course.measuring.results import table

LAB = Lab("12_choose")
LESSON, check, hinted = LAB.lesson, LAB.check, LAB.hinted
TASKS = list(LESSON.tasks())
site = lesson("12_choose").part("site")
reports = lesson("12_choose").part("report")
DUMP = """CREATE TABLE entry (number INTEGER PRIMARY KEY, name TEXT, release INTEGER);
INSERT INTO entry VALUES (1, 'Ada', 1);"""
ADA = ("Ada", 1)


def box(kind: str, release: int | None = 1, *entries: tuple, running: bool = True) -> object:
    """A box as its visitors see it; without a release, nobody answers."""
    made = Container("tiny") if kind == "container" else VirtualMachine("tiny")
    made.running = running
    made.book = release and site.Book(release, entries)
    return made


@pytest.fixture
def visited(monkeypatch) -> None:
    """Visits go to the boxes made by ``box``."""

    def book(found: object) -> object:
        if not found.book:
            raise ConnectionError("nobody answers")
        return found.book

    monkeypatch.setattr(site, "url", lambda found: found)
    monkeypatch.setattr(site, "book", book)


def both(release: int | None, *entries: tuple, running: bool = True) -> dict[str, object]:
    kinds = ("container", "machine")
    return {kind: box(kind, release, *entries, running=running) for kind in kinds}


@pytest.mark.parametrize("task", TASKS)
def test_an_untouched_lab_is_not_attempted(task: str) -> None:
    assert check(task).outcome is Outcome.NOT_ATTEMPTED


# --- for real ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unmounted() -> Iterator[Container]:
    """A container of the site without a volume; its image not the one that the lab's run uses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "NAME", f"{site.NAME}-tested")
        tag = site.build(1)
    with Container(tag, network=True, ports={"80/tcp": None}) as found:
        yield found
    remove_all()


@pytest.mark.docker
def test_a_database_without_a_volume_is_told(unmounted: Container) -> None:
    assert "volumes=" in hinted("container", container=unmounted)


@pytest.mark.docker
def test_a_strangers_volume_is_told() -> None:
    volume = engine().volumes.create()
    place = {volume.name: {"bind": "/data", "mode": "rw"}}
    try:
        with Container("tiny", volumes=place) as found:
            assert "no label" in hinted("container", container=found)
    finally:
        volume.remove()


@pytest.mark.docker
def test_a_site_is_signed_and_keeps_names_from_being_commands(unmounted: Container) -> None:
    unmounted.exec(f"mkdir -p /data; {site.SERVE}")
    assert site.sign(site.url(unmounted), "Ada").entries == (ADA,)
    hostile = site.sign(site.url(unmounted), "x', 9); DROP TABLE entry; --")
    assert hostile.entries == (ADA, ("x 9 DROP TABLE entry --", 1))


def test_the_second_release_differs_in_its_number_and_its_order_only() -> None:
    first, second = (site.script(release).splitlines() for release in (1, 2))
    changed = [new for old, new in zip(first, second, strict=True) if old != new]
    assert changed == ["RELEASE=2", "ORDER=DESC # newest first"]


# --- wrong turns -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "hint"),
    [
        ("a string", "not a Container"),
        (box("machine"), "not a Container"),
        (box("container", running=False), ".start()"),
    ],
)
def test_what_is_no_running_container_is_told(found: object, hint: str) -> None:
    assert hint in hinted("container", container=found)


def test_a_machine_without_a_disk_or_with_one_that_is_not_mounted_is_told(
    visited: None, monkeypatch
) -> None:
    machine = box("machine")
    assert "disk=" in hinted("machine", machine=machine)
    machine.disk = "book.qcow2"
    machine.exec = lambda command: SimpleNamespace(stdout="")
    assert "site.MOUNT" in hinted("machine", machine=machine)
    machine.exec = lambda command: SimpleNamespace(stdout="/dev/vda on /mnt")
    assert check("machine", machine=machine).outcome is Outcome.PASSED
    machine.book = None
    assert site.INSIDE in hinted("machine", machine=machine)


def test_an_update_of_none_is_not_attempted_and_of_one_is_half(visited: None) -> None:
    assert check("update", **both(1, ADA)).outcome is Outcome.NOT_ATTEMPTED
    half = {"container": box("container", 2, ADA), "machine": box("machine", 1, ADA)}
    assert "`machine` serves release 1" in hinted("update", **half)
    assert check("update", **both(2, ADA)).outcome is Outcome.PASSED


def test_an_update_that_loses_the_guests_is_told(visited: None) -> None:
    assert "volume" in hinted("update", **both(2, ("Bob", 2)))


@pytest.mark.parametrize(
    ("signed", "lost", "said"),
    [
        (["Bob"], {}, "Two different names"),
        (["Bob", "Bob"], {}, "Two different names"),
        (["Bob", "Cyd"], {"container": 2, "machine": 2}, "lost['container']` is 2"),
        (["Bob", "Cyd"], {"container": 0, "machine": 0}, "lost['machine']` is 0"),
        (["Bob", "Cyd"], 2, "is None"),
    ],
)
def test_losses_that_were_miscounted_are_told(
    visited: None, signed: list, lost: object, said: str
) -> None:
    container = box("container", 1, ADA, ("Bob", 2), ("Cyd", 2))
    names = {"container": container, "machine": box("machine", 1, ADA)}
    assert said in hinted("roll-back", signed=signed, lost=lost, **names)


def test_both_ways_back_pass(visited: None) -> None:
    """A machine whose program was put back by hand has lost nothing."""
    names = both(1, ADA, ("Bob", 2), ("Cyd", 2)) | {"signed": ["Bob", "Cyd"]}
    assert check("roll-back", lost={"container": 0, "machine": 0}, **names).outcome == "passed"
    assert "serves release 2" in hinted("roll-back", lost={}, **names | both(2, ADA))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"backups": {}}, "KeyError"),
        ({"backups": {"container": "", "machine": ""}}, "no such table"),
        ({"backups": {"container": DUMP.partition("INSERT")[0]}}, "nobody has signed"),
        (both(1, ADA), "no disaster"),
        ({"restored": 7}, "no new container"),
        ({"restored": both(1)}, "shows 0 signatures, the backup has 1"),
        ({"restored": both(None)}, "no guest book answers"),
    ],
)
def test_a_restore_that_is_none_is_told(visited: None, change: dict, said: str) -> None:
    names = both(1, ADA, running=False) | {"backups": {"container": DUMP, "machine": DUMP}}
    names |= {"restored": both(1, ADA)}
    assert check("restore", **names).outcome is Outcome.PASSED
    assert said in hinted("restore", **names | change)


def trials(rounds: int, *arms: str) -> object:
    rows = [{"arm": arm, "seconds": 0.1} for arm in arms for _ in range(rounds)]
    return table(rows)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"visits": trials(3, "container", "machine")}, "`visits` has 3"),
        ({"visits": trials(9, "container", "vm")}, "0 of machine"),
        ({"deploys": 0.3}, "`deploys` has 0"),
        ({"memory": {"container": 5.2, "machine": 120}}, "in bytes"),
        ({"memory": 7}, "in bytes"),
    ],
)
def test_a_measurement_that_is_none_is_told(change: dict, said: str) -> None:
    names = {"visits": trials(6, "container", "machine")} | {"memory": {"container": 2**24}}
    names["deploys"] = trials(2, "container", "machine")
    names["memory"]["machine"] = 2**27
    assert check("measure", **names).outcome is Outcome.PASSED
    assert said in hinted("measure", **names | change)


WELL = {
    "question": "Where shall our book live?",
    "choice": "container",
    "because": [reports.Evidence(f"Reason {number}.", Estimate(2, 1, 3, 9)) for number in range(3)],
    "unless": "If strangers run programs beside it.",
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"choice": "both"}, "The choices are"),
        ({"question": "Where?"}, "what was asked"),
        ({"because": WELL["because"][:2]}, "2 different pieces"),
        ({"because": WELL["because"][:1] * 3}, "1 different pieces"),
        ({"because": ["it", "is", "fast"]}, "0 different pieces"),
        ({"because": [reports.Evidence("Not measured.", None)] * 3}, "0 different pieces"),
        ({"because": [reports.Evidence("A plain number.", 17)] * 3}, "0 different pieces"),
        ({"unless": "Nothing."}, "Which measurement"),
    ],
)
def test_a_report_that_is_incomplete_is_told(change: dict, said: str) -> None:
    assert check("report", report=reports.Report(**WELL)).outcome is Outcome.PASSED
    assert said in hinted("report", report=reports.Report(**WELL | change))


def test_a_sentence_is_no_report() -> None:
    assert "a form for it" in hinted("report", report="The container is better.")


def test_every_solution_can_be_shown() -> None:
    assert all(cells.solution_of(LESSON, task) for task in TASKS)

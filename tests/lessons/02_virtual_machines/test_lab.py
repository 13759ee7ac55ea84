"""The checks of lab 02: each common mistake gets its own hint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from labkit import Lab

from course.boxes import VirtualMachine
from course.checks import Outcome
from course.lessons import lesson
from course.measuring import Estimate

LAB = Lab("02_virtual_machines")
LESSON, check, hinted = LAB.lesson, LAB.check, LAB.hinted
TASKS = list(LESSON.tasks())


@pytest.fixture(scope="module")
def solved() -> Iterator[dict[str, object]]:
    """What the learner's names are once two tasks are solved: machines to ask."""
    lab = Lab("02_virtual_machines")
    lab.prepare()
    lab.solve("boot", "hand-back")
    yield lab.names
    for name in ("machine", "lender"):
        lab.names[name].stop()


part = lesson("02_virtual_machines").part


@pytest.mark.parametrize("task", TASKS)
def test_an_untouched_lab_is_not_attempted(task: str) -> None:
    assert check(task).outcome is Outcome.NOT_ATTEMPTED


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("boot", "machine"),
        ("resize", "larger"),
        ("hand-back", "lender"),
        ("other-processor", "foreign"),
    ],
)
def test_what_is_no_machine_and_what_does_not_run_are_told_apart(task: str, name: str) -> None:
    assert "a str, not a VirtualMachine" in hinted(task, **{name: "tiny"})
    assert "sets it going" in hinted(task, **{name: VirtualMachine("tiny")})


@pytest.mark.vm
def test_a_resumed_machine_was_not_booted() -> None:
    with VirtualMachine("tiny") as machine:
        assert "goes on from a saved state" in hinted("boot", machine=machine, version="6.1")


@pytest.mark.vm
def test_the_hosts_version_is_not_the_guests(solved: dict[str, object]) -> None:
    version = os.uname().release
    if version == solved["version"]:
        version += "-other"
    said = hinted("boot", machine=solved["machine"], version=version)
    assert "a kernel of its own" in said


@pytest.mark.vm
def test_a_thread_is_not_its_process_and_another_process_is_not_qemu(
    solved: dict[str, object],
) -> None:
    machine = solved["machine"]
    said = hinted("find-it", machine=machine, qemu=machine.threads[0])
    assert "belongs to a process" in said
    assert "Begin at a thread" in hinted("find-it", machine=machine, qemu=os.getpid())
    assert "no process" in hinted("find-it", machine=machine, qemu="qemu")


@pytest.mark.vm
def test_a_machine_of_the_ordinary_size_is_too_small(solved: dict[str, object]) -> None:
    assert "the guest has 1 processor" in hinted("resize", larger=solved["machine"])
    with VirtualMachine("tiny", cpus=2) as machine:
        assert "too little" in hinted("resize", larger=machine)


@pytest.mark.parametrize(
    ("content", "read_back", "hint"),
    [
        (None, "remember me", "names no file"),
        (bytes(1024), "remember me", "Did you write to the disk"),
        (b"remember me\n" + bytes(1012), "another line", "its first line only"),
        (b"remember me\n" + bytes(1012), 12, "`stdout`"),
    ],
)
def test_a_disk_that_kept_nothing_gets_its_hint(
    tmp_path: Path, content: bytes | None, read_back: object, hint: str
) -> None:
    disk = tmp_path / "disk"
    if content is not None:
        disk.write_bytes(content)
    assert hint in hinted("disk", disk=disk, read_back=read_back)


def test_a_disk_may_be_named_by_a_text_and_by_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(b"remember me\n".ljust(512, b"\0"))
    named = {"disk": str(tmp_path / "disk"), "read_back": "remember me"}
    assert check("disk", **named).outcome is Outcome.PASSED
    assert "names no file" in hinted("disk", disk=7, read_back="remember me")


def system(path: Path, text: bytes, end: bytes = b"\x55\xaa", size: int = 2**20) -> Path:
    """A disk with the lesson's program and a text."""
    sector = part("sector")
    first = (sector.code(sector.PROGRAM) + text).ljust(510, b"\0") + end
    path.write_bytes(first.ljust(size, b"\0"))
    return path


@pytest.mark.parametrize(
    ("made", "greeting", "hint"),
    [
        ({"text": b"Hello\0", "size": 512}, "Hello", "no disk of a single sector"),
        ({"text": b"Hello\0"}, "Hé", "three letters"),
        ({"text": b"Hello\0"}, 42, "three letters"),
        ({"text": b"Hello\0"}, "  H  ", "three letters"),
    ],
)
def test_a_system_that_cannot_be_tried_gets_its_hint(
    tmp_path: Path, made: dict, greeting: object, hint: str
) -> None:
    path = system(tmp_path / "os", **made)
    assert hint in hinted("own-os", own_os=path, greeting=greeting)


@pytest.mark.vm
@pytest.mark.parametrize(
    ("made", "hint"),
    [
        ({"text": b"Hello\0", "end": b"\xaa\x55"}, "at offset 510"),
        ({"text": b"Hello Hello\0"}, "once, and nothing else"),
        ({"text": b"\0Hello\0"}, "stays empty"),
    ],
)
def test_a_system_that_says_something_else_gets_its_hint(
    tmp_path: Path, made: dict, hint: str
) -> None:
    assert hint in hinted("own-os", own_os=system(tmp_path / "os", **made), greeting="Hello")


@pytest.mark.vm
def test_a_check_leaves_the_learners_disk_as_it_is(tmp_path: Path) -> None:
    path = system(tmp_path / "os", b"Hello\0")
    before = path.read_bytes()
    assert check("own-os", own_os=path, greeting="Hello ").outcome is Outcome.PASSED
    assert path.read_bytes() == before


@pytest.mark.vm
def test_the_hosts_kind_of_processor_is_no_other(solved: dict[str, object], monkeypatch) -> None:
    said = hinted("other-processor", foreign=solved["machine"], times=3.0)
    assert "as its host has" in said
    monkeypatch.setattr("platform.machine", lambda: "mips")
    said = hinted("other-processor", foreign=solved["machine"], times="three")
    assert "A ratio is one number" in said


@pytest.mark.vm
def test_memory_comes_back_by_a_balloon_and_by_nothing_else(solved: dict[str, object]) -> None:
    lender = solved["lender"]
    assert "has no balloon" in hinted("hand-back", lender=solved["machine"])
    for wrong in (0, -1, "much", None, 10 * lender.memory):
        assert "write first" in hinted("hand-back", lender=lender, freed=wrong)
    lender.set_memory("512M")
    said = hinted("hand-back", lender=lender, freed=solved["freed"])
    assert "leaves 512 MiB" in said
    lender.set_memory("192M")


def trials(knob: str = "packed kernel", rounds: int = 3, ratio: float = 1.5) -> pd.DataFrame:
    """What `experiments.knobs` would return, had a boot taken two seconds."""
    arms = {part("experiments").BASELINE: 2.0, knob: 2.0 * ratio}
    rows = [
        {"arm": arm, "round": turn, "order": 0, "seconds": 9.0, "cpu": cpu}
        for turn in range(1, rounds + 1)
        for arm, cpu in arms.items()
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("measured", "slower", "hint"),
    [
        (1.5, 1.5, "Keep that, whole"),
        (trials(knob="as the course has it"), 1.5, "takes a list of names"),
        (trials(rounds=2), 1.5, "may be chance"),
        (trials(), 1 / 1.5, "with the baseline's"),
        (trials(), 1.0, "with the baseline's"),
        (trials(), "1.5", "with the baseline's"),
        (trials(ratio=1.02), 1.02, "nothing shows that"),
        (pd.concat([trials(rounds=2), trials(ratio=0.9)[4:]]), 1.5, "nothing shows that"),
    ],
)
def test_a_knob_that_shows_nothing_gets_its_hint(
    measured: object, slower: object, hint: str
) -> None:
    assert hint in hinted("knob", measured=measured, slower=slower)


def test_a_knob_that_was_measured_passes_with_a_number_and_with_an_estimate() -> None:
    estimate = Estimate(1.5, 1.4, 1.6, 3)
    for slower in (1.5, estimate):
        assert check("knob", measured=trials(), slower=slower).outcome is Outcome.PASSED

"""Lesson 02: its lab's checks, and what its notebook measures with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from course import claims
from course.boxes.machine import VirtualMachine
from course.checks import Finding, Outcome
from course.lessons import labs, lesson
from course.results import recorded

LESSON = lesson("02_virtual_machines")
TASKS = ["boot", "find-it", "resize", "disk", "own-os", "other-processor"]


def part(name: str) -> ModuleType:
    return import_module(f"course.lessons.02_virtual_machines.{name}")


def check(task: str, **names: object) -> Finding:
    return LESSON.task(task).check(names).run()


def hinted(task: str, **names: object) -> str:
    """What a wrong answer is told: what was seen, and every hint."""
    finding = check(task, **names)
    assert finding.outcome is Outcome.FAILED, finding
    assert len(finding.hints) == 3
    return " ".join([finding.observed, *finding.hints])


@pytest.fixture(scope="module")
def solved() -> Iterator[dict[str, object]]:
    """What the learner's names are once the whole lab is solved."""
    names: dict[str, object] = {}
    cells = [labs.source(cell) for cell in labs.read(LESSON.solution)["cells"]]
    exec(next(cell for cell in cells if "tempfile.mkdtemp" in cell), names)
    for task in TASKS:
        exec(labs.solution_of(LESSON, task), names)
    yield names
    for name in ("machine", "larger", "foreign"):
        names[name].stop()
    shutil.rmtree(names["folder"])


@pytest.mark.vm
@pytest.mark.parametrize("task", TASKS)
def test_the_solution_passes(task: str, solved: dict[str, object]) -> None:
    finding = check(task, **solved)
    assert finding.outcome is Outcome.PASSED, finding


@pytest.mark.parametrize("task", TASKS)
def test_an_untouched_lab_is_not_attempted(task: str) -> None:
    assert check(task).outcome is Outcome.NOT_ATTEMPTED


def test_the_lab_has_exactly_these_tasks() -> None:
    assert list(LESSON.tasks()) == TASKS


@pytest.mark.parametrize(
    ("task", "name"), [("boot", "machine"), ("resize", "larger"), ("other-processor", "foreign")]
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
    assert check("own-os", own_os=path, greeting="Hello").outcome is Outcome.PASSED
    assert path.read_bytes() == before


@pytest.mark.vm
def test_the_hosts_kind_of_processor_is_no_other(solved: dict[str, object]) -> None:
    said = hinted("other-processor", foreign=solved["machine"], slower=3.0)
    assert "as its host has" in said
    said = hinted("other-processor", foreign=solved["foreign"], slower="three")
    assert "A ratio is one number" in said


def test_a_command_line_is_shown_without_folders() -> None:
    shown = part("parts").readable("qemu -m 128M -chardev file,id=console,path=/tmp/x/console -x")
    assert shown.splitlines() == [
        "qemu",
        "    -m 128M",
        "    -chardev file,id=console,path=console -x",
    ]


def test_devices_are_told_in_words_and_unknown_ones_by_number() -> None:
    listing = "0000:00:02.0 0x1af4 0x1001 0x010000\n0000:00:03.0 0xabcd 0x0001 0x120000\n"
    assert part("parts").devices(listing) == [
        "0000:00:02.0  0x1001  virtio, storage",
        "0000:00:03.0  0x0001  0xabcd, 0x120000",
    ]


@pytest.mark.vm
def test_a_knob_is_turned_alone_and_its_work_is_measured() -> None:
    frame = part("experiments").knobs(["two processors"], rounds=1)
    assert set(frame["arm"]) == {"as the course has it", "two processors"}
    assert (frame[["seconds", "processor", "disk"]] > 0).all(axis=None)


@pytest.mark.vm
def test_a_virtual_machine_has_a_kernel_of_its_own_and_a_process_has_not() -> None:
    own = part("experiments").own_kernel().set_index("arm")["own_kernel"]
    assert own["virtual machine"] == 1
    assert own["process"] == 0


@pytest.mark.parametrize(
    ("claim", "experiment"),
    [
        ("vm_brings_its_kernel", "own_kernel"),
        ("container_shares_the_kernel", "own_kernel"),
    ],
)
def test_the_recorded_kernels_support_the_claims(claim: str, experiment: str) -> None:
    found = claims.judge(claims.claim(claim), recorded(LESSON.slug, experiment))
    assert found.verdict is claims.Verdict.SUPPORTED


def test_the_recorded_boots_tell_the_same_phases_of_both_guests() -> None:
    boots = recorded(LESSON.slug, "boots")
    assert set(boots["arm"]) == {"tiny", "debian"}
    assert not boots.filter(like="phase ").isna().any(axis=None)

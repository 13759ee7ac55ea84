"""Lesson 08's lab: a blank lab is not attempted, each gap has its hint."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from labkit import Lab, defined

from course.checks import Finding, Outcome
from course.lessons import lesson

LAB = Lab("08_inside_a_container")
LESSON, check = LAB.lesson, LAB.check
TASKS = list(LESSON.tasks())
NEWNS, NEWUTS, NEWPID, NEWNET = 0x20000, 0x4000000, 0x20000000, 0x40000000

pytestmark = pytest.mark.usefixtures("nothing_left")


def said(finding: Finding) -> str:
    return " ".join((finding.observed, *finding.hints))


@pytest.fixture(scope="module")
def solved() -> Iterator[dict[str, object]]:
    return defined(LESSON, LESSON.solution)


@pytest.mark.parametrize("task", TASKS)
def test_an_untouched_lab_is_not_attempted(task: str) -> None:
    assert check(task, **defined(LESSON, LESSON.lab)).outcome is Outcome.NOT_ATTEMPTED
    assert check(task).outcome is Outcome.NOT_ATTEMPTED


# --- what goes wrong ----------------------------------------------------------------------------


def call(name: str, *arguments: object) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    call("mount", source.encode(), target.encode(), kind.encode(), flags, options.encode())


def renames_the_host(box: object) -> None:
    socket.sethostname("by-hand")


def keeps_the_old_name(box: object) -> None:
    call("unshare", NEWUTS)


def does_not_fork(box: object) -> None:
    call("unshare", NEWPID)


def goes_on_twice(box: object) -> None:
    call("unshare", NEWPID)
    os.fork()


def hides_the_code(box: object) -> None:
    call("unshare", NEWPID)
    if child := os.fork():
        os.waitpid(child, 0)
        os._exit(0)


def never_ends(box: object) -> None:
    os.read(os.pipe()[0], 1)


def mounts_nothing_new(box: object) -> None:
    mount("none", "/", flags=0x44000)


def shares_its_mounts(box: object) -> None:
    call("unshare", NEWNS)


def changes_no_root(box: object) -> None:
    os.chdir(f"{box.place}/root")


def only_chroots(box: object) -> None:
    os.chroot(f"{box.place}/root")
    os.chdir("/")


def keeps_the_old_root(box: object) -> None:
    os.chdir(f"{box.place}/root")
    call("pivot_root", b".", b".")
    os.chroot(".")


def mounts_proc_outside(box: object) -> None:
    mount("proc", "/proc", "proc")


def shows_the_hosts_proc(box: object) -> None:
    mount("/proc", f"{box.place}/root/proc", flags=0x1000)


def keeps_the_network(box: object) -> None:
    os.getpid()


def leaves_the_loopback_down(box: object) -> None:
    call("unshare", NEWNET)


def switches_on_no_such_card(box: object) -> None:
    call("unshare", NEWNET)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"eth0", 1))


def stays_outside_the_group(box: object) -> None:
    Path(box.groups["pids"], "pids.max").write_text(str(box.pids))


def only_moves_in(box: object) -> None:
    for folder in box.groups.values():
        Path(folder, "cgroup.procs").write_text("0")


def writes_a_fraction(box: object) -> None:
    file = {1: "cpu.cfs_quota_us", 2: "cpu.max"}[box.cgroup]
    Path(box.groups["cpu"], file).write_text(str(box.cpus))


def drops_nothing(box: object) -> None:
    call("prctl", 38, 1, 0, 0, 0)


def drops_all(box: object) -> None:
    for number in range(int(Path("/proc/sys/kernel/cap_last_cap").read_text()) + 1):
        call("prctl", 24, number, 0, 0, 0)


def may_gain_new_ones(box: object) -> None:
    for number in range(int(Path("/proc/sys/kernel/cap_last_cap").read_text()) + 1):
        if number not in (0, 1, 3, 4, 5, 6, 7, 10):
            call("prctl", 24, number, 0, 0, 0)


WRONG: list[tuple[str, Callable[[object], None], str]] = [
    ("own_name", renames_the_host, "outside too"),
    ("own_name", keeps_the_old_name, "still called"),
    ("own_processes", does_not_fork, "the command is process"),
    ("own_processes", goes_on_twice, "ran 2 times"),
    ("own_processes", hides_the_code, "the container with 0"),
    ("own_mounts", mounts_nothing_new, "same mount namespace"),
    ("own_mounts", shares_its_mounts, "mounted outside as well"),
    ("own_root", changes_no_root, "not those of the image"),
    ("own_root", only_chroots, "walked out"),
    ("own_root", keeps_the_old_root, "mounts of the old root"),
    ("own_proc", mounts_proc_outside, "/proc is empty"),
    ("own_proc", shows_the_hosts_proc, "/proc lists"),
    ("own_network", keeps_the_network, "network of the host"),
    ("own_network", leaves_the_loopback_down, "switched off"),
    ("own_network", switches_on_no_such_card, "No such device"),
    ("few_powers", drops_nothing, "still regain"),
    ("few_powers", drops_all, "of the eight in KEPT it has 0"),
    ("few_powers", may_gain_new_ones, "NoNewPrivs is 0"),
]


@pytest.mark.parametrize(
    ("name", "step", "observed"), WRONG, ids=[one[1].__name__ for one in WRONG]
)
def test_a_gap_is_found_and_named(
    name: str, step: Callable, observed: str, solved: dict[str, object]
) -> None:
    finding = check(name.replace("_", "-"), **solved | {name: step})
    assert finding.outcome is Outcome.FAILED
    assert observed in finding.observed
    assert len(finding.hints) == 3


@pytest.mark.parametrize(
    ("step", "observed"),
    [
        (stays_outside_the_group, "none of the groups"),
        (only_moves_in, "asked for 2 and then 64"),
        (writes_a_fraction, "microseconds"),
    ],
)
def test_a_cap_that_does_not_hold_is_named(step: Callable, observed: str) -> None:
    finding = check("capped", capped=step)
    if finding.outcome is Outcome.NOT_ATTEMPTED:
        pytest.skip(finding.observed)
    assert observed in finding.observed + said(finding)


def test_a_step_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    workshop = lesson("08_inside_a_container").part("workshop")
    monkeypatch.setattr(workshop.run, "__kwdefaults__", {"after": "", "timeout": 1.0})
    assert "Which waits, and which goes on?" in said(
        check("own-processes", own_processes=never_ends)
    )


def test_a_mount_that_is_still_shared_explains_the_refusal(solved: dict[str, object]) -> None:
    finding = check("own-root", **solved | {"own_mounts": shares_its_mounts})
    assert "pivot_root: Invalid argument" in finding.observed
    assert "PRIVATE" in said(finding)


def test_what_is_no_function_is_told(solved: dict[str, object]) -> None:
    assert "is str, not a function" in check("own-name", own_name="by-hand").observed
    for strange in (print, lambda box: None):
        assert "cannot be made a program" in check("own-name", own_name=strange).observed


def test_the_whole_tells_what_is_missing_and_what_is_too_early(solved: dict[str, object]) -> None:
    steps = list(solved["container"])
    without = [step for step in steps if step is not solved["own_name"]]
    finding = check("whole", **solved | {"container": without})
    assert "no wall before: host name" in finding.observed
    assert "own_name is missing" in said(finding)
    late = [*(step for step in steps if step is not solved["own_proc"]), solved["own_proc"]]
    finding = check("whole", **solved | {"container": late})
    assert "what needs the host comes before own_root" in said(finding)


def test_powers_may_be_dropped_first_for_they_go_when_the_command_begins(
    solved: dict[str, object],
) -> None:
    *steps, powers = solved["container"]
    assert check("whole", **solved | {"container": [powers, *steps]}).outcome is Outcome.PASSED

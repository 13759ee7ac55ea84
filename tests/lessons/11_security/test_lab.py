"""Lesson 11's lab: a blank lab is not attempted, each lack has its hint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from labkit import Lab, start

from course.boxes import Container
from course.checks import Outcome
from course.engine import engine, remove_all
from course.lessons import lesson

LAB = Lab("11_security")
LESSON, check = LAB.lesson, LAB.check
mysteries = lesson("11_security").part("mystery")
TASKS = list(LESSON.tasks())
POWERLESS = {"user": "7", "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}
READ_ONLY = POWERLESS | {"read_only": True, "tmpfs": {"/tmp": ""}}
HARD = READ_ONLY | {"mem_limit": "32m", "pids_limit": 8}


@pytest.mark.docker
@pytest.mark.parametrize("task", TASKS)
def test_an_untouched_lab_is_not_attempted(task: str) -> None:
    remove_all()
    assert check(task).outcome is Outcome.NOT_ATTEMPTED


@pytest.fixture(scope="module")
def mystery() -> Iterator[Container]:
    with mysteries.hand_over() as found:
        yield found


@pytest.mark.docker
@pytest.mark.parametrize(
    ("reached", "observed", "hint"),
    [
        (lambda right: right | {"network", "raw packets"}, "network, raw packets: with", "Whose"),
        (lambda right: right | {"clock"}, "clock: that probe prints nothing", "on the host?"),
        (lambda right: right - {"kernel"}, "no option can take away", "boot_id"),
        (lambda right: right - {"processes"}, "1 of the host's things", "canary"),
        (lambda right: {"mounts"}, "`reached` is {'mounts'}", "key of `probes.PROBES`"),
        (lambda right: "kernel", "`reached` is 'kernel'", "A set of names"),
        (lambda right: 3, "`reached` is 3", "A set of names"),
    ],
)
def test_a_reach_that_was_not_probed_is_told(
    mystery: Container, reached: Callable, observed: str, hint: str
) -> None:
    right = {name for name, level in mysteries.reach(mystery).items() if level == "the host's"}
    assert {"kernel", "processes"} <= right  # and files, unless AppArmor stands before them
    assert check("probes", reached=right, mystery=mystery).outcome is Outcome.PASSED
    finding = check("probes", reached=reached(right), mystery=mystery)
    assert finding.outcome is Outcome.FAILED
    assert observed in finding.observed
    assert hint in " ".join(finding.hints)


def test_a_mystery_that_is_gone_is_told() -> None:
    assert "no container that runs" in check("probes", reached={"kernel"}).observed


@pytest.mark.docker
@pytest.mark.parametrize(
    ("count", "hint"), [(0xA80425FB, "one bit"), (41, "The kernel tells it inside"), ("14", "Cap")]
)
def test_a_wrong_count_gets_its_hint(tidy: None, count: object, hint: str) -> None:
    start("two-boxes-subject")
    finding = check("count", count=count)
    assert finding.outcome is Outcome.FAILED
    assert hint in " ".join(finding.hints)


@pytest.mark.docker
def test_a_count_of_what_is_gone_or_has_ended_is_told(tidy: None) -> None:
    assert check("count", count=14).outcome is Outcome.NOT_ATTEMPTED
    start("two-boxes-subject", "true")
    engine().containers.get("two-boxes-subject").wait()
    assert "two-boxes-subject is exited" in check("count", count=14).observed


def sources(container: SimpleNamespace) -> list[str]:
    return [mount["Source"] for mount in container.attrs["Mounts"]]


@pytest.mark.parametrize(
    ("holds_the_key", "outcome", "said"),
    [
        (lambda container: None, Outcome.NOT_ATTEMPTED, "returns nothing"),
        (lambda container: True, Outcome.FAILED, "/srv it says True"),
        (lambda container: False, Outcome.FAILED, "docker.sock it says False"),
        (
            lambda container: "/var/run/docker.sock" in sources(container),
            Outcome.FAILED,
            "/var/run",
        ),
        (
            lambda container: any("/var/run" in one for one in sources(container)),
            Outcome.FAILED,
            "old",
        ),
        (lambda container: sources(container)[1], Outcome.FAILED, "IndexError"),
    ],
)
def test_a_wrong_look_for_the_key_is_told(
    holds_the_key: object, outcome: Outcome, said: str
) -> None:
    finding = check("key", holds_the_key=holds_the_key)
    assert (finding.outcome, said in finding.observed) == (outcome, True)


@pytest.mark.docker
@pytest.mark.parametrize(
    ("task", "options", "near_solution"),
    [
        ("powerless", {}, 'user="1000:1000"'),
        ("powerless", {"user": "7"}, 'cap_drop=["ALL"]'),
        ("powerless", {"user": "7", "cap_drop": ["ALL"]}, "no-new-privileges"),
        (
            "powerless",
            POWERLESS | {"security_opt": ["no-new-privileges", "seccomp=unconfined"]},
            "Leave both out",
        ),
        ("read-only", POWERLESS, "read_only=True"),
        ("read-only", POWERLESS | {"read_only": True}, "tmpfs"),
        ("capped", READ_ONLY, "mem_limit"),
        ("capped", READ_ONLY | {"mem_limit": "1g"}, "mem_limit"),
        ("capped", READ_ONLY | {"mem_limit": "64m"}, "pids_limit"),
    ],
)
def test_a_step_that_is_missing_is_named(
    tidy: None, task: str, options: dict, near_solution: str
) -> None:
    start("two-boxes-safe", **options)
    finding = check(task)
    assert finding.outcome is Outcome.FAILED
    assert near_solution in finding.hints[-1]


@pytest.mark.docker
def test_another_way_to_the_same_state_passes(tidy: None) -> None:
    start("two-boxes-safe", **HARD)
    assert check("capped").outcome is Outcome.PASSED


@pytest.mark.docker
def test_a_hard_container_that_serves_nothing_is_told(tidy: None) -> None:
    start("two-boxes-service", **HARD)
    assert "does not answer" in check("service").observed


@pytest.mark.docker
def test_a_service_that_died_of_a_missing_right_shows_its_last_words(tidy: None) -> None:
    start("two-boxes-service", "sh", "-c", "echo still here > /index.html", **HARD)
    engine().containers.get("two-boxes-service").wait()
    assert "Read-only file system" in check("service").observed


@pytest.mark.docker
def test_what_is_not_the_courses_is_named_and_left_alone() -> None:
    start("two-boxes-safe", labels={})
    stranger = engine().containers.get("two-boxes-safe")
    try:
        finding = check("powerless")
    finally:
        stranger.remove(force=True)
    assert "no label" in finding.observed

"""Lesson 04: its lab's checks, and what its notebook looks through: wiretap, cast, spare engine."""

from __future__ import annotations

import os
import subprocess

import pytest
from labkit import Lab, start

from course import claims
from course.checks import Outcome
from course.engine import engine, label, remove_all
from course.errors import EngineError
from course.images import container_image
from course.lessons import lesson
from course.measuring.results import recorded

LAB = Lab("04_docker_engine")
LESSON, check = LAB.lesson, LAB.check
TASKS = list(LESSON.tasks())


part = lesson("04_docker_engine").part


@pytest.mark.docker
@pytest.mark.parametrize("task", TASKS)
def test_an_untouched_lab_is_not_attempted(task: str) -> None:
    remove_all()
    assert check(task).outcome is Outcome.NOT_ATTEMPTED


@pytest.mark.docker
def test_a_clock_that_ends_or_stands_still_is_told_so(tidy: None) -> None:
    start("two-boxes-clock", "date")
    engine().containers.get("two-boxes-clock").wait()
    assert "lives as long as its first process" in LAB.hinted("clock")
    start("two-boxes-clock", "sh", "-c", "date; sleep 600")
    assert "different times" in LAB.hinted("clock")


def answers(status: int, data: object) -> object:
    return lambda method, path, body=None: (status, data)


def raises(error: Exception) -> object:
    def ask(method: str, path: str, body: object = None) -> None:
        raise error

    return ask


def honest(method: str, path: str, body: object = None) -> tuple[int, object]:
    """Right answers, but for the empty one."""
    found = "nobody" not in path
    return (200, {"ApiVersion": "1.41"}) if found else (404, {"message": "No such container"})


@pytest.mark.parametrize(
    ("ask", "hint"),
    [
        (raises(ConnectionRefusedError("port 80")), "network address"),
        (raises(FileNotFoundError("docker.sock")), "connecting to it takes its path"),
        (raises(KeyError("Id")), "read the traceback"),
        (answers(200, b'{"ApiVersion": "1.41"}'), "What turns it into a dict?"),
        (lambda method, path, body=None: {"ApiVersion": "1.41"}, "two things"),
        (answers(200, {"ApiVersion": "1.41"}), "here 404"),
        ("ask", "def ask"),
        (honest, "That answer has no body"),
    ],
)
def test_a_wrong_client_gets_the_hint_for_what_it_did(ask: object, hint: str) -> None:
    assert hint in LAB.hinted("ask", ask=ask)


def test_a_client_that_cannot_bear_an_empty_body_is_told_so() -> None:
    def careless(method: str, path: str, body: object = None) -> tuple[int, object]:
        if method == "HEAD":
            raise ValueError("Expecting value: line 1 column 1 (char 0)")
        return honest(method, path)

    assert "What is json.loads to make of nothing?" in LAB.hinted("ask", ask=careless)


@pytest.mark.docker
@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"mem_limit": "32m"}, "two things"),
        ({"hostname": "by-hand"}, "stand in HostConfig"),
        ({"hostname": "by-hand", "mem_limit": "64m"}, "counts bytes"),
    ],
)
def test_a_container_made_otherwise_gets_its_hint(tidy: None, options: dict, hint: str) -> None:
    start("two-boxes-by-hand", "sleep", "60", **options)
    assert hint in LAB.hinted("by-hand")


@pytest.mark.docker
def test_a_container_only_created_is_told_that_nobody_started_it(tidy: None) -> None:
    wanted = {"hostname": "by-hand", "mem_limit": "32m", "labels": label()}
    engine().containers.create(
        container_image("tiny"), ["sleep", "60"], name="two-boxes-by-hand", **wanted
    )
    assert "sets it going" in check("by-hand").hints[0]


@pytest.mark.docker
def test_a_process_that_has_ended_is_not_looked_for(tidy: None) -> None:
    start("two-boxes-by-hand", "true")
    engine().containers.get("two-boxes-by-hand").wait()
    assert "the container is exited" in LAB.hinted("find-it", host_pid=0, shim_pid=0)


@pytest.mark.docker
@pytest.mark.parametrize(
    ("host_pid", "hint"), [(1, "Inside, it is number 1"), (2, "The engine knows it")]
)
def test_a_wrong_process_number_gets_its_hint(tidy: None, host_pid: int, hint: str) -> None:
    start("two-boxes-by-hand", "sleep", "60")
    assert hint in LAB.hinted("find-it", host_pid=host_pid, shim_pid=host_pid)


@pytest.mark.docker
@pytest.mark.parametrize(
    ("command", "observed"),
    [
        (["sleep", "60"], "no handler"),
        (["sh", "-c", "trap '' TERM; sleep 60 & wait"], "ignores SIGTERM"),
        (["sh", "-c", "trap 'exit 0' TERM; sleep 60"], "had to be killed"),
        (["true"], "the container is exited"),
    ],
)
def test_a_deaf_process_1_is_seen(tidy: None, command: list[str], observed: str) -> None:
    start("two-boxes-polite", *command)
    if command == ["true"]:
        engine().containers.get("two-boxes-polite").wait()
    assert observed in LAB.hinted("polite")


@pytest.mark.docker
def test_an_init_at_number_1_is_polite_too(tidy: None) -> None:
    start("two-boxes-polite", "sleep", "60", init=True)
    assert check("polite").outcome is Outcome.PASSED


@pytest.mark.docker
def test_a_program_that_succeeds_is_not_stubborn(tidy: None) -> None:
    policy = {"Name": "on-failure", "MaximumRetryCount": 2}
    start("two-boxes-stubborn", "true", restart_policy=policy)
    engine().containers.get("two-boxes-stubborn").wait()
    assert "after 0 restarts" in LAB.hinted("stubborn", deaths=[])


@pytest.mark.docker
@pytest.mark.parametrize("deaths", [3, ["7", "7"]])
def test_deaths_that_were_not_all_heard(tidy: None, deaths: object) -> None:
    policy = {"Name": "on-failure", "MaximumRetryCount": 2}
    dies = {"container": "two-boxes-stubborn", "event": "die"}
    stream = engine().events(decode=True, filters=dies)
    start("two-boxes-stubborn", "sh", "-c", "exit 7", restart_policy=policy)
    for _ in range(3):
        next(stream)
    stream.close()
    assert "One exit code for each time" in LAB.hinted("stubborn", deaths=deaths)


@pytest.mark.docker
def test_what_is_not_the_courses_is_named_and_left_alone() -> None:
    start("two-boxes-clock", "sleep", "60", labels={})
    stranger = engine().containers.get("two-boxes-clock")
    try:
        assert "no label" in LAB.hinted("clock")
        stranger.reload()
    finally:
        stranger.remove(force=True)
    assert stranger.status == "running"


@pytest.mark.docker
def test_the_wiretap_hears_what_the_docker_command_asks() -> None:
    api = engine().api
    with part("wiretap").Wiretap(api.get_adapter(api.base_url).socket_path) as tap:
        there = os.environ | {"DOCKER_HOST": tap.address}
        run = ["docker", "run", "--rm", "--network=none", container_image("tiny"), "echo", "heard"]
        said = subprocess.run(run, env=there, capture_output=True, text=True, check=True).stdout
    assert said == "heard\n"
    assert [one for one in tap.requests if one.endswith("/containers/<id>/start")]


@pytest.mark.docker
def test_the_cast_shows_one_process_that_changes_its_program(tidy: None) -> None:
    container = engine().containers.create(container_image("tiny"), ["sleep", "60"], labels=label())
    seen = part("cast").watch_start(container)
    container.reload()
    names = [one.name for one in seen if one.pid == container.attrs["State"]["Pid"]]
    assert names == ["runc init", "sleep"]
    assert "sleep" in repr(part("cast").draw(seen))


@pytest.mark.docker
def test_a_container_outlives_the_daemon_when_it_may(nothing_left: None) -> None:
    spare_engine = part("spare_engine")
    try:
        spare_engine.require_means()
    except EngineError as error:
        pytest.skip(str(error))
    fates = spare_engine.fates()
    assert fates["the container meanwhile"].tolist() == ["gone", "runs", "runs", "runs"]
    assert fates["when the daemon is back"].tolist() == ["exited", "exited", "running", "running"]


@pytest.mark.parametrize("name", ["fates", "comebacks"])
def test_without_a_daemon_of_its_own_the_lesson_shows_the_recorded_table(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    table = getattr(part("spare_engine"), name)()
    assert table.attrs["tier"] == "recorded"
    assert len(table) == 4


def test_the_recorded_containers_did_not_need_their_engine() -> None:
    claim = claims.claim("container_needs_its_engine")
    assert claims.judge(claim, recorded(LESSON.slug, "fates")).verdict is claims.Verdict.REFUTED

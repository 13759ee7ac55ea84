"""Lesson 01's lab: a blank lab is not attempted, each mistake has its hint."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from labkit import Lab

from course.checks import Finding, Outcome
from course.engine import engine, label, remove_all
from course.images import package_image
from course.lessons import lesson

LAB = Lab("01_isolation")
LESSON, check = LAB.lesson, LAB.check
TASKS = list(LESSON.tasks())
NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture(scope="module")
def solved() -> Iterator[dict[str, object]]:
    """What the learner's names are once the whole lab is solved."""
    yield Lab("01_isolation").solve_all()
    remove_all()


def failed(finding: Finding, observed: str, near_solution: str) -> bool:
    """Whether it failed, said what it saw, and its last hint is nearly the solution."""
    seen = observed in finding.observed and near_solution in finding.hints[-1]
    return finding.outcome is Outcome.FAILED and seen and len(finding.hints) == 3


@pytest.mark.docker
@pytest.mark.parametrize("task", TASKS)
def test_an_untouched_lab_is_not_attempted(task: str) -> None:
    assert check(task).outcome is Outcome.NOT_ATTEMPTED


@pytest.mark.docker
def test_a_wrong_process_gets_its_hint(solved: dict[str, object]) -> None:
    machine = solved["machine"]
    machine.reload()
    hosts = machine.attrs["State"]["Pid"]
    assert failed(check("holder", holder=1), "process 1 does not wait", "httpd -f -p 8000")
    assert failed(check("holder", holder="httpd"), "'httpd'", "holder = 7")
    assert failed(check("holder", holder=hosts), "no process", "exec_run('ps')")


@pytest.mark.parametrize(
    ("path", "observed", "near_solution"),
    [
        ("/var/lib/app", "a folder", "/var/lib/app/visits"),
        ("/opt/bakery/start", "one of them alone", "io.open"),
        ("/var/lib/redis/dump.rdb", "dump.rdb", "io.open"),
        ("/", "`file` is ''", "io.open"),
    ],
)
def test_a_wrong_file_gets_its_hint(path: str, observed: str, near_solution: str) -> None:
    assert failed(check("file", file=path), observed, near_solution)


@pytest.mark.parametrize(
    ("answer", "observed", "near_solution"),
    [
        ("5.1", "'5.1'", "versions ="),
        ({"bakery": "5.4", "library": "5.1"}, "bakery it says '5.4'", "lua5.1 /opt/bakery"),
        ({"bakery": "5.1", "library": "5.1"}, "library it says '5.1'", "lua5.4 /opt/library"),
    ],
)
def test_wrong_versions_get_their_hint(answer: object, observed: str, near_solution: str) -> None:
    assert failed(check("versions", versions=answer), observed, near_solution)


def test_versions_may_be_written_with_the_name_of_the_program() -> None:
    answer = {"bakery": "lua5.1", "library": 5.4}
    assert check("versions", versions=answer).outcome is Outcome.PASSED
    gaps = {"bakery": ..., "library": "5.4"}
    assert check("versions", versions=gaps).outcome is Outcome.NOT_ATTEMPTED


@pytest.mark.docker
def test_a_door_that_leads_elsewhere_is_told(solved: dict[str, object]) -> None:
    urls = {"bakery_url": solved["bakery_url"], "library_url": solved["library_url"]}
    swapped = dict(zip(urls, reversed(urls.values()), strict=True))
    assert failed(check("side-by-side", **swapped), "is the library, on Lua 5.4", "bakery_url is")
    nobody = check("side-by-side", **urls | {"library_url": NOWHERE})
    assert failed(nobody, "nobody answers", "reload()")


@pytest.mark.docker
@pytest.mark.parametrize(("app", "lua"), [("bakery", "5.4"), ("library", "5.1")])
def test_a_program_on_the_wrong_lua_is_told(app: str, lua: str, solved: dict[str, object]) -> None:
    command = f"ln -sf lua{lua} /usr/bin/lua; exec sh /opt/{app}/start"
    box = solved["start"](f"two-boxes-wrong-{app}", command, **solved["door"])
    urls = {"bakery_url": solved["bakery_url"], "library_url": solved["library_url"]}
    urls[f"{app}_url"] = solved["address"](box)
    finding = check("side-by-side", **urls)
    assert failed(finding, "which is no page", f"/usr/bin/lua, before the {app} is started")


@pytest.mark.docker
def test_two_that_count_in_one_file_are_told(solved: dict[str, object]) -> None:
    volume = engine().volumes.create(labels=label())
    shared = solved["door"] | {"volumes": {volume.name: {"bind": "/var/lib/app", "mode": "rw"}}}
    start, address = solved["start"], solved["address"]
    urls = {
        "bakery_url": address(start("two-boxes-one", solved["old"], **shared)),
        "library_url": address(start("two-boxes-two", "sh /opt/library/start", **shared)),
    }
    assert failed(check("side-by-side", **urls), "the library counts 2 more", "without `volumes`")
    pair = [urls["bakery_url"], address(start("two-boxes-three", solved["old"], **shared))]
    for street in ([*solved["urls"][:3], *pair], [*pair, *solved["urls"][:3]]):
        assert failed(check("street", urls=street), "counted by another", "without `volumes`")


@pytest.mark.docker
def test_a_street_that_is_too_short_is_told(solved: dict[str, object]) -> None:
    twice = [solved["urls"][0]] * 5
    assert failed(check("street", urls=twice), "1 different", "range(5)")
    assert failed(check("street", urls=solved["bakery_url"]), "0 different", "range(5)")


@pytest.mark.docker
@pytest.mark.parametrize(
    ("look", "observed", "near_solution"),
    [
        (lambda one, other: False, "one and the same box", "exit_code == 0"),
        (lambda one, other: True, "it says yes", "uuid"),
        (lambda one, other: other.exec_run("ls /opt").exit_code == 0, "it says yes", "uuid"),
        (lambda one, other: one.nonsense, "AttributeError", "exit_code == 0"),
    ],
)
def test_a_poor_experiment_is_told(
    look: object, observed: str, near_solution: str, solved: dict[str, object]
) -> None:
    assert failed(check("proof", shares_files=look), observed, near_solution)


@pytest.mark.docker
def test_an_old_trace_is_told_from_a_new_one(solved: dict[str, object]) -> None:
    path = f"/{uuid.uuid4()}"  # the same for every pair

    def shares_files(one: object, other: object) -> bool:
        one.exec_run(["touch", path])
        return other.exec_run(["ls", path]).exit_code == 0

    finding = check("proof", shares_files=shares_files)
    assert failed(finding, "after it has been used once", "uuid")


@pytest.mark.docker
def test_a_function_that_returns_nothing_is_not_attempted(solved: dict[str, object]) -> None:
    finding = check("proof", shares_files=lambda one, other: None)
    assert finding.outcome is Outcome.NOT_ATTEMPTED


@pytest.mark.docker
def test_what_is_not_the_courses_is_named_and_left_alone() -> None:
    for ours in engine().containers.list(all=True, filters={"name": "^/two-boxes-bakery$"}):
        ours.remove(force=True)
    stranger = engine().containers.run(
        package_image("tenants"), ["sleep", "600"], name="two-boxes-bakery", detach=True
    )
    try:
        findings = [
            check("proof", shares_files=bool),
            check("side-by-side", bakery_url=NOWHERE, library_url=NOWHERE),
        ]
    finally:
        stranger.remove(force=True)
    assert all(failed(finding, "no label", "start(") for finding in findings)


def test_a_port_that_is_open_to_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = lesson("01_isolation").part("looks")
    doors = {"8000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "40001"}]}
    monkeypatch.setattr(looks, "ours", lambda name: SimpleNamespace(ports=doors))
    finding = check("side-by-side", bakery_url=NOWHERE, library_url=NOWHERE)
    assert failed(finding, "published at 0.0.0.0", "127.0.0.1")

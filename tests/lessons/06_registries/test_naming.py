"""Lesson 06's task of reading names: each usual way to read one wrongly gets the hint for it."""

from __future__ import annotations

import pytest
from docker.auth import resolve_repository_name
from labkit import Lab

from course.checks import Finding, Outcome
from course.lessons import lesson

READ = lesson("06_registries").part("naming").READ
RIGHT = """
def parts(name):
    name, _, digest = name.partition("@")
    first, slash, rest = name.partition("/")
    if not (slash and ("." in first or ":" in first or first == "localhost")):
        first, rest = "docker.io", name
    repository, _, tag = rest.partition(":")
    if first == "docker.io" and "/" not in repository:
        repository = "library/" + repository
    return first, repository, tag or (None if digest else "latest"), digest or None
"""
AT_THE_FIRST_COLON = """
def parts(name):
    name, _, tag = name.partition(":")
    first, slash, rest = name.removeprefix("docker.io/").partition("/")
    if not (slash and ("." in first or first == "localhost")):
        first, rest = "docker.io", f"{first}/{rest}" if slash else f"library/{first}"
    return first, rest, tag or "latest", None
"""


def check(code: str) -> Finding:
    lab = Lab("06_registries")
    lab.run(code)
    return lab.check("names")


def test_a_right_one_passes() -> None:
    assert check(RIGHT).outcome is Outcome.PASSED


@pytest.mark.parametrize("code", ["", "def parts(name): ...", "parts = ..."])
def test_none_is_not_attempted(code: str) -> None:
    assert check(code).outcome is Outcome.NOT_ATTEMPTED


HOST = '(slash and ("." in first or ":" in first or first == "localhost"))'
TAG = 'tag or (None if digest else "latest")'


@pytest.mark.parametrize(
    ("right", "wrong", "observed", "hint"),
    [
        (RIGHT, AT_THE_FIRST_COLON, "localhost:5000/shop gives", "belongs to a port"),
        (' or ":" in first', "", "localhost:5000/shop gives", "belongs to a port"),
        (HOST, "slash", "team/shop:2.0 gives", "somebody's name on Docker Hub"),
        ("(slash and (", "(True and (", "redis:7 gives", "Without a slash behind it"),
        (' or first == "localhost"', "", "localhost/shop gives", "the word `localhost`"),
        ('first == "docker.io" and', "False and", "redis gives", "the namespace `library`"),
        ('first == "docker.io" and ', "", "example.org/shop gives", "and only there"),
        ('name.partition("@")', 'name, "", ""', "redis@sha256", "a colon of its own"),
        (TAG, 'tag or "latest"', "redis@sha256", "only without tag and digest"),
        (TAG, "None if digest else tag or 'latest'", "team/shop:2.0@", "only without tag"),
        (TAG, "tag or None", "redis gives", "in place of an empty tag"),
        ("digest or None", "digest", "'latest', '')", "None, not empty"),
        (", digest or None", "", "'library/redis', 'latest')", "one tuple of four"),
        ('_, digest = name.partition("@")', 'digest = name.split("@")', "ValueError", "may give"),
    ],
)
def test_a_name_read_wrongly_is_told(right: str, wrong: str, observed: str, hint: str) -> None:
    assert right in RIGHT
    found = check(RIGHT.replace(right, wrong))
    assert found.outcome is Outcome.FAILED
    assert len(found.hints) == 3
    assert observed in found.observed
    assert hint in " ".join(found.hints)


def test_docker_itself_reads_the_registries_so() -> None:
    """The SDK has the rule for the first part, and calls Docker Hub by the same name."""
    assert {name: resolve_repository_name(name.partition("@")[0])[0] for name in READ} == {
        name: right.registry for name, right in READ.items()
    }

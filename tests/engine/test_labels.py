"""What carries a session's label goes with the session, and nothing else does."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from requests.exceptions import HTTPError

from course.engine import engine, labels
from course.errors import EngineError, EngineUnreachable
from course.images import container_image
from course.system import reaper

MAKES_ONE_OF_EACH = """
import io, time
from course.engine import engine
from course.engine import label
docker, tag = engine(), "two-boxes-test-labels"
docker.images.build(fileobj=io.BytesIO(b"FROM course/tiny"), tag=tag, labels=label(), rm=True)
network = docker.networks.create("two-boxes-test-labels", labels=label())
volume = docker.volumes.create(labels=label())
docker.containers.run(tag, "sleep 600", network=network.name, volumes=[f"{volume.name}:/kept"],
                      labels=label(), detach=True)
print(label()["two-boxes"], flush=True)
time.sleep(600)
"""


def left(session: str) -> list[object]:
    api, chosen = engine().api, {"label": f"two-boxes={session}"}
    return [
        *api.containers(all=True, filters=chosen),
        *api.networks(filters=chosen),
        *(api.volumes(filters=chosen)["Volumes"] or ()),
        *api.images(filters=chosen),
    ]


def gone(session: str, deadline: float) -> bool:
    end = time.monotonic() + deadline
    while left(session) and time.monotonic() < end:
        time.sleep(0.05)
    return not left(session)


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """Another session, with one of each thing in the engine."""
    monkeypatch.setenv("COURSE_RUN_DIR", str(tmp_path))
    container_image("tiny")
    command = [sys.executable, "-c", MAKES_ONE_OF_EACH]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.docker
@pytest.mark.fault("session killed (-9) with one of each of the engine's things")
def test_a_killed_session_leaves_nothing_in_the_engine(worker: subprocess.Popen[str]) -> None:
    session = worker.stdout.readline().strip()
    assert len(left(session)) == 4
    worker.send_signal(signal.SIGKILL)
    assert gone(session, deadline=30)


@pytest.mark.docker
@pytest.mark.fault("session killed (-9) while the engine makes a container")
def test_what_the_engine_makes_a_moment_later_goes_too(worker: subprocess.Popen[str]) -> None:
    session = worker.stdout.readline().strip()
    worker.send_signal(signal.SIGKILL)
    assert gone(session, deadline=30)
    engine().containers.create("course/tiny", labels={labels.NAME: session})
    assert gone(session, deadline=30)


@pytest.mark.docker
def test_what_belongs_to_others_stays(worker: subprocess.Popen[str]) -> None:
    session = worker.stdout.readline().strip()
    labels.remove_all()
    labels.remove_all("1-1")
    assert len(left(session)) == 4
    labels.remove_all(session)
    assert left(session) == []


@pytest.mark.docker
def test_removing_an_image_leaves_the_one_it_was_built_from() -> None:
    tag = container_image("tiny")
    engine().images.build(fileobj=io.BytesIO(b"FROM course/tiny"), labels=labels.label())
    labels.remove_all()
    assert left(reaper.session()) == []
    assert engine().images.get(tag)


@pytest.mark.docker
@pytest.mark.usefixtures("nothing_left")
def test_an_image_goes_while_one_of_others_stands_on_it() -> None:
    docker, own, theirs = engine(), "two-boxes-test-parent", "two-boxes-test-child"
    recipe = io.BytesIO(b"FROM course/tiny\nRUN true")
    docker.images.build(fileobj=recipe, tag=own, rm=True, labels=labels.label())
    recipe = io.BytesIO(f"FROM {own}\nRUN true\nLABEL two-boxes=others".encode())
    docker.images.build(fileobj=recipe, tag=theirs, rm=True)
    try:
        labels.remove_all()
        assert left(reaper.session()) == []
        assert docker.images.get(theirs)
    finally:
        docker.images.remove(theirs, force=True)


@pytest.mark.docker
@pytest.mark.usefixtures("nothing_left")
def test_what_the_engine_keeps_is_named_and_the_rest_goes() -> None:
    docker = engine()
    recipe = io.BytesIO(b"FROM course/tiny\nRUN true")
    docker.images.build(fileobj=recipe, rm=True, labels=labels.label())
    volume = docker.volumes.create(labels=labels.label())
    theirs = docker.containers.create(container_image("tiny"), volumes=[f"{volume.name}:/kept"])
    try:
        with pytest.raises(EngineError, match=volume.name):
            labels.remove_all()
        assert [kept["Name"] for kept in left(reaper.session())] == [volume.name]
    finally:
        theirs.remove()
        labels.remove_all()


def test_what_somebody_else_removes_first_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Mock()
    api.containers.return_value, api.networks.return_value = [{"Id": "a"}], [{"Id": "b"}]
    api.volumes.return_value, api.images.return_value = {"Volumes": None}, []
    missing = HTTPError(response=Mock(status_code=404))
    api.remove_container.side_effect = api.remove_network.side_effect = missing
    monkeypatch.setattr(labels, "engine", lambda: Mock(api=api))
    labels.remove_all("1-1")
    api.remove_network.assert_called_once_with("b")


def test_without_an_engine_nothing_is_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    monkeypatch.setattr("course.engine.client._clients", {})
    with pytest.raises(EngineUnreachable):
        labels.remove_all("1-1")

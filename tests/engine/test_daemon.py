"""The packaged engine is started where it may be, and only there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from course.engine import daemon
from course.errors import EngineForbidden, EngineUnreachable

# Everything of the second engine, and no bridge: this namespace has its own network, and its
# own process numbers, so that the first engine is neither seen nor touched.
DOCKERD = """#!/bin/sh
exec {dockerd} --data-root {here}/data --exec-root {here}/exec --bridge none --iptables=false "$@"
"""
START_TWICE = """
from course.engine import daemon, engine
daemon.start([])
print(engine().info()["DockerRootDir"])
daemon.start([])
print(daemon.runs())
"""


@pytest.fixture
def short_path() -> Iterator[Path]:
    """The daemon makes sockets below it, whose paths stay below 108 bytes; tmp_path can be long."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


def daemon_is_away() -> None:
    raise EngineUnreachable("a container engine that answers", "none")


@pytest.fixture
def nobody_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    monkeypatch.setattr(daemon, "engine", daemon_is_away)
    monkeypatch.setattr(daemon, "runs", lambda: False)
    monkeypatch.setattr(daemon, "EARLIEST_DEATH", 0.0)


def test_an_engine_of_the_learners_choice_is_not_replaced(
    nobody_answers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert daemon.may_be_started()
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:2375")
    assert not daemon.may_be_started()


def test_a_second_daemon_is_never_started(
    nobody_answers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(daemon, "runs", lambda: True)
    monkeypatch.setattr(daemon, "DEADLINE", 0.2)
    monkeypatch.setattr(daemon.subprocess, "run", lambda command, **_: started.append(command))
    with pytest.raises(EngineUnreachable, match="pkill"):
        daemon.start([])
    assert started == []


def test_an_engine_on_its_way_down_is_started_when_it_is_gone(
    nobody_answers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, started = iter([True, True, True, False]), []
    monkeypatch.setattr(daemon, "runs", lambda: next(runs, True))
    monkeypatch.setattr(daemon, "engine", lambda: started or daemon_is_away())
    monkeypatch.setattr(daemon.subprocess, "run", lambda command, **_: started.append(command))
    daemon.start(["sudo"])
    assert started == [["sudo", *daemon.start_command()]]


def test_an_engine_whose_forerunner_is_not_quite_gone_is_started_again(
    nobody_answers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(daemon, "engine", lambda: started[1:] or daemon_is_away())
    monkeypatch.setattr(daemon.subprocess, "run", lambda command, **_: started.append(command))
    daemon.start([])
    assert len(started) == 2


def test_a_daemon_that_dies_leaves_its_last_words(
    nobody_answers: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "dockerd").write_text("#!/bin/sh\necho no cgroup mounted >&2\nexit 1\n")
    (tmp_path / "dockerd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    by_hand = (*daemon.BY_HAND, str(tmp_path / "dockerd.log"))
    monkeypatch.setattr(daemon, "start_command", lambda: by_hand)
    monkeypatch.setattr(daemon, "EARLIEST_DEATH", 1.0)
    with pytest.raises(EngineUnreachable, match="no cgroup mounted"):
        daemon.start([])


@pytest.mark.parametrize("manager", daemon.LOGS)
def test_a_daemon_of_a_service_manager_says_why_it_died_in_that_one_s_log(
    manager: tuple[str, ...], nobody_answers: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "dockerd.log").write_text("what another daemon said, started by hand\n")
    monkeypatch.setattr(daemon, "start_command", lambda: manager)
    monkeypatch.setattr(daemon.subprocess, "run", lambda *_, **__: None)
    with pytest.raises(EngineUnreachable) as caught:
        daemon.start([])
    assert (caught.value.found, caught.value.mend) == ("none", daemon.LOGS[manager])


def test_a_user_who_is_not_let_in_is_told_at_once(
    nobody_answers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden() -> None:
        raise EngineForbidden("to be let in", "Permission denied")

    monkeypatch.setattr(daemon, "engine", forbidden)
    monkeypatch.setattr(daemon, "start_command", lambda: ("true",))
    with pytest.raises(EngineForbidden):
        daemon.start([])


@pytest.mark.docker
@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("dockerd"), reason="needs root and the packaged dockerd"
)
def test_a_real_daemon_is_started_once_and_answers(short_path: Path) -> None:
    programs = short_path / "bin"
    programs.mkdir()
    script = DOCKERD.format(dockerd=shutil.which("dockerd"), here=short_path)
    (programs / "dockerd").write_text(script)
    (programs / "dockerd").chmod(0o755)
    own_world = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    inside = 'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$0" -c "$1"'
    done = subprocess.run(
        [*own_world, "sh", "-c", inside, sys.executable, START_TWICE],
        env=os.environ
        | {"PATH": f"{programs}:{os.environ['PATH']}", "COURSE_DATA_DIR": str(short_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.stdout.split() == [str(short_path / "data"), "True"], done.stderr

"""Engines that die, come back, are elsewhere, are another's, or do not let one in."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from faults.forwarder import Forwarder
from faults.world import a_users_python, becomes_true, processes_of, run_python

from course import Container, engine
from course.errors import EngineUnreachable, NotRunning
from course.lessons import lesson
from course.system import processes

spare_engine = lesson("04_docker_engine").part("spare_engine")
pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("nothing_left")]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@contextmanager
def at(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Inside, the course uses another engine."""
    with monkeypatch.context() as patch:
        patch.setenv("DOCKER_HOST", address)
        patch.setattr("course.engine.client._clients", {})
        yield


@as_root
@pytest.mark.skipif(not shutil.which("dockerd"), reason="needs the packaged dockerd")
@pytest.mark.fault("dockerd killed (-9) in mid-lab, and started again")
@pytest.mark.parametrize("live_restore", [True, False])
def test_a_box_outlives_its_daemon_or_says_that_it_did_not(
    live_restore: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        spare_engine.SpareEngine(live_restore) as spare,
        at(f"unix://{spare._folder}/docker.sock", monkeypatch),
    ):
        box = Container().start()
        box.exec("echo kept > /kept")
        spare.end_daemon(signal.SIGKILL)
        with pytest.raises(EngineUnreachable, match="Try"):
            box.exec("true")
        spare.start_daemon()
        if live_restore:
            assert box.exec("cat /kept").stdout == "kept\n"
        else:
            with pytest.raises(NotRunning):
                box.exec("cat /kept")
        box.stop()
        assert spare.client.containers.list(all=True) == []


@as_root
@pytest.mark.fault("containerd's shim killed (-9)")
def test_a_container_whose_shim_was_killed_does_not_run() -> None:
    with Container() as box:
        init = box.docker.attrs["State"]["Pid"]
        os.kill(processes.stat(init).parent, signal.SIGKILL)
        assert becomes_true(lambda: box.docker.status != "running")
        with pytest.raises(NotRunning):
            box.exec("true")
    assert becomes_true(lambda: init not in processes.everyone())


@pytest.mark.fault("the engine reached over TCP, output and head in one piece")
def test_an_engine_over_tcp_is_used_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with Forwarder() as forwarder, at(forwarder.address, monkeypatch), Container() as box:
        output = box.exec("echo out; echo err >&2; exit 3")
        assert (output.exit_code, output.stdout, output.stderr) == (3, "out\n", "err\n")
        box.snapshot("good")
        box.rollback("good")
        assert len(box.exec("head -c 300000 /dev/zero").stdout) == 300_000
        assert box.usage().memory > 0


@pytest.mark.fault("the engine gone in the middle of a command")
def test_an_engine_that_dies_in_the_middle_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Forwarder() as forwarder, at(forwarder.address, monkeypatch):
        box = Container().start()
        container = box.docker.id
        threading.Timer(0.5, forwarder.die).start()
        started = time.monotonic()
        with pytest.raises(EngineUnreachable):
            box.exec("sleep 30")
        assert time.monotonic() - started < 10
        for use in (box.usage, lambda: box.snapshot("a"), lambda: box.exec("true"), box.stop):
            with pytest.raises(EngineUnreachable):
                use()
    engine.engine().containers.get(container).remove(force=True)


@pytest.mark.fault("the engine reached over TCP, where nobody listens any more")
def test_an_address_where_nobody_listens_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with at(address, monkeypatch), pytest.raises(EngineUnreachable, match="unset DOCKER_HOST"):
        Container().start()


ASK = """
import json
from course import Container
from course.errors import CourseError
try:
    Container().start()
except CourseError as error:
    print(json.dumps([type(error).__name__, error.found, error.mend]))
"""


@as_root
@pytest.mark.fault("a user who is not in the group docker")
def test_a_user_who_is_not_in_the_group_is_told_which_one() -> None:
    with TemporaryDirectory() as home:
        folders = {f"COURSE_{name}_DIR": f"{home}/{name}" for name in ("CACHE", "DATA", "RUN")}
        said = run_python(ASK, python=a_users_python(home), HOME=home, **folders)
    error, found, mend = json.loads(said)
    assert error == "EngineForbidden"
    assert "Permission denied" in found
    assert "usermod -aG docker" in mend


def listens(path: Path) -> bool:
    """Whether a connection is taken there: a socket's file is there a moment before that."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


@pytest.fixture
def podman() -> Iterator[str]:
    """The address of a Podman that serves Docker's API, with storage and network of its own."""
    if os.geteuid() != 0 or not shutil.which("podman"):
        pytest.skip("needs root and Podman: apt-get install podman")
    own = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with TemporaryDirectory() as name:  # not tmp_path: Podman wants its folder's path to be short
        here = Path(name)
        options = [f"--{place}={here / place}" for place in ("root", "runroot", "tmpdir")]
        # Not crun: it refuses a hybrid tree whose version 2 has a controller, as it may.
        options += ["--cgroup-manager=cgroupfs", "--events-backend=file", "--runtime=runc"]
        service = [*own, "podman", *options, "system", "service", "--time=0"]
        with (here / "log").open("w") as log:
            running = subprocess.Popen([*service, f"unix://{here}/socket"], stdout=log, stderr=log)
        try:
            assert becomes_true(lambda: listens(here / "socket")), (here / "log").read_text()
            yield f"unix://{here}/socket"
        finally:
            running.kill()
            running.wait()
            assert becomes_true(lambda: not processes_of(here))  # unshare's child goes after it


@pytest.mark.fault("Podman's socket in place of Docker's")
def test_podman_serves_a_container_as_docker_does(
    podman: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at(podman, monkeypatch):
        with Container(memory="64M") as box:
            output = box.exec("echo out; echo err >&2; exit 3")
            assert (output.exit_code, output.stdout, output.stderr) == (3, "out\n", "err\n")
            box.exec("echo good > /state")
            box.snapshot("good")
            box.exec("rm /state")
            box.rollback("good")
            assert box.exec("cat /state").stdout == "good\n"
            assert box.usage().memory > 0
        assert engine.engine().containers.list(all=True) == []

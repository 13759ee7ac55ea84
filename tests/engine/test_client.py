"""The engine is found where the docker command finds it, and its absence is said clearly."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests

from course.engine import client as engine_module
from course.engine import engine, engine_errors
from course.errors import EngineForbidden, EngineTooOld, EngineUnreachable


class Answers(BaseHTTPRequestHandler):
    """An engine that knows its version and nothing else."""

    api = "1.41"
    gate = threading.Lock()  # who holds it hangs this engine

    def do_GET(self) -> None:
        with self.gate:
            self.answer()

    def answer(self) -> None:
        body = (
            b"OK" if self.path.endswith("_ping") else json.dumps({"ApiVersion": self.api}).encode()
        )
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "a Unix socket"

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(path: Path, api: str = "1.41") -> Iterator[None]:
    handler = type("Handler", (Answers,), {"api": api})
    path.parent.mkdir(parents=True, exist_ok=True)
    with socketserver.ThreadingUnixStreamServer(str(path), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield
        server.shutdown()


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who chose nothing, whose context names a socket that is not there."""
    monkeypatch.setattr(engine_module, "_clients", {})
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))


def test_the_learners_choice_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/chosen.sock")
    with answering(tmp_path / "chosen.sock", "1.47"):
        assert engine().api.api_version == "1.47"


@pytest.mark.parametrize("place", ["docker.sock", "podman/podman.sock"])
def test_a_rootless_engine_is_found(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module.docker, "from_env", without_the_usual_socket())
    with answering(tmp_path / "run" / place):
        assert place in str(engine().api._custom_adapter.socket_path)


def without_the_usual_socket(instead: str = "/nowhere.sock") -> object:
    """``from_env`` on a machine where the default socket answers nobody, or is another one."""
    real = engine_module.docker.from_env

    def from_env(environment: dict[str, str], **options: object) -> object:
        return real(environment={"DOCKER_HOST": f"unix://{instead}"} | environment, **options)

    return from_env


def test_a_chosen_engine_that_is_away_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    with answering(tmp_path / "run/docker.sock"), pytest.raises(EngineUnreachable) as caught:
        engine()
    assert "unix:///nowhere.sock" in caught.value.mend


def test_one_client_serves_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/a.sock")
    with answering(tmp_path / "a.sock"):
        assert engine() is engine()


@pytest.mark.fault("the engine gone in the middle of a command")
def test_an_engine_that_went_away_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/a.sock")
    with answering(tmp_path / "a.sock"):
        engine()
    (tmp_path / "a.sock").unlink()
    with pytest.raises(EngineUnreachable):
        engine()


@pytest.mark.fault("an engine that hangs (a fake)")
def test_an_engine_that_hangs_is_not_waited_for_as_long_as_work_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "FIRST_ANSWER", 0.3)
    monkeypatch.setattr(engine_module, "NEXT_ANSWER", 0.3)
    usual = tmp_path / "a.sock"
    from_env = without_the_usual_socket(str(usual))
    monkeypatch.setattr(engine_module.docker, "from_env", from_env)
    with answering(usual):
        engine()
        with Answers.gate, pytest.raises(EngineUnreachable, match="pkill -KILL --pidfile"):
            engine()


@pytest.mark.fault("an engine that is too old (a fake)")
def test_an_old_engine_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/a.sock")
    with answering(tmp_path / "a.sock", "1.40"), pytest.raises(EngineTooOld, match=r"API 1\.40"):
        engine()


@pytest.mark.fault("a user who is not in the group docker")
def test_a_socket_that_is_not_ours_says_which_group_to_join(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forbidden(**_: object) -> None:
        try:
            raise PermissionError(13, "Permission denied")
        except PermissionError as error:
            raise engine_module.DockerException("while fetching the version") from error

    monkeypatch.setattr(engine_module.docker, "from_env", forbidden)
    with pytest.raises(EngineForbidden, match="usermod -aG docker"):
        engine()


def test_a_connection_that_breaks_is_an_engine_that_went_away() -> None:
    with pytest.raises(EngineUnreachable), engine_errors():
        raise requests.exceptions.ConnectionError("reset by peer")

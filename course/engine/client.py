"""The one way to the container engine: found where the docker command finds it, and checked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import requests
from docker.errors import DockerException, InvalidVersion
from docker.utils import version_lt

from course.errors import EngineError, EngineForbidden, EngineTooOld, EngineUnreachable

OLDEST_API = "1.41"  # Docker Engine 20.10, the oldest a supported distribution carries
FIRST_ANSWER = 10  # seconds that an engine has to say hello
NEXT_ANSWER = 30  # seconds that one has which said it before: it may be busy
TIMEOUT = 120  # seconds for every later call; calls that wait longer set their own
# What mends one that runs and says nothing: this machine's, and no rootless one of somebody else's.
HUNG = "sudo pkill -KILL --pidfile /run/docker.pid dockerd; course setup"

_clients: dict[int, docker.DockerClient] = {}  # by process: a socket does not survive a fork


def engine() -> docker.DockerClient:
    """The client of an engine that answers now (one a process, asked again at each call).

    Looked for in this order: ``DOCKER_HOST``, the docker command's current context, then, when
    neither was set, the usual sockets of rootless Docker and of Podman.
    Raises EngineUnreachable, EngineTooOld.
    """
    client = _clients.get(os.getpid())
    if client is None or not _answers(client):
        client = _clients[os.getpid()] = _connect()
    return client


def answers() -> bool:
    """Whether there is an engine that can be used."""
    try:
        return bool(engine())
    except EngineError:
        return False


@contextmanager
def engine_errors() -> Iterator[None]:
    """Inside, an engine that goes away raises EngineUnreachable and nothing of the SDK's."""
    try:
        yield
    except requests.exceptions.RequestException as error:
        # The SDK turns a bad status into its own APIError; what is left is a broken connection.
        if isinstance(error, requests.exceptions.HTTPError):
            raise
        raise _unreachable(error) from error


def _connect() -> docker.DockerClient:
    refusals = []
    for environment in _environments():
        try:
            client = docker.from_env(environment=environment, timeout=FIRST_ANSWER)
        except InvalidVersion as error:
            raise _too_old(str(error)) from error
        except (DockerException, OSError) as error:
            refusals.append(error)
            continue
        if version_lt(client.api.api_version, OLDEST_API):
            raise _too_old(f"API {client.api.api_version}")
        client.api.timeout = TIMEOUT
        return client
    raise _unreachable(refusals[0]) from refusals[0]


def _environments() -> Iterator[dict[str, str]]:
    """The learner's own choice first; other sockets only where there was no choice."""
    chosen = dict(os.environ)
    yield chosen
    if "DOCKER_HOST" in chosen or "DOCKER_CONTEXT" in chosen:
        return
    personal = Path(chosen.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    sockets = (
        personal / "docker.sock",
        personal / "podman/podman.sock",
        Path("/run/podman/podman.sock"),
    )
    yield from ({**chosen, "DOCKER_HOST": f"unix://{path}"} for path in sockets if path.is_socket())


def _answers(client: docker.DockerClient) -> bool:
    try:
        # The SDK's own ping waits as long as every other call.
        return client.api.get(f"{client.api.base_url}/_ping", timeout=NEXT_ANSWER).ok
    except (DockerException, requests.exceptions.RequestException):
        return False


def _too_old(found: str) -> EngineTooOld:
    return EngineTooOld(
        f"an engine with API {OLDEST_API} or newer (Docker Engine 20.10)",
        found,
        "upgrade the engine, or set DOCKER_HOST to another one",
    )


def _unreachable(error: Exception) -> EngineUnreachable:
    root: BaseException = error
    while root.__context__:  # the SDK wraps the system's own words several times
        root = root.__context__
    where = os.environ.get("DOCKER_HOST") or os.environ.get("DOCKER_CONTEXT")
    if isinstance(root, PermissionError):
        mend = 'sudo usermod -aG docker "$USER", then log out and in again'
        return EngineForbidden("to be let in by the container engine", str(root), mend)
    mend = HUNG if isinstance(root, TimeoutError) else "course setup (it starts the engine)"
    if where:
        mend = f"start the engine at {where}, or unset DOCKER_HOST and DOCKER_CONTEXT"
    return EngineUnreachable("a container engine that answers", str(root), mend)

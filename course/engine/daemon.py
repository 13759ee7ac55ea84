"""Start the packaged Docker Engine, with the machine's service manager or without one."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections import deque
from pathlib import Path

from course.errors import EngineForbidden, EngineUnreachable
from course.system import paths, programs
from .client import HUNG, engine

DEADLINE = 60.0  # seconds for an engine that was just started to answer
EARLIEST_DEATH = 3.0  # seconds after which a daemon that is not there has died
STARTS = 2  # it refuses to start where the one before it is not quite gone
BY_SYSTEMD = ("systemctl", "start", "docker")
BY_SERVICE = ("service", "docker", "start")
BY_HAND = ("setsid", "--fork", "sh", "-c", 'exec dockerd >>"$0" 2>&1 </dev/null')
# Where each of the managers keeps what the engine says; what we start by hand writes to our log.
LOGS = {BY_SYSTEMD: "sudo journalctl --unit docker", BY_SERVICE: "sudo tail /var/log/docker.log"}


def may_be_started() -> bool:
    """Not where the learner chose another engine."""
    chosen = os.environ.get("DOCKER_HOST") or os.environ.get("DOCKER_CONTEXT")
    return bool(not chosen and (programs.find("dockerd") or shutil.which("apt-get")))


def start_command() -> tuple[str, ...]:
    """The command that starts the engine: the service manager's, else the daemon itself."""
    if Path("/run/systemd/system").is_dir():
        return BY_SYSTEMD
    if Path("/proc/1/comm").read_text() == "init\n" and Path("/etc/init.d/docker").exists():
        return BY_SERVICE
    return (*BY_HAND, str(_log()))


def start(become_root: list[str]) -> None:
    """Start the engine and wait until it answers; ``become_root`` goes before the command.

    One that runs already is given time: it may be on its way up, or down, and is started then.
    Raises EngineUnreachable with the last lines of its log, or EngineForbidden.
    """
    command, starts, began = start_command(), 0, time.monotonic()
    while (waited := time.monotonic() - began) < DEADLINE:
        # Never a second daemon: it would take the network bridge away from the first.
        if not runs() and (not starts or waited > EARLIEST_DEATH):
            if starts == STARTS:
                break
            subprocess.run([*become_root, *command], check=False)
            starts, began = starts + 1, time.monotonic()
        try:
            engine()
            return
        except EngineForbidden:
            raise
        except EngineUnreachable as error:
            reason = error
        time.sleep(0.1)
    if not starts:
        raise EngineUnreachable("the engine that runs to answer", reason.found, HUNG)
    raise _failure(command, reason)


def _failure(command: tuple[str, ...], reason: EngineUnreachable) -> EngineUnreachable:
    words = "" if command in LOGS else _last_words()
    mend = LOGS.get(command, f"look into {_log()}")
    return EngineUnreachable("the engine to start", words or reason.found, mend)


def runs() -> bool:
    """Whether there is a daemon, which may answer or not."""
    return subprocess.run(["pidof", "dockerd"], capture_output=True, check=False).returncode == 0


def _log() -> Path:
    return paths.data_dir() / "dockerd.log"


def _last_words() -> str:
    try:
        with _log().open(errors="replace") as lines:
            return "".join(deque(lines, maxlen=5)).strip()
    except FileNotFoundError:
        return ""

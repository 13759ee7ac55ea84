"""A second, throw-away engine, to end its daemon and see what becomes of the containers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from pathlib import Path

import docker
import pandas as pd
from docker.errors import DockerException
from docker.models.containers import Container

from course.engine import engine
from course.errors import EngineError, ToolMissing
from course.images import container_image
from course.measuring import results
from course.system import processes, reaper

COMMAND = ["sleep", "600"]  # what the containers of a spare engine do
POLICIES = ("no", "on-failure", "always", "unless-stopped")
PATIENCE = 20.0  # seconds for a daemon to answer, and for a process to appear
# Process 1 of the spare engine's own world: when it goes, the kernel ends everything in it. The
# empty /run/containerd keeps the daemon from finding a containerd that serves another engine.
WORLD = "mkdir -p /run/containerd && mount -t tmpfs none /run/containerd && sleep infinity; :"
# With --bridge=none a daemon deletes docker0, so it must never see the host's network.
DAEMON = [
    "dockerd",
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
    "--exec-opt=native.cgroupdriver=cgroupfs",
]


class SpareEngine:
    """A daemon with its own network, mounts, processes and data; gone after the block.

        with SpareEngine(live_restore=True) as spare:
            container = spare.run()
            spare.end_daemon(signal.SIGKILL)
            print(spare.alive())

    Needs root on Linux and ``dockerd``. Raises ToolMissing, EngineError.
    """

    def __init__(self, live_restore: bool) -> None:
        self.live_restore = live_restore

    def __enter__(self) -> SpareEngine:
        require_means()
        self._folder = reaper.state("spare")
        try:
            self._begin_world()
            self.start_daemon()
            archive = engine().images.get(container_image("tiny")).save(named=True)
            self.client.images.load(b"".join(archive))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        reaper.remove(self._folder)

    def start_daemon(self) -> None:
        """Start the daemon on the data it left, and return when it answers."""
        options = [
            *(f"--{name}={self._folder / name}" for name in ("data-root", "exec-root", "pidfile")),
            f"--host=unix://{self._folder}/docker.sock",
            *(["--live-restore"] if self.live_restore else []),
        ]
        enter = ["nsenter", f"--target={self._world}", "--net", "--mount", "--pid"]
        with (self._folder / "log").open("a") as log:
            self._daemon = subprocess.Popen(
                [*enter, *DAEMON, *options], stdout=log, stderr=subprocess.STDOUT
            )
        _wait(self._answers, "the spare daemon to answer", self._folder / "log")

    def end_daemon(self, how: signal.Signals) -> None:
        """Send the daemon a signal and return when it is gone."""
        (pid,) = processes.family(self._daemon.pid)[1:2]  # nsenter's child, outside numbering
        os.kill(pid, how)
        self._daemon.wait(PATIENCE)

    def run(self, policy: str = "no") -> Container:
        """Start a container that sleeps, without network, with this restart policy."""
        return self.client.containers.run(
            container_image("tiny"),
            COMMAND,
            detach=True,
            network_mode="none",
            restart_policy={"Name": policy},
            stop_signal="SIGKILL",  # so that stopping it takes no ten seconds
        )

    def alive(self) -> bool:
        """Whether a container's process runs, asked of the kernel and not of the daemon."""
        for pid in processes.family(self._world):
            with suppress(OSError):  # it ended while we looked
                if Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1] == COMMAND:
                    return True
        return False

    def status(self, container: Container) -> str:
        """The container's state, asked of the daemon that runs now; the container is removed."""
        found = self.client.containers.get(container.id)
        found.remove(force=True)
        return found.status

    def _begin_world(self) -> None:
        options = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        outside = reaper.spawn(self._folder, ["unshare", *options, "sh", "-c", WORLD])
        _wait(lambda: len(processes.family(outside.pid)) == 3, "a world for the spare engine")
        self._world = processes.family(outside.pid)[1]

    def _answers(self) -> bool:
        try:
            self.client = docker.DockerClient(f"unix://{self._folder}/docker.sock")
            return self.client.ping()
        except DockerException:
            return False


def fates() -> pd.DataFrame:
    """End a daemon in two ways, with and without ``live-restore``; see what its container does.

    ``arm`` and ``outlived`` (1 or 0) are for the claim that this table judges.
    About six seconds. Where this machine cannot, the recorded table: ``attrs["tier"]`` says so.
    """
    cases = product((False, True), (signal.SIGTERM, signal.SIGKILL))
    return _live_or_recorded("fates", lambda: [_fate(*case) for case in cases])


def comebacks() -> pd.DataFrame:
    """End a daemon politely and start it again; see which restart policies act.

    One container of each policy runs at that moment, one had been stopped by its owner. About
    five seconds. Where this machine cannot, the recorded table.
    """
    return _live_or_recorded("comebacks", _comebacks)


def _fate(live_restore: bool, how: signal.Signals) -> dict[str, object]:
    with SpareEngine(live_restore) as spare:
        container = spare.run()
        spare.end_daemon(how)
        alive = spare.alive()
        spare.start_daemon()
        return {
            "arm": "container",
            "outlived": int(alive),
            "live-restore": "on" if live_restore else "off",
            "daemon ended by": how.name,
            "the container meanwhile": "runs" if alive else "gone",
            "when the daemon is back": spare.status(container),
        }


def _comebacks() -> list[dict[str, object]]:
    with SpareEngine(live_restore=False) as spare:
        running = {policy: spare.run(policy) for policy in POLICIES}
        stopped = {policy: spare.run(policy) for policy in POLICIES}
        for container in stopped.values():
            container.stop()
        spare.end_daemon(signal.SIGTERM)
        spare.start_daemon()
        return [
            {
                "restart policy": policy,
                "was running": spare.status(running[policy]),
                "had been stopped": spare.status(stopped[policy]),
            }
            for policy in POLICIES
        ]


def _live_or_recorded(name: str, rows: Callable[[], list[dict[str, object]]]) -> pd.DataFrame:
    try:
        require_means()
    except (ToolMissing, EngineError):
        return results.recorded("04_docker_engine", name)
    return results.table(rows())


def require_means() -> None:
    """Raise ToolMissing or EngineError unless a spare engine can be made here."""
    missing = [name for name in ("dockerd", "unshare", "nsenter") if not shutil.which(name)]
    if missing:
        raise ToolMissing("the Docker daemon's own programs on this machine", f"no {missing[0]}")
    if os.geteuid() != 0:
        raise EngineError("root, to start a second daemon", f"user {os.geteuid()}")


def _wait(condition: Callable[[], bool], expected: str, log: Path | None = None) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise EngineError(expected, log.read_text()[-500:] if log else f"{PATIENCE:g} s passed")
        time.sleep(0.02)

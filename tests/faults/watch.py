"""Looks over the shoulder of every test and every notebook that runs.

Nothing of ours listens to anybody but this machine, and no container is privileged where its
lesson does not teach that. What breaks either rule fails the test in which it was seen.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker
import pytest
from faults.sockets import open_to_others

from course.engine import labels
from course.system import processes

LOOK = 0.1  # seconds between two looks at the sockets
# Lesson 11 asks what a privileged container can do; wrong answers in two labs open a door.
TAUGHT = {"privileged": "security", "open": "wide_open|started_wrongly"}


class Watch:
    """The plugin: two threads that look, and a rule for each test."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._began = 0.0  # when the present test did; what is older was another's
        self._known = open_to_others()
        self._ended = threading.Event()

    def pytest_sessionstart(self) -> None:
        threading.Thread(target=self._watch_sockets, daemon=True).start()
        threading.Thread(target=self.watch_engine, daemon=True).start()

    def pytest_sessionfinish(self) -> None:
        self._ended.set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self.seen, self._began = [], time.time()
        result = yield
        seen = [words for words in self.seen if not _is_taught(words, item.nodeid)]
        assert not seen, seen
        return result

    def _watch_sockets(self) -> None:
        while not self._ended.wait(LOOK):
            for inode, address in open_to_others().items():
                if inode not in self._known and (owner := _owner(inode)):
                    self.seen.append(f"{owner} listens on {address}")
                self._known[inode] = address

    def watch_engine(self) -> None:
        """Look at each container as it is made."""
        with suppress(Exception):  # no engine, or one that ends
            client = docker.from_env()
            made = {"type": "container", "event": "create"}
            for event in client.events(filters=made, decode=True):
                self._look_at(client, event)

    def _look_at(self, client: docker.DockerClient, event: dict) -> None:
        session = event["Actor"]["Attributes"].get(labels.NAME, "0")
        is_older = event["timeNano"] / 1e9 < self._began
        if is_older or not _is_of_ours(int(session.partition("-")[0])):
            return
        with suppress(docker.errors.NotFound):
            given = client.api.inspect_container(event["id"])["HostConfig"]
            if given["Privileged"]:
                self.seen.append(f"privileged container {event['id'][:12]}")
            if is_open(given["PortBindings"]):
                self.seen.append(f"open to others: container {event['id'][:12]}")


def is_open(bindings: dict[str, list[dict[str, str]] | None] | None) -> bool:
    """Whether a container publishes a port to more than this machine, in the engine's words."""
    doors = (door for doors in (bindings or {}).values() for door in doors or ())
    return any(not re.match(r"127\.|::1$", door["HostIp"]) for door in doors)


def _is_taught(words: str, nodeid: str) -> bool:
    taught = TAUGHT.get(words.split(maxsplit=1)[0])
    return bool(taught and re.search(taught, nodeid))


def _owner(inode: int) -> str:
    """The process that has the socket, if it is of ours; what a container opens is asked there."""
    for pid in processes.everyone():
        with suppress(OSError):
            held = (os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir())
            if f"socket:[{inode}]" in held:
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                return f"{name} ({pid})" if _is_of_ours(pid) else ""
    return ""


def _is_of_ours(pid: int) -> bool:
    """Whether a process is this one or descends from it; the way up is shorter than down."""
    while pid != os.getpid():
        if pid <= 1 or not (found := processes.stat(pid)):
            return False
        pid = found.parent
    return True

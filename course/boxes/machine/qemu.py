"""One QEMU: its command line, its process, and the sockets that lead to it."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from course.errors import CourseError, FolderClosed, NameTaken, NeverAnswered, StartFailed
from course.system import host, interrupts, processes, programs, reaper

LOOK = 0.05  # seconds between two looks whether a QEMU that has not called yet still runs
PATIENCE = 10.0  # seconds for a QEMU that has hung up to be gone
LONGEST = 107  # bytes in the path of a socket
WORDLESS = "it reset itself without a word, as with too little memory"
CONSOLE_LINES = 12  # how many of its last lines an error quotes


class Qemu:
    """A QEMU that runs, or has run; ``folder`` holds its sockets, its console and its words.

    ``lines``: the sockets in that folder which the command line has it connect to. It calls us:
    where we call it, its main thread and its monitor's may both accept, and the one that comes
    second waits there for good (QEMU 7.2 to 10.1; seen once in 300 starts on a busy machine).
    """

    def __init__(self, folder: Path, argv: list[str], lines: Sequence[str] = ()) -> None:
        self.folder, self.argv = folder, argv
        _require_short(folder)
        programs.require(argv[0])
        if _emulates(argv):
            host.note_emulation()  # here, where every QEMU begins, so that every result says so
        self._doors = {name: _door(folder / name) for name in lines}
        with (folder / "stderr").open("wb") as stderr:
            self._process = reaper.spawn(
                folder, argv, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr
            )
        # Where its name is given to another, as by a cell that is run again, nobody could end it.
        self._forgotten = weakref.finalize(self, _end_here, folder, os.getpid())
        self._forgotten.atexit = False  # then the reaper ends all

    @property
    def pid(self) -> int:
        """The process; its group has the same number."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        # Not Popen.poll: interrupted, it can keep a lock that wait() then waits for, for ever.
        found = processes.stat(self.pid)
        return found is not None and found.state not in "ZX"

    @property
    def console(self) -> str:
        """What the guest has printed on its serial port."""
        return _text(self.folder / "console")

    def line(self, name: str, deadline: float) -> socket.socket:
        """The connection that it makes to one of its sockets.

        Raises StartFailed, NeverAnswered.
        """
        while True:
            with suppress(TimeoutError):
                return self._doors[name].accept()[0]
            if not self.is_running:
                raise self.failure()
            if time.monotonic() > deadline:
                raise self.silence("QEMU to connect to its sockets")

    def end(self) -> None:
        """Kill it and delete its folder; what is forgotten without this ends as well."""
        reaper.remove(self.folder)
        self._forgotten.detach()  # a finalizer loses the interrupt that comes while it runs
        for door in self._doors.values():
            door.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)

    def failure(self) -> CourseError:
        """Why it ended: the guest gave up, a port is taken, else QEMU's last words."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        lines = self.console.splitlines()
        words = _text(self.folder / "stderr").strip() or "\n".join(lines[-CONSOLE_LINES:])
        panics = [line.strip() for line in lines if "Kernel panic" in line]
        if not words and self._process.returncode == 0:
            panics = [WORDLESS]
        if panics:
            return StartFailed("the guest to boot", panics[0], "memory=..., kernel=... or disk=...")
        if "set up host forwarding" in words:
            return NameTaken("a port of this machine that is free", words, "another port, or 0")
        said = f"exit code {self._process.returncode}: {words}"
        return StartFailed("QEMU to run", said, shlex.join(self.argv))

    def silence(self, expected: str) -> NeverAnswered:
        """It runs and says nothing: the guest's last lines may tell why."""
        lines = self.console.splitlines()[-CONSOLE_LINES:]
        found = "\n".join(["it did not in time; the console's last lines:", *lines])
        return NeverAnswered(expected, found, "deadline=...")


def _door(path: Path) -> socket.socket:
    """A socket to connect to. It stays open: the command line can be pasted into a terminal."""
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(path))
    door.listen()
    door.settimeout(LOOK)
    return door


def _end_here(folder: Path, pid: int) -> None:
    if os.getpid() == pid:  # a forked child forgets its parent's machines, which go on
        with interrupts.held_back(finalizing=True):
            reaper.remove(folder)


def _emulates(argv: list[str]) -> bool:
    """Whether its guest's processor is a program: QEMU's own choice when it is told nothing."""
    told = [value for flag, value in pairwise(argv) if flag == "-accel"]
    return not any(value.startswith("kvm") for value in told)


def _require_short(folder: Path) -> None:
    """Raise FolderClosed where the path of a socket in it would be too long. Source: unix(7)."""
    length = len(os.fsencode(folder))
    if length + len("/commands") > LONGEST:
        found = f"{folder}, of {length} bytes"
        mend = "set COURSE_RUN_DIR to a folder with a shorter path"
        raise FolderClosed("a folder whose path leaves room for a socket's name", found, mend)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""

"""One QEMU: its command line, its process, and the sockets that lead to it."""

from __future__ import annotations

import shlex
import socket
import subprocess
import time
from pathlib import Path

from course import programs, reaper
from course.errors import NeverAnswered, StartFailed

POLL = 0.001  # seconds between two looks for a socket that QEMU is about to make
CONSOLE_LINES = 12  # how many of its last lines an error quotes


class Qemu:
    """A QEMU that runs, or has run; ``folder`` holds its sockets, its console and its words."""

    def __init__(self, folder: Path, argv: list[str]) -> None:
        self.folder, self.argv = folder, argv
        programs.require(argv[0])
        with (folder / "stderr").open("wb") as stderr:
            self._process = reaper.spawn(
                folder, argv, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr
            )

    @property
    def pid(self) -> int:
        """The process; its group has the same number."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    @property
    def console(self) -> str:
        """What the guest has printed on its serial port."""
        return _text(self.folder / "console")

    def connect(self, name: str, deadline: float) -> socket.socket:
        """A connection to one of its sockets, as soon as it is there.

        Raises StartFailed, NeverAnswered.
        """
        connection = socket.socket(socket.AF_UNIX)
        while time.monotonic() < deadline:
            try:
                connection.connect(str(self.folder / name))
                return connection
            except (FileNotFoundError, ConnectionRefusedError):
                if not self.is_running:
                    raise self.failure() from None
                time.sleep(POLL)
        connection.close()
        raise self.silence("QEMU to open its sockets")

    def end(self) -> None:
        """Kill it and delete its folder."""
        reaper.remove(self.folder)
        self._process.wait()

    def failure(self) -> StartFailed:
        """Why it ended: the guest's panic, else QEMU's last words."""
        self._process.wait()
        lines = self.console.splitlines()
        panic = next((line for line in lines if "Kernel panic" in line), "")
        if panic:
            return StartFailed("the guest to boot", panic.strip(), "look at box.console")
        said = _text(self.folder / "stderr").strip() or "\n".join(lines[-CONSOLE_LINES:])
        code = self._process.returncode
        return StartFailed("QEMU to run", f"exit code {code}: {said}", shlex.join(self.argv))

    def silence(self, expected: str) -> NeverAnswered:
        """It runs and says nothing: the guest's last lines may tell why."""
        lines = self.console.splitlines()[-CONSOLE_LINES:]
        found = "\n".join(["it did not in time; the console's last lines:", *lines])
        return NeverAnswered(expected, found, "deadline=...")


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""

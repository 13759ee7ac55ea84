"""A container made by hand: the same walls as Docker's, built by our own system calls.

``namespaces.py`` builds the walls, ``cgroups.py`` sets the caps, ``shim.py`` lives inside; this
is the box around them.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Any

from course.boxes import files
from course.boxes.box import RESTART, Box, Output, Phases, Usage
from course.boxes.process import busybox_check, streams
from course.checks import Check, Finding, failed, passed
from course.errors import CommandTimeout, NeverAnswered, NotRunning
from course.images import forms
from course.system import cgroups, interrupts, processes, reaper
from . import zygote

PATIENCE = 10.0  # seconds for the shim to do what it is told
LARGEST = 2**16  # bytes in what it says

_numbers = count(1)


class Sandbox(Box):
    """A process with namespaces, a root of its own, caps and few powers; as root or as a user.

    ``pids_limit`` caps the number of processes. ``network=True`` is the host's own network. A
    snapshot is a copy of the files that differ from the image; a rollback ends what runs.
    """

    kind = "sandbox"

    def __init__(
        self, image: str = "tiny", *, pids_limit: int | None = None, **options: Any
    ) -> None:
        super().__init__(image, **options)
        self.pids_limit = pids_limit
        self._state: Path | None = None
        self._origin: Path | None = None  # the files that a clone begins with
        self._group = f"two-boxes-{reaper.session()}-{next(_numbers)}"
        self._caps: list[Path] = []  # the folders of that control group
        self._shim: socket.socket | None = None
        self._far: socket.socket | None = None  # the shim's end of it, until it has it
        self._pid, self._ended = 0, -1  # process 1 of the box, and what can be read at its end
        self._cpu = 0.0
        self._busy = threading.Lock()  # the shim runs one command at a time

    @classmethod
    def requirements(cls) -> list[Check]:
        def probe() -> Finding:
            user = ("user", "map-root-user") if os.geteuid() else ()
            flags = [f"--{name}" for name in (*user, "mount", "uts", "ipc", "net", "pid", "fork")]
            argv = ["unshare", *flags, "mount", "-t", "proc", "proc", "/proc"]
            run = subprocess.run(argv, capture_output=True, text=True, check=False)
            mend = "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run as root"
            return failed(run.stderr.strip(), mend) if run.returncode else passed()

        return [Check("namespaces can be made", probe), busybox_check()]

    @property
    def command(self) -> str:
        flags = "|".join(f"CLONE_NEW{name.upper()}" for name in self._namespaces)
        return (
            f"clone({flags.replace('NEWMNT', 'NEWNS')})"
            f' + mount("overlay", lowerdir={forms.image(self.image).root})'
            ' + pivot_root(".", ".") + execve("/bin/sh", "-c", COMMAND)'
        )

    def _exec(self, command: str, timeout: float) -> Output:
        began = time.perf_counter()
        with self._busy, streams.pipes() as (stdout, stderr, *ends):
            try:
                self._say({"exec": command}, ends)
                text = streams.read(command, stdout, stderr, self._shim.fileno(), timeout)
                ended = self._hear()
            except (CommandTimeout, KeyboardInterrupt):
                with interrupts.held_back():
                    self._kill()
                raise
        self._cpu += ended["cpu"]
        exit_code = processes.exit_code(ended["status"])
        return Output(exit_code, *text, time.perf_counter() - began)

    def _usage(self) -> Usage:
        if select.select([self._ended], [], [], 0)[0]:
            raise self._gone()
        family = processes.family(self._pid)
        memory, cpu = processes.memory(family), self._cpu + processes.cpu(family)
        return Usage(memory, cpu, files.disk(self._state / "upper"), len(family))

    def _snapshot(self, name: str) -> Path:
        return files.copy(self._state / "upper", self._state / f"snapshot-{name}")

    def _rollback(self, kept: Path) -> None:
        try:
            self._end()
            files.copy(kept, self._state / "upper")
            self.phases = Phases()  # this is a start
            self._begin()
        except BaseException:
            self.stop()
            raise

    def _clone(self) -> Sandbox:
        caps = {"cpus": self.cpus, "memory": self.memory, "pids_limit": self.pids_limit}
        twin = Sandbox(self.image, network=self.network, **caps)
        twin._origin = self._state / "upper"
        return twin.start()

    def _start(self) -> None:
        self._state = reaper.place("sandbox")  # known before it is made: an interrupt can come
        self._state.mkdir()
        if self._origin:
            files.copy(self._origin, self._state / "upper")
            self._origin = None
        else:
            (self._state / "upper").mkdir()
        if self._is_capped:
            remove = [sys.executable, "-P", "-m", "course.system.cgroups", self._group]
            reaper.on_death(self._state, remove)
            caps = {"memory": self.memory, "cpus": self.cpus, "pids": self.pids_limit}
            self._caps = cgroups.make(self._group, **caps)
        self._cpu = 0.0
        self._begin()

    def _begin(self) -> None:
        """Have the walls built around the files that are there."""
        for name in ("root", "work"):
            reaper.delete(self._state / name)
            (self._state / name).mkdir()
        lower = forms.image(self.image).root
        folders = [str(self._state / name) for name in ("root", "upper", "work")]
        folders.insert(1, str(lower))
        wish = {"namespaces": self._namespaces, "folders": folders}
        self._shim, self._far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with self._far, ExitStack() as stack:
            caps = [stack.enter_context((cap / "cgroup.procs").open("w")) for cap in self._caps]
            zygote.clone(wish, [file.fileno() for file in (self._far, *caps)])
        ready = self._hear()
        self._pid = ready["pid"]
        self._ended = os.pidfd_open(self._pid)
        self.phases |= {name: when - self.phases.began for name, when in ready["phases"].items()}

    def _end(self) -> None:
        """Close the shim's ear and wait until it, and with it all that is inside, is gone."""
        if self._shim:
            self._far.close()  # interrupted, we may have it still, and would wait for ourselves
            with suppress(OSError):  # it is gone; or closed, by a stop that was interrupted
                self._shim.shutdown(socket.SHUT_WR)
                self._shim.settimeout(PATIENCE)
                while self._shim.recv(LARGEST):
                    pass
            self._shim.close()
            self._shim = None
        if self._ended != -1:
            with suppress(OSError):  # likewise
                select.select([self._ended], [], [], PATIENCE)
                os.close(self._ended)
            self._ended = -1

    def _stop(self) -> None:
        self._end()
        if self._is_capped:
            cgroups.remove(self._group)
        self._caps = []
        if self._state:
            reaper.remove(self._state)
            self._state = None

    @property
    def _is_capped(self) -> bool:
        return any(cap is not None for cap in (self.memory, self.cpus, self.pids_limit))

    @property
    def _namespaces(self) -> list[str]:
        return ["mnt", "uts", "ipc", "pid"] + ([] if self.network else ["net"])

    def _say(self, message: dict[str, Any], ends: Sequence[int] = ()) -> None:
        try:
            socket.send_fds(self._shim, [json.dumps(message).encode()], ends)
        except BrokenPipeError as error:
            raise self._gone() from error

    def _kill(self) -> None:
        """Have the command killed, with all that it started."""
        self._say({"kill": True})
        while "killed" not in self._hear():
            pass  # it may have ended by itself at that moment, and said so

    def _hear(self) -> dict[str, Any]:
        """What the shim says next. Raises OSError when it failed, NotRunning when it is gone."""
        self._shim.settimeout(PATIENCE)
        try:
            data = self._shim.recv(LARGEST)
        except TimeoutError:
            found = f"not within {PATIENCE:g} s"
            raise NeverAnswered("process 1 of the sandbox to answer", found, RESTART) from None
        except ConnectionResetError as error:
            raise self._gone() from error
        if not data:
            raise self._gone()
        message = json.loads(data)
        if "error" in message:
            raise OSError(message["error"])
        return message

    def _gone(self) -> NotRunning:
        return NotRunning("a running sandbox", "one whose process 1 is gone", RESTART)

"""The baseline: a plain process, with nothing around it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from course.boxes import files
from course.boxes.box import Box, Output, Usage
from course.checks import Check, Finding, explained, passed
from course.errors import BoxError
from course.images import forms, rootfs
from course.system import processes, reaper
from . import streams


def busybox_check() -> Check:
    """What every box needs, for all of them run the same programs."""

    @explained
    def probe() -> Finding:
        return passed(str(rootfs.busybox()))

    return Check("a static busybox is installed", probe)


class Process(Box):
    """A box without walls: the image's programs, in a folder of their own, on the bare host.

    It sees the host's files, processes and network (``network`` changes nothing), and nothing
    caps it. Its state is its files: a snapshot is a copy of them. ``usage()`` counts what runs
    now, which between two commands is nothing.
    """

    kind = "process"

    def __init__(self, image: str = "tiny", **options: Any) -> None:
        super().__init__(image, **options)
        if self.cpus is not None or self.memory is not None:
            raise BoxError("no cap on a bare process", "cpus or memory", "a box that has caps")
        self._root = self._state = None
        self._groups: set[int] = set()  # of every command so far
        self._cpu = 0.0

    @classmethod
    def requirements(cls) -> list[Check]:
        return [busybox_check()]

    @property
    def command(self) -> str:
        return shlex.join([f"{forms.image(self.image).root}/bin/sh", "-c", "COMMAND"])

    def _exec(self, command: str, timeout: float) -> Output:
        began = time.perf_counter()
        with streams.pipes() as (stdout, stderr, *ends):
            process = self._popen(command, *ends)
            try:
                reaper.note(self._state, process.pid)
                with processes.ending(process.pid) as ended:
                    text = streams.read(command, stdout, stderr, ended, timeout)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
        return Output(self._collect(process), *text, time.perf_counter() - began)

    def _usage(self) -> Usage:
        alive = [pid for pid, found in processes.everyone().items() if found.group in self._groups]
        memory, cpu = processes.memory(alive), self._cpu + processes.cpu(alive)
        return Usage(memory, cpu, files.disk(self._files), len(alive))

    def _snapshot(self, name: str) -> Path:
        return files.copy(self._files, self._state / f"snapshot-{name}")

    def _rollback(self, kept: Path) -> None:
        reaper.kill(self._state)
        files.copy(kept, self._files)

    def _clone(self) -> Process:
        twin = Process(self.image, network=self.network).start()
        try:
            files.copy(self._files, twin._files)
        except BaseException:
            twin.stop()
            raise
        return twin

    def _start(self) -> None:
        self._root = forms.image(self.image).root
        self._groups, self._cpu = set(), 0.0
        self._state = reaper.place("process")  # known before it is made: an interrupt can come
        self._state.mkdir()
        self._files.mkdir()
        self.phases.mark("folder")

    def _stop(self) -> None:
        if self._state:
            reaper.remove(self._state)
        self._state = None

    @property
    def _files(self) -> Path:
        return self._state / "files"

    def _popen(self, command: str, stdout: int, stderr: int) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [f"{self._root}/bin/sh", "-c", command.encode()],  # whatever the locale is
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=self._files,
            env={"PATH": f"{self._root}/bin:{self._root}/sbin", "HOME": str(self._files)},
            start_new_session=True,
        )
        self._groups.add(process.pid)
        return process

    def _collect(self, process: subprocess.Popen[bytes]) -> int:
        """The exit code of a process that has ended; its processor time is added to the box's."""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = processes.exit_code(status)
        self._cpu += used.ru_utime + used.ru_stime
        return process.returncode

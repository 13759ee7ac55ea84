"""Programs of the host as arms of a measurement."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT
from tempfile import TemporaryFile
from threading import Timer
from typing import Any

from course.errors import CourseError, ToolMissing
from course.system import interrupts, programs, reaper
from . import results, stats
from .trials import Arm
from .units import seconds

DEADLINE = 120.0  # seconds for a program to say what it is waited for
RUNS = 3  # of a command by a stop-watch, after one that does not count


def measure(command: Sequence[str], rounds: int = 10) -> dict[str, object]:
    """Time a command's run, in seconds: command, median, low, high, n. Raises CourseError."""
    name = shlex.join(command)
    found = stats.median(results.measure({name: program(command)}, rounds)["seconds"])
    ends = {"median": found.value, "low": found.low, "high": found.high}
    return {"command": name, **ends, "n": found.n}


def row(found: Mapping[str, object]) -> dict[str, object]:
    """The same as a row for a terminal, with units."""
    interval = f"{seconds(found['low'])} to {seconds(found['high'])}"
    shown = {"median": seconds(found["median"]), stats.called([found["n"]]): interval}
    return {"command": found["command"], **shown, "n": found["n"]}


def program(command: Sequence[str]) -> Arm:
    """An arm that runs a program of the host to its end. Raises ToolMissing, CourseError."""
    _require(command[0])
    # As long-lived as the arm: reading a pipe would be timed.
    said = TemporaryFile(buffering=0)  # noqa: SIM115

    def arm() -> None:
        before = said.tell()  # what the runs before this one said
        running = None
        try:
            with interrupts.held_back():  # one that comes now would leave a program nobody knows
                running = subprocess.Popen(command, stdin=DEVNULL, stdout=DEVNULL, stderr=said)
            code = running.wait()
        except KeyboardInterrupt:
            if running:
                running.kill()
                running.wait()
            raise
        if code:
            said.seek(before)
            words = said.read().decode(errors="replace").strip()
            raise CourseError(f"{shlex.join(command)} to end well", f"exit code {code}: {words}")

    return arm


def until(command: Sequence[str], words: str, **options: Any) -> Arm:
    """An arm that starts a program and ends it once a line of it matches ``words``, a pattern.

    ``options`` are those of Popen. Raises ToolMissing, and CourseError after two minutes.
    """
    _require(command[0])
    options |= {"stdin": DEVNULL, "stdout": PIPE, "stderr": STDOUT, "errors": "replace"}

    def arm() -> Iterator[None]:
        state = reaper.state("command")
        running = reaper.spawn(state, command, **options)
        alarm = Timer(DEADLINE, reaper.kill, [state])
        alarm.start()
        try:
            if not any(re.search(words, line) for line in running.stdout):
                expected = f"{command[0]} to say {words!r} within {DEADLINE:g} s"
                raise CourseError(expected, f"its end without that, exit code {running.wait()}")
            yield
        finally:
            alarm.cancel()
            reaper.remove(state)
            running.communicate()

    return arm


def hyperfine(command: Sequence[str]) -> dict[str, float]:
    """Have hyperfine time a command; its median is the phase "own". Raises ToolMissing."""
    with reaper.scratch() as folder:
        said = folder / "said.json"
        flags = [f"--runs={RUNS}", "--warmup=1", "--shell=none", f"--export-json={said}"]
        output([str(programs.require("hyperfine")), *flags, shlex.join(command)])
        return {"own": json.loads(said.read_text())["results"][0]["median"]}


def course_measure(command: Sequence[str]) -> dict[str, float]:
    """Have ``course measure`` time a command as often; its median is the phase "own"."""
    course = Path(sys.executable).with_name("course")
    said = output([str(course), "measure", f"--rounds={RUNS}", "--json", "--", *command])
    return {"own": json.loads(said)["median"]}


def output(command: Sequence[str]) -> str:
    """What a program prints. Raises CourseError with its last words when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = done.stderr.strip().rpartition("\n")[2]
        raise CourseError(f"{command[0]} to end well", f"exit code {done.returncode}: {words}")
    return done.stdout


def _require(name: str) -> None:
    if not shutil.which(name):
        raise ToolMissing("a program that is installed", name)

"""Whatever happens to this process, ``kill -9`` included, nothing that it started is left.

A session is a Python process, named ``<pid>-<start time>``. It has a folder, and in it one
*state folder* for each thing that has to go:

    <run dir>/4711-81233/            the session
        vm-1/pid                     process groups to kill: "pid start-time", one a line
        labels-2/on_death            a command to run, as JSON

A box that stops well removes its own state folder. For every other end there is the guard, a
detached process that waits until this one is gone and then does what the state folders say.
What a killed guard left undone is swept when the next session starts.

``python -m course.system.reaper`` sweeps; ``python -m course.system.reaper SESSION`` is the guard.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from . import paths, processes
from .interrupts import held_back

PATIENCE = 60.0  # seconds for one on_death command, and for a killed process to be gone
GONE = ".gone"  # ends the name of a folder whose session is over
QUIET = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)

# The shell notes its own number and start time (fields 1 and 22 of proc_pid_stat(5)), then
# becomes the program. So no moment exists at which the program runs and nobody knows of it;
# and where the state folder is gone already, or goes meanwhile, the program never begins.
NOTE_AND_EXEC = (
    "read -r pid _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ start _ < /proc/$$/stat"
    ' && echo "$pid $start" >> "$0/pid" && test -e "$0/pid" && exec "$@"'
)

_numbers = count(1)
_guards: dict[Path, subprocess.Popen[bytes]] = {}
_lock = threading.Lock()


def session() -> str:
    """The name of this process's session, the value of the label ``two-boxes``."""
    return _session(os.getpid())  # asked every time: a forked child is another session


@cache
def _session(pid: int) -> str:
    return f"{pid}-{processes.stat(pid).start}"


def folder() -> Path:
    """This session's folder, with a guard on duty. Raises OSError, FolderClosed."""
    path = paths.run_dir().absolute() / session()
    with _lock:
        guard = _guards.get(path)
        if guard is None or guard.poll() is not None:
            _guards[path] = _start_guard(path)
    path.mkdir(mode=0o700, exist_ok=True)  # after that: no folder is there without a guard
    return path


def state(name: str) -> Path:
    """A new state folder, for one thing that has to go. Make it *before* that thing."""
    path = place(name)
    path.mkdir(mode=0o700)
    return path


def place(name: str) -> Path:
    """Where a new state folder can be made: for who must know it before it is there."""
    return folder() / f"{name}-{next(_numbers)}"


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for the files of a block: gone after it, and when this process is killed in it."""
    path = state("files")
    try:
        yield path
    finally:
        remove(path)


def on_death(state: Path, argv: Sequence[str]) -> None:
    """Have a command run when this process is gone, unless ``remove(state)`` came before.

    It may run twice, and runs once for all state folders that name the same command. When it
    fails it is tried again at the next sweep. ``state`` has another path by then.
    """
    (state / "on_death").write_text(json.dumps(list(argv)))


def spawn(state: Path, argv: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a program in a process group of its own that does not outlive this process.

    ``options`` go to Popen. A program that is missing shows as exit code 127.
    """
    wrapped = ["sh", "-c", NOTE_AND_EXEC, str(state), *argv]
    return subprocess.Popen(wrapped, start_new_session=True, **options)


def note(state: Path, pid: int) -> None:
    """Have the process group that ``pid`` leads killed when this process is gone."""
    with (state / "pid").open("a") as file:
        file.write(f"{pid} {processes.stat(pid).start}\n")


def kill(state: Path) -> None:
    """Kill the process groups that a state folder names, and wait until their leaders are gone."""
    for pid, start in _noted(state):
        processes.kill_group(pid, start, PATIENCE)


def remove(state: Path) -> None:
    """Kill what a state folder names and delete the folder; it may be gone already."""
    with held_back():  # interrupted in a bad moment, shutil.rmtree raises an OSError in its place
        gone = _renamed(state)
        kill(gone)
        delete(gone)


def delete(folder: Path) -> None:
    """Delete a folder and all in it that its owner can delete; it may be gone already."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        _open(folder)
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> list[str]:
    """Clear up after every session whose process is gone, and name those sessions."""
    over = [path for path in paths.run_dir().absolute().iterdir() if _is_over(path)]
    for path in over:
        _clean(path)
    return [path.stem for path in over]


def guard(name: str) -> None:
    """Sweep, wait until the process of this session is gone, and clear up after it."""
    sweep()
    pid, start = map(int, name.split("-"))
    # Not a pipe whose other end the process holds: a forked child would inherit that end and
    # keep the guard waiting.
    with suppress(ProcessLookupError), processes.ending(pid) as ended:
        if processes.is_alive(pid, start):
            select.select([ended], [], [])
    _clean(paths.run_dir().absolute() / name)


def _start_guard(path: Path) -> subprocess.Popen[bytes]:
    # -P and "/": a learner's own json.py or select.py must not be what the guard imports.
    argv = [sys.executable, "-P", "-m", "course.system.reaper", path.name]
    environment = {**os.environ, "COURSE_RUN_DIR": str(path.parent)}
    return subprocess.Popen(argv, start_new_session=True, cwd="/", env=environment, **QUIET)


@atexit.register
def _end() -> None:
    """At an ordinary exit nothing waits for the guard, which goes as well."""
    for path, guard in _guards.items():
        if path.name == session():  # not in a forked child: its parent's boxes stay
            _clean(path)
            guard.terminate()
            with suppress(subprocess.TimeoutExpired):  # an interrupted poll() may keep its lock
                guard.wait(5)


def _clean(folder: Path) -> None:
    """Do what the state folders say and delete them; what fails is kept for the next sweep."""
    folder = _renamed(folder)
    states = [path for path in folder.glob("*") if path.is_dir()]
    commands = {command for state in states if (command := _command(state))}
    for state in states:
        kill(state)
    # One that began as we were killed, and was not noted yet, has come as far as its folder.
    for pid in processes.working_in(folder):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    done = [_succeeds(command) for command in commands]
    if all(done):
        delete(folder)


def _renamed(folder: Path) -> Path:
    """Whoever is about to add something fails from here on, so nothing is overlooked."""
    if folder.suffix == GONE:
        return folder
    gone = folder.with_name(folder.name + GONE)
    with suppress(OSError):  # another was quicker
        folder.rename(gone)
    return gone


def _succeeds(argv: Sequence[str]) -> bool:
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(argv, timeout=PATIENCE, check=True, cwd="/", **QUIET)
        return True
    return False


def _command(state: Path) -> tuple[str, ...]:
    """The on_death command; none when its writer was killed in mid-word, before it acted."""
    try:
        return tuple(json.loads((state / "on_death").read_text()))
    except (FileNotFoundError, ValueError):
        return ()


def _noted(state: Path) -> list[tuple[int, int]]:
    try:
        text = (state / "pid").read_text()
    except FileNotFoundError:
        return []
    return [(int(pid), int(start)) for pid, start in re.findall(r"^(\d+) (\d+)$", text, re.M)]


def _is_over(path: Path) -> bool:
    # One that is alive and has renamed its folder is about to end, and clears up by itself.
    is_session = re.fullmatch(r"\d+-\d+", path.stem)
    return bool(is_session) and not processes.is_alive(*map(int, path.stem.split("-")))


def _open(folder: Path) -> None:
    """Let the owner enter and change a folder and those in it: overlayfs makes closed ones."""
    with suppress(OSError):  # one of somebody else's stays as it is
        folder.chmod(0o700)
        for inner in os.scandir(folder):
            if inner.is_dir(follow_symlinks=False):
                _open(Path(inner))


if __name__ == "__main__":
    guard(sys.argv[1]) if sys.argv[1:] else sweep()

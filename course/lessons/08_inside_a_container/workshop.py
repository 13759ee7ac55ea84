"""Where containers are made by hand: a room in which no mistake reaches the host.

The steps become one program (``assembly``), which a fresh Python runs; a notebook's own process
has several threads, and the kernel gives such a process no new user namespace. Around it is a
*room*: namespaces made by unshare(1), a root that can only be read, caps, and a deadline.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from course.errors import CommandTimeout, ResourceError
from course.images import forms
from course.system import cgroups, host, processes, reaper
from . import assembly

MEBIBYTE = 2**20
CAPS = {"memory": 32 * MEBIBYTE, "cpus": 0.2, "pids": 10}  # what the container is to be held to
ROOM = {"memory": 512 * MEBIBYTE, "cpus": float(os.cpu_count() or 1), "pids": 200}
DEADLINE = 15.0  # seconds
PIPES = {"stdin": subprocess.DEVNULL} | dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
NAMESPACES = ("--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child")
# Its mounts are shared between the room and whatever is made in it, as those of a host that
# systemd has set up; but never with the host. Its first process waits and then looks around.
NAME = "the-room"
FURNISH = """
mount --make-rprivate / && {protect} mount --make-rshared / && hostname {name} || exit 125
for folder in $JOIN; do echo 0 > $folder/cgroup.procs || exit 125; done
"$@"; code=$?
if [ "$AFTER" ]; then echo; echo "$MARK"; sh -c "$AFTER" 2>&1; fi
exit $code
"""
# Root's files: nothing in the room may change them, were it on a disk of its own.
PROTECT = """while read -r _ at _; do case $at in
/ | /boot | /home | /opt | /root | /srv | /tmp | /usr | /var | /var/tmp)
    mount -o remount,bind,ro $at;;
esac || exit 125; done < /proc/self/mounts &&"""
MARK = "---- seen from outside ----"

_numbers = count(1)


@dataclass(frozen=True)
class Ran:
    """What came out of a command in a container made by hand, and what was seen outside after it.

    ``counters``: what the kernel counted in its control groups, by file.
    """

    exit_code: int
    stdout: str
    stderr: str
    outside: str = ""
    counters: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        parts = [self.stdout.rstrip(), self.stderr.strip()]
        parts += [f"exit code {self.exit_code}"] if self.exit_code else []
        parts += [f"outside, afterwards: {self.outside.strip()}"] if self.outside else []
        return "\n".join(filter(None, parts))

    def counted(self, name: str) -> int:
        """A number from the control groups' files, such as ``nr_throttled``; 0 where none is."""
        words = " ".join(self.counters.values()).split()
        return int(words[words.index(name) + 1]) if name in words else 0


def run(command: str, *steps: assembly.Step, after: str = "", timeout: float = DEADLINE) -> Ran:
    """Take the steps one after the other, then run a shell command behind the walls they built.

    ``after``: a shell command that looks around in the room outside the container, afterwards.
    Raises LessonError, CommandTimeout.
    """
    with _started(command, steps, after) as (process, groups):
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            found = "it did not, and was killed with all that it started"
            raise CommandTimeout(f"{command!r} to end within {timeout:g} s", found) from error
        inside, _, outside = stdout.partition(f"\n{MARK}\n")
        return Ran(process.returncode, inside, stderr, outside, _counters(groups))


@contextmanager
def running(command: str, *steps: assembly.Step, patience: float = DEADLINE) -> Iterator[int]:
    """Leave the command running in the background; its process, by the host's number."""
    with _started(command, steps, "") as (process, _):
        deadline = time.monotonic() + patience
        while (found := _become(process.pid)) is None and time.monotonic() < deadline:
            time.sleep(0.005)
        if found is None:
            raise CommandTimeout(f"{command!r} to begin", f"exit code {process.poll()}")
        yield found


def command_line(
    steps: Sequence[assembly.Step], command: str, state: Path, timed: bool = False
) -> list[str]:
    """The program in a file, and the command that runs it by itself, without a room around it."""
    file, place = state / "container.py", state / "place"
    place.mkdir(exist_ok=True)
    file.write_text(assembly.program(steps, timed))
    return [sys.executable, "-I", "-S", str(file), json.dumps(wish(command, place, []))]


def wish(command: str, place: Path, groups: list[Path]) -> dict[str, Any]:
    """What every step is given as ``box``."""
    folders = groups * len(cgroups.CONTROLLERS) if len(groups) == 1 else groups
    return {
        "command": command,
        "image": str(forms.image("tiny").root),
        "place": str(place),
        "cgroup": host.cgroup_version(),
        "groups": dict(zip(cgroups.CONTROLLERS, map(str, folders), strict=False)),
        **CAPS,
    }


def can_cap() -> bool:
    """Whether this user may make control groups here."""
    with _group("try") as folders:
        return bool(folders)


@contextmanager
def _started(
    command: str, steps: Sequence[assembly.Step], after: str
) -> Iterator[tuple[subprocess.Popen[str], list[Path]]]:
    """The program on its way in its room; at the end nothing of either is left."""
    source = assembly.program(steps)
    with _state("by-hand") as state, _group("room") as outer, _group("container") as inner:
        (state / "place").mkdir()
        (state / "container.py").write_text(source)
        words = json.dumps(wish(command, state / "place", inner))
        argv = [*_room(), sys.executable, "-I", "-S", str(state / "container.py"), words]
        own = {"AFTER": after, "MARK": MARK, "JOIN": " ".join(map(str, outer))}
        options = {"env": os.environ | own, "text": True, "errors": "replace"}
        with reaper.spawn(state, argv, **PIPES, **options) as process:
            try:
                yield process, inner
            finally:
                reaper.kill(state)


def _room() -> list[str]:
    root = os.geteuid() == 0
    user = [] if root else ["--user", "--map-root-user"]
    furnish = FURNISH.format(protect=PROTECT if root else "", name=NAME)
    return ["unshare", *user, *NAMESPACES, "sh", "-c", furnish, "sh"]


@contextmanager
def _state(name: str) -> Iterator[Path]:
    state = reaper.state(name)
    try:
        yield state
    finally:
        reaper.remove(state)


@contextmanager
def _group(part: str) -> Iterator[list[Path]]:
    """A control group with wide caps, for the room, or to be narrowed; no folder if refused."""
    name = f"two-boxes-{reaper.session()}-{next(_numbers)}-{part}"
    with _state("group") as state:
        reaper.on_death(state, [sys.executable, "-P", "-m", "course.system.cgroups", name])
        try:
            yield _wide(name)
        finally:
            cgroups.remove(name)


def _wide(name: str) -> list[Path]:
    try:
        folders = cgroups.make(name, **ROOM)
    except ResourceError:
        return []
    for folder in folders:
        with suppress(OSError):  # version 1: what is over the cap shall not go to the swap instead
            (folder / "memory.swappiness").write_text("0")
    return folders


def _counters(groups: list[Path]) -> dict[str, str]:
    files = {path for folder in groups for path in (folder / "cpu.stat", folder / "pids.events")}
    return {path.name: path.read_text() for path in sorted(files) if path.exists()}


def _become(pid: int) -> int | None:
    """Of a process and its descendants, the one that is a program of the image by now."""
    for one in processes.family(pid):
        with suppress(OSError):  # it ended meanwhile
            begun = b"container.py" not in Path(f"/proc/{one}/cmdline").read_bytes()
            if begun and os.readlink(f"/proc/{one}/exe").endswith("/busybox"):
                return one
    return None

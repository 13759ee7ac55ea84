"""What a session has in the world, asked of the kernel and of the engine; and sessions to hit."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from course.boxes import Box
from course.engine import engine, labels
from course.errors import EngineError
from course.system import cgroups, paths

HERE = Path(__file__).parent
PATIENCE = 40.0  # seconds for a guard to do its work on a busy machine
DEADLINE = 150.0  # seconds for a start, hit or not
WITH_SESSION = ("labels-", "zygote-", "lesson-")  # state folders that stay as long as their session


def becomes_true(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether it does, looked at again and again."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Press ■ once, after some seconds in the block."""
    previous = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def start_interrupted(box: Box, seconds: float) -> None:
    """Start a box and be interrupted (■) after some seconds; then stop it."""
    try:
        with suppress(KeyboardInterrupt), interrupted_after(seconds):
            box.start()
            box.exec("sleep 5")
    finally:
        box.stop()


def left_of(session: str, run: Path) -> list[str]:
    """Everything of a session that is still there: folders, processes, groups, engine's things."""
    folders = [str(path) for path in run.glob(f"{session}*")]
    parents = (*cgroups._parents_1(), *cgroups._parents_2())
    groups = [str(path) for one in parents for path in one.glob(f"two-boxes-{session}-*")]
    return folders + groups + processes_of(run / session) + in_engine(session)


def in_engine(session: str) -> list[str]:
    """What the engine has with the session's label; nothing where no engine answers."""
    chosen = {"filters": {"label": f"{labels.NAME}={session}"}}
    try:
        api = engine().api
    except EngineError:
        return []
    containers = api.containers(all=True, quiet=True, **chosen)
    rest = [*api.networks(**chosen), *(api.volumes(**chosen)["Volumes"] or ())]
    tagged = [name for image in api.images() for name in image["RepoTags"] or () if session in name]
    return [str(found) for found in (*containers, *rest, *api.images(**chosen), *tagged)]


def leftovers(session: str, run: Path) -> list[str]:
    """The same, once what is killed has had time to go."""
    becomes_true(lambda: not left_of(session, run))
    return left_of(session, run)


def processes_of(folder: Path) -> list[str]:
    """Processes that name the session's folder, or that have a mount which does (a sandbox)."""
    found, seen = [], set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            world = os.readlink(process / "ns/mnt")
            text = (process / "cmdline").read_text(errors="replace").replace("\0", " ")
            mounts = "" if world in seen else (process / "mountinfo").read_text(errors="replace")
            if re.search(rf"{re.escape(str(folder))}(?!\d)", text + mounts):
                found.append(f"process {process.name}: {text[:80]}")
            else:
                seen.add(world)
    return found


def a_users_python(home: str) -> list[str]:
    """As root: a Python as ``nobody``, who may have no way to ours; then the system's."""
    if os.geteuid() != 0:
        return [sys.executable]
    os.chown(home, 65534, 65534)
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    starts_itself = "import subprocess, sys; subprocess.run([sys.executable, '-V'], check=True)"
    for python in (sys.executable, "/usr/bin/python3"):
        argv = [*become, python, "-c", starts_itself]
        if subprocess.run(argv, check=False, capture_output=True).returncode == 0:
            return [*become, python]
    raise AssertionError("nobody may run no Python here")


def run_python(code: str, *before: str, python: Sequence[str] = (), **environment: str) -> str:
    """What a new Python, a session of its own, prints; ``before`` are the words of a wrapper."""
    packages = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [*before, *(python or [sys.executable]), "-c", code],
        env={**os.environ, "PYTHONPATH": packages, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,  # and so without a terminal
        cwd="/",
        check=False,
        timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout.decode()


def a_small_cache(folder: Path) -> Path:
    """A copy of what ``tiny`` was built to, so that nobody has to build it again."""
    images = folder / "images"
    images.mkdir(parents=True)
    for name in ("tiny", "tiny-root", "tiny-boot", "kernel-x86_64"):
        source = paths.cache_dir() / "images" / name
        subprocess.run(["cp", "--archive", "--reflink=auto", source, images], check=True)
    return folder


class Nursery:
    """A Python that has the course loaded; each order is a session that is hit and looked at."""

    def __init__(self, run: Path, environment: Mapping[str, str] | None = None) -> None:
        self.run = run
        self._python = subprocess.Popen(
            [sys.executable, HERE / "victim.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env={**os.environ, "COURSE_RUN_DIR": str(run), **(environment or {})},
        )

    def order(self, box: str, options: dict[str, Any], **wish: Any) -> dict[str, Any]:
        """What came of it: error, words, where, and what was left at once and in the end."""
        wish = {"fault": "none", "box": box, "options": options, **wish}
        self._python.stdin.write(json.dumps(wish).encode() + b"\n")
        came: dict[str, Any] = {}
        while "ended" not in came:
            if not select.select([self._python.stdout], [], [], DEADLINE)[0]:
                raise TimeoutError(f"{wish} came to no end: {came}")
            came |= json.loads(self._python.stdout.readline())
        came["after all"] = leftovers(came["session"], self.run)
        came["left"] = [name for name in came.get("left", ()) if not name.startswith(WITH_SESSION)]
        return came

    def close(self) -> None:
        """End it, and whatever came to no end."""
        os.killpg(self._python.pid, signal.SIGKILL)
        self._python.communicate()

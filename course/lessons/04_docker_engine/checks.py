"""The tasks of the engine's lab: each looks at a container, or at what the learner defined."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from docker.errors import APIError
from docker.models.containers import Container

from course.checks import Finding, Names, failed, passed, task
from course.engine import engine, label
from course.lessons import checking
from course.system import processes
from . import answering

MEBIBYTE = 2**20
SIGTERM = 1 << 14  # its bit in the masks of /proc/<pid>/status; proc(5) counts signals from 1
RETRIES, EXIT_CODE = 2, 7
KILLED = 137  # the exit code of what SIGKILL ended: 128 + 9
PATIENCE = 5  # seconds for a twin to listen, and to end

AGAIN = "remove it and make it again with labels=label()."
of_container = partial(checking.of_container, again=AGAIN)


@task("clock", "The container `two-boxes-clock` runs and has said the time more than once", 1)
@of_container("two-boxes-clock")
def clock(found: Container, names: Names) -> Finding:
    if found.status != "running":
        return failed(
            f"the container is {found.status}, its log ends with {found.logs(tail=1)!r}",
            "A container lives as long as its first process. How long does yours live?",
            "Let a shell repeat: while true; do …; done",
            'client.containers.run(image, ["sh", "-c", "while true; do date; sleep 1; done"], …)',
        )
    times = re.findall(r"\d\d:\d\d:\d\d", found.logs(tail=100).decode(errors="replace"))
    if len(set(times)) < 2:
        return failed(
            f"different times in its log: {len(set(times))}",
            "Read the log yourself: what does the program print, and how often?",
            "`date` prints the time once. What repeats a command in a shell?",
            '["sh", "-c", "while true; do date; sleep 1; done"]',
        )
    return passed(f"it runs, and its last word was {times[-1]}")


@task("ask", "`ask(method, path, body)` speaks HTTP with the engine and returns status and data", 1)
def ask(names: Names) -> Finding:
    asked = names["ask"]
    if not callable(asked):
        return failed(
            "`ask` is not a function",
            "The check calls it: it has to be something that can be called.",
            "It takes a method and a path, and a body only where there is one.",
            "def ask(method, path, body=None): …",
        )
    return answering.judged(asked)


@task("by-hand", "`two-boxes-by-hand` runs, is named by-hand inside, and may use 32 MiB", 1)
@of_container("two-boxes-by-hand")
def by_hand(found: Container, names: Names) -> Finding:
    inside, limit = found.attrs["Config"]["Hostname"], found.attrs["HostConfig"]["Memory"]
    if inside != "by-hand":
        return failed(
            f"its host name is {inside!r}",
            "The name of the container and the host name inside are two things.",
            "The second is part of the wish: it stands in the body of /containers/create.",
            '"Hostname": "by-hand"',
        )
    if limit != 32 * MEBIBYTE:
        return failed(
            f"its memory limit is {limit} bytes" if limit else "it has no memory limit",
            "Limits stand in HostConfig, in bytes. A mebibyte is more than a million of them.",
            "The API counts bytes; a mebibyte is 2**20 of them.",
            '"HostConfig": {"Memory": 32 * 2**20}',
        )
    if found.status != "running":
        return _ended(found)
    return passed("it runs, as described")


@task("find-it", "`host_pid` is its process on the host, `shim_pid` the parent of that", 2)
@of_container("two-boxes-by-hand")
def find_it(found: Container, names: Names) -> Finding:
    process, shim = names["host_pid"], names["shim_pid"]
    if found.status != "running":
        return _ended(found)
    right = found.attrs["State"]["Pid"]
    if process != right:
        return failed(
            f"`host_pid` is {process!r}",
            "Inside, it is number 1. On the host it has another number, which the engine knows."
            if process == 1
            else "The engine knows it.",
            "Where does inspecting a container speak of its state?",
            'ask("GET", "/containers/two-boxes-by-hand/json")[1]["State"]["Pid"]',
        )
    parent = processes.stat(right).parent
    if shim != parent:
        return failed(
            f"`shim_pid` is {shim!r}, which is {_program(shim)!r}",
            "Every process has one parent, and the kernel knows its number.",
            f"/proc/{right}/stat tells it, and so does `ps -o ppid=`.",
            "processes.stat(host_pid).parent",
        )
    return passed(f"process {right} is the child of {_program(parent)}, process {parent}")


@task("polite", "`two-boxes-polite` runs, and its process 1 ends at SIGTERM", 4)
@of_container("two-boxes-polite")
def polite(found: Container, names: Names) -> Finding:
    if found.status != "running":
        return failed(
            f"the container is {found.status}",
            "It shall still run when the check looks.",
            "Give it something long to do, and a shell that waits for it.",
            '"sleep 600 & wait"',
        )
    if _hears(found):
        return _parted(found)
    ignores = _has(found, "Ign")
    return failed(
        "its process 1 ignores SIGTERM" if ignores else "its process 1 has no handler for SIGTERM",
        "What did the two remedies in the lesson change about process 1?",
        "A shell sets a handler with `trap 'exit 0' TERM`; or let Docker put an init first.",
        'init=True, or ["sh", "-c", "trap \'exit 0\' TERM; sleep 600 & wait"]',
    )


def _parted(found: Container) -> Finding:
    """Stop a twin of it, so that the learner's own goes on."""
    twin = _twin(found)
    try:
        twin.start()
        with suppress(APIError):  # it may have ended by itself
            deadline = time.monotonic() + PATIENCE
            while not _hears(twin) and time.monotonic() < deadline:
                time.sleep(0.02)
        twin.stop(timeout=PATIENCE)
        if twin.wait()["StatusCode"] != KILLED:
            return passed("a twin of it ended when it was stopped")
    finally:
        twin.remove(force=True)
    return failed(
        "a twin of it was stopped, and had to be killed",
        "Its process 1 has a handler. What is it doing when SIGTERM comes?",
        "A shell acts on a trap when the command before it has ended, or at once during `wait`.",
        "trap 'exit 0' TERM; sleep 600 & wait",
    )


def _twin(found: Container) -> Container:
    """A container from the same image, with the same command, that was not started."""
    same = found.attrs["Config"]
    return engine().containers.create(
        found.attrs["Image"],
        same["Cmd"],
        entrypoint=same["Entrypoint"],
        environment=same["Env"],
        user=same["User"],
        working_dir=same["WorkingDir"],
        init=found.attrs["HostConfig"].get("Init"),
        labels=label(),
    )


def _hears(container: Container) -> bool:
    """Whether process 1 would hear a SIGTERM."""
    # Docker's init has no handler: once it has a child, it waits for signals (sigtimedwait(2)).
    init = container.attrs["HostConfig"].get("Init")
    return len(container.top()["Processes"]) > 1 if init else _has(container, "Cgt")


def _has(container: Container, mask: str) -> bool:
    status = container.exec_run(["cat", "/proc/1/status"]).output.decode()
    return bool(int(re.search(rf"Sig{mask}:\s+([0-9a-f]+)", status)[1], 16) & SIGTERM)


@task("stubborn", "`two-boxes-stubborn` gave up after 2 restarts; `deaths` is what you heard", 3, 5)
@of_container("two-boxes-stubborn")
def stubborn(found: Container, names: Names) -> Finding:
    policy = found.attrs["HostConfig"]["RestartPolicy"]
    name, most = policy["Name"], policy["MaximumRetryCount"]
    if (name, most) != ("on-failure", RETRIES):
        return failed(
            f"its restart policy is {name or 'no'}, with at most {most} restarts",
            "It is chosen when the container is made. One run and two restarts: three deaths.",
            "Which of the four looks at the exit code and can give up?",
            f'restart_policy={{"Name": "on-failure", "MaximumRetryCount": {RETRIES}}}',
        )
    if found.attrs["RestartCount"] != RETRIES or found.status != "exited":
        return failed(
            f"it is {found.status} after {found.attrs['RestartCount']} restarts",
            "A program that succeeds is not started again.",
            "Does yours fail? If it does, give the engine a moment and check again.",
            f'["sh", "-c", "exit {EXIT_CODE}"]',
        )
    heard, all_of_them = names["deaths"], [str(EXIT_CODE)] * (RETRIES + 1)
    if not isinstance(heard, list | tuple) or list(map(str, heard)) != all_of_them:
        return failed(
            f"`deaths` is {heard!r}",
            "One exit code for each time it died: the first run and every restart.",
            "Open the stream of events before you start it; look for the action `die`.",
            'event["Actor"]["Attributes"]["exitCode"]',
        )
    return passed(f"it died {len(heard)} times and you heard each of them")


def _ended(found: Container) -> Finding:
    return failed(
        f"the container is {found.status}",
        "create only writes down what shall be. Which request sets it going?",
        "Its command has to last: when it ends, the container has exited.",
        'ask("POST", "/containers/two-boxes-by-hand/start")',
    )


def _program(pid: object) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "no process"

"""The tasks of the security lab: a container hardened step by step, and a look at keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

from docker.models.containers import Container

from course.checks import Finding, Names, failed, passed, task
from course.lessons import checking
from . import keys, mystery

MEBIBYTE = 2**20
MEMORY, PROCESSES = 64 * MEBIBYTE, 32  # the caps that the lab asks for, at most
PAGE = "still here"


@dataclass(frozen=True)
class Inside:
    """A running container, and what the kernel says inside of its process 1."""

    container: Container

    @cached_property
    def status(self) -> dict[str, str]:
        return dict(re.findall(r"(\w+):\s+(\S+)", self._cat("/proc/1/status")))

    @cached_property
    def mounts(self) -> dict[str, list[str]]:
        lines = (line.split() for line in self._cat("/proc/1/mounts").splitlines())
        return {place: options.split(",") for _, place, _, options, *_ in lines}

    def page(self) -> str:
        wget = ["wget", "-q", "-O", "-", "http://127.0.0.1:8080/"]
        return self.container.exec_run(wget, stderr=False).output.decode(errors="replace").strip()

    def _cat(self, path: str) -> str:
        return self.container.exec_run(["cat", path]).output.decode()


def of_container(name: str) -> checking.Decorator:
    """Judge the running container of that name, if the course made it."""
    return checking.handed(lambda names: _inside(name))


@task("probes", "`reached` names the probes by which `mystery` reaches its host's things", 1)
def probed(names: Names) -> Finding:
    return mystery.judged(names["reached"], names.get("mystery"))


@task("count", "`count` is how many capabilities process 1 of `two-boxes-subject` has", 2)
@of_container("two-boxes-subject")
def count(inside: Inside, names: Names) -> Finding:
    return _counted(inside, names["count"])


@task("key", "`holds_the_key(container)` says whether the engine's socket is within its mounts", 3)
def key(names: Names) -> Finding:
    return keys.judged(names["holds_the_key"])


@task("powerless", "`two-boxes-safe` runs without root, without capabilities, and can gain none", 5)
@of_container("two-boxes-safe")
def powerless(inside: Inside, names: Names) -> Finding:
    said = f"user {inside.status['Uid']}, no capability, none to gain"
    return _judged(inside, _powerless, lambda _: passed(said))


@task("read-only", "its root can only be read, and `/tmp` can be written", 5)
@of_container("two-boxes-safe")
def read_only(inside: Inside, names: Names) -> Finding:
    return _judged(inside, _powerless, _read_only, lambda _: passed("only /tmp can be written"))


@task("capped", "it may use at most 64 MiB of memory and 32 processes", 5)
@of_container("two-boxes-safe")
def capped(inside: Inside, names: Names) -> Finding:
    done = passed("its memory and its processes are capped")
    return _judged(inside, _powerless, _read_only, _capped, lambda _: done)


@task("service", "`two-boxes-service` is as hard, and answers `still here` on its port 8080", 5)
@of_container("two-boxes-service")
def service(inside: Inside, names: Names) -> Finding:
    return _judged(inside, _powerless, _read_only, _capped, _serves)


def _inside(name: str) -> Inside | Finding:
    found = checking.container(name, checking.START)
    wrong = found if isinstance(found, Finding) else _not_running(found)
    return Inside(found) if wrong is None else wrong


def _judged(subject: object, *judges: Callable[[object], Finding | None]) -> Finding:
    """What the first judge says that has something to say; the last always has."""
    return checking.first(*(partial(judge, subject) for judge in judges))


def _counted(inside: Inside, answer: object) -> Finding:
    right = int(inside.status["CapEff"], 16).bit_count()
    if answer != right:
        return failed(
            f"`count` is {answer!r}",
            "The kernel tells it inside: in /proc/1/status, on the line `CapEff`.",
            "The number there is hexadecimal, and every capability is one bit of it.",
            'int(subject.exec_run("grep CapEff /proc/1/status").output.split()[1], 16).bit_count()',
        )
    return passed(f"{right}: the default ones, less two, plus one")


def _serves(inside: Inside) -> Finding:
    page = inside.page()
    if page != PAGE:
        return failed(
            f"port 8080 answers {page!r}" if page else "port 8080 does not answer with a page",
            "Does nobody answer, or has it no such page? Ask inside: `wget -O - 127.0.0.1:8080`.",
            "The page has to be somewhere, and only /tmp can be written, once it runs.",
            f"sh -c 'echo {PAGE} > /tmp/index.html; exec httpd -f -p 8080 -h /tmp'",
        )
    return passed("hardened, and still of use")


def _not_running(found: Container) -> Finding | None:
    if found.status == "running":
        return None
    return failed(
        f"{found.name} is {found.status}; its log ends with {found.logs(tail=1)!r}",
        "It began and ended. Its last words say why.",
        "What it does may need a right, or a place to write, that you took away.",
        'Start it with "sleep", "1d" first, and harden that.',
    )


def _powerless(inside: Inside) -> Finding | None:
    status = inside.status
    if status["Uid"] == "0":
        return failed(
            "process 1 is user 0, root",
            "Which option of `docker run` says who the process is?",
            "Any number but 0 will do; no such user has to exist in the image.",
            'user="1000:1000"',
        )
    if int(status["CapBnd"], 16):
        return failed(
            f"it could still gain {int(status['CapBnd'], 16).bit_count()} capabilities (CapBnd)",
            "A user that is not root has none in effect. What could a set-user-ID program get?",
            "Drop them all. One word stands for every capability.",
            'cap_drop=["ALL"]',
        )
    if status["NoNewPrivs"] != "1":
        return failed(
            "NoNewPrivs is 0: a set-user-ID program could make it root",
            "One security option forbids new rights for ever.",
            "Its name says it: no new privileges.",
            'security_opt=["no-new-privileges"]',
        )
    if status["Seccomp"] != "2":
        return failed(
            "no filter of system calls is in place",
            "The engine sets one, unless it is told not to.",
            "Look for `seccomp=unconfined` or `privileged` among your options.",
            "Leave both out.",
        )
    return None


def _read_only(inside: Inside) -> Finding | None:
    if "ro" not in inside.mounts["/"]:
        return failed(
            "its root can be written",
            "What would a program that was taken over change first?",
            "`docker run` has an option that mounts the root to be read only.",
            "read_only=True",
        )
    if "rw" not in inside.mounts.get("/tmp", []):
        return failed(
            "nothing is mounted on /tmp that can be written",
            "Many programs need some place for files that do not last.",
            "A tmpfs is such a place: it lives in memory, and goes with the container.",
            'tmpfs={"/tmp": "size=1m"}',
        )
    return None


def _capped(inside: Inside) -> Finding | None:
    given = inside.container.attrs["HostConfig"]
    memory, processes = given["Memory"], given["PidsLimit"] or 0
    if not 0 < memory <= MEMORY:
        return failed(
            f"its memory is capped at {memory / MEBIBYTE:g} MiB" if memory else "no memory cap",
            "Without a cap, one container can have all memory of the host.",
            "64 MiB is the most that the task allows.",
            'mem_limit="64m"',
        )
    if not 0 < processes <= PROCESSES:
        return failed(
            f"it may have {processes} processes" if processes > 0 else "no cap on its processes",
            "A program that starts itself twice, again and again, needs no right to do so.",
            "The kernel counts processes by control group; the option has `pids` in its name.",
            "pids_limit=32",
        )
    return None

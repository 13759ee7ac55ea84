"""Do what the doctor says: the system's packages, the engine, the image that lessons begin with."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from course.engine import answers, daemon, engine
from course.errors import (
    CourseError,
    EngineError,
    EngineForbidden,
    EngineTooOld,
    ImageDamaged,
    ToolMissing,
)
from course.images import forms, packages
from course.system import Bar, programs

Echo = Callable[[str], None]

APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120")
INSTALL = ("install", "--yes", "--no-install-recommends")
# A kernel with AppArmor starts no container without its parser, and some distributions package
# the docker command apart from the daemon.
WITH_DOCKER = ("apparmor", "docker-cli")
ARCHITECTURES = {"x86_64", "aarch64"}  # lesson 02 boots a guest with the other one
PARTS = {"dlstatus": 0, "pmstatus": 100}  # percent of what is done before this part begins
BAR = "{desc}: {bar} {elapsed}"
TOOK = Path(sys.prefix) / ".took"  # a line for each part of the set-up: seconds and name


@dataclass(frozen=True)
class Step:
    """One thing to do: ``command`` is what a person would type for it.

    ``do`` is None where it cannot be done from here.
    """

    title: str
    command: str
    needs_root: bool = False
    do: Callable[[], None] | None = None


def plan(tests: bool = False, ahead: bool = False) -> list[Step]:
    """What is missing, in the order to mend it; nothing is changed yet.

    ``tests``: also what only the tests need. ``ahead``: also what lessons build when they first
    need it, so that from then on none needs a network.
    """
    steps = [*_packages(tests), *_engine()]
    # What was just installed may need forms of the image that nobody could use before.
    steps += _images(anew=any(step.do for step in steps))
    return [*steps, *(_ahead() if ahead else ())]


def apply(steps: list[Step], echo: Echo) -> list[Step]:
    """Say what will be done, do it, and return the steps that could not be done.

    A step that fails does not keep the others from being tried.
    """
    if not steps:
        echo("Everything that the course needs is here.")
    for step in steps:
        who = "cannot be done from here" if not step.do else "as root" if step.needs_root else ""
        echo(f"{step.title}{f' ({who})' if who else ''}: {step.command}")
    undone = [step for step in steps if not _done(step, echo)]
    for step in undone:
        echo(f"Still missing: {step.title}. By hand: {step.command}")
    return undone


def took() -> dict[str, float]:
    """What each part of making this environment took, in seconds; the Makefile begins the list."""
    try:
        lines = TOOK.read_text().splitlines()
    except FileNotFoundError:
        return {}
    parts = (line.split(maxsplit=1) for line in reversed(lines))  # the first of a name counts
    return {name: float(seconds) for seconds, name in parts}


def _done(step: Step, echo: Echo) -> bool:
    if not step.do:
        return False
    began = time.monotonic()
    try:
        step.do()
    except CourseError as error:
        echo(str(error))
        return False
    if TOOK.exists():
        with TOOK.open("a") as file:
            file.write(f"{time.monotonic() - began:.1f} {step.title}\n")
    return True


def _packages(tests: bool) -> Iterator[Step]:
    wanted = [*programs.needed(), *(programs.TESTS if tests else ())]
    missing = [name for name in wanted if not programs.find(name)]
    if "docker" not in missing and _daemon_is_missing():
        missing.append("docker")  # the package that has the command has the daemon as well
    elif "docker" in missing and answers():
        # The package would bring a second engine beside the one that is there.
        missing.remove("docker")
        yield Step("the docker command", "install it as your engine's makers say")
    if not missing:
        return
    title, command = "system packages", programs.install_command(missing)
    if shutil.which("apt-get") and _may_become_root():
        yield Step(title, command, needs_root=True, do=lambda: _install(missing))
    else:
        yield Step(title, command, needs_root=True)


def _install(names: list[str]) -> None:
    wanted = programs.install_command(names).removeprefix("sudo apt-get install ").split()
    if "docker.io" in wanted:
        wanted += WITH_DOCKER
    _apt(["update"])
    # One name that apt does not know would keep it from installing the others.
    _apt([*INSTALL, *_known(wanted)])
    for name in names:
        programs.require(name)


def _apt(arguments: list[str]) -> None:
    """Run apt with a bar. Raises ToolMissing with what apt said last."""
    said: deque[str] = deque(maxlen=10)
    command = [*_root(), *APT, "-o", "APT::Status-Fd=1", *arguments]
    bar = Bar(total=200, desc=f"apt-get {arguments[0]}", bar_format=BAR, disable=None)
    with bar, _started(command) as apt:
        for line in apt.stdout:
            kind, _, rest = line.partition(":")
            if kind in PARTS:  # dlstatus:<number>:<percent>:<description>
                bar.update(PARTS[kind] + float(rest.split(":")[1]) - bar.n)
            else:
                said.append(line.strip())
    # A source of somebody else's that is out of reach must not hold up the rest.
    if apt.returncode and arguments[0] != "update":
        mend = shlex.join(("sudo", "apt-get", *arguments))
        raise ToolMissing("apt-get to install the packages", "\n".join(said), mend)


def _started(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )


def _known(names: list[str]) -> list[str]:
    """Those of the packages that this distribution has."""
    command = ["apt-cache", "show", *names]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = set(re.findall(r"^Package: (\S+)$", said, re.MULTILINE))
    return [name for name in names if name in found]


def _engine() -> Iterator[Step]:
    try:
        engine()
    except EngineError as error:
        if _may_start(error) and _may_become_root():
            command = shlex.join(("sudo", *daemon.start_command()))
            yield Step("start the container engine", command, needs_root=True, do=_start_engine)
        else:
            yield Step("a container engine", error.mend)


def _may_start(why: EngineError) -> bool:
    """Not where an engine answers, only not us, or in words too old."""
    refused = isinstance(why, (EngineForbidden, EngineTooOld))
    return not refused and daemon.may_be_started()


def _start_engine() -> None:
    programs.require("docker")
    daemon.start(_root())


def _images(anew: bool) -> Iterator[Step]:
    try:
        ready = not anew and forms.is_ready("tiny")
    except ImageDamaged as error:
        title = "the image tiny, which is damaged"
        yield Step(title, error.mend, do=lambda: forms.discard("tiny"))
        ready = False
    except CourseError:
        ready = False  # a step before this one mends it, or making the image says what is wrong
    if not ready:
        yield Step("the image tiny", "course setup", do=lambda: forms.prepare("tiny"))


def _ahead() -> Iterator[Step]:
    """Each is quick where it was done before: what is there is asked for, and not made again."""
    command = "course setup --ahead"
    yield Step("the image debian", command, do=lambda: forms.prepare("debian"))
    for name in packages.PACKAGES:
        yield Step(f"the image {name}", command, do=partial(packages.package_image, name))
    for name in sorted(ARCHITECTURES - {platform.machine()}):
        yield Step(f"a kernel for {name}", command, do=partial(_foreign, name))


def _foreign(architecture: str) -> None:
    forms.image("tiny").boot_files(architecture)


def _daemon_is_missing() -> bool:
    """Whether the docker command is here, and no engine for it; and one would be ours to start."""
    there = daemon.runs() or programs.find("dockerd")
    return not there and not answers() and daemon.may_be_started()


def _root() -> list[str]:
    """What to put before a command that needs root: nothing, or sudo, which may ask."""
    return [] if os.geteuid() == 0 else ["sudo"]


def _may_become_root() -> bool:
    if os.geteuid() == 0:
        return True
    if not shutil.which("sudo"):
        return False
    if sys.stdin.isatty():  # else nobody can type a password
        return True
    return subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True).returncode == 0

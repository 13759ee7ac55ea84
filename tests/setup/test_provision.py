"""What is missing is said, then mended; what cannot be mended is named with its command."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from course.engine import daemon
from course.errors import (
    BuildFailed,
    EngineError,
    EngineForbidden,
    EngineTooOld,
    EngineUnreachable,
    ImageDamaged,
    ToolMissing,
)
from course.images import forms, packages
from course.setup import provision
from course.setup.provision import Step, apply, plan
from course.system import programs


class Machine:
    """A machine in words: which programs it has, whether an engine answers, who we are."""

    def __init__(self) -> None:
        self.programs = set(programs.ALL)
        self.managers = {"apt-get", "sudo"}
        self.engine = self.images = self.root = True

    def engine_or_error(self) -> None:
        if not self.engine:
            raise EngineUnreachable("a container engine that answers", "none", "start it")


@pytest.fixture(autouse=True)
def _notes_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provision, "TOOK", tmp_path / "took")  # what is set up here never was


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(
        programs, "find", lambda name: Path(name) if name in machine.programs else None
    )
    monkeypatch.setattr("shutil.which", lambda name: name if name in machine.managers else None)
    monkeypatch.setattr(provision, "engine", machine.engine_or_error)
    monkeypatch.setattr(provision, "answers", lambda: machine.engine)
    monkeypatch.setattr(provision, "_may_become_root", lambda: machine.root)
    monkeypatch.setattr(daemon, "may_be_started", lambda: True)
    monkeypatch.setattr(daemon, "runs", lambda: False)
    monkeypatch.setattr(daemon, "start_command", lambda: ("systemctl", "start", "docker"))
    monkeypatch.setattr(forms, "is_ready", lambda name: machine.images)
    return machine


def test_nothing_is_planned_where_nothing_is_missing(machine: Machine) -> None:
    assert plan(tests=True) == []


def test_missing_packages_are_one_step_that_needs_root(machine: Machine) -> None:
    machine.programs -= {"qemu-img", "mmdebstrap"}
    step, image = plan()
    assert step.command == "sudo apt-get install qemu-utils mmdebstrap"
    assert step.needs_root
    assert step.do
    assert image.title == "the image tiny"  # some form of it may be possible only now


def test_only_the_tests_need_a_browser(machine: Machine) -> None:
    machine.programs.remove("chromium")
    assert plan() == []
    assert plan(tests=True)[0].command.endswith("chromium")


def test_what_lessons_build_later_can_be_built_ahead(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    monkeypatch.setattr(forms, "prepare", made.append)
    monkeypatch.setattr(packages, "package_image", made.append)
    monkeypatch.setattr(provision, "_foreign", made.append)
    assert apply(plan(ahead=True), lambda _: None) == []
    other = "x86_64" if platform.machine() == "aarch64" else "aarch64"
    assert made == ["debian", *packages.PACKAGES, other]


def test_without_root_the_command_is_said_and_not_run(machine: Machine) -> None:
    machine.root = False
    machine.programs.remove("qemu-img")
    (step,) = plan()
    assert step.do is None
    assert step.command == "sudo apt-get install qemu-utils"


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("dnf", "sudo dnf install qemu-img"),
        ("pacman", "sudo pacman -S qemu-img"),
        ("brew", "brew install qemu"),
        ("none", "install qemu-img as your system does"),
    ],
)
def test_other_systems_get_their_own_command(manager: str, command: str, machine: Machine) -> None:
    machine.managers = {manager}
    machine.programs.remove("qemu-img")
    (step,) = plan()
    assert (step.command, step.do) == (command, None)


def test_an_engine_that_answers_is_used_as_it_is(machine: Machine) -> None:
    machine.programs.remove("docker")
    (step,) = plan()
    assert step.do is None
    assert "docker.io" not in step.command


def test_a_machine_without_docker_gets_the_package_and_then_the_engine(machine: Machine) -> None:
    machine.programs.remove("docker")
    machine.engine = False
    packages, start, _ = plan()
    assert packages.command == "sudo apt-get install docker.io"
    assert start.command == "sudo systemctl start docker"


def test_a_docker_command_without_its_daemon_gets_the_package(machine: Machine) -> None:
    machine.engine = False
    packages, start, _ = plan()
    assert packages.command == "sudo apt-get install docker.io"
    machine.programs.add("dockerd")
    assert [step.title for step in plan()] == [start.title, "the image tiny"]


def test_an_engine_that_is_not_ours_to_start_is_named(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "may_be_started", lambda: False)
    machine.engine = False
    assert plan() == [Step("a container engine", "start it")]


@pytest.mark.parametrize("why", [EngineForbidden, EngineTooOld])
def test_an_engine_that_refuses_is_not_started(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, why: type[EngineError]
) -> None:
    def refuse() -> None:
        raise why("a container engine", "one that refuses", "do this")

    monkeypatch.setattr(provision, "engine", refuse)
    assert plan() == [Step("a container engine", "do this")]


def test_a_damaged_image_is_thrown_away_and_built_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def damaged(name: str) -> bool:
        raise ImageDamaged("root.tar as it was built", "other bytes", "rm -r 'folder'")

    monkeypatch.setattr(forms, "is_ready", damaged)
    monkeypatch.setattr(forms, "discard", lambda name: done.append("discard"))
    monkeypatch.setattr(forms, "prepare", lambda name: done.append("prepare"))
    assert apply(plan(), lambda text: None) == []
    assert done == ["discard", "prepare"]


def test_an_image_that_cannot_be_asked_about_is_a_step_and_no_end_of_the_plan(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(name: str) -> bool:
        raise BuildFailed("the static busybox", "no network")

    monkeypatch.setattr(forms, "is_ready", no_network)
    assert [step.title for step in plan()] == ["the image tiny"]


def test_everything_is_said_before_anything_is_done() -> None:
    said: list[str] = []
    steps = [
        Step(
            "packages", "sudo apt-get install a", needs_root=True, do=lambda: said.append("did a")
        ),
        Step("the image tiny", "course setup", do=lambda: said.append("did b")),
    ]
    assert apply(steps, said.append) == []
    assert said == [
        "packages (as root): sudo apt-get install a",
        "the image tiny: course setup",
        "did a",
        "did b",
    ]


def test_a_step_that_fails_does_not_stop_the_others() -> None:
    def fail() -> None:
        raise ToolMissing("a package", "no network", "try later")

    said: list[str] = []
    first = Step("packages", "sudo apt-get install a", do=fail)
    second = Step("the image tiny", "course setup", do=lambda: said.append("did b"))
    assert apply([first, second], said.append) == [first]
    assert "did b" in said
    assert said[-1] == "Still missing: packages. By hand: sudo apt-get install a"


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for apt that writes down how it was called."""
    path = tmp_path / "apt-get"
    monkeypatch.setattr(provision, "APT", (str(path),))
    monkeypatch.setattr(provision, "_root", list)
    path.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\necho dlstatus:1:50.0:half\n')
    known = tmp_path / "apt-cache"
    known.write_text("#!/bin/sh\necho Package: qemu-utils; echo Package: busybox-static\n")
    for file in (path, known):
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return path


def test_apt_is_asked_once_and_for_what_is_missing(apt: Path, machine: Machine) -> None:
    provision._install(["qemu-img", "busybox"])
    update, install = (apt.parent / "calls").read_text().splitlines()
    assert update.endswith("update")
    assert install.endswith("install --yes --no-install-recommends qemu-utils busybox-static")


def test_a_package_that_apt_does_not_know_keeps_no_other_from_coming(
    apt: Path, machine: Machine
) -> None:
    machine.programs.remove("chromium")
    with pytest.raises(ToolMissing, match="chromium"):
        provision._install(["chromium", "qemu-img"])
    assert (apt.parent / "calls").read_text().splitlines()[-1].endswith("recommends qemu-utils")


def test_what_apt_said_last_is_what_the_learner_reads(apt: Path, machine: Machine) -> None:
    apt.write_text("#!/bin/sh\necho E: no such package; exit 100\n")
    with pytest.raises(ToolMissing, match="no such package"):
        provision._install(["qemu-img"])

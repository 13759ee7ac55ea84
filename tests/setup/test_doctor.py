"""The doctor says what is there, what is not, and the command that mends it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from course import images
from course.boxes import Container, Process, Sandbox, VirtualMachine
from course.boxes.machine import accelerator
from course.checks import Check, Outcome, failed, passed
from course.errors import EngineUnreachable
from course.setup import diagnose, doctor
from course.setup.doctor import Row, Tier
from course.system import programs

GOOD = [Check("it works", passed)]
BAD = [Check("it works", lambda: failed("it does not", "mend it"))]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing built, and an accelerator that costs no boot to find out."""
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path))
    verdict = accelerator.Verdict(False, "no such device")
    monkeypatch.setattr(accelerator, "verdict", lambda: verdict)


def row(name: str) -> Row:
    return next(row for row in diagnose().findings if row.name == name)


@pytest.mark.usefixtures("machine")
def test_every_requirement_of_every_box_is_listed() -> None:
    names = {row.name for row in diagnose().findings}
    assert {check.description for check in Container.requirements()} <= names
    assert {check.description for check in VirtualMachine.requirements()} <= names


@pytest.mark.usefixtures("machine")
def test_the_report_is_plain_data() -> None:
    data = json.loads(json.dumps(diagnose().to_dict()))
    assert data.keys() == {"machine", "tiers", "findings"}
    assert data["findings"][0] == {
        "name": "Python",
        "finding": "passed",
        "value": doctor.platform.python_version(),
        "mend": "",
    }


@pytest.mark.usefixtures("machine")
def test_a_program_that_is_missing_comes_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    found = programs.find
    monkeypatch.setattr(programs, "find", lambda name: None if "aarch64" in name else found(name))
    lack = row("QEMU for arm64")
    assert lack.finding is Outcome.FAILED
    assert "qemu-system-arm" in lack.mend


@pytest.mark.usefixtures("machine")
def test_an_engine_that_is_away_is_a_finding_and_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise EngineUnreachable("a container engine that answers", "none", "start it")

    monkeypatch.setattr(doctor, "engine", away)
    assert row("storage driver") == Row("storage driver", Outcome.FAILED, "none", "start it")


@pytest.mark.usefixtures("machine")
def test_the_accelerator_comes_with_the_reason() -> None:
    assert row("accelerator that works").value == "TCG, not KVM: no such device"


@pytest.mark.usefixtures("machine")
def test_images_are_named_as_built_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert row("image tiny").finding is Outcome.NOT_ATTEMPTED
    images.image("tiny")
    assert row("image tiny").finding is Outcome.PASSED


@pytest.mark.usefixtures("machine")
def test_a_damaged_image_is_found_by_reading_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    (images.image("tiny").root / "etc/passwd").write_text("changed")
    lack = row("image tiny")
    assert lack.finding is Outcome.FAILED
    assert lack.mend.startswith("rm -r")


@pytest.mark.usefixtures("machine")
def test_little_memory_and_little_disk_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.host, "available_memory", lambda: 2**20)
    usage = shutil.disk_usage("/")._replace(free=2**20)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage)
    assert row("memory").finding is Outcome.FAILED
    assert "COURSE_CACHE_DIR" in row("disk").mend


@pytest.mark.parametrize(
    ("requirements", "accelerates", "tier"),
    [(GOOD, "kvm", Tier.LIVE), (GOOD, "tcg", Tier.EMULATED), (BAD, "kvm", Tier.RECORDED)],
)
def test_the_tier_of_virtual_machines(
    requirements: list[Check], accelerates: str, tier: Tier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VirtualMachine, "requirements", lambda: requirements)
    monkeypatch.setattr(accelerator, "best", lambda: accelerates)
    assert doctor.machine_tier() is tier


@pytest.mark.parametrize(("requirements", "tier"), [(GOOD, Tier.LIVE), (BAD, Tier.RECORDED)])
def test_the_tier_of_containers(
    requirements: list[Check], tier: Tier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Container, "requirements", lambda: requirements)
    assert doctor.container_tier() is tier


def test_live_is_what_the_processor_itself_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Process, Sandbox, Container, VirtualMachine):
        monkeypatch.setattr(kind, "requirements", lambda: GOOD)
    monkeypatch.setattr(Sandbox, "requirements", lambda: BAD)
    for best, virtual in (("kvm", True), ("tcg", False)):
        monkeypatch.setattr(accelerator, "best", lambda found=best: found)
        here = {"process": True, "sandbox": False, "container": True}
        assert doctor.live() == here | {"virtual machine": virtual}

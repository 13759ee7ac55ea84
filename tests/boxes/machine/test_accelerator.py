"""Whether KVM works: the verdict, and how it is come to."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from course.boxes.machine import accelerator, kvm_probe, plain
from course.boxes.machine.accelerator import Verdict
from course.errors import NeverAnswered, StartFailed
from course.system import paths


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "cache"))
    device = tmp_path / "kvm"
    device.touch()
    monkeypatch.setattr(accelerator, "DEVICE", device)
    monkeypatch.setattr(accelerator, "_here", lambda: ["a start", "qemu", "1"])


@pytest.fixture
def good_guest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "_small_guest", lambda: (True, "halted"))


def test_kvm_counts_when_a_real_kernel_boots_on_it(
    good_guest: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain, "boot", lambda *_: 0.5)
    assert accelerator.best() == "kvm"


@pytest.mark.fault("/dev/kvm absent, closed, or broken")
def test_kvm_does_not_count_when_its_kernel_hangs(
    good_guest: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: object) -> float:
        raise NeverAnswered("the guest to boot", "it did not in time")

    monkeypatch.setattr(plain, "boot", hang)
    assert accelerator.best() == "tcg"
    assert "did not in time" in accelerator.verdict().why


@pytest.mark.fault("/dev/kvm absent, closed, or broken")
def test_no_kernel_is_tried_where_a_few_instructions_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "_small_guest", lambda: (False, "exit 17"))
    monkeypatch.delattr(plain, "boot")
    assert accelerator.verdict() == Verdict(False, "a guest of a few instructions: exit 17")


def test_the_verdict_is_remembered_until_the_machine_starts_again(
    good_guest: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []
    monkeypatch.setattr(plain, "boot", lambda *words: tried.append(words) or 0.5)
    accelerator.verdict()
    accelerator.verdict()
    assert len(tried) == 1
    monkeypatch.setattr(accelerator, "_here", lambda: ["another start", "qemu", "1"])
    accelerator.verdict()
    assert len(tried) == 2


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"here": ["a start", "qemu", "1"]}'])
def test_a_damaged_memory_is_made_anew(
    text: str, good_guest: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain, "boot", lambda *_: 0.5)
    memory = paths.cache_dir() / "accelerator.json"
    memory.write_text(text)
    assert accelerator.best() == "kvm"
    assert json.loads(memory.read_text())["verdict"]["works"] is True


@pytest.mark.fault("/dev/kvm absent, closed, or broken")
def test_without_the_device_there_is_nothing_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "DEVICE", Path("/nowhere/kvm"))
    assert accelerator.best() == "tcg"
    with pytest.raises(StartFailed, match="/nowhere/kvm is not there"):
        accelerator.require_kvm()


@pytest.mark.fault("/dev/kvm absent, closed, or broken")
def test_a_device_that_this_user_may_not_open_comes_with_what_mends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.access", lambda path, _: path != accelerator.DEVICE)
    assert accelerator.best() == "tcg"
    with pytest.raises(StartFailed, match="usermod -aG kvm"):
        accelerator.require_kvm()
    assert not (paths.cache_dir() / "accelerator.json").exists()


@pytest.mark.fault("/dev/kvm absent, closed, or broken")
def test_a_guest_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = subprocess.run

    def slow(_: object, **options: object) -> object:
        return run(["sleep", "60"], **options)

    monkeypatch.setattr(accelerator.subprocess, "run", slow)
    monkeypatch.setattr(accelerator, "PROBE_DEADLINE", 0.1)
    began = time.monotonic()
    assert accelerator._small_guest() == (False, "it hangs")
    assert time.monotonic() - began < 10


def test_the_small_guest_says_something_wherever_it_runs() -> None:
    good, said = accelerator._small_guest()
    assert said
    assert good == said.startswith("halted")


def test_the_telling_instructions_are_in_the_small_guest() -> None:
    assert kvm_probe.CODE.startswith(bytes.fromhex("f30fb8c0 0f28c0"))
    assert kvm_probe.CODE.endswith(b"\xf4")


@pytest.mark.vm
def test_a_plain_vm_boots_and_nothing_of_it_is_left(
    nothing_left: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COURSE_CACHE_DIR")
    assert 0 < plain.boot("tcg") < 120
    with pytest.raises(NeverAnswered, match="deadline"):
        plain.boot("tcg", deadline=0.2)

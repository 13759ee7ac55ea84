"""Lesson 09's lab: a blank lab is not attempted, each lack has its hint."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from labkit import Lab

from course.boxes import Container, FakeBox, Output, VirtualMachine
from course.checks import Finding, Outcome
from course.lessons import lesson

LAB = Lab("09_what_they_share")
LESSON, check = LAB.lesson, LAB.check
TASKS = list(LESSON.tasks())
GONE = Output(1, "", "", 0.0)
parts = lesson("09_what_they_share").part("parts")
SIGN = "echo open since 1998 >/sign"


def hinted(finding: Finding, words: str) -> bool:
    return finding.outcome is Outcome.FAILED and words in " ".join(finding.hints)


@pytest.fixture(scope="module")
def service() -> Iterator[VirtualMachine]:
    with VirtualMachine() as box:
        box.exec(SIGN)
        box.exec(parts.background(parts.GENERATE))
        yield box


@pytest.fixture(scope="module")
def site() -> Iterator[Container]:
    with Container() as box:
        box.exec(SIGN)
        yield box


@pytest.mark.docker
@pytest.mark.vm
@pytest.mark.parametrize("task", TASKS)
def test_an_untouched_lab_is_not_attempted(
    task: str, service: VirtualMachine, site: Container
) -> None:
    given = {"service": service, "site": site, "clean": lambda test, box: None, "first_tokens": []}
    assert check(task, **given).outcome is Outcome.NOT_ATTEMPTED


@pytest.mark.parametrize(
    ("task", "name", "kind"),
    [("return", "service", VirtualMachine), ("capped", "capped", Container)],
)
def test_what_is_no_box_and_what_does_not_run_are_told_apart(
    task: str, name: str, kind: type
) -> None:
    assert hinted(check(task, **{name: GONE}), f"{name} = {kind.__name__}().start()")
    assert hinted(check(task, **{name: kind()}), "forgotten its snapshots")


@pytest.mark.docker
def test_a_wreck_that_is_none_and_a_box_that_stayed_wrecked_are_told(site: Container) -> None:
    assert hinted(check("start-again", site=site, debris="nothing"), "keep the whole answer")
    assert hinted(check("start-again", site=site, debris=site.exec("ls /")), "Wreck the box")
    with Container() as empty:
        assert hinted(check("start-again", site=empty, debris=GONE), 'rollback("good")')


@pytest.mark.docker
def test_a_container_whose_program_nobody_started_is_told(site: Container) -> None:
    assert hinted(check("start-again", site=site, debris=GONE), "no program that runs")


@pytest.mark.vm
def test_a_machine_without_its_program_or_with_another_is_told(service: VirtualMachine) -> None:
    given = {"wreckage": GONE, "first_tokens": parts.tokens(service, after=0)}
    with service.clone() as other:
        other.exec("kill $(cat /pid)")
        assert hinted(check("return", service=other, **given), "when you kept the state")
        other.exec(parts.background(parts.GENERATE))
        parts.tokens(other, after=int(other.exec("wc -l </tokens").stdout))
        assert hinted(check("return", service=other, **given), "need not be started")


@pytest.mark.vm
def test_a_machine_that_was_made_anew_is_not_the_one_that_was_wrecked(
    service: VirtualMachine,
) -> None:
    given = {"wreckage": GONE, "first_tokens": parts.tokens(service, after=0)}
    with VirtualMachine() as anew:
        anew.exec(SIGN)
        anew.exec(parts.background(parts.GENERATE))
        parts.tokens(anew, after=0)
        assert "never wrote" in check("return", service=anew, **given).observed
    assert check("return", service=service, **given).outcome is Outcome.PASSED


@pytest.mark.vm
def test_replicas_that_repeat_each_other_are_told(service: VirtualMachine) -> None:
    assert hinted(check("replicas", service=service, replicas=[service] * 3), "service.clone()")
    one, two, three = (service.clone() for _ in range(3))
    try:
        twins = {"service": service, "replicas": [one, two, three]}
        assert hinted(check("replicas", **twins), "its seed is in every copy")
        two.exec("kill $(cat /pid)")
        for box in (one, three):
            box.exec("kill $(cat /pid); " + parts.background(parts.GENERATE))
        assert hinted(check("replicas", **twins), "in the background")
        two.exec("rm /sign")
        assert hinted(check("replicas", **twins), "begins from the state")
    finally:
        for box in (one, two, three):
            box.stop()


@pytest.mark.docker
@pytest.mark.parametrize(
    ("options", "near_solution"),
    [
        ({}, "cpus=0.5, ..."),
        ({"cpus": 1}, "cpus=0.5, ..."),
        ({"cpus": 0.5}, 'memory="48M", ...'),
        ({"cpus": 0.5, "memory": "64M"}, 'memory="48M", ...'),
        ({"cpus": 0.5, "memory": "48M"}, "size=8m"),
        ({"cpus": 0.5, "memory": "48M", "tmpfs": {"/scratch": ""}}, "size=8m"),
    ],
)
def test_a_cap_that_is_missing_is_named(options: dict, near_solution: str) -> None:
    with Container(**options) as box:
        finding = check("capped", capped=box)
    assert finding.outcome is Outcome.FAILED
    assert near_solution in finding.hints[-1]


@pytest.mark.docker
def test_a_cap_may_be_set_in_the_engines_own_words_and_has_to_be_proved() -> None:
    words = {"cpu_period": 50_000, "cpu_quota": 20_000, "mem_limit": "32m"}
    with Container(**words, tmpfs={"/scratch": "size=1m"}) as box:
        assert check("capped", capped=box).outcome is Outcome.PASSED
        proof = {"capped": box, "share": 0.4, "inside": 32 * 2**20, "killed": 137}
        assert hinted(check("proof", **proof), "parts.HOG"), "no kill was counted"
        assert hinted(check("proof", **proof | {"inside": 128}), "Whose kernel is it")
        assert hinted(check("proof", **proof | {"share": 1.0}), "parts.cores")
        box.exec(parts.HOG)
        assert check("proof", **proof).outcome is Outcome.PASSED
        assert hinted(check("proof", **proof | {"killed": GONE}), "128 + 9")


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_an_archive_that_cannot_be_loaded_or_lacks_the_sign_is_told(tmp_path: Path) -> None:
    layer = archive(tmp_path / "layer", {"sign": b"closed"}).read_bytes()
    manifest = b'[{"Layers": ["a/layer.tar"]}]'
    exported = archive(tmp_path / "exported", {"sign": b"open since 1998"})
    other = archive(tmp_path / "other", {"manifest.json": manifest, "a/layer.tar": layer})
    assert hinted(check("moved", archive=tmp_path / "none"), "write_bytes")
    assert hinted(check("moved", archive=b"bytes"), "write_bytes")
    assert hinted(check("moved", archive=exported), "`save` an image")
    assert hinted(check("moved", archive=str(other)), "in its own layer until")


def kept(test: Callable, box: FakeBox) -> object:
    box.snapshot("clean")
    said = test(box)
    box.rollback("clean")
    return said


def swallowed(test: Callable, box: FakeBox) -> object:
    box.snapshot("clean")
    try:
        return test(box)
    except AssertionError:
        return False
    finally:
        box.rollback("clean")


@pytest.mark.parametrize(
    ("clean", "hint"),
    [
        (lambda test, box: test(box), "Keep the state before"),
        (lambda test, box: box.rollback("clean"), "in a good order"),
        (lambda test, box: bool(kept(test, box)) and None, "Return what"),
        (kept, "finally"),
        (swallowed, "return test(box)"),
    ],
)
def test_a_function_that_leaves_something_or_says_nothing_is_told(
    clean: Callable, hint: str
) -> None:
    assert hinted(check("clean", clean=clean), hint)

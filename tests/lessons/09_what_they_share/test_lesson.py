"""Lesson 09: what both boxes can do, on real ones; what goes wrong; and its claims."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from course import claims
from course.boxes import Box, Container, VirtualMachine
from course.claims import Claim, Verdict
from course.engine import engine, remove_all
from course.errors import BoxError, NotRunning, SnapshotMissing
from course.lessons import lesson
from course.measuring.results import recorded, table

LESSON = lesson("09_what_they_share")
BOTH = [pytest.param(Container, marks=pytest.mark.docker)]
BOTH += [pytest.param(VirtualMachine, marks=pytest.mark.vm)]
experiments, moving, parts = (LESSON.part(name) for name in ("experiments", "moving", "parts"))


@pytest.fixture(scope="module")
def boxes() -> Iterator[dict[str, Box]]:
    with experiments.pair() as boxes:
        yield boxes
    remove_all()


# --- both boxes, for real ----------------------------------------------------------------------


@pytest.mark.docker
@pytest.mark.vm
def test_a_machine_comes_back_whole_and_a_container_as_its_image(boxes: dict[str, Box]) -> None:
    seen = experiments.comes_back(boxes)
    gone, left, kept = experiments.LEVELS
    assert set(seen["vm"]) == {kept}
    assert seen["container"].tolist() == [kept, left, gone, gone]


@pytest.mark.docker
@pytest.mark.vm
def test_both_come_back_from_a_wreck() -> None:
    found = experiments.wrecks()
    assert found["kind"].tolist() == ["container", "virtual machine"]
    assert found["wrecked"].tolist() == found["works"].tolist() == [1, 1]


@pytest.mark.docker
@pytest.mark.vm
def test_a_clone_repeats_what_is_in_memory_unless_it_is_told() -> None:
    found = experiments.replicas().set_index("how")["differ"]
    assert found.to_dict() == {
        "container": 1,
        "virtual machine": 0,
        "virtual machine, reseeded": 1,
        "seeded program, machine reseeded": 0,
    }


@pytest.mark.docker
@pytest.mark.vm
def test_a_rollback_lets_a_test_pass_again() -> None:
    found = experiments.reruns().groupby("arm")["passed"].agg(["min", "max"])
    assert found.loc["nothing"].tolist() == [0, 0]
    assert found.loc["rollback"].tolist() == [1, 1]


@pytest.mark.docker
def test_a_container_moves_as_an_archive() -> None:
    assert moving.container() == {"intact": 1, "found": 1}
    assert engine().images.list("two-boxes/moved") == []


@pytest.mark.vm
def test_a_disk_moves_to_another_computer_and_loses_its_name(tmp_path: Path) -> None:
    disk = moving.written_disk(tmp_path / "disk")
    assert moving.machine(disk, experiments.Hardware(disk="nvme")) == {"intact": 1, "found": 0}


@pytest.mark.docker
@pytest.mark.vm
def test_caps_hold_and_only_a_machine_shows_them_to_free(boxes: dict[str, Box]) -> None:
    rows = [row for kind, box in boxes.items() for row in experiments._capped(kind, box)]
    found = pd.DataFrame(rows).set_index(["kind", "resource"])
    computed = found.drop(("container", "storage at /"))  # which depends on the engine's disk
    assert set(computed["held"]) == {1}
    assert found.loc["vm", "seen"].tolist() == [1, 1, 1]
    assert found.loc[("container", ["processors", "memory"]), "seen"].tolist() == [0, 0]
    assert "Killed process" in parts.last_words(boxes["vm"]), "told by its own kernel"


@pytest.mark.docker
def test_a_kill_for_memory_is_told_to_the_engine_and_counted_inside() -> None:
    with Container(memory="32M") as box:
        assert parts.killed_for_memory(box, since=0) == 0
        assert box.exec(parts.KILLS).stdout == "0\n"
        assert box.exec(parts.HOG).exit_code == 137
        assert parts.killed_for_memory(box, since=0) == 1
        assert box.exec(parts.KILLS).stdout == "1\n"
        assert box.exec(parts.MEMORY_CAP).stdout == f"{32 * 2**20}\n"


# --- what goes wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize("make", BOTH)
def test_a_snapshot_that_does_not_exist_is_named_and_the_box_goes_on(make: type[Box]) -> None:
    with make() as box:
        with pytest.raises(SnapshotMissing, match="'good'"):
            box.rollback("good")
        assert box.exec("echo on").stdout == "on\n"
        with pytest.raises(BoxError, match="a name of letters"):
            box.snapshot("../good")


@pytest.mark.parametrize("make", BOTH)
def test_a_box_that_was_stopped_cannot_be_kept_rolled_back_or_cloned(make: type[Box]) -> None:
    with make() as box:
        box.snapshot("good")
    for verb in (lambda: box.rollback("good"), lambda: box.snapshot("good"), box.clone):
        with pytest.raises(NotRunning, match=r"box\.start"):
            verb()
    with box.start(), pytest.raises(SnapshotMissing):  # its states went with it
        box.rollback("good")


@pytest.mark.vm
def test_a_full_disk_in_the_guest_is_the_guests_trouble(boxes: dict[str, Box]) -> None:
    box = boxes["vm"]
    box.exec("rm -f /volume/*; echo before >/volume/file; sync")
    box.snapshot("roomy")
    said = box.exec(parts.FILL.format(path="/volume/full"))
    assert said.exit_code != 0
    assert "No space left" in said.stderr
    assert box.exec(parts.FILL.format(path="/volume/more")).exit_code != 0
    box.rollback("roomy")
    assert box.exec("echo more >/volume/more").exit_code == 0
    assert box.exec("ls /volume/full").exit_code != 0, "it is as it was kept"


@pytest.mark.vm
def test_what_a_wrecked_machine_still_said_is_no_answer_after_its_return() -> None:
    with VirtualMachine() as box:
        box.snapshot("good")
        box.exec(parts.WRECK)
        assert box.exec("ls /").exit_code != 0
        box.rollback("good")
        assert [box.exec(f"echo {word}").stdout for word in "abc"] == ["a\n", "b\n", "c\n"]


@pytest.mark.vm
def test_a_disk_that_cannot_be_made_is_no_silence(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        parts.new_disk(tmp_path / "none" / "disk")


# --- the claims --------------------------------------------------------------------------------

CLAIMS = claims.claims(LESSON.slug)
EXPECTED = {
    "boxes_move": Verdict.SUPPORTED,
    "machines_move_anywhere": Verdict.DEPENDS,
    "snapshot_keeps_files": Verdict.SUPPORTED,
    "snapshot_keeps_programs": Verdict.DEPENDS,
    "rollback_mends_a_wreck": Verdict.SUPPORTED,
    "rollback_takes_all_back": Verdict.DEPENDS,
    "replicas_differ": Verdict.DEPENDS,
    "rollback_cleans_up": Verdict.SUPPORTED,
    "test_dirties_its_box": Verdict.REFUTED,
    "processors_can_be_capped": Verdict.SUPPORTED,
    "memory_can_be_capped": Verdict.SUPPORTED,
    "programs_see_their_cap": Verdict.DEPENDS,
}


def test_the_recorded_results_judge_every_claim() -> None:
    found = {one.id: claims.judge(one, recorded(LESSON.slug, one.experiment)) for one in CLAIMS}
    assert Verdict.NOT_MEASURED not in {one.verdict for one in found.values()}
    assert {name: found[name].verdict for name in EXPECTED} == EXPECTED


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_data_for_a_claim_support_it_and_data_against_it_refute_it(claim: Claim) -> None:
    towards = 1 if claim.side == "above" else -1
    assert claims.judge(claim, data(claim, claim.supported + towards * 0.4)).verdict == "supported"
    assert claims.judge(claim, data(claim, claim.refuted - towards * 0.4)).verdict == "refuted"


def data(claim: Claim, value: float) -> pd.DataFrame:
    """Eight rounds in which the claim's number is the value."""
    rows = []
    for turn in range(8):
        row = {"round": turn, **claim.where}
        rows.append(row | {"arm": claim.arm, claim.column: value})
        if claim.baseline:
            rows.append(row | {"arm": claim.baseline, claim.column: 1.0})
    return table(rows)


def test_every_shared_topic_of_this_lesson_has_a_claim() -> None:
    wanted = {"portability", "scaling", "testing", "snapshots", "replication", "rollback"}
    assert wanted | {"resource allocation"} == {claim.topic for claim in CLAIMS}

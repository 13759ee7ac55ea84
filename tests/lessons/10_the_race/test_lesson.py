"""Lesson 10: work in every box, published numbers beside ours, and the figures of both."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from course.boxes import FakeBox, Process
from course.boxes.machine import accelerator
from course.claims import clocked
from course.lessons import lesson
from course.measuring import results

SLUG = "10_the_race"
race, pictures, published, scatter = (
    lesson(SLUG).part(name) for name in ("experiments", "pictures", "published", "scatter")
)
PREPARED = f"{race.FILE} && {scatter.plant()}" if scatter.runs_here() else race.FILE


def test_work_is_timed_by_the_clock_inside() -> None:
    known = [clocked(command) for command in (PREPARED, *race.WORK.values())]
    answers = dict.fromkeys(known, "1.5 2.0\n")
    boxes: list[FakeBox] = []

    def make() -> FakeBox:
        boxes.append(FakeBox(answers))
        return boxes[0]

    make.requirements = FakeBox.requirements
    frame = race.speed(rounds=6, chosen={"fake": make})
    assert set(frame["work"]) == set(race.WORK)
    assert set(frame["arm"]) == {"fake"}
    assert (frame["seconds"] == 0.5).all()
    assert not boxes[0].running


@pytest.mark.skipif(not scatter.runs_here(), reason="machine code of another processor")
def test_scatter_writes_whole_blocks_all_over_the_file_and_only_there() -> None:
    with Process() as box:
        box.exec(f"{race.FILE}; {scatter.plant()}")
        assert box.exec("./scatter").exit_code == 0
        path = box._files / "work"
        content = path.read_bytes()
        box.exec("rm work")
        assert box.exec("./scatter each").exit_code == 1, "it says when it cannot write"
    blocks = [content[at : at + 4096] for at in range(0, len(content), 4096)]
    written = [place for place, block in enumerate(blocks) if block.startswith(b"\x7fELF")]
    assert len(content) == 2**24
    assert len(written) > 200, "few of the 256 blocks fall on one another"
    assert all(not any(block) for at, block in enumerate(blocks) if at not in written)
    assert np.diff(sorted(written)).max() < 200, "no large part of the file is left out"


def test_published_numbers_stand_beside_those_of_the_same_name() -> None:
    def table(**columns: object) -> pd.DataFrame:
        return results.table([{"round": turn, **columns} for turn in range(1, 8)])

    booted = {"arm": "vm booted", "seconds": 0.02, "phase init started": 0.125}
    starts = [
        table(**booted),
        table(arm="docker run", seconds=2.0),
        table(arm="process", seconds=1),
    ]
    trips = {"vm booted": 3.6, "container": 1.0, "process": 0.5}
    work = {"work": race.NETWORK[0]}
    speed = [table(arm=arm, seconds=seconds, **work) for arm, seconds in trips.items()]
    image = table(arm="small image", seconds=2.0, **{"phase delivered": 1.52})
    found = published.replicate(race=pd.concat(starts), speed=pd.concat(speed), delivery=image)
    assert dict(zip(found["what"], found["ours"] / found["published"], strict=True)) == {
        "round trip, container ÷ process": pytest.approx(1),
        "round trip, VM ÷ process": pytest.approx(4),
        "boot of a VM ÷ Docker": pytest.approx(1),
        "boot of a VM ÷ fork and exec": pytest.approx(0.02 / 2.3),
        "until a VM's first process": pytest.approx(1),
        "the image's share of a start": pytest.approx(1),
    }
    drawn = pictures.gaps(found)
    assert drawn.alt.startswith("3 of 6 published numbers")
    assert "125 ms there, 125 ms here" in drawn.alt


def test_ratios_are_drawn_with_their_intervals_and_say_where_most_is_lost() -> None:
    rows = [
        {"work": work, "arm": arm, "round": turn, "seconds": seconds}
        for turn in range(1, 8)
        for work, arms in {
            "disk": {"process": 1, "vm": 2},
            "memory": {"process": 1, "vm": 5},
        }.items()
        for arm, seconds in arms.items()
    ]
    alt = pictures.ratios(results.table(rows)).alt
    assert alt.startswith("vm loses most at “memory”: 5.0 times as long")
    assert "disk: vm 2.0 × [2.0, 2.0]" in alt


@pytest.mark.docker
@pytest.mark.usefixtures("nothing_left")
def test_a_larger_image_has_a_larger_share_of_a_start_for_real() -> None:
    # In one round of a busy machine anything may be slow: seen once with the shares the other way.
    found = race.share(race.delivery({"small": 0, "large": 64}, rounds=5))
    shares = found.groupby("arm")["share"].median()
    assert 0 < shares["small"] < shares["large"] < 1


@pytest.mark.docker
@pytest.mark.vm
@pytest.mark.usefixtures("nothing_left")
def test_every_kind_of_work_is_done_in_every_box_for_real() -> None:
    frame = race.speed(rounds=1)
    arms = frame.groupby("work")["arm"].agg(set)
    assert set(arms.index) == {*race.WORK, *race.NETWORK}
    assert arms["processor"] == {"process", "sandbox", "container", "vm booted"}
    assert all(arms["processor"] <= found for found in arms)
    assert (frame["seconds"] > 0).all()
    assert frame.attrs["tier"] == ("emulated" if accelerator.best() == "tcg" else "live")

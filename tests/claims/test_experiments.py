"""The shared experiments, in boxes that are not there and in boxes that are."""

from __future__ import annotations

from functools import partial

import pandas as pd
import pytest

from course.boxes import FakeBox, Output, Process
from course.boxes.box import Usage
from course.boxes.machine import accelerator
from course.checks import Check, failed
from course.claims import experiments
from course.errors import BoxError, ResultsError
from course.measuring import results, stats
from course.system import host

MEGABYTE = 2**20


class Costly(FakeBox):
    """A fake box that costs the host a megabyte and knows who is still running."""

    running_now: list[Costly] = []  # noqa: RUF012  shared on purpose

    def __init__(self) -> None:
        super().__init__({"true": ""})

    def usage(self) -> Usage:
        return Usage(memory=MEGABYTE, cpu=0.0, disk=0, processes=1)

    def _start(self) -> None:
        super()._start()
        self.running_now.append(self)

    def _stop(self) -> None:
        super()._stop()
        if self in self.running_now:
            self.running_now.remove(self)


class Impossible(FakeBox):
    """A box that no machine can run."""

    @classmethod
    def requirements(cls) -> list[Check]:
        return [Check("a unicorn", lambda: failed("none"))]


def test_only_the_start_is_timed_and_the_box_is_stopped_after_it() -> None:
    slow_start = partial(FakeBox, {"true": ""}, start_seconds=0.25)
    frame = results.measure({"fake": experiments.first_answer(slow_start)}, rounds=3)
    assert (frame["phase answered"] == 0.25).all()
    results.measure({"costly": experiments.first_answer(Costly)}, rounds=3)
    assert Costly.running_now == []


def test_what_a_machine_cannot_run_is_left_out(monkeypatch) -> None:
    monkeypatch.setattr("course.system.programs.find", lambda name: None)
    assert experiments.can_run(FakeBox)
    assert not experiments.can_run(partial(Impossible))
    arms = experiments.start_arms({"fake": FakeBox, "impossible": Impossible})
    assert set(arms) == {"fake"}


def test_a_race_as_data_has_the_documented_shape() -> None:
    frame = results.measure({"process": int, "container": int}, rounds=6)
    data = experiments.race_data(frame)
    assert set(data) == {"arms", "machine"}
    assert set(data["arms"]) == {"process", "container"}
    assert set(data["arms"]["process"]) == {"median", "low", "high", "n"}
    assert data["arms"]["process"]["n"] == 6
    assert data["machine"]["cores"] == host.facts()["cores"]


def test_a_race_in_the_terminal_has_units_intervals_and_bars() -> None:
    rows = [
        {"arm": arm, "round": number, "seconds": seconds}
        for number in range(1, 11)
        for arm, seconds in {"process": 0.001, "docker run": 0.3, "vm booted": 1.5}.items()
    ]
    quick, docker, slow, *absent = experiments.race_rows(results.table(rows))
    assert quick["median"] == "1.0 ms"
    assert slow["95% interval"] == "1.5 s to 1.5 s"
    assert docker["times docker run"] == "1.0 [1.0, 1.0]"
    assert {row["arm"] for row in absent} == {"sandbox", "container", "vm resumed"}
    assert all("course doctor" in row["median"] for row in absent)
    assert len(slow["of slowest"]) == 5 * len(docker["of slowest"])


def test_costs_are_one_row_a_box_and_round() -> None:
    frame = experiments.costs(rounds=2, boxes={"fake": Costly, "impossible": Impossible})
    assert list(frame["memory"]) == [MEGABYTE, MEGABYTE]
    assert Costly.running_now == []


def test_work_that_fails_is_no_fast_work() -> None:
    with Process() as box, pytest.raises(BoxError, match="nothing"):
        experiments.inside(box, "cat nothing && true")


def test_a_crowd_grows_to_its_number_and_is_gone() -> None:
    rows = list(experiments.crowd(Costly, most=7, every=2))
    assert [row["boxes"] for row in rows] == [2, 4, 6]
    assert [row["memory"] for row in rows] == [2 * MEGABYTE, 4 * MEGABYTE, 6 * MEGABYTE]
    assert Costly.running_now == []


def test_nobody_looks_at_a_crowd_where_that_is_not_asked_for() -> None:
    rows = experiments.crowd(Costly, most=9, every=2, skip=range(3, 8))
    assert [row["boxes"] for row in rows] == [2, 8]


def test_a_crowd_leaves_memory_to_the_machine(monkeypatch) -> None:
    free = iter([0.9, 0.6, 0.2])
    total = host.facts()["memory"]
    monkeypatch.setattr(host, "available_memory", lambda: int(next(free) * total))
    assert [row["boxes"] for row in experiments.crowd(Costly, most=99, every=1)] == [1, 2]
    assert Costly.running_now == []


def test_a_crowd_that_nobody_waits_for_is_gone_too() -> None:
    for row in experiments.crowd(Costly, most=99, every=1):
        if row["boxes"] == 3:
            break
    assert Costly.running_now == []


@pytest.fixture
def crowds(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Two kinds of boxes that cost nothing, to be added up."""
    monkeypatch.setattr(experiments, "BOXES", {"fake": Costly, "another": Costly})
    return {"fake": 3, "another": 2}


def test_who_watches_a_crowd_sees_each_count_as_it_is_taken(crowds) -> None:
    seen: list[tuple[int, int]] = []
    frame = experiments.density(
        crowds, watch=lambda found: seen.append((len(found), len(Costly.running_now)))
    )
    assert seen == [(1, 1), (2, 2), (3, 3), (4, 1), (5, 2)]
    assert list(frame["arm"]) == ["fake"] * 3 + ["another"] * 2
    assert frame.attrs["interrupted"] is False
    assert Costly.running_now == []


def test_an_interrupted_crowd_is_gone_and_what_was_counted_stays(crowds) -> None:
    def watch(found: pd.DataFrame) -> None:
        if len(found) == 4:
            raise KeyboardInterrupt

    frame = experiments.density(crowds, watch=watch)
    assert list(frame["boxes"]) == [1, 2, 3, 1]
    assert "interrupted" in results.provenance(frame)
    assert Costly.running_now == []


def test_a_crowd_whose_watcher_fails_is_gone_too(crowds) -> None:
    with pytest.raises(ZeroDivisionError):
        experiments.density(crowds, watch=lambda found: 1 / 0)
    assert Costly.running_now == []


def test_a_machine_that_can_run_no_box_has_counted_nothing(crowds, monkeypatch) -> None:
    monkeypatch.setattr(experiments, "BOXES", dict.fromkeys(crowds, Impossible))
    with pytest.raises(ResultsError, match="course doctor"):
        experiments.density(crowds)


def test_an_interrupt_before_the_first_count_is_an_interrupt(crowds, monkeypatch) -> None:
    def interrupted(self: Costly) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Costly, "_start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        experiments.density(crowds)


def test_the_clock_inside_a_real_process_agrees_with_ours() -> None:
    with Process() as box:
        output: Output = box.exec(experiments.clocked("sleep 0.2"))
    began, ended = map(float, output.stdout.split())
    assert 0.2 <= ended - began <= output.seconds


@pytest.mark.docker
@pytest.mark.vm
@pytest.mark.usefixtures("nothing_left")
def test_the_race_runs_every_box_for_real() -> None:
    frame = experiments.race(rounds=1)
    medians = stats.summary(frame).set_index("arm")["median"]
    assert set(medians.index) == {*experiments.BOXES, experiments.BASELINE}
    assert medians["process"] < medians["container"] < medians["vm booted"]


@pytest.mark.docker
@pytest.mark.vm
@pytest.mark.usefixtures("nothing_left")
def test_memory_is_measured_in_every_box_for_real() -> None:
    costs = experiments.costs(rounds=1)
    memory = costs.set_index("arm")["memory"]
    assert memory["process"] < memory["container"] < memory["vm booted"]
    there = "emulated" if accelerator.best() == "tcg" else "live"
    crowds = experiments.density({"vm resumed": 1})
    assert [frame.attrs["tier"] for frame in (costs, crowds)] == [there, there]

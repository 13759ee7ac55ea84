"""Results: a table, a file, and the machine that both come from."""

from __future__ import annotations

import json

import pytest

from course.boxes.machine.qemu import Qemu
from course.errors import ResultsError
from course.measuring import results
from course.system import host

pytestmark = pytest.mark.usefixtures("unhurried")


def told():
    yield {"made": 0.001, "ready": 0.002}


ARMS = {"plain": int, "phased": told}


def test_measure_gives_one_row_a_trial_with_the_machine() -> None:
    frame = results.measure(ARMS, rounds=4)
    assert len(frame) == 8
    assert list(frame)[:5] == ["arm", "round", "order", "started", "seconds"]
    assert frame.attrs["machine"] == host.facts()
    assert frame.attrs["tier"] == host.tier()
    assert frame.attrs["interrupted"] is False


def test_results_say_when_a_vm_was_emulated(monkeypatch) -> None:
    monkeypatch.setattr(host, "_noted", set())
    assert results.measure(ARMS, rounds=1).attrs["tier"] == "live"
    host.note_emulation()
    frame = results.measure(ARMS, rounds=1)
    assert frame.attrs["tier"] == "emulated"
    assert "VMs emulated" in results.provenance(frame)


@pytest.mark.parametrize(
    ("told", "tier"),
    [(["-accel", "tcg"], "emulated"), (["-accel", "kvm"], "live"), ([], "emulated")],
)
def test_whatever_starts_a_qemu_the_results_know_whether_it_emulates(
    told, tier, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(host, "_noted", set())
    monkeypatch.setattr("course.system.programs.require", lambda name: name)
    monkeypatch.setattr("course.system.reaper.spawn", lambda *_, **__: None)
    Qemu(tmp_path, ["qemu-system-x86_64", *told])
    assert results.table([{"arm": "by hand"}]).attrs["tier"] == tier


def test_what_an_emulated_vm_took_part_in_says_so_wherever_it_goes(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(host, "_noted", set())
    file = tmp_path / "10_the_race" / "recorded" / "race.csv"
    tiers = []

    def vm() -> None:
        tiers.append(json.loads(file.with_suffix(".json").read_text())["tier"])
        if len(tiers) == 2:
            host.note_emulation()

    live = results.measure({"process": int}, rounds=1, into=file)
    both = results.measure({"vm": vm}, rounds=3, warmup=0, into=file)
    assert tiers == ["live", "live", "emulated"]
    assert [results.pool(frames).attrs["tier"] for frames in ([live], [live, both])] == [
        "live",
        "emulated",
    ]
    monkeypatch.setattr("course.system.paths.LESSONS", tmp_path)
    recorded = results.pool([live, results.recorded("10_the_race", "race")])
    assert recorded.attrs["tier"] == "recorded"
    assert "VMs emulated · recorded on" in results.provenance(recorded)


def test_phases_are_columns_and_empty_where_an_arm_has_none() -> None:
    frame = results.measure(ARMS, rounds=2).set_index("arm")
    assert (frame.loc["phased", "phase made"] == 0.001).all()
    assert frame.loc["plain", "phase made"].isna().all()


def test_what_is_written_is_read_again(tmp_path) -> None:
    frame = results.measure(ARMS, rounds=3, into=tmp_path / "deep" / "race.csv")
    again = results.read(tmp_path / "deep" / "race.csv")
    assert again.equals(frame)
    assert again.attrs == frame.attrs


def test_each_trial_is_in_the_file_as_soon_as_it_ends(tmp_path) -> None:
    lengths = []

    def arm():
        path = tmp_path / "race.csv"
        lengths.append(len(results.read(path)) if path.exists() else 0)
        return {"late": 1.0} if len(lengths) == 3 else {}

    results.measure({"a": arm}, rounds=5, warmup=0, into=tmp_path / "race.csv")
    assert lengths == [0, 1, 2, 3, 4]


def test_an_interrupt_keeps_what_ran_and_says_so(tmp_path) -> None:
    frame = results.measure({"a": raises(KeyboardInterrupt, 4)}, rounds=9, into=tmp_path / "a.csv")
    assert list(frame["round"]) == [1, 2]
    assert frame.attrs["interrupted"] is True
    assert results.read(tmp_path / "a.csv").attrs["interrupted"] is True
    assert results.provenance(frame).endswith("interrupted")


def test_an_interrupt_before_the_first_trial_is_an_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt):
        results.measure({"a": raises(KeyboardInterrupt, 1)})


def test_an_error_leaves_what_ran_in_the_file(tmp_path) -> None:
    with pytest.raises(OSError, match="arm"):
        results.measure({"a": raises(OSError, 4)}, into=tmp_path / "a.csv")
    assert len(results.read(tmp_path / "a.csv")) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "arm,round,seconds\na,1",
        "arm,round,seconds\na,1,-2",
        "arm,round,seconds\na,1,2,3,4\nb,2",
        "arm,round,seconds\na,1,soon",
        "round,seconds\n1,2",
        "\x00\x00",
    ],
)
def test_a_damaged_table_is_told_with_what_to_do(tmp_path, text) -> None:
    results.measure(ARMS, rounds=1, into=tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ResultsError) as caught:
        results.read(tmp_path / "a.csv")
    assert "measure again" in caught.value.mend


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_damaged_machine_is_told_with_what_to_do(tmp_path, text) -> None:
    results.measure(ARMS, rounds=1, into=tmp_path / "a.csv")
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ResultsError) as caught:
        results.read(tmp_path / "a.csv")
    assert "measure again" in caught.value.mend


@pytest.mark.parametrize("gone", ["a.csv", "a.json"])
def test_a_missing_file_is_named(tmp_path, gone) -> None:
    results.measure(ARMS, rounds=1, into=tmp_path / "a.csv")
    (tmp_path / gone).unlink()
    with pytest.raises(ResultsError, match=gone):
        results.read(tmp_path / "a.csv")


def test_rounds_of_one_machine_are_pooled_and_numbered_on() -> None:
    frames = [results.measure(ARMS, rounds=3) for _ in range(2)]
    pooled = results.pool(frames)
    assert sorted(pooled["round"].unique()) == [1, 2, 3, 4, 5, 6]
    assert pooled.attrs["machine"] == host.facts()


def test_two_machines_are_not_pooled_without_saying_so() -> None:
    here, there = (results.measure(ARMS, rounds=2) for _ in range(2))
    there.attrs["machine"] = {**host.facts(), "cpu": "Another 9000"}
    with pytest.raises(ResultsError, match="Another 9000"):
        results.pool([here, there])
    pooled = results.pool([here, there], mixed=True)
    assert pooled["machine"].nunique() == 2
    assert "several machines" in results.provenance(pooled)


def test_recorded_results_say_that_they_are(tmp_path, monkeypatch) -> None:
    results.measure(ARMS, rounds=2, into=tmp_path / "10_the_race" / "recorded" / "race.csv")
    monkeypatch.setattr("course.system.paths.LESSONS", tmp_path)
    frame = results.recorded("10_the_race", "race")
    assert frame.attrs["tier"] == "recorded"
    assert "recorded on 20" in results.provenance(frame)


def test_the_file_holds_nothing_but_a_table_and_plain_facts(tmp_path) -> None:
    results.measure(ARMS, rounds=1, into=tmp_path / "a.csv")
    assert sorted(json.loads((tmp_path / "a.json").read_text())) == [
        "date",
        "interrupted",
        "machine",
        "tier",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.json"]


def raises(error: type[BaseException], call: int):
    """An arm that raises at its nth call, the warm-up counted."""
    calls = []

    def arm() -> None:
        calls.append(1)
        if len(calls) == call:
            raise error("from the arm")

    return arm

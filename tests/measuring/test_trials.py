"""Trials: interleaved, timed and nothing else."""

from __future__ import annotations

import gc
import time

import pytest

from course.measuring import trials
from course.measuring.trials import Trial

pytestmark = pytest.mark.usefixtures("unhurried")


class Clock:
    """In place of the module ``time``: it goes on when an arm works, and at no other time."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(trials, "time", Clock())
    return trials.time


def test_every_round_runs_each_arm_once() -> None:
    done = list(trials.run({"a": int, "b": int, "c": int}, rounds=8))
    rounds = [done[start : start + 3] for start in range(0, 24, 3)]
    for number, found in enumerate(rounds, start=1):
        assert [trial.round for trial in found] == [number] * 3
        assert [trial.order for trial in found] == [0, 1, 2]
        assert {trial.arm for trial in found} == {"a", "b", "c"}


def test_the_order_is_shuffled_and_the_seed_repeats_it() -> None:
    def order(seed: int) -> list[str]:
        arms = dict.fromkeys("abcd", int)
        return [trial.arm for trial in trials.run(arms, rounds=6, seed=seed)]

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert len({tuple(order(1)[start : start + 4]) for start in range(0, 24, 4)}) > 1


def test_warmups_run_and_are_not_counted() -> None:
    calls = []
    done = list(trials.run({"a": lambda: calls.append(1)}, rounds=3, warmup=2))
    assert len(calls) == 5
    assert [trial.round for trial in done] == [1, 2, 3]


def test_seconds_are_the_seconds_that_passed() -> None:
    began = time.perf_counter()
    [trial] = trials.run({"busy": lambda: time.sleep(0.02)}, rounds=1, warmup=0)
    assert 0.02 <= trial.seconds <= time.perf_counter() - began


def test_haste_divides_a_budget_and_lets_nothing_warm_up(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for haste, budget in (("1", 30), ("3", 30), ("1", 1), ("3", 1), ("1", None), ("3", None)):
        monkeypatch.setenv(trials.HASTE, haste)
        done = list(trials.run({"a": lambda: clock.work(1)}, rounds=50, budget=budget))
        found.append((len(done), done[0].started))
    # Without haste one more comes first, which warms up.
    assert found == [(30, 1), (11, 0), (3, 1), (2, 0), (50, 1), (50, 0)]


def test_trials_begin_one_after_another(clock: Clock) -> None:
    done = list(trials.run({"a": lambda: clock.work(1)}, rounds=3))
    assert [(trial.started, trial.seconds) for trial in done] == [(1, 1), (2, 1), (3, 1)]


def test_what_comes_after_yield_is_not_timed(clock: Clock) -> None:
    def arm():
        clock.work(1)
        yield
        clock.work(10)

    [trial] = trials.run({"a": arm}, rounds=1, warmup=0)
    assert trial.seconds == 1
    assert clock.now == 11


def test_an_arm_that_yields_twice_is_told_so() -> None:
    def arm():
        yield
        yield

    with pytest.raises(TypeError, match="yields once"):
        list(trials.run({"a": arm}))


@pytest.mark.parametrize("arm", [lambda: {"made": 0.1}, lambda: (yield {"made": 0.1})])
def test_phases_returned_or_yielded_are_kept(arm) -> None:
    [trial] = trials.run({"a": arm}, rounds=1, warmup=0)
    assert trial.phases == {"made": 0.1}


def test_the_collector_rests_while_the_clock_runs() -> None:
    seen = []
    list(trials.run({"a": lambda: seen.append(gc.isenabled())}, rounds=2))
    assert not any(seen)
    assert gc.isenabled()


@pytest.mark.parametrize(("budget", "rounds"), [(0.0, 3), (2, 3), (10, 11)])
def test_a_spent_budget_begins_no_further_round_after_the_third(
    budget: float, rounds: int, clock: Clock
) -> None:
    done = trials.run({"a": lambda: clock.work(1)}, rounds=50, warmup=0, budget=budget)
    assert [trial.round for trial in done] == list(range(1, rounds + 1))


def test_an_error_says_in_which_arm_and_round() -> None:
    failing = iter([None, None, ValueError("no")])

    def arm() -> None:
        if error := next(failing):
            raise error

    kept: list[Trial] = []
    with pytest.raises(ValueError, match="no") as caught:
        kept.extend(trials.run({"engine": arm}))
    assert caught.value.__notes__ == ["in arm 'engine', round 2"]


def test_a_trial_costs_less_than_a_millisecond_beside_what_it_times() -> None:
    began = time.perf_counter()
    done = list(trials.run({"nothing": int}, rounds=1000))
    assert (time.perf_counter() - began) / 1000 < 0.001
    assert sorted(trial.seconds for trial in done)[500] < 0.0001

"""Estimates from a handful of trials."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from course.errors import ResultsError
from course.measuring import Estimate, stats


def trials(**arms: list[float]) -> pd.DataFrame:
    rows = [
        {"arm": arm, "round": number, "seconds": value}
        for arm, values in arms.items()
        for number, value in enumerate(values, start=1)
    ]
    return pd.DataFrame(rows)


def test_the_median_lies_in_its_interval() -> None:
    found = stats.median(np.array([5.0, 1, 2, 3, 4, 9, 7]))
    assert found.value == 4
    assert found.low < 4 < found.high
    assert found.n == 7


def test_the_interval_is_the_published_one() -> None:
    # For n = 10 the second and third order statistics cover 97.85 % and 89.06 %; interpolated
    # after Hettmansperger and Sheather, 95 % lies 0.684 of the way in from the second.
    low, high = stats.interval(np.arange(1.0, 11.0))
    surplus = (0.978516 - 0.95) / (0.978516 - 0.890625)
    inward = 8 * surplus / (2 + 6 * surplus)
    assert low == pytest.approx(2 + inward, abs=1e-4)
    assert high == pytest.approx(9 - inward, abs=1e-4)


def test_below_six_the_interval_is_the_range() -> None:
    low, high = stats.interval(np.array([3.0, 1.0, 2.0]))
    assert (low, high) == (1.0, 3.0)


@pytest.mark.parametrize("n", [6, 7, 11, 100, 50_000])
def test_the_interval_lies_within_the_range_at_any_size(n) -> None:
    low, high = stats.interval(np.arange(float(n)))
    assert 0 <= low < (n - 1) / 2 < high <= n - 1


def test_what_is_a_range_is_not_called_an_interval() -> None:
    assert stats.called([6, 10]) == "95% interval"
    assert stats.called([2, 2]) == "range of 2 rounds"
    assert stats.called([6, 5]) == "95% interval or range of 5 rounds"


def test_many_experiments_are_judged_at_once() -> None:
    samples = np.random.default_rng(0).random((4, 3, 12))
    low, high = stats.interval(samples)
    assert low.shape == high.shape == (4, 3)
    assert low[2, 1] == pytest.approx(stats.interval(samples[2, 1])[0])


def test_the_ratio_is_taken_round_by_round() -> None:
    load = np.linspace(1, 5, 10)  # the machine slows down fivefold while it is measured
    frame = trials(vm=list(6 * load), container=list(2 * load))
    found = stats.ratio(frame, "vm", "container")
    assert found.value == pytest.approx(3)
    assert found.high - found.low < 1e-9


def test_the_ratio_turned_round_is_its_inverse() -> None:
    generator = np.random.default_rng(0)
    frame = trials(a=list(generator.lognormal(size=12)), b=list(generator.lognormal(size=12)))
    one, other = stats.ratio(frame, "a", "b"), stats.ratio(frame, "b", "a")
    assert one.value == pytest.approx(1 / other.value)
    assert one.low == pytest.approx(1 / other.high)


def test_a_round_cut_short_is_left_out_of_the_ratio() -> None:
    assert stats.ratio(trials(a=[2.0] * 7, b=[1.0] * 6), "a", "b").n == 6


def test_the_summary_has_one_row_an_arm_smallest_first() -> None:
    frame = trials(slow=[4.0] * 6, quick=[1.0] * 6)
    frame.attrs = {"tier": "live"}
    table = stats.summary(frame, baseline="quick")
    assert list(table) == ["arm", "n", "median", "low", "high", "ratio", "ratio_low", "ratio_high"]
    assert list(table["arm"]) == ["quick", "slow"]
    assert list(table["ratio"]) == pytest.approx([1, 4])
    assert table.attrs == frame.attrs
    assert "ratio" not in stats.summary(frame)


def test_what_may_cost_nothing_fits_without_limit() -> None:
    assert stats.capacity(60, Estimate(3.0, 2.0, 6.0, 9)) == Estimate(20.0, 10.0, 30.0, 9)
    assert stats.capacity(60, Estimate(3.0, -1.0, 6.0, 9)).high == np.inf


def test_any_column_can_be_summarised() -> None:
    frame = trials(a=[1.0] * 6).assign(memory=4096)
    assert stats.summary(frame, column="memory")["median"][0] == 4096


def test_an_arm_that_was_not_measured_is_told() -> None:
    with pytest.raises(ResultsError, match="vm"):
        stats.ratio(trials(a=[1.0]), "vm", "a")
    with pytest.raises(ResultsError, match="one trial"):
        stats.median(np.array([]))


STEADY = [0.100, 0.101, 0.099, 0.1, 0.102, 0.098, 0.1, 0.101, 0.099, 0.1]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (STEADY[:5], "covers less than 95%"),
        ([value / 100 for value in STEADY], "under 5 ms"),
        ([0.1, 0.2, 0.15, 0.1, 0.2, 0.15, 0.1, 0.2, 0.15, 0.1], "noisy"),
        ([0.1 + step / 100 for step in range(10)], "drifted by"),
        ([0.5, *STEADY[1:]], "first round was slow"),
        ([*STEADY[:5], 0.5, *STEADY[6:]], "1 of 10 lie far from the rest. They are kept"),
    ],
)
def test_a_reason_for_doubt_is_said(seconds, said) -> None:
    assert any(said in sentence for sentence in stats.warnings(trials(arm=seconds)))


def test_steady_trials_raise_no_doubt() -> None:
    assert stats.warnings(trials(arm=STEADY)) == []


def test_nothing_is_dropped() -> None:
    found = stats.median(np.array([*STEADY, 50.0]))
    assert found.n == 11

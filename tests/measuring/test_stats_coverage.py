"""Thousands of simulated experiments, whose truth is known: do the intervals cover it?

pytest -m statistics -s
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from course.measuring import stats

pytestmark = pytest.mark.statistics

EXPERIMENTS = 1000
ROUNDS = (10, 20, 50)
NOISE = 0.05
TRUE_RATIO = 3.0

Shape = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def normal(generator: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    return 1 + NOISE * generator.standard_normal(size)


def lognormal(generator: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    return np.exp(0.5 * generator.standard_normal(size))


def bimodal(generator: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A cache is hit seven times in ten."""
    return normal(generator, size) + 0.5 * (generator.random(size) < 0.3)


def outliers(generator: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """One trial in ten takes up to six times as long."""
    strays = generator.random(size) < 0.1
    return normal(generator, size) * (1 + strays * 5 * generator.random(size))


def drifting(generator: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """The machine slows down by 5 % while it is measured."""
    return normal(generator, size) + np.linspace(-0.025, 0.025, size[1])


def sliding(generator: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """The machine slows down by 20 %, four times the noise: what the warning is for."""
    return normal(generator, size) + np.linspace(-0.1, 0.1, size[1])


SHAPES = [normal, lognormal, bimodal, outliers, drifting]


def simulated(shape: Shape, n: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(n)
    return shape(generator, (EXPERIMENTS, n)), shape(generator, (EXPERIMENTS, n))


def covered(samples: np.ndarray, truth: float) -> float:
    """The share of experiments whose interval holds the truth."""
    low, high = stats.interval(samples)
    return float(((low <= truth) & (truth <= high)).mean())


def bootstrapped(samples: np.ndarray, truth: float) -> float:
    """The same of the percentile bootstrap, from 400 resamples of each experiment."""
    generator, held = np.random.default_rng(0), 0
    for sample in samples:
        medians = np.median(generator.choice(sample, (400, sample.size)), axis=1)
        low, high = np.quantile(medians, [0.025, 0.975])
        held += low <= truth <= high
    return held / len(samples)


def true_median(shape: Shape) -> float:
    return float(np.median(shape(np.random.default_rng(0), (20_000, 50))))


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def write(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {line}")

    return write


@pytest.mark.parametrize("n", ROUNDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_interval_covers_the_truth_in_93_to_97_percent(shape, n, say) -> None:
    arm, baseline = simulated(shape, n)
    median = covered(arm, true_median(shape))
    ratio = covered(np.log(TRUE_RATIO * arm / baseline), np.log(TRUE_RATIO))
    different = 1 - covered(np.log(arm / baseline), 0.0)
    say(
        f"{shape.__name__:10} n={n:<3} median covered {median:6.1%}   ratio covered {ratio:6.1%}"
        f"   null race called different {different:5.1%}"
    )
    assert 0.93 <= median <= 0.97
    assert 0.93 <= ratio <= 0.97
    assert different <= 0.07


@pytest.mark.parametrize("shape", SHAPES)
def test_at_ten_rounds_the_interval_is_nearer_to_95_percent_than_a_bootstrap(shape, say) -> None:
    samples, truth = simulated(shape, 10)[0], true_median(shape)
    ours, theirs = covered(samples, truth), bootstrapped(samples, truth)
    say(f"{shape.__name__:10} n=10  order statistics {ours:6.1%}   bootstrap {theirs:6.1%}")
    assert abs(ours - stats.CONFIDENCE) <= abs(theirs - stats.CONFIDENCE) + 0.01


def test_a_table_of_trials_gets_the_intervals_that_are_simulated_here() -> None:
    for arm, baseline in zip(*(many[:20] for many in simulated(lognormal, 10)), strict=True):
        table = pd.DataFrame({"round": range(10), "a": arm, "b": baseline})
        table = table.melt("round", var_name="arm", value_name="seconds")
        ratio, median = stats.ratio(table, "a", "b"), stats.median(arm)
        assert (median.low, median.high) == stats.interval(arm)
        ends = np.exp(stats.interval(np.log(arm / baseline)))
        assert (ratio.low, ratio.high) == pytest.approx(tuple(ends))


@pytest.mark.parametrize("n", ROUNDS)
def test_for_arms_of_unlike_shape_the_ratio_is_that_of_a_typical_round(n, say) -> None:
    """Which is not quite the quotient of the two medians: the docstring of ratio says so."""
    arm, _ = simulated(bimodal, n)
    _, baseline = simulated(lognormal, n)
    large = np.random.default_rng(0), (20_000, 50)
    typical = float(np.median(bimodal(*large) / lognormal(*large)))
    ratio = covered(np.log(arm / baseline), np.log(typical))
    quotient = true_median(bimodal) / true_median(lognormal)
    say(
        f"bimodal over lognormal n={n:<3} ratio of a typical round ({typical:.2f}) covered "
        f"{ratio:6.1%}; quotient of medians {quotient:.2f}"
    )
    assert 0.93 <= ratio <= 0.97


@pytest.mark.parametrize("n", ROUNDS)
def test_under_a_strong_drift_the_ratio_stays_right_and_the_median_errs_wide(n, say) -> None:
    arm, baseline = simulated(sliding, n)
    median = covered(arm, 1.0)
    ratio = covered(np.log(TRUE_RATIO * arm / baseline), np.log(TRUE_RATIO))
    say(f"sliding    n={n:<3} median covered {median:6.1%}   ratio covered {ratio:6.1%}")
    assert median >= 0.95
    assert 0.93 <= ratio <= 0.97


@pytest.mark.parametrize(("n", "hits"), [(10, 0.8), (20, 0.95), (50, 0.99)])
def test_the_drift_warning_is_heard_when_it_should_be(n, hits, say) -> None:
    heard = float(stats.drifts(simulated(sliding, n)[0]).mean())
    steady = [normal, lognormal, bimodal, outliers]
    alarms = {shape.__name__: stats.drifts(simulated(shape, n)[0]).mean() for shape in steady}
    say(f"drift of 20 %  n={n:<3} heard {heard:6.1%}   false alarms {most(alarms)}")
    assert heard >= hits
    assert max(alarms.values()) <= 0.06


@pytest.mark.parametrize(("n", "hits"), [(10, 0.8), (20, 0.9), (50, 0.95)])
def test_the_noise_warning_is_heard_when_it_should_be(n, hits, say) -> None:
    def noisy(shape: Shape) -> float:
        return float((stats.spread(simulated(shape, n)[0]) > stats.NOISE).mean())

    heard = noisy(lognormal)
    alarms = {shape.__name__: noisy(shape) for shape in (normal, outliers, drifting)}
    say(f"noise of 50 %  n={n:<3} heard {heard:6.1%}   false alarms {most(alarms)}")
    assert heard >= hits
    assert max(alarms.values()) <= 0.07


@pytest.mark.parametrize("n", ROUNDS)
def test_a_slow_first_round_is_heard_when_it_should_be(n, say) -> None:
    steady, _ = simulated(normal, n)
    alarms = float(stats.far(steady)[:, 0].mean())
    steady[:, 0] *= 2
    heard = float(stats.far(steady)[:, 0].mean())
    say(f"first round twice as slow  n={n:<3} heard {heard:6.1%}   false alarms {alarms:.1%}")
    assert heard >= 0.9
    assert alarms <= 0.02


def most(alarms: dict[str, float]) -> str:
    worst = max(alarms, key=alarms.__getitem__)
    return f"at most {alarms[worst]:.1%} ({worst})"

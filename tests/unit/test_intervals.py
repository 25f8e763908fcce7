"""Intervals obey their laws, and cover what they say, for tasks of all kinds."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import beta, binomtest

from eigen_graph.evaluation.intervals import Interval, difference_interval, mean_interval
from eigen_graph.evaluation.passk import mean, pass_hat

Rates = NDArray[np.float64]
VALUES = st.lists(st.sampled_from([0.0, 1 / 6, 0.25, 1 / 3, 0.5, 0.75, 1.0]) | st.floats(0, 1), min_size=1, max_size=12)
TRIALS = 4


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_a_mean_interval_holds_the_mean_lies_in_the_unit_and_mirrors(values: list[float]) -> None:
    low, high = mean_interval(values)
    assert 0 <= low <= mean(values) <= high <= 1
    assert high - low > 0.01, "no dozen tasks tell a mean to a point"
    assert mean_interval([1 - value for value in values]) == pytest.approx((1 - high, 1 - low), abs=1e-6)
    assert mean_interval(values[::-1]) == (low, high)


@settings(max_examples=50, deadline=None)
@given(VALUES, st.data())
def test_solving_more_never_lowers_an_end(values: list[float], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(values) - 1))
    more = [*values[:at], data.draw(st.floats(values[at], 1)), *values[at + 1 :]]
    assert all(after >= before - 1e-6 for before, after in zip(mean_interval(values), mean_interval(more), strict=True))


@settings(max_examples=50, deadline=None)
@given(VALUES, st.data())
def test_a_difference_interval_holds_the_difference_and_mirrors(values: list[float], data: st.DataObject) -> None:
    others = data.draw(st.lists(st.floats(0, 1), min_size=len(values), max_size=len(values)))
    gaps = [one - other for one, other in zip(values, others, strict=True)]
    low, high = difference_interval(gaps)
    assert -1 <= low <= mean(gaps) <= high <= 1
    assert low < high
    assert difference_interval([-gap for gap in gaps]) == pytest.approx((-high, -low), abs=1e-6)


@pytest.mark.parametrize("tasks", [1, 2, 40, 114, 2285, 20000])
@pytest.mark.parametrize("solved", [0.0, 0.001, 0.3, 0.5, 1.0])
def test_on_zeros_and_ones_they_are_the_textbook_ones(tasks: int, solved: float) -> None:
    ones = round(solved * tasks)
    exact = binomtest(ones, tasks).proportion_ci(method="exact")
    assert mean_interval([1.0] * ones + [0.0] * (tasks - ones)) == pytest.approx((exact.low, exact.high), abs=1e-8)
    if 0 < ones < tasks:
        jeffreys = beta.ppf([0.025, 0.975], ones + 0.5, tasks - ones + 0.5)
        gaps = [1.0] * ones + [-1.0] * (tasks - ones)
        assert difference_interval(gaps) == pytest.approx(2 * jeffreys - 1, abs=1e-8)


def test_the_distribution_is_that_of_random_weights() -> None:
    values = [0.0] * 7 + [0.25] * 3 + [2 / 3] * 5 + [1.0] * 2
    weights = np.random.default_rng(0).dirichlet([1.0] * 18, 40_000)
    for end, share, limit in ((0.0, 0.025, mean_interval(values).low), (1.0, 0.975, mean_interval(values).high)):
        assert np.mean(weights @ [*values, end] <= limit) == pytest.approx(share, abs=0.003)


def test_nothing_and_anything_solved_leave_room() -> None:
    assert mean_interval([0.0] * 40) == pytest.approx((0, 1 - 0.025 ** (1 / 40)))
    assert mean_interval([1.0] * 40) == pytest.approx((0.025 ** (1 / 40), 1))
    low, high = difference_interval([0.0] * 40)
    assert -0.1 < low < -0.02
    assert high == pytest.approx(-low)


@pytest.mark.parametrize("wrong", [[], [1.5], [0.5, float("nan")], [-2.0]])
def test_what_makes_no_sense_is_refused(wrong: list[float]) -> None:
    for interval in (mean_interval, difference_interval):
        with pytest.raises(ValueError, match=r"an interval is of|no values"):
            interval(wrong)


# Coverage, with 40 tasks of different difficulty and 4 trials of each.

MIXES: dict[str, Callable[[np.random.Generator, int], Rates]] = {
    "mid": lambda rng, tasks: rng.beta(0.5, 0.5, tasks),
    "near 0": lambda rng, tasks: np.where(rng.random(tasks) < 0.05, 1.0, 0.01),
    "near 1": lambda rng, tasks: rng.beta(4, 0.2, tasks),
}
DRAWS = 250
LEAST = int(DRAWS * 0.95 - 3.1 * (DRAWS * 0.95 * 0.05) ** 0.5)
"""Of so many intervals with a true coverage of 95 %, fewer hold their mean once in a thousand times."""


def observed(rng: np.random.Generator, rates: Rates, k: int) -> list[float]:
    return [pass_hat(TRIALS, solved, k) for solved in rng.binomial(TRIALS, rates).tolist()]


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("mix", MIXES)
def test_the_mean_of_all_tasks_like_these_is_covered(mix: str, k: int) -> None:
    rng, cached = np.random.default_rng(k), cache(mean_interval)
    truth = float(np.mean(MIXES[mix](rng, 1_000_000) ** k))
    found: list[Interval] = [cached(tuple(sorted(observed(rng, MIXES[mix](rng, 40), k)))) for _ in range(DRAWS)]
    assert sum(low <= truth <= high for low, high in found) >= LEAST


@pytest.mark.parametrize("mix", MIXES)
def test_the_difference_of_two_agents_is_covered(mix: str) -> None:
    """One agent is the other, but for a tenth of the tasks that it always solves."""
    rng = np.random.default_rng(0)
    truth = 0.1 * (1 - float(np.mean(MIXES[mix](rng, 1_000_000))))
    held = 0
    for _ in range(DRAWS):
        rates = MIXES[mix](rng, 40)
        helped = np.where(rng.random(40) < 0.1, 1.0, rates)
        pairs = zip(observed(rng, helped, 1), observed(rng, rates, 1), strict=True)
        low, high = difference_interval([after - before for after, before in pairs])
        held += low <= truth <= high
    assert held >= LEAST

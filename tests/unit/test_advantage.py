"""Group-relative advantages and the mean over tokens, against what the formulas say by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eigen_graph.rl.advantage import Totals, group_advantages, group_weight, mixed

GROUPS = st.lists(st.none() | st.sampled_from([0.0, 1.0]), min_size=2, max_size=16)
TOKENS = st.lists(st.integers(0, 300), min_size=1, max_size=8)


def test_one_pass_of_four_by_hand() -> None:
    # Mean 1/4, standard deviation sqrt(1/4 * 3/4) = sqrt(3)/4.
    found = group_advantages([0.0, 1.0, 0.0, 0.0])
    assert found == pytest.approx([-1 / math.sqrt(3), math.sqrt(3), -1 / math.sqrt(3), -1 / math.sqrt(3)])


def test_without_the_standard_deviation_by_hand() -> None:
    assert group_advantages([0.0, 1.0, 0.0, 0.0], scale=False) == pytest.approx([-0.25, 0.75, -0.25, -0.25])


def test_an_invalid_episode_stands_for_nothing() -> None:
    assert group_advantages([1.0, None, 0.0]) == pytest.approx([1.0, None, -1.0])
    assert group_advantages([1.0, None, 1.0]) == [0.0, None, 0.0]
    assert group_advantages([None, None]) == [None, None]


def test_rewards_within_the_tolerance_are_equal() -> None:
    assert group_advantages([1.0, 1.0 - 1e-9]) == [0.0, 0.0]
    assert not mixed([1.0, 1.0 - 1e-9])
    assert mixed([1.0, 0.9])
    assert not mixed([])


@given(rewards=GROUPS)
def test_advantages_sum_to_zero_and_average_one_squared(rewards: list[float | None]) -> None:
    found = [advantage for advantage in group_advantages(rewards) if advantage is not None]
    assert math.fsum(found) == pytest.approx(0, abs=1e-9)
    if mixed(rewards):
        assert math.fsum(advantage**2 for advantage in found) / len(found) == pytest.approx(1)
    else:
        assert not any(found)


@given(rewards=GROUPS, shift=st.floats(-5, 5), stretch=st.floats(0.1, 10))
def test_advantages_know_no_scale_and_no_order(rewards: list[float | None], shift: float, stretch: float) -> None:
    other = [None if reward is None else reward * stretch + shift for reward in rewards]
    assert group_advantages(other) == pytest.approx(group_advantages(rewards), abs=1e-6)
    assert group_advantages(rewards[::-1]) == pytest.approx(group_advantages(rewards)[::-1])


@given(tokens=TOKENS, values=st.lists(st.floats(-3, 3), min_size=8, max_size=8))
def test_the_mean_over_the_batch_becomes_the_mean_over_groups(tokens: list[int], values: list[float]) -> None:
    totals = Totals.of(tokens)
    groups = [(count, value) for count, value in zip(tokens, values, strict=False) if count]
    if not groups:
        assert totals == (0, 0)
        return
    over_batch = math.fsum(count * value * group_weight(count, totals) for count, value in groups) / totals.tokens
    assert over_batch == pytest.approx(math.fsum(value for _, value in groups) / len(groups), abs=1e-9)


def test_a_group_without_tokens_has_no_weight() -> None:
    assert group_weight(0, Totals(0, 0)) == 0
    assert group_weight(30, Totals.of([10, 0, 30])) == pytest.approx(40 / (2 * 30))

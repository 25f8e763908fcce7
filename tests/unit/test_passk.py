"""pass^k keeps its laws and is counted as tau2 counts it."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eigen_graph.evaluation.passk import mean, pass_hat, pass_hats

TASKS = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.lists(st.booleans(), max_size=6), max_size=8)
EQUAL = st.integers(1, 5).flatmap(
    lambda trials: st.dictionaries(
        st.text("abcdef", min_size=1, max_size=3),
        st.lists(st.booleans(), min_size=trials, max_size=trials),
        min_size=1,
        max_size=8,
    )
)


@given(st.lists(st.booleans(), min_size=1, max_size=7), st.data())
def test_it_is_the_share_of_sets_of_k_trials_with_all_solved(trials: list[bool], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(trials)))
    sets = [all(some) for some in combinations(trials, k)]
    assert pass_hat(len(trials), sum(trials), k) == pytest.approx(sum(sets) / len(sets))


@given(EQUAL)
def test_pass_1_is_the_mean_success_and_pass_n_the_share_always_solved(outcomes: dict[str, list[bool]]) -> None:
    found = pass_hats(outcomes)
    assert found.max_k == len(next(iter(outcomes.values())))
    assert found.value(1) == pytest.approx(mean([mean(list(map(float, trials))) for trials in outcomes.values()]))
    assert found.value(found.max_k) == mean([float(all(trials)) for trials in outcomes.values()])


@given(TASKS, st.data())
def test_it_never_rises_with_k_and_no_order_matters(outcomes: dict[str, list[bool]], data: st.DataObject) -> None:
    found = pass_hats(outcomes)
    values = [found.value(k) for k in range(1, found.max_k + 1)]
    assert all(0 <= later <= sooner <= 1 for sooner, later in pairwise([1.0, *values]))
    turned = {task: data.draw(st.permutations(outcomes[task])) for task in data.draw(st.permutations(list(outcomes)))}
    again = pass_hats(turned)
    assert [again.value(k) for k in range(1, again.max_k + 1)] == values


def test_a_task_without_a_judged_trial_is_told_apart_and_a_short_one_bounds_k() -> None:
    found = pass_hats({"a": [True, True, False], "b": [], "c": [True, False]})
    assert found.tasks == ("a", "c")
    assert found.unknown == ("b",)
    assert found.fewer == {"c": 2}
    assert found.max_k == 2
    assert found.value(1) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found.value(2) == pytest.approx((1 / 3 + 0) / 2)
    assert pass_hats({"a": [True]}, expected=4).fewer == {"a": 1}
    assert pass_hats({"b": []}).max_k == pass_hats({}).max_k == 0


@pytest.mark.parametrize(("trials", "solved", "k"), [(2, 1, 3), (2, 1, 0), (2, 3, 1), (2, -1, 1), (0, 0, 1)])
def test_what_makes_no_sense_is_refused(trials: int, solved: int, k: int) -> None:
    with pytest.raises(ValueError, match="no pass"):
        pass_hat(trials, solved, k)
    with pytest.raises(ValueError, match="no values"):
        mean([])

"""Two results are compared task against task, and only when they are of the same tasks."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from evaluations import results
from hypothesis import given, settings
from hypothesis import strategies as st

from eigen_graph.core import EigenGraphError
from eigen_graph.evaluation.comparison import compare, paired_difference

MARKS = st.text("+-?! ", min_size=3, max_size=3)
EVALUATIONS = st.dictionaries(st.sampled_from("abcdef"), MARKS, min_size=1)


@settings(deadline=None, max_examples=40)
@given(EVALUATIONS, EVALUATIONS)
def test_swapping_the_two_turns_the_signs_and_no_order_matters(one: dict[str, str], other: dict[str, str]) -> None:
    common = [task for task in one if set(one[task]) & set("+-") and set(other.get(task, "")) & set("+-")]
    if not common:
        with pytest.raises(EigenGraphError, match="no task has a judged trial in both"):
            compare(results(one), results(other))
        return
    there = compare(results(one), results(other))
    back = compare(results(dict(reversed(other.items()))), results({task: text[::-1] for task, text in one.items()}))
    assert (there.better, there.worse, there.equal) == (back.worse, back.better, back.equal)
    assert there.tasks == len(common)
    for change, turned in zip(there.pass_hat, back.pass_hat, strict=True):
        gap, tnuoc = change.difference, turned.difference
        assert gap.low <= gap.value <= gap.high
        assert gap.value == pytest.approx(change.candidate - change.baseline)
        assert (gap.value, gap.low, gap.high) == pytest.approx((-tnuoc.value, -tnuoc.high, -tnuoc.low), abs=1e-6)
        assert 0 < gap.p == tnuoc.p


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=9))
def test_the_p_value_counts_the_swaps_that_differ_as_much(solved: list[tuple[int, int]]) -> None:
    gaps = [after - before for before, after in solved]
    sums = [
        abs(sum(sign * gap for sign, gap in zip(signs, gaps, strict=True)))
        for signs in product((1, -1), repeat=len(gaps))
    ]
    found = paired_difference(*zip(*[(before / 3, after / 3) for before, after in solved], strict=True))
    assert found.p == pytest.approx(np.mean([some >= abs(sum(gaps)) for some in sums]))


def test_twins_are_told_apart_as_often_as_the_level_says() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        rates = rng.beta(0.4, 0.4, 14)
        found.append(paired_difference(*(rng.binomial(4, rates) / 4 for _ in range(2))).p)
    assert sum(p <= 0.05 for p in found) <= 20
    assert sum(p <= 0.5 for p in found) >= 60, "it can tell something"


def test_what_clearly_helps_is_found() -> None:
    before = {f"task {number}": "++--" for number in range(20)}
    found = compare(results(before), results({**dict.fromkeys(before, "++++"), "task 0": "+---"}, agent="better"))
    first = found.pass_hat[0]
    assert (first.k, first.baseline) == (1, 0.5)
    assert first.candidate == pytest.approx(0.9625)
    assert first.difference.above
    assert not first.difference.below
    assert first.difference.p < 1e-3
    assert [change.k for change in found.pass_hat] == [1, 2, 3, 4]
    assert (found.better, found.worse, found.equal) == (19, 1, 0)
    assert found.settings == {"agent": ("scripted", "better")}
    assert json.loads(json.dumps(found.to_json()))["pass_hat"][0]["difference"]["tasks"] == 20


def test_twenty_equal_tasks_do_not_prove_that_two_agents_are_equal() -> None:
    same = results(dict.fromkeys(map(str, range(20)), "++"))
    gap = compare(same, same).pass_hat[0].difference
    assert (gap.value, gap.p) == (0, 1)
    assert gap.low < -0.05
    assert gap.high > 0.05


def test_tasks_of_one_side_are_left_out_and_named_and_trials_may_differ() -> None:
    found = compare(results({"a": "+-", "b": "++", "c": "!!"}), results({"a": "++++", "c": "+", "d": "?"}))
    assert found.unpaired == ("b", "c")
    assert found.tasks == 1
    assert [change.k for change in found.pass_hat] == [1, 2]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("task_digest", "task files differ.*t0 and other"),
        ("domain", "different domains"),
        ("database", "databases differ"),
        ("basis", "different rules"),
    ],
)
def test_what_is_not_of_the_same_tasks_and_rules_is_refused(field: str, words: str) -> None:
    with pytest.raises(EigenGraphError, match=words):
        compare(results({"a": "+"}), results({"a": "+"}, **{field: "tau2" if field == "basis" else "other"}))

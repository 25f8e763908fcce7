"""A summary says what is known, and apart from it what is not."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from evaluations import episode, results
from hypothesis import given, settings
from hypothesis import strategies as st

from eigen_graph.core import EigenGraphError
from eigen_graph.evaluation import Episode, Results
from eigen_graph.evaluation.summary import summarize

EVALUATIONS = st.dictionaries(st.sampled_from("abcdef"), st.text("+-?! ", max_size=4))


def with_episodes(found: Results, episodes: Sequence[Episode]) -> Results:
    return found.model_copy(update={"episodes": tuple(episodes)})


@settings(deadline=None, max_examples=60)
@given(EVALUATIONS, st.randoms())
def test_every_episode_is_counted_once_and_order_changes_nothing(came: dict[str, str], random: Any) -> None:
    made = results(came)
    found = summarize(made, {"no-op": set(came)})
    marks = "".join(came.values())
    assert (found.judged, found.unjudged, found.infrastructure) == (
        marks.count("+") + marks.count("-"),
        marks.count("?"),
        marks.count("!"),
    )
    assert found.tasks * found.trials == found.judged + found.unjudged + found.infrastructure + found.missing
    assert found.failed == marks.count("-") == sum(found.failures_by_blame.values())
    assert found.failed == sum(found.failures_by_termination.values())
    episodes = list(made.episodes)
    random.shuffle(episodes)
    assert summarize(with_episodes(made, episodes), {"no-op": set(came)}) == found
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["judged"] == found.judged


@settings(deadline=None, max_examples=60)
@given(EVALUATIONS)
def test_figures_lie_in_their_intervals_and_within_the_bounds(came: dict[str, str]) -> None:
    found = summarize(results(came))
    for figure in found.pass_hat:
        assert 0 <= figure.low <= figure.value <= figure.high <= 1
    known = {task for task, text in came.items() if set(text) & set("+-")}
    assert set(found.tasks_unknown) == set(came) - known
    assert (found.bounds is None) == (found.unjudged == 0)
    if found.bounds:
        bounds = found.bounds
        assert 0 <= bounds.low <= bounds.worst <= bounds.best <= bounds.high <= 1
        solved = summarize(results({task: text.replace("?", "+") for task, text in came.items()}))
        failed = summarize(results({task: text.replace("?", "-") for task, text in came.items()}))
        assert (bounds.worst, bounds.best) == (failed.pass_hat[0].value, solved.pass_hat[0].value)


def test_a_whole_evaluation() -> None:
    priced = [episode("a", 0, "+", cost_usd=0.25, seconds=2), episode("b", 0, "-", cost_usd=0.5, seconds=1)]
    made = results({"a": "++", "b": "-+", "c": "-?", "d": "!!", "e": "- "})
    made = with_episodes(
        made, [*priced, *(some for some in made.episodes if (some.task_id, some.trial) not in {("a", 0), ("b", 0)})]
    )
    found = summarize(made, {"no-op": {"c", "d"}, "transfer": dict.fromkeys("abcde", False)})
    assert [(figure.k, figure.tasks) for figure in found.pass_hat] == [(1, 4)]
    assert found.pass_hat[0].value == pytest.approx((1 + 0.5 + 0 + 0) / 4)
    assert found.mean_reward == pytest.approx(3 / 6)
    assert (found.tasks_unknown, found.tasks_fewer) == (("d",), {"c": 1, "e": 1})
    assert (found.always_solved, found.never_solved) == (("a",), ("c", "e"))
    assert (found.failures_by_blame, found.failures_by_termination) == ({"agent": 3}, {"user_stop": 3})
    assert (found.cost_usd, found.unpriced, found.seconds) == (0.75, 7, 3.0)
    assert found.tokens == {"agent_in": 70, "user_out": 7}
    assert (found.missing, found.infrastructure) == (1, 2)
    first, second = found.floors
    assert (first.name, first.value, first.difference.value, first.difference.tasks) == ("no-op", 0.25, 0.125, 4)
    assert (second.name, second.value) == ("transfer", 0.0)
    assert found.above_floors is False


def test_an_agent_is_above_the_floors_when_the_paired_difference_is() -> None:
    names = [str(number) for number in range(40)]
    agent = results({name: "++++" if number < 24 else "----" for number, name in enumerate(names)})
    own = {"no-op": set(names[:12])}
    found = summarize(agent, own)
    assert found.pass_hat[0].low > found.floors[0].value == 0.3
    assert found.above_floors is True
    assert summarize(agent, {**own, "transfer": set(names[:23])}).above_floors is False
    assert summarize(agent).above_floors is None


def test_what_only_a_judge_could_decide_counts_for_the_floor() -> None:
    floor = {"a": True, "b": None, "c": False}
    (found,) = summarize(results({"a": "+", "b": "+", "c": "+"}), {"no-op": floor}).floors
    assert (found.value, found.undecided) == (pytest.approx(1 / 3), 1)
    assert found.difference.value == pytest.approx(1 / 3)


def test_an_evaluation_of_nothing_has_no_figures() -> None:
    for came in ({}, {"a": "  "}, {"a": "!"}):
        found = summarize(results(came), {"no-op": set()})
        assert (found.pass_hat, found.mean_reward, found.floors, found.above_floors, found.cost_usd) == (
            (),
            None,
            (),
            None,
            None,
        )
    (bounds,) = [summarize(results({"a": "?"})).bounds]
    assert bounds is not None
    assert (bounds.worst, bounds.best, bounds.tasks) == (0, 1, 1)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (episode("z", 0, "+"), "task 'z', trial 0: there is no such task among the results' 2 tasks"),
        (episode("a", 2, "+"), "task 'a', trial 2: trials are numbered from 0, and 2 were asked for"),
        (episode("a", 0, "+"), "task 'a', trial 0: is there twice"),
        (episode("b", 1, "+", verdict=None), "counts as judged, but: not a verdict"),
        (episode("b", 1, "+", verdict={"reward": "much"}), "counts as judged, but: not a verdict: reward"),
        (episode("b", 1, "+", verdict={"reward": math.nan}), "a reward is 0 to 1, not nan"),
        (episode("b", 1, "+", verdict={"reward": 7}), "a reward is 0 to 1, not 7"),
        (episode("b", 1, "+", cost_usd=math.nan), "cost_usd is nan"),
        (episode("b", 1, "+", seconds=-1), "seconds is -1"),
        (episode("b", 1, "+", trajectory={"usage": {"agent_in": "lots"}}), "usage is no counts of tokens"),
    ],
)
def test_results_that_contradict_themselves_have_no_figures(wrong: Episode, words: str) -> None:
    made = results({"a": "++", "b": "+ "})
    with pytest.raises(EigenGraphError, match=words):
        summarize(with_episodes(made, [*made.episodes, wrong]))


@pytest.mark.parametrize(
    ("tasks", "words"), [(({"id": "a"}, {"id": "a"}), "task 1: id 'a' again"), (({},), "has no id")]
)
def test_tasks_need_an_id_of_their_own(tasks: tuple[dict[str, Any], ...], words: str) -> None:
    with pytest.raises(EigenGraphError, match=words):
        summarize(results({}).model_copy(update={"tasks": tasks}))


def test_a_floor_of_other_tasks_is_refused() -> None:
    with pytest.raises(EigenGraphError, match="floor 'no-op' says nothing of task 'a'"):
        summarize(results({"a": "+"}), {"no-op": {"b": True}})


def test_a_failure_that_says_nothing_of_itself_is_counted() -> None:
    made = results({"a": " "})
    odd = episode("a", 0, "-", verdict={"reward": 0}, trajectory={"termination": ["?"]})
    found = summarize(with_episodes(made, [odd]))
    assert found.failures_by_blame == found.failures_by_termination == {"unknown": 1}


def test_reading_the_module_does_without_scipy() -> None:
    code = "import sys, eigen_graph.evaluation.summary; print('scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

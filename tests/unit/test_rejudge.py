"""Stored results judged again: what agrees, what does not, what cannot be judged, and what is refused altogether."""

from __future__ import annotations

from typing import Any

import pytest
from errands import CREDIT, FIND, OPEN, dialogue, does, home, repair, shop, task
from stored import acted, episode, stored, with_tasks

from eigen_graph.checkers import build_checker
from eigen_graph.core import (
    Domain,
    EigenGraphError,
    EvaluationCriteria,
    Message,
    Task,
    ToolCall,
    Trajectory,
    UserScenario,
)
from eigen_graph.evaluation import Episode
from eigen_graph.evaluation.differences import explained
from eigen_graph.evaluation.rejudge import Rejudged, rejudge

SHOP, HOME = shop(), home()
CREDITED = task(CREDIT)


def once(one: Episode, *, domain: Domain = SHOP, about: Task = CREDITED, **options: Any) -> Rejudged:
    return rejudge(stored(domain, [about], one), domain, **options)


def with_result(one: Episode, **given: Any) -> Episode:
    """With the first result written otherwise."""
    trajectory = Trajectory.from_json(one.trajectory)
    at = next(index for index, message in enumerate(trajectory.messages) if message.role == "tool")
    messages = list(trajectory.messages)
    messages[at] = messages[at].model_copy(update=given)
    changed = trajectory.model_copy(update={"messages": tuple(messages)})
    return one.model_copy(update={"trajectory": changed.to_json()})


def called(name: str, *, content: str, error: bool) -> Trajectory:
    """A dialogue with one call."""
    return Trajectory(
        messages=(
            Message(role="assistant", tool_calls=(ToolCall(id="c", name=name),)),
            Message(role="tool", content=content, tool_call_id="c", requestor="assistant", error=error),
            Message(role="user", content="###STOP###"),
        )
    )


SOLVED, IDLE = acted(SHOP, CREDITED, CREDIT), acted(SHOP, CREDITED)


@pytest.mark.parametrize(
    ("one", "outcome", "reward", "saying"),
    [
        (SOLVED, "equal", 1, ""),
        (IDLE, "equal", 0, ""),
        (acted(SHOP, CREDITED, stated=1), "different", 0, "customers/C1: credit is 0.0, should be 1200.0"),
        (acted(SHOP, CREDITED, CREDIT, stated=0), "different", 1, "DB passed here"),
        (acted(SHOP, CREDITED, CREDIT, stated=0.5), "different", 1, ""),
        (SOLVED.model_copy(update={"status": "unjudged"}), "new", 1, ""),
        (episode("t", None, status="infrastructure", verdict=None), "infrastructure", None, "infrastructure"),
        (episode("t", Trajectory(termination="infrastructure_error")), "empty", None, "no messages"),
        (episode("t", None, reason="it was spoken"), "empty", None, "it was spoken"),
        (episode("t", Trajectory()), "empty", None, "no messages"),
        (SOLVED.model_copy(update={"task_id": "u"}), "unknown_task", None, "shop has no task 'u'"),
        (with_result(SOLVED, content="1300.0"), "untrue", None, "gave '1300.0'; run again, it gives '1200.0'"),
        (with_result(SOLVED, error=True), "untrue", None, "add_credit"),
        (with_result(SOLVED, content=" 1200 "), "equal", 1, ""),
        (episode("t", called("fly", content="Error: what?", error=True), verdict={"reward": 0}), "equal", 0, ""),
        (episode("t", called("fly", content="I flew", error=False)), "unknown_tool", None, "is no tool of the agent's"),
        (
            episode("t", called("fly", content="I flew", error=False).model_copy(update={"termination": "max_steps"})),
            "different",
            0,
            "the dialogue ended by max_steps",
        ),
    ],
)
def test_what_becomes_of_an_episode(one: Episode, outcome: str, reward: float | None, saying: str) -> None:
    made = once(one)
    (ruling,), (kept,) = made.rulings, made.results.episodes
    assert (ruling.outcome, ruling.reward) == (outcome, reward)
    assert saying in ruling.reason
    assert made.agrees == (outcome in {"equal", "new"})
    assert kept.reward == reward
    assert (kept.status == "judged") == (reward is not None)


def test_a_task_that_does_not_fit_the_domain() -> None:
    broken = Task.from_json(
        {"id": "t", "initial_state": {"initialization_actions": [{"env_type": "assistant", "func_name": "x"}]}}
    )
    (ruling,) = once(SOLVED, about=broken).rulings
    assert ruling.outcome == "unfit"
    assert "no initial action 'x'" in ruling.reason


def test_statements_need_a_judge_and_are_never_passed_in_silence() -> None:
    criteria = EvaluationCriteria(
        actions=(CREDIT,), nl_assertions=("It was kind.",), reward_basis=("DB", "NL_ASSERTION")
    )
    about = Task(id="t", evaluation_criteria=criteria)
    solved = acted(SHOP, about, CREDIT, stated=1)
    assert [r.outcome for r in once(solved, about=about).rulings] == ["unheard"]
    for met in (True, False):
        heard = {"It was kind.": {"met": met, "reason": "so it was"}}
        (ruling,) = once(solved.model_copy(update={"opinions": heard}), about=about).rulings
        assert ruling.outcome == ("equal" if met else "different")
    (ruling,) = once(solved.model_copy(update={"opinions": {"It was kind.": {"met": "perhaps"}}}), about=about).rulings
    assert ruling.outcome == "unfit"
    lazy = acted(SHOP, about, stated=0)
    assert once(lazy, about=about).agrees  # another part fails: no judge is needed


def test_an_unfinished_run_says_what_is_missing() -> None:
    tasks = [CREDITED, CREDITED.model_copy(update={"id": "u"})]
    made = rejudge(stored(SHOP, tasks, SOLVED, trials=3), SHOP)
    assert made.missing == 5
    assert rejudge(stored(SHOP, tasks, trials=3), SHOP).missing == 6
    assert not rejudge(stored(SHOP, tasks, trials=3), SHOP).agrees  # nothing was judged


def test_the_new_verdicts_say_by_what_they_were_made() -> None:
    made = rejudge(stored(SHOP, [CREDITED], acted(SHOP, CREDITED, stated=1), database=""), SHOP, "eigen")
    assert made.results.info.basis == "eigen"
    assert made.results.info.database
    again = rejudge(made.results, SHOP)
    assert again.agrees
    assert again.results == made.results


ACTED = acted(SHOP, CREDITED, CREDIT)
OTHER = task(does("add_credit", customer_id="C1", amount=5.0)).model_copy(update={"id": "u"})
BENCHMARK = with_tasks(SHOP, CREDITED, OTHER)


def test_tasks_of_the_domain_are_known_however_they_are_spelt() -> None:
    spelt = Task.from_json({**CREDITED.model_dump(mode="json"), "description": {"notes": "n"}, "issues": []})
    assert rejudge(stored(SHOP, [spelt], ACTED), BENCHMARK).agrees
    assert rejudge(stored(SHOP, [], ACTED), BENCHMARK).results.tasks == (CREDITED.to_json(),)


@pytest.mark.parametrize(
    ("tasks", "saying"),
    [
        ([CREDITED.model_copy(update={"id": "u"}), OTHER.model_copy(update={"id": "t"})], ("another's id: 2", "'t'")),
        ([task(CREDIT, CREDIT)], ("differing: 1 (t)",)),
        ([CREDITED.model_copy(update={"id": "x"})], ("unknown here: 1 (x)",)),
        ([CREDITED.model_copy(update={"user_scenario": UserScenario(instructions="Another.")})], ("differing: 1",)),
        ([CREDITED.model_copy(update={"initial_state": repair().initial_state})], ("differing: 1",)),
    ],
)
def test_tasks_of_another_version_are_refused_by_their_hashes(tasks: list[Task], saying: tuple[str, ...]) -> None:
    given = stored(SHOP, [Task.from_json(one.model_dump(mode="json")) for one in tasks], ACTED, task_digest="e" * 40)
    with pytest.raises(EigenGraphError, match="--own-tasks") as refusal:
        rejudge(given, BENCHMARK)
    for text in ("made with task file eeeeeeeeeeee", "of task file dddddddddddd", *saying):
        assert text in str(refusal.value)
    assert rejudge(given, BENCHMARK, own_tasks=True).results.info.task_digest == "e" * 40
    for stated in ("", "d" * 40):  # it knows no task file, or says it was made with the domain's, which is not true
        claim = given.model_copy(update={"info": given.info.model_copy(update={"task_digest": stated})})
        assert rejudge(claim, BENCHMARK, own_tasks=True).results.info.task_digest.startswith("own-")


def test_own_tasks_are_judged_by_alone() -> None:
    made = rejudge(stored(SHOP, [OTHER], ACTED), BENCHMARK, own_tasks=True)
    assert [ruling.outcome for ruling in made.rulings] == ["unknown_task"]


def test_what_is_refused_altogether() -> None:
    with pytest.raises(EigenGraphError, match=r"trial 0 of task 't' stands in the results 2 times"):
        rejudge(stored(SHOP, [CREDITED], SOLVED, SOLVED), SHOP)
    with pytest.raises(EigenGraphError, match="task 't' stands in the results file twice"):
        rejudge(stored(SHOP, [CREDITED, CREDITED], SOLVED), SHOP)
    with pytest.raises(EigenGraphError, match="were made with databases abc"):
        rejudge(stored(SHOP, [CREDITED], SOLVED, database="abc"), SHOP)


SYNCED = repair().model_copy(
    update={"evaluation_criteria": repair().criteria.model_copy(update={"reward_basis": ("DB", "ENV_ASSERTION")})}
)
WEIGHT = does("set_weight", order_id="O1", weight=2)
REFUSED = does("cancel_order", order_id="O8", reason="late")


@pytest.mark.parametrize(
    ("domain", "about", "moves", "differs"),
    [
        (HOME, SYNCED, repair().actions, [("DB", True, "do not reach: the user's router/mine: light")]),
        (SHOP, task(WEIGHT), (does("set_weight", order_id="O1", weight=2.0),), [("DB", True, "spelt or ordered")]),
        (SHOP, task(REFUSED, CREDIT), (REFUSED, CREDIT), [("DB", False, "cancel_order: it has left already")]),
        (SHOP, Task(id="t"), (CREDIT,), [("DB", False, "neither actions nor assertions")]),
        (SHOP, task(CREDIT, alternatives=((WEIGHT,),)), (WEIGHT,), [("DB", True, "another solution")]),
        (
            SHOP,
            task(facts=("4",), basis=("COMMUNICATE",)),
            (("assistant", "It is $480."),),
            [("COMMUNICATE", False, "tau2 finds '4' in 'It is $480")],
        ),
        (
            SHOP,
            task(facts=("1,200",), basis=("COMMUNICATE",)),
            (("assistant", "It is $1200."),),
            [("COMMUNICATE", True, "takes commas out")],
        ),
        (SHOP, task(REFUSED, basis=("ACTION",)), (REFUSED,), [("ACTION", False, "cancel_order failed")]),
        (SHOP, task(WEIGHT, basis=("ACTION",)), (does("set_weight"),), [("ACTION", False, "set_weight failed")]),
        (
            HOME,
            repair().model_copy(update={"evaluation_criteria": task(does("plug_in"), basis=("ACTION",)).criteria}),
            (does("plug_in", by="user"),),
            [("ACTION", False, "plug_in was called by the user")],
        ),
        (SHOP, task(FIND, CREDIT, facts=("kind",), basis=("DB", "COMMUNICATE", "ACTION")), (FIND, CREDIT), []),
    ],
)
def test_where_our_rules_differ_from_tau2s_it_is_said_why(
    domain: Domain, about: Task, moves: Any, differs: list[tuple[str, bool, str]]
) -> None:
    bench = build_checker(about, domain).bench(domain)
    found = list(explained(bench, dialogue(domain, about, OPEN, *moves)))
    assert [(one.basis, one.passed) for one in found] == [(basis, passed) for basis, passed, _ in differs]
    for one, (_, _, saying) in zip(found, differs, strict=True):
        assert saying in one.reason
    (ruling,) = rejudge(stored(domain, [about], acted(domain, about, *moves)), domain, "eigen").rulings
    if ruling.outcome == "different":
        assert ruling.reason == "; ".join(map(str, found))


def test_a_fact_beside_a_tool_call_is_not_told() -> None:
    about = task(facts=("1200",), basis=("COMMUNICATE",))
    spoken = called("get_order", content="x", error=False)
    beside = spoken.messages[0].model_copy(update={"content": "You get 1200."})
    bench = build_checker(about, SHOP).bench(SHOP)
    (found,) = explained(bench, spoken.model_copy(update={"messages": (beside, *spoken.messages[1:])}))
    assert "beside a tool call" in found.reason

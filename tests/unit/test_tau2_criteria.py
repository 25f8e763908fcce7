"""tau2's bases, oddities included."""

from __future__ import annotations

import pytest
from errands import CANCEL, CREDIT, FIND, OPEN, checker_of, dialogue, does, home, judged, repair, shop, task

from eigen_graph.checkers.tau2_criteria import matches
from eigen_graph.core import Action, EvaluationCriteria, Message, Task, ToolCall, Trajectory

SHOP, HOME = shop(), home()


def test_db_tells_an_int_from_a_float() -> None:
    about = task(does("set_weight", order_id="O1", weight=2))
    assert judged(SHOP, about, does("set_weight", order_id="O1", weight=2), by="DB").reward == 1
    verdict = judged(SHOP, about, does("set_weight", order_id="O1", weight=2.0), by="DB")
    assert "weight is 2.0, should be 2" in verdict.reason


def test_db_minds_the_order_of_lists_but_not_of_writes() -> None:
    red, blue = does("tag_order", order_id="O1", tag="red"), does("tag_order", order_id="O1", tag="blue")
    assert judged(SHOP, task(red, blue), blue, red, by="DB").reward == 0
    assert judged(SHOP, task(red, CREDIT), CREDIT, red, by="DB").reward == 1


def test_db_swallows_errors_of_the_gold_actions_and_skips_unknown_tools() -> None:
    about = task(does("cancel_order", order_id="O8", reason="late"), does("no_such_tool"), CREDIT)
    assert judged(SHOP, about, does("of_another_world", x=1), CREDIT, by="DB").reward == 1
    assert judged(SHOP, about, by="DB").reward == 0


def test_db_without_actions_and_assertions_passes() -> None:
    nothing = Task(id="t", evaluation_criteria=EvaluationCriteria(reward_basis=("DB",)))
    assert judged(SHOP, nothing, CREDIT, by="DB").reward == 1
    assert judged(SHOP, Task(id="t"), CREDIT, by="DB+COMMUNICATE").reward == 1
    assert judged(SHOP, task(), CREDIT, by="DB").reward == 0


def test_db_replays_the_gold_actions_without_sync() -> None:
    """So even the right dialogue fails where sync matters; ENV_ASSERTION, on the synced side, passes."""
    gold = repair().actions
    verdict = judged(HOME, repair(), OPEN, *gold, by="DB+ENV_ASSERTION")
    assert [part.passed for part in verdict.parts] == [False, True]
    assert "the user's router/mine: light is 'green', should be 'off'" in verdict.reason
    assert judged(HOME, repair(), OPEN, *gold, by="ENV_ASSERTION").reward == 1
    assert judged(HOME, repair(), OPEN, *gold[:2], by="ENV_ASSERTION").reward == 0


def test_calls_without_a_result_were_never_made() -> None:
    cut = Trajectory(messages=(Message(role="assistant", tool_calls=(ToolCall(id="1", name=CREDIT.name),)),))
    assert checker_of(SHOP, task(), "DB").judge(cut, SHOP).reward == 1


@pytest.mark.parametrize(
    ("gold", "call", "match"),
    [
        (CANCEL, {"order_id": "O1", "reason": "late"}, True),
        (CANCEL, {"order_id": "O1"}, True),  # what the call leaves out is not compared
        (CANCEL, {}, True),
        (CANCEL, {"order_id": "O2"}, False),
        (CANCEL, {"order_id": "O1", "reason": "late", "extra": 1}, False),
        (CANCEL, "not JSON", False),
        (CANCEL.model_copy(update={"compare_args": []}), {"order_id": "O7"}, True),
        (CANCEL.model_copy(update={"compare_args": []}), "not JSON", True),
        (CANCEL.model_copy(update={"compare_args": ["order_id"]}), {"order_id": "O1", "reason": "mistake"}, True),
        (CANCEL.model_copy(update={"compare_args": ["order_id"]}), {"reason": "late"}, False),
        (CREDIT, {"customer_id": "C1", "amount": 1200}, True),
    ],
)
def test_action_compares_what_the_call_gave(gold: Action, call: dict | str, *, match: bool) -> None:
    assert matches(gold, ToolCall(id="1", name=gold.name, arguments=call)) is match


def test_action_needs_each_gold_action_in_any_order_by_anyone() -> None:
    about = task(FIND, CANCEL)
    assert judged(SHOP, about, CANCEL, FIND, by="ACTION").reward == 1
    by_user = CANCEL.model_copy(update={"requestor": "user"})
    assert judged(SHOP, about, by_user, FIND, by="ACTION").reward == 1
    assert "no call matches find_customer" in judged(SHOP, about, CANCEL, by="ACTION").reason
    assert judged(SHOP, task(), by="ACTION").reward == 1


@pytest.mark.parametrize(
    ("fact", "text", "met"),
    [
        ("1200", "$1,200.00", True),
        ("1,200", "$1,200.00", False),  # a fact with a comma can never match
        ("4", "$480", True),
        ("YES", "yes indeed", True),
        ("two", "one", False),
    ],
)
def test_communicate_takes_commas_out_of_the_words_only(fact: str, text: str, *, met: bool) -> None:
    assert judged(SHOP, task(facts=(fact,)), OPEN, ("assistant", text), by="COMMUNICATE").reward == met


def test_communicate_hears_text_beside_tool_calls() -> None:
    beside = Message(role="assistant", content="1200", tool_calls=(ToolCall(id="1", name="x"),))
    trajectory = dialogue(SHOP, task(), OPEN)
    trajectory = trajectory.model_copy(update={"messages": (*trajectory.messages, beside)})
    assert checker_of(SHOP, task(facts=("1200",)), "COMMUNICATE").judge(trajectory, SHOP).reward == 1


def test_statements_for_a_language_model_are_never_passed_in_silence() -> None:
    about = Task.from_json(
        {"id": "t", "evaluation_criteria": {"actions": [], "nl_assertions": ["is kind"], "reward_basis": ["DB"]}}
    )
    verdict = judged(SHOP, about, OPEN, by="DB+NL_ASSERTION")
    assert (verdict.reward, verdict.parts[1].passed, verdict.blame) == (0, None, "checker")
    assert "not judged" in verdict.reason
    assert judged(SHOP, task(), OPEN, by="NL_ASSERTION").reward == 1


@pytest.mark.parametrize("ending", ["max_steps", "too_many_errors", "timeout", "agent_error", "unexpected_error"])
def test_only_a_stop_is_rewarded(ending: str) -> None:
    right = dialogue(SHOP, task(CREDIT), OPEN, CREDIT).model_copy(update={"termination": ending})
    verdict = checker_of(SHOP, task(CREDIT), "DB").judge(right, SHOP)
    assert (verdict.reward, verdict.parts) == (0, ())
    assert ending in verdict.reason
    stopped = right.model_copy(update={"termination": "agent_stop"})
    assert checker_of(SHOP, task(CREDIT), "DB").judge(stopped, SHOP).reward == 1

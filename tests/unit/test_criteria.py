"""Our own criteria: what each passes, what it fails, and in what words."""

from __future__ import annotations

import pytest
from errands import (
    CANCEL,
    CREDIT,
    FIND,
    OPEN,
    PROPOSE,
    YES,
    checker_of,
    dialogue,
    does,
    home,
    judged,
    repair,
    shop,
    task,
)
from hypothesis import given
from hypothesis import strategies as st

from eigen_graph.checkers.facts import says, unsaid
from eigen_graph.core import Assertion, Message, ToolCall

SHOP, HOME = shop(), home()


def test_state_passes_the_same_end_whatever_the_way() -> None:
    about = task(FIND, CANCEL)
    assert judged(SHOP, about, OPEN, CANCEL, by="state").reward == 1
    assert judged(SHOP, about, OPEN, CANCEL, CANCEL, by="state").reward == 1


@pytest.mark.parametrize(
    ("moves", "words"),
    [
        ((), "orders/O1: status is 'open', should be 'cancelled'"),
        ((does("cancel_order", order_id="O3", reason="late"),), "orders/O3: status is 'cancelled', should be 'open'"),
        ((CANCEL, CREDIT), "customers/C1: credit is 1200.0, should be 0.0"),
    ],
)
def test_state_says_what_differs(moves: tuple, words: str) -> None:
    verdict = judged(SHOP, task(FIND, CANCEL), OPEN, *moves, by="state")
    assert verdict.reward == 0
    assert words in verdict.parts[0].reason
    assert verdict.blame == "agent"


def test_state_compares_numbers_as_numbers_and_bounds_its_words() -> None:
    about = task(does("set_weight", order_id="O1", weight=2))
    assert judged(SHOP, about, does("set_weight", order_id="O1", weight=2.0), by="state").reward == 1
    many = [does("tag_order", order_id=f"O{n}", tag="x" * 5000) for n in range(1, 8)]
    reason = judged(SHOP, about, *many, by="state").parts[0].reason
    assert len(reason) < 700
    assert "more" in reason


def test_state_accepts_the_alternatives() -> None:
    other = (FIND, does("cancel_order", order_id="O2", reason="late"))
    about = task(FIND, CANCEL, alternatives=(other,))
    assert judged(SHOP, about, OPEN, *other, by="state").reward == 1
    assert judged(SHOP, about, OPEN, *other, CANCEL, by="state").reward == 0


def test_state_of_a_task_whose_own_write_is_refused_blames_the_task() -> None:
    verdict = judged(SHOP, task(does("cancel_order", order_id="O8", reason="late")), OPEN, by="state")
    assert (verdict.reward, verdict.blame) == (0, "task")
    assert "it has left already" in verdict.reason
    assert judged(SHOP, task(does("no_such_tool")), OPEN, by="state").blame == "task"
    # A look-up of the task's that finds nothing is no fault: it may be meant so.
    assert judged(SHOP, task(does("find_customer", email="nobody")), OPEN, by="state").reward == 1


def test_state_looks_at_both_sides_after_sync() -> None:
    gold = repair().actions
    assert judged(HOME, repair(), OPEN, *gold, by="state+assertions").reward == 1
    half = judged(HOME, repair(), OPEN, *gold[:2], by="state+assertions")
    assert [part.passed for part in half.parts] == [False, False]
    assert "the user's router/mine: plugged is False, should be True" in half.reason
    assert "light_is(colour='green') is wrong" in half.reason


def test_assertions_that_do_not_exist_blame_the_task() -> None:
    about = repair()
    unknown = Assertion(env_type="user", func_name="sings")
    assert about.evaluation_criteria is not None
    about = about.model_copy(
        update={"evaluation_criteria": about.evaluation_criteria.model_copy(update={"env_assertions": (unknown,)})}
    )
    assert judged(HOME, about, OPEN, *about.actions, by="assertions").blame == "task"


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("It comes to $1,200.00 in all.", "1200"),
        ("It comes to **1200** euros.", "1,200.00"),
        ("You get 49.90 back", "49.9"),
        ("Booked for 2025\u201106\u201104.", "2025-06-04"),
        ("From 2025-06-04T14:00:00 on", "2025-06-04"),
        ("50Mbps", "50 Mbps"),
        ("a 3-night stay", "3"),
        ("That is 10 percent.", "10%"),
        ("Dear SMITH, John", "smith john"),
        ("Ref. res-1001!", "RES-1001"),
        ("minus: -$30.00", "-30"),
        ("1\u00a0200 \uff14", "4"),
        ("anything", ""),
        ("all right!!", "!!"),
    ],
)
def test_said(text: str, fact: str) -> None:
    assert says([text], fact)


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("$480", "4"),
        ("4.5 km", "4"),
        ("on 2025-06-04", "4"),
        ("at 14:00", "14"),
        ("room 12A", "12"),
        ("booking B0042", "42"),
        ("code 0042", "42"),
        ("$1,200.50", "1200"),
        ("-30", "30"),
        ("cancelled", "cancel"),
        ("one two", "two one"),
        ("fine", "!!"),
        ("", "4"),
    ],
)
def test_not_said(text: str, fact: str) -> None:
    assert not says([text], fact)


@given(st.text(max_size=80), st.text(max_size=20))
def test_facts_never_fail_to_be_judged_and_say_themselves(text: str, fact: str) -> None:
    assert unsaid([text, fact], [fact]) == []
    assert says([text], fact) in (True, False)


@given(st.integers(min_value=-(10**9), max_value=10**9), st.integers(min_value=0, max_value=99))
def test_an_amount_is_said_in_any_dress(euros: int, cents: int) -> None:
    amount = f"{euros}.{cents:02d}"
    assert says([f"In all: {float(amount):,.2f}."], amount)
    assert not says([f"In all: {float(amount) + 1:,.2f}."], amount)


def test_said_hears_only_what_reaches_the_user() -> None:
    about = task(facts=("1200",))
    assert judged(SHOP, about, OPEN, ("assistant", "You get 1,200.00."), by="said").reward == 1
    assert "not said: '1200'" in judged(SHOP, about, OPEN, ("assistant", "You get 12,000."), by="said").reason
    by_user = judged(SHOP, about, OPEN, ("assistant", "How much?"), ("user", "1200"), by="said")
    assert by_user.reward == 0
    beside = Message(role="assistant", content="1200", tool_calls=(ToolCall(id="1", name="x"),))
    spoken = dialogue(SHOP, about, OPEN)
    hidden = spoken.model_copy(update={"messages": (*spoken.messages[:-1], beside, spoken.messages[-1])})
    assert checker_of(SHOP, about, "said").judge(hidden, SHOP).reward == 0


LOOK = does("get_order", order_id="O1")


@pytest.mark.parametrize(
    "moves",
    [
        (OPEN, FIND, PROPOSE, YES, CANCEL),
        (OPEN, FIND, LOOK, PROPOSE, YES, LOOK, CANCEL),  # looks again at what it had proposed
        (OPEN, FIND, PROPOSE, YES, CREDIT, CANCEL),  # one yes for a run of writes
        (OPEN, FIND, PROPOSE, YES, does("cancel_order", order_id="O1"), CANCEL),  # a failed call between
        (OPEN, does("cancel_order", order_id="O8", reason="late"), CREDIT),  # refused, and one that needs nothing
    ],
)
def test_procedure_kept(moves: tuple) -> None:
    assert judged(SHOP, task(), *moves, by="procedure").reward == 1


@pytest.mark.parametrize(
    ("moves", "words"),
    [
        ((OPEN, FIND, PROPOSE, CANCEL), "the last word was the agent's own"),
        ((OPEN, FIND, CANCEL), "the user had only opened"),
        ((OPEN, PROPOSE, YES, FIND, CANCEL), "find_customer was looked up only after it"),
        ((OPEN, FIND, PROPOSE, YES, LOOK, CANCEL), "get_order was looked up only after it"),
        ((OPEN, PROPOSE, YES, CANCEL), "before find_customer had succeeded"),
        ((OPEN, does("find_customer", email="x"), PROPOSE, YES, CANCEL), "before find_customer had succeeded"),
        (
            (
                OPEN,
                FIND,
                PROPOSE,
                YES,
                CANCEL,
                ("assistant", "Done."),
                does("cancel_order", order_id="O2", reason="late"),
            ),
            "the last word was the agent's own",
        ),
    ],
)
def test_procedure_broken(moves: tuple, words: str) -> None:
    verdict = judged(SHOP, task(), *moves, by="procedure")
    assert (verdict.reward, verdict.blame) == (0, "agent")
    assert words in verdict.reason


def test_identity_asked_for_in_the_same_breath_came_too_late() -> None:
    together = dialogue(SHOP, task(), OPEN, FIND, PROPOSE, YES, CANCEL)
    calls = tuple(call for message in together.messages for call in message.tool_calls)
    results = tuple(message for message in together.messages if message.role == "tool")
    texts = [message for message in together.messages if message.content and message.role != "tool"]
    at_once = (*texts[:-1], Message(role="assistant", tool_calls=calls), *results, texts[-1])
    verdict = checker_of(SHOP, task(), "procedure").judge(together.model_copy(update={"messages": at_once}), SHOP)
    assert "before find_customer had succeeded" in verdict.reason


ONE_CANCELLED = """
def check(changes, calls, said):
    if any(c["side"] != "assistant" or c["table"] != "orders" for c in changes):
        return False, "something else was changed"
    done = [c["key"] for c in changes if c["before"]["status"] == "open" and c["after"]["status"] == "cancelled"]
    named = [c["arguments"]["order_id"] for c in calls if c["name"] == "cancel_order" and not c["error"]]
    return len(done) == 1 and named == done and "thank you" not in said, "exactly one must be cancelled"
"""


def test_code_sees_changes_calls_and_words() -> None:
    about = task(checker_code=ONE_CANCELLED)
    assert judged(SHOP, about, OPEN, CANCEL, by="code").reward == 1
    assert judged(SHOP, about, OPEN, does("cancel_order", order_id="O4", reason="late"), by="code").reward == 1
    assert "exactly one must be cancelled" in judged(SHOP, about, OPEN, by="code").reason
    assert "something else" in judged(SHOP, about, OPEN, CANCEL, CREDIT, by="code").reason
    assert judged(SHOP, about, OPEN, CREDIT, by="code").blame == "agent"


@pytest.mark.parametrize("program", ["def check(:", "def check(changes, calls, said): return 1", "x = 1"])
def test_code_that_is_no_program_blames_the_checker(program: str) -> None:
    verdict = judged(SHOP, task(checker_code=program), OPEN, by="code")
    assert (verdict.reward, verdict.blame, verdict.parts[0].passed) == (0, "checker", False)
    assert verdict.reason


def test_code_without_a_program_blames_the_task() -> None:
    assert judged(SHOP, task(), OPEN, by="code").blame == "task"


def test_changes_are_told_from_the_tasks_own_beginning() -> None:
    code = "def check(changes, calls, said): return False, str([(c['side'], c['key'], c['after']) for c in changes])"
    about = repair().model_copy(update={"eigen": task(checker_code=code).eigen})
    reason = judged(HOME, about, OPEN, does("plug_in", by="user"), by="code").reason
    assert reason == "code: [('user', 'mine', {'plugged': True, 'light': 'red'})]"

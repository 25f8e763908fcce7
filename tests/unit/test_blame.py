"""Whose fault a failed dialogue is: one test a rule, each with what shows it."""

from __future__ import annotations

import pytest
from errands import (
    CANCEL,
    CREDIT,
    FIND,
    OPEN,
    PROPOSE,
    YES,
    build_checker,
    dialogue,
    does,
    home,
    repair,
    shop,
    task,
)

from eigen_graph.checkers import Attribution, attribute
from eigen_graph.core import STOP, Domain, Message, Task, ToolCall, Trajectory

SHOP, HOME = shop(), home()
DONE = ("assistant", "It is done. Is there anything else I can do?")


def found(domain: Domain, about: Task, trajectory: Trajectory) -> Attribution:
    verdict = build_checker(about, domain).judge(trajectory, domain)
    cause = attribute(verdict, trajectory, about, domain)
    assert cause.blame == verdict.blame
    assert bool(cause.reason) == (verdict.reward < 1)
    assert all(0 <= i < len(trajectory.messages) for i in cause.evidence)
    return cause


def test_nothing_failed() -> None:
    right = dialogue(SHOP, task(FIND, CANCEL), OPEN, FIND, PROPOSE, YES, CANCEL, DONE)
    assert found(SHOP, task(FIND, CANCEL), right) == Attribution(None, (), "")


@pytest.mark.parametrize(
    ("termination", "blame"),
    [
        ("infrastructure_error", "infrastructure"),
        ("timeout", "infrastructure"),
        ("unexpected_error", "infrastructure"),
        ("user_error", "user"),
        ("agent_error", "agent"),
        ("context_window_exceeded", "agent"),
        ("max_steps", "agent"),
        ("too_many_errors", "agent"),
    ],
)
def test_by_how_it_ended(termination: str, blame: str) -> None:
    cut = dialogue(SHOP, task(CREDIT), OPEN, CREDIT).model_copy(update={"termination": termination})
    assert found(SHOP, task(CREDIT), cut).blame == blame
    assert found(SHOP, task(CREDIT), Trajectory(termination=termination)).blame == blame


def test_too_many_errors_are_the_fault_of_who_made_most() -> None:
    wrong, by_user = does("get_order", order_id="?"), does("look_at_router", by="user", x=1)
    moves = [OPEN, does("test_line", line_id="?"), by_user, by_user]
    cut = dialogue(HOME, repair(), *moves, stop=False).model_copy(update={"termination": "too_many_errors"})
    assert found(HOME, repair(), cut) == Attribution("user", (4, 6), "2 failed calls of the user")
    cut = dialogue(SHOP, task(), OPEN, wrong, wrong, stop=False).model_copy(update={"termination": "too_many_errors"})
    assert found(SHOP, task(), cut).blame == "agent"


def test_a_user_who_only_looks_around_uses_up_the_steps() -> None:
    test, reset, _ = repair().actions
    looks = [does("look_at_router", by="user")] * 6
    about = repair()
    cut = dialogue(HOME, about, OPEN, test, reset, ("assistant", "Please plug it in."), *looks, stop=False)
    assert found(HOME, about, cut.model_copy(update={"termination": "max_steps"})).blame == "user"
    chat = [("assistant", "Hm."), ("user", "Well?")] * 4
    cut = dialogue(HOME, about, OPEN, *chat, *looks[:2], stop=False).model_copy(update={"termination": "max_steps"})
    assert found(HOME, about, cut).blame == "agent"


def test_a_criterion_that_knows() -> None:
    broken = task(checker_code="def check(changes, calls, said): return 1 / 0")
    assert found(SHOP, broken, dialogue(SHOP, broken, OPEN, DONE)).blame == "checker"
    refused = task(does("cancel_order", order_id="O8", reason="late"))
    assert found(SHOP, refused, dialogue(SHOP, refused, OPEN, DONE)).blame == "task"


def test_a_tool_that_breaks_under_a_right_call() -> None:
    about = task(CREDIT)
    jam = does("jam_printer", order_id="O1")
    asked = about.model_copy(
        update={"evaluation_criteria": about.criteria.model_copy(update={"actions": (CREDIT, jam)})}
    )
    trajectory = dialogue(SHOP, asked, OPEN, CREDIT, jam, DONE)
    verdict = build_checker(about, SHOP).judge(dialogue(SHOP, about, OPEN, DONE), SHOP)
    cause = attribute(verdict, trajectory, asked, SHOP)
    assert (cause.blame, cause.evidence) == ("tool", (4,))
    assert "no toner" in cause.reason
    # A refusal is no breakage, and breaking what nobody needed is the caller's affair.
    assert attribute(verdict, trajectory, about, SHOP).blame == "agent"


@pytest.mark.parametrize(
    "last",
    [
        "Shall I cancel it?",
        "What is your order's number? Is there anything else you want to tell me?",
        "Please tell me the number.",
        "I can cancel it for you.\nCould you confirm that?",
    ],
)
def test_a_user_who_stops_while_the_agent_waits(last: str) -> None:
    early = dialogue(SHOP, task(FIND, CANCEL), OPEN, FIND, ("assistant", last))
    stop = len(early.messages) - 1
    assert found(SHOP, task(FIND, CANCEL), early)[:2] == ("user", (stop - 1, stop))


def test_a_yes_with_a_stop_in_it_is_a_stop() -> None:
    said = dialogue(SHOP, task(FIND, CANCEL), OPEN, FIND, PROPOSE, stop=False)
    yes = Message(role="user", content=f"Yes, please. {STOP}")
    early = said.model_copy(update={"messages": (*said.messages, yes)})
    assert found(SHOP, task(FIND, CANCEL), early).blame == "user"


@pytest.mark.parametrize(
    "last",
    [
        "It is cancelled.",
        "Done! Is there anything else?",
        "I can't do that. Let me know if you need more.",
        "Thank you!",
    ],
)
def test_an_agent_who_claims_or_refuses_and_was_believed(last: str) -> None:
    cause = found(SHOP, task(FIND, CANCEL), dialogue(SHOP, task(FIND, CANCEL), OPEN, FIND, ("assistant", last)))
    assert (cause.blame, cause.reason) == ("agent", "cancel_order was never done")


def test_an_agent_who_did_wrong_is_not_excused_by_an_early_stop() -> None:
    wrong = does("add_credit", customer_id="C2", amount=5.0)
    cause = found(SHOP, task(FIND, CANCEL), dialogue(SHOP, task(FIND, CANCEL), OPEN, FIND, wrong, PROPOSE))
    assert (cause.blame, cause.evidence) == ("agent", (4,))
    hasty = dialogue(SHOP, task(FIND, CANCEL, CREDIT), OPEN, FIND, CANCEL, PROPOSE)
    assert found(SHOP, task(FIND, CANCEL, CREDIT), hasty).blame == "agent"


def test_an_agent_who_did_it_twice() -> None:
    cause = found(SHOP, task(CREDIT), dialogue(SHOP, task(CREDIT), OPEN, CREDIT, CREDIT, DONE))
    assert (cause.blame, cause.evidence) == ("agent", (4,))


def test_the_same_call_in_other_words_is_no_stray() -> None:
    early = dialogue(
        SHOP, task(FIND, CREDIT, CANCEL), OPEN, FIND, does("add_credit", amount=1200, customer_id="C1"), PROPOSE
    )
    assert found(SHOP, task(FIND, CREDIT, CANCEL), early).blame == "user"


def test_two_doubled_writes_are_two_strays() -> None:
    tag = does("tag_order", order_id="O1", tag="x")
    cause = found(SHOP, task(CREDIT, tag), dialogue(SHOP, task(CREDIT, tag), OPEN, CREDIT, CREDIT, tag, tag, DONE))
    assert (cause.blame, cause.evidence) == ("agent", (4, 8))


def test_an_agent_who_did_not_say_it() -> None:
    about = task(CREDIT, facts=("1200",))
    cause = found(SHOP, about, dialogue(SHOP, about, OPEN, CREDIT, DONE))
    assert (cause.blame, cause.evidence) == ("agent", (4,))


def test_an_agent_who_did_not_ask() -> None:
    cause = found(SHOP, task(FIND, CANCEL), dialogue(SHOP, task(FIND, CANCEL), OPEN, FIND, CANCEL, DONE))
    assert cause.blame == "agent"


def test_an_agent_who_stops_by_itself() -> None:
    early = dialogue(SHOP, task(FIND, CANCEL), OPEN, FIND, PROPOSE).model_copy(update={"termination": "agent_stop"})
    assert found(SHOP, task(FIND, CANCEL), early).blame == "agent"


def test_a_user_who_leaves_their_own_part_undone() -> None:
    test, reset, plug_in = repair().actions
    told = ("assistant", "Plug the router in, and the light will turn green.")
    cause = found(HOME, repair(), dialogue(HOME, repair(), OPEN, test, reset, told))
    assert cause.blame == "user"
    assert "plug_in" in cause.reason
    untold = ("assistant", "The profile is back, all is well.")
    assert found(HOME, repair(), dialogue(HOME, repair(), OPEN, test, reset, untold)).blame == "agent"
    assert found(HOME, repair(), dialogue(HOME, repair(), OPEN, test, told, plug_in)).blame == "agent"


def test_a_user_who_meddles() -> None:
    pull = does("pull_plug", by="user")
    test, reset, plug_in = repair().actions
    unasked = dialogue(HOME, repair(), OPEN, test, reset, ("assistant", "Turn the router on."), plug_in, pull)
    assert found(HOME, repair(), unasked)[:2] == ("user", (9,))
    asked = dialogue(HOME, repair(), OPEN, test, reset, plug_in, ("assistant", "Now pull the plug."), pull)
    assert found(HOME, repair(), asked).blame == "agent"


def test_calls_that_were_never_answered_count_for_nobody() -> None:
    call = ToolCall(id="1", name="add_credit", arguments={"customer_id": "C2", "amount": 5})
    cut = Trajectory(messages=(Message(role="user", content="Hi"), Message(role="assistant", tool_calls=(call,))))
    cause = found(SHOP, task(CREDIT), cut)
    assert (cause.blame, cause.reason) == ("agent", "add_credit was never done")


def test_a_context_that_is_too_short_is_the_fault_of_who_had_the_turn() -> None:
    look = does("look_at_router", by="user")
    turns = {
        "user": [[OPEN, ("assistant", "A long story.")], [OPEN, ("assistant", "Please look."), look]],
        "agent": [[OPEN], [OPEN, does("test_line", line_id="L1")]],
    }
    for blame, dialogues in turns.items():
        for moves in dialogues:
            cut = dialogue(HOME, repair(), *moves, stop=False)
            assert (
                found(HOME, repair(), cut.model_copy(update={"termination": "context_window_exceeded"})).blame == blame
            )


def test_a_user_who_does_not_end_what_is_settled_uses_up_the_steps() -> None:
    about = task(FIND, CANCEL)
    settled = dialogue(SHOP, about, OPEN, FIND, CANCEL, ("assistant", "Done."), *[("user", "So?")] * 9, stop=False)
    settled = settled.model_copy(update={"termination": "max_steps"})
    assert found(SHOP, about, settled).blame == "user"
    assert found(SHOP, task(FIND, CANCEL, facts=("12.00",)), settled).blame == "agent"


def test_a_user_who_stops_before_the_first_answer_is_to_blame() -> None:
    assert found(SHOP, task(FIND, CANCEL), dialogue(SHOP, task(FIND, CANCEL))).blame == "user"

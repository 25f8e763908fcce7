"""Repairs: what is kept of a dialogue is just what came before its fault, and both sides go on from there."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from told import BOOK, BYE, DOMAIN, FIND, HELLO, TASK, calls, context, says, told
from workflows import repairing

from eigen_graph.core import (
    DIFFICULTIES,
    STOP,
    Beat,
    Case,
    Cue,
    Domain,
    EigenGraphError,
    Environment,
    Message,
    Task,
    Trajectory,
)
from eigen_graph.graphs import Context, dialogue, pipeline_for
from eigen_graph.graphs.prefix import before_fault, turn_after
from eigen_graph.models import planned_faults
from eigen_graph.models.scripted.course import course

AGENT, USER = {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "Please."}
GONE = {"role": "user", "content": f"Bye. {STOP}"}


def acts(role: str, results: int) -> list[dict[str, Any]]:
    made = [{"id": f"c{n}", "name": "find_book", "arguments": {}} for n in range(results)]
    answer = {"role": "tool", "content": "x", "tool_call_id": "c", "requestor": role, "error": False}
    return [{"role": role, "content": None, "tool_calls": made}, *[answer] * results]


# What is kept


moves = st.sampled_from([[AGENT], [USER], [GONE], acts("assistant", 1), acts("assistant", 3), acts("user", 2)])


@given(st.lists(moves, min_size=1, max_size=12), st.data())
def test_what_is_kept_can_be_gone_on_from(made: list[list[dict[str, Any]]], data: st.DataObject) -> None:
    messages = [AGENT, *[message for move in made for message in move]]
    evidence = data.draw(st.lists(st.integers(0, len(messages) - 1), max_size=3))
    kept = before_fault(messages, evidence)
    assert kept == messages[: len(kept)]
    assert len(kept) != 1
    assert len(kept) <= min(evidence, default=0)
    assert GONE not in kept
    if kept:
        assert turn_after(kept) in {"user", "assistant"}
        lost = messages[len(kept) : min(evidence)]  # no more than the turn's rest, or what came after a stop
        assert all(m["role"] == "tool" or m.get("tool_calls") for m in lost) or GONE in lost


def test_nothing_is_kept_of_a_fault_in_the_users_first_words_or_nowhere() -> None:
    messages = [AGENT, USER, *acts("assistant", 1), AGENT, GONE]
    assert [len(before_fault(messages, evidence)) for evidence in ([], [0], [1], [2], [3], [5, 4], [5], [9])] == [
        *[0] * 3,
        *[2] * 2,
        4,
        *[5] * 2,
    ]


@pytest.mark.parametrize(
    ("messages", "actor"),
    [
        ([AGENT], "user"),
        ([AGENT, USER], "assistant"),
        ([AGENT, USER, *acts("assistant", 2)], "assistant"),
        ([AGENT, *acts("user", 2)], "user"),
    ],
)
def test_whose_turn_it_is(messages: list[dict[str, Any]], actor: str) -> None:
    assert turn_after(messages) == actor


@pytest.mark.parametrize("end", [[GONE], acts("user", 2)[:-1], acts("user", 1)[:-1]])
async def test_a_history_that_cannot_go_on_is_refused(end: list[dict[str, Any]]) -> None:
    with pytest.raises(EigenGraphError, match="cannot go on after message"):
        await dialogue.ainvoke({"task": TASK.to_json(), "history": [AGENT, *end]}, context=Context(domain=DOMAIN))


# Going on


async def test_a_dialogue_goes_on_from_its_history_in_the_same_world() -> None:
    lend = calls(("lend_book", {"book_id": BOOK, "reader": "me"}))
    user = [HELLO, says("Yes."), calls(("put_on_shelf", {"book_id": BOOK})), BYE]
    chat = told(user=user, agent=[calls(FIND), says("Shall I?"), lend, says("Done.")])
    whole = (await dialogue.ainvoke({"task": TASK.to_json()}, context=context(chat)))["trajectory"]
    spoken = [at for at, message in enumerate(whole["messages"]) if message["role"] != "tool"]
    for cut in spoken[2:]:
        kept = whole["messages"][:cut]
        said = Counter(message["role"] for message in kept if message["role"] != "tool")
        rest = told(user=user[said["user"] :], agent=chat.lines["agent"][said["assistant"] - 1 :] or [HELLO])
        request: Any = {"task": TASK.to_json(), "history": kept, "attempt": 1}
        done = (await dialogue.ainvoke(request, context=context(rest)))["trajectory"]
        assert done["messages"] == whole["messages"]
        assert done["termination"] == "user_stop"


async def test_limits_count_what_is_kept() -> None:
    wrong = [AGENT, USER, *acts("assistant", 1)]
    wrong[-1] = {**wrong[-1], "error": True}
    chat = told(user=[HELLO], agent=[calls(("find_book", {"book_id": "none"}))])
    request: Any = {"task": TASK.to_json(), "history": wrong}
    done = await dialogue.ainvoke(request, context=context(chat, max_errors=2))
    assert (done["trajectory"]["termination"], done["errors"], done["steps"]) == ("too_many_errors", 2, 5)


# Scripted roles


def test_a_fault_that_a_dialogue_is_past_does_not_occur() -> None:
    one, two, three, wrong = (Beat("assistant", text=text) for text in ("One.", "Two.", "Three.", "Wrong."))
    right = [one, two, three]
    said = [AIMessage("One."), AIMessage("Two.")]
    assert course(said, right, [one, wrong, three]) == right  # said otherwise
    assert course(said, right, [one, three]) == right  # left out
    assert course(said, right, [one, wrong, two, three]) == right  # put before
    assert course(said, right, [one, two, wrong]) == [one, two, wrong]  # still to come
    assert course([AIMessage("One."), AIMessage("Wrong.")], right, [one, wrong, three]) == [one, wrong, three]
    assert course([AIMessage("One."), AIMessage("Three.")], right, [one, three]) == [one, three]


@pytest.mark.parametrize("name", ["hotel", "broadband"])
async def test_repaired_dialogues_keep_their_beginning_and_are_played_to_a_right_end(name: str) -> None:
    shared = Context(domain=name, model="scripted?faults=0.5", writer_model="scripted")
    domain, spec = shared.resolved_domain, repairing()
    assert domain.playbook
    clauses = list(domain.policy.clauses)
    fates: Counter[str] = Counter()
    for number in range(100):
        plan = {"clause": clauses[number % len(clauses)], "difficulty": DIFFICULTIES[number % 3], "persona": "terse"}
        order: Any = {"id": f"i{number}", "seed": number, "plan": plan}
        done: Any = await pipeline_for(spec).ainvoke(order, context=shared)
        case = domain.playbook.case(domain, Cue.model_validate(done["task"]["eigen"]["cue"]))
        assert done["plays"] == 1 + len(done["attempts"]) == 1 + done["visits"].get("repair", 0)
        played = [*done["attempts"], done]
        kept: list[dict[str, Any]] = []
        for attempt, dialogue_of in enumerate(played):
            blame = expected_blame(domain, case, attempt, kept)
            assert (dialogue_of["blame"], dialogue_of["review"]["decision"] == "accept") == (blame, blame is None)
            assert dialogue_of["trajectory"]["messages"][: len(kept)] == kept
            kept = before_fault(dialogue_of["trajectory"]["messages"], dialogue_of["review"]["evidence"])
            fates["kept"] += bool(kept)
        assert done["fate"] == ("rejected" if done["blame"] else "accepted")
        replays(Task.from_json(done["task"]), Trajectory.from_json(done["trajectory"]), domain)
        fates[f"{done['fate']} after repair" if done["attempts"] else done["fate"]] += 1
    assert fates["kept"] > 20, fates
    assert fates["accepted after repair"] > 5 * fates["rejected after repair"], fates


def expected_blame(domain: Domain, case: Case, attempt: int, kept: list[dict[str, Any]]) -> str | None:
    """Whose fault a play must turn out to be: the planned one's, unless what was kept is past its place."""
    fault = planned_faults(domain, case, 0.5, attempt)
    if fault is None:
        return None
    actor = "assistant" if fault.role == "agent" else "user"
    made = [Message.from_json(data) for data in kept[1:] if data["role"] == actor]
    whole = [message for message in made if not any(isinstance(call.arguments, str) for call in message.tool_calls)]
    place = sum(beat.actor == actor for beat in case.beats[: fault.at])
    return fault.blame if place >= len(whole) else None


def replays(task: Task, trajectory: Trajectory, domain: Domain) -> None:
    """Every call, run again from the task's initial state, gives the recorded result, and ids are not used twice."""
    world = Environment(domain, task)
    ran = list(trajectory.calls())
    assert [(step.result and (step.result.content, step.result.error)) for step in ran] == [
        (again.content, again.error) for again in (world.answer(step.call, step.actor) for step in ran)
    ]
    ids = [step.call.id for step in ran]
    assert len(ids) == len(set(ids))

"""Dialogue and review on a tiny domain, with models that say what they are told to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from told import ACCEPT, BOOK, BYE, DOMAIN, FIND, HELLO, TASK, Told, calls, context, says, texts, told

from eigen_graph.core import (
    STOP,
    Environment,
    Trajectory,
)
from eigen_graph.graphs import DEFAULT, Edge, NodeSpec, WorkflowSpec, dialogue, pipeline_for, reviewer


async def played(chat: Told, **fields: Any) -> dict[str, Any]:
    done = await dialogue.ainvoke({"task": TASK.to_json()}, context=context(chat, **fields))
    return dict(done["trajectory"])


# Dialogue


async def test_the_user_ends_the_dialogue() -> None:
    trajectory = await played(told(user=[HELLO, BYE], agent=[says("Which one?")]))
    assert trajectory["termination"] == "user_stop"
    assert [m["role"] for m in trajectory["messages"]] == ["assistant", "user", "assistant", "user"]


@pytest.mark.parametrize("marker", ["###TRANSFER###", "###OUT-OF-SCOPE###"])
async def test_every_marker_of_tau2_ends_it(marker: str) -> None:
    assert (await played(told(user=[says(marker)], agent=[HELLO])))["termination"] == "user_stop"


async def test_the_agent_cannot_end_it() -> None:
    trajectory = await played(told(user=[HELLO], agent=[says(STOP)]), max_steps=7)
    assert trajectory["termination"] == "max_steps"
    assert len(trajectory["messages"]) == 1 + 7


async def test_a_limit_never_overwrites_a_stop() -> None:
    trajectory = await played(told(user=[*[HELLO] * 2, BYE], agent=[says("Yes?")]), max_steps=5)
    assert trajectory["termination"] == "user_stop"


async def test_failed_calls_of_both_sides_are_counted_together() -> None:
    wrong = calls(("find_book", {"book_id": "none"}), ("no_tool", {}))
    chat = told(user=[calls(("find_book", {})), HELLO], agent=[wrong])
    trajectory = await played(chat, max_errors=5)
    assert trajectory["termination"] == "too_many_errors"
    assert [m["requestor"] for m in trajectory["messages"] if m["role"] == "tool"] == ["user", *["assistant"] * 4]


async def test_an_empty_reply_is_asked_for_again_twice() -> None:
    empty = says(" \n")
    patient = told(user=[HELLO, BYE], agent=[empty, empty, says("Which one?")])
    assert (await played(patient))["termination"] == "user_stop"
    assert (await played(told(user=[HELLO], agent=[empty])))["termination"] == "agent_error"
    assert (await played(told(user=[says("")], agent=[HELLO])))["termination"] == "user_error"


async def test_text_beside_a_call_is_never_delivered() -> None:
    chat = told(
        user=[calls(("put_on_shelf", {"book_id": BOOK}), text=f"secret of the user {STOP}"), HELLO, BYE],
        agent=[calls(FIND, text="secret of the agent"), says("Here you are.")],
    )
    trajectory = await played(chat)
    assert trajectory["termination"] == "user_stop"
    assert [m["role"] for m in trajectory["messages"]].count("tool") == 2
    heard_by_user, heard_by_agent = texts(chat.asked["user"][-1]), texts(chat.asked["agent"][-1])
    assert "secret of the agent" not in heard_by_user
    assert "lent_to" not in heard_by_user
    assert "secret of the user" not in heard_by_agent
    assert "on the shelf" not in heard_by_agent
    assert "Here you are." in heard_by_user


async def test_two_dialogues_of_one_task_have_a_world_each() -> None:
    lend = calls(FIND, ("lend_book", {"book_id": BOOK, "reader": "me"}))
    chat = told(user=[HELLO] * 6 + [BYE], agent=[lend, lend, says("Lent."), says("Lent.")] * 9)
    shared = context(chat)
    both = await asyncio.gather(*[dialogue.ainvoke({"task": TASK.to_json()}, context=shared) for _ in range(2)])
    for done in both:
        alone = Environment(DOMAIN, TASK)
        ran = list(Trajectory.from_json(done["trajectory"]).calls())
        assert [step.result for step in ran] == [alone.answer(step.call, step.actor) for step in ran]
        assert alone.agent_db["books"][BOOK].lent_to == "me"


async def test_a_dialogue_is_resumed_in_another_process() -> None:
    chat = told(
        user=[HELLO, says("Yes."), calls(("put_on_shelf", {"book_id": BOOK})), BYE],
        agent=[calls(FIND), says("Shall I?"), calls(("lend_book", {"book_id": BOOK, "reader": "me"})), says("Done.")],
    )
    whole = await played(chat.model_copy(update={"asked": {}}))
    saved = dialogue.builder.compile(checkpointer=InMemorySaver(), interrupt_before=["user", "agent"])
    thread: Any = {"configurable": {"thread_id": "1"}}
    state = await saved.ainvoke({"task": TASK.to_json()}, thread, context=context(chat))
    while (await saved.aget_state(thread)).next:
        state = await saved.ainvoke(None, thread, context=context(chat))  # a context that knows nothing of before
    assert state["trajectory"]["messages"] == whole["messages"]
    assert not any(m.get("error") for m in whole["messages"])


# Reviewer


def review_request(reward: float, **fields: Any) -> Any:
    trajectory = {"messages": [{"role": "assistant", "content": "Hi!"}, {"role": "user", "content": STOP}]}
    blame = {} if reward == 1 else {"blame": "user", "evidence": [1], "reason": "the user stopped"}
    verdict = {"reward": reward, "parts": []}
    return {"task": TASK.to_json(), "trajectory": trajectory, "verdict": verdict, "attribution": blame, **fields}


async def reviewed(reward: float, *replies: str) -> dict[str, Any]:
    chat = told(reviewer=[says(reply) for reply in replies])
    return dict(await reviewer.ainvoke(review_request(reward), context=context(chat)))


async def test_an_acceptance_stands_only_beside_a_full_reward() -> None:
    assert (await reviewed(1, ACCEPT))["outcome"] == "accept"
    overruled = await reviewed(0, ACCEPT)
    assert overruled["outcome"] == "repair"
    assert overruled["review"] == {
        "decision": "repair",
        "blame": "user",
        "evidence": [1],
        "reason": "the user stopped",
    }


async def test_a_reviewer_that_blames_nobody_is_itself_to_blame_when_all_was_well() -> None:
    turned_down = '{"decision": "reject", "blame": "none", "reason": ""}'
    found = await reviewed(1, turned_down)
    assert (found["outcome"], found["review"]["blame"]) == ("reject", "checker")
    assert found["review"]["reason"]
    assert (await reviewed(0, turned_down))["review"]["blame"] == "user"


async def test_a_review_that_cannot_be_read_leaves_the_checkers_view() -> None:
    for reward, blame in ((1, "checker"), (0, "user")):
        found = await reviewed(reward, "I think it is fine", "Still fine")
        assert (found["outcome"], found["review"]["blame"]) == ("reject", blame)
        assert found["review"]["reason"]


async def test_evidence_that_does_not_exist_is_dropped() -> None:
    reply = '{"decision": "repair", "blame": "agent", "evidence": [7, 1, -1, 1, 0], "reason": "rude"}'
    assert (await reviewed(1, reply))["review"]["evidence"] == [1, 0]


async def test_a_second_reviewer_reads_by_its_own_prompt() -> None:
    nodes = {**DEFAULT.nodes, "second": NodeSpec(kind="reviewer", prompt="strict")}
    edges = [edge for edge in DEFAULT.edges if edge.target != "accept"]
    edges += [Edge(source="reviewer", outcome="accept", target="second")]
    edges += [Edge(source="second", outcome="accept", target="accept")]
    edges += [Edge(source="second", outcome=outcome, target="reject") for outcome in ("repair", "reject")]
    reject = says('{"decision": "reject", "blame": "task", "reason": "too easy"}')
    chat = told(reviewer=[says(ACCEPT), reject])
    strict = "# system\n\n## Role\n\nBe strict.\n\n# request\n\n## Dialogue\n\n{{transcript}}\n"
    own = WorkflowSpec(nodes=nodes, edges=tuple(edges))
    done = await pipeline_for(own).ainvoke(
        {"id": "t", "seed": 1}, context=context(chat, workflow=own, prompts={"strict": strict})
    )
    assert (done["fate"], done["blame"], done["reason"]) == ("rejected", "task", "too easy")
    assert [messages[0].text.startswith("## Role\n\nBe strict.") for messages in chat.asked["reviewer"]] == [
        False,
        True,
    ]

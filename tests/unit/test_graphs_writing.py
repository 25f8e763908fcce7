"""From plan to fate on a tiny domain, with writers and reviewers that say what they are told to."""

from __future__ import annotations

import dataclasses
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.prebuilt import ToolRuntime
from lending import Book, Shelf
from told import ACCEPT, BOOK, DOMAIN, FIND, TASK, Told, calls, context, says, texts, told

from eigen_graph.core import (
    Cue,
    Database,
    Domain,
    Policy,
    Side,
    TaskDraft,
    World,
    domain_tool,
)
from eigen_graph.graphs import Context, checker, pipeline, planner, scenario

# Checker and pipeline


def draft(**fields: Any) -> dict[str, Any]:
    assert DOMAIN.playbook
    case = DOMAIN.playbook.case(DOMAIN, Cue(domain="lending", seed=1, clause="2"))
    return {**TaskDraft.from_case(case).model_dump(mode="json"), **fields}


def submits(**fields: Any) -> AIMessage:
    return calls(("submit_task", draft(**fields)))


YES_TO_ALL = "def check(changes, calls, said):\n    return True, ''"


async def test_a_checker_that_passes_everything_is_not_proven() -> None:
    tags = TASK.tags.model_copy(update={"checker_code": YES_TO_ALL})
    lax = TASK.model_copy(update={"eigen": tags})
    done = await checker.ainvoke({"task": lax.to_json()}, context=Context(domain=DOMAIN))
    assert done["outcome"] == "unproven"
    assert "wrong dialogues pass" in done["reason"]
    proven = await checker.ainvoke({"task": TASK.to_json()}, context=Context(domain=DOMAIN))
    assert (proven["outcome"], proven["reason"]) == ("proven", "")
    assert proven["kill_rate"] == 1


async def test_a_task_that_cannot_be_proven_is_written_once_more() -> None:
    chat = told(writer=[submits(checker_code=YES_TO_ALL)])
    done = await pipeline.ainvoke({"id": "i", "seed": 1}, context=context(chat))
    assert (done["fate"], done["stage"], done["blame"]) == ("rejected", "checker", "task")
    assert done["visits"] == {"scenario": 2, "checker": 2}
    assert "wrong dialogues pass" in texts(chat.asked["writer"][1])


async def test_a_repair_plays_the_dialogue_again_and_only_once() -> None:
    chat = told(reviewer=[says('{"decision": "repair", "blame": "agent", "evidence": [1], "reason": "stiff"}')])
    done = await pipeline.ainvoke({"id": "i", "seed": 1}, context=context(chat))
    assert (done["fate"], done["stage"], done["blame"], done["reason"]) == ("rejected", "reviewer", "agent", "stiff")
    assert done["visits"] == {"scenario": 1, "checker": 1, "dialogue": 2, "judge": 2, "reviewer": 2}
    assert [(a["stage"], a["blame"], a["verdict"]["reward"]) for a in done["attempts"]] == [("reviewer", "agent", 1)]


async def test_an_accepted_repair_bears_no_blame() -> None:
    chat = told(reviewer=[says('{"decision": "repair", "blame": "user", "reason": "curt"}'), says(ACCEPT)])
    done = await pipeline.ainvoke({"id": "i", "seed": 1}, context=context(chat))
    assert (done["fate"], done["blame"], done["reason"], done["evidence"]) == ("accepted", None, "", [])
    assert done["attempts"][0]["reason"] == "curt"


# Scenario


async def written(chat: Told, **fields: Any) -> dict[str, Any]:
    return dict(await scenario.ainvoke({"id": "t", "seed": 1}, context=context(chat, **fields)))


def answers(chat: Told) -> list[tuple[str, str]]:
    """What the writer's last calls were answered with."""
    return [(m.tool_call_id, m.text) for m in chat.asked["writer"][-1] if isinstance(m, ToolMessage)]


async def test_look_ups_beside_a_submission_are_answered() -> None:
    wrong = ("submit_task", draft(reason_for_call=""))
    chat = told(writer=[calls(FIND, wrong, wrong, ("add_hold", {"book_id": BOOK})), submits()])
    done = await written(chat)
    assert (done["outcome"], done["submissions"], done["look_ups"]) == ("written", 2, 2)
    found = dict(answers(chat))
    assert "Volume" in found["c0"]
    assert found["c1"] == "Error: reason_for_call is empty"
    assert found["c2"] == "Error: submit one task at a time"
    assert found["c3"] == "Error: add_hold writes; a writer of tasks only looks"


async def test_one_submission_may_be_all_there_is() -> None:
    done = await written(told(writer=[submits(reason_for_call="")]), max_submissions=1)
    assert (done["outcome"], done["reason"]) == (
        "failed",
        "no valid task in 1 submissions; the last: reason_for_call is empty",
    )
    assert (await written(told(writer=[submits()]), max_submissions=1))["outcome"] == "written"


async def test_words_count_as_a_submission_that_is_none() -> None:
    chat = told(writer=[says("Here is a task:"), submits()])
    done = await written(chat)
    assert (done["outcome"], done["submissions"]) == ("written", 2)
    assert isinstance(chat.asked["writer"][1][-1], HumanMessage)


async def test_look_ups_are_bounded_within_one_message_too() -> None:
    chat = told(writer=[calls(*[FIND] * 5), submits()])
    done = await written(chat, max_look_ups=3)
    assert (done["outcome"], done["look_ups"]) == ("written", 3)
    assert [text.startswith("Error: all 3 look-ups are used up") for _, text in answers(chat)] == [False] * 3 + [
        True
    ] * 2
    done = await written(told(writer=[calls(FIND)]), max_look_ups=3)
    assert done["reason"] == "the writer looked around 3 times and submitted nothing"


@domain_tool(writes=False)
def add_hold(*, runtime: ToolRuntime[World]) -> str:
    """Look at the holds at home: reads, though the agent's tool of this name writes."""
    return f"{len(runtime.context.db['shelves'])} shelf"


async def test_a_name_may_read_on_one_side_and_write_on_the_other() -> None:
    shelf = Side(Database({"shelves": Shelf}, {"shelves": {"mine": Shelf()}}), (add_hold,))
    domain = dataclasses.replace(DOMAIN, user=shelf, playbook=None)
    chat = told(writer=[calls(("add_hold", {}))])
    roles = {f"{role}_model": chat for role in ("planner", "writer", "user", "agent", "reviewer")}
    await scenario.ainvoke({"id": "t"}, context=Context(domain=domain, max_look_ups=1, **roles))
    assert answers(chat) == [("c0", "1 shelf")]


# Planner


async def test_a_domain_whose_policy_has_no_clauses_is_planned_by_its_tools() -> None:
    agent = Side(Database({"books": Book}, {"books": {"b1": Book(title="One", fee=1.0)}}), DOMAIN.agent.tools)
    domain = Domain("bare", Policy("Be kind."), agent)
    chat = told(planner=[says("no plan")])
    roles = {f"{role}_model": chat for role in ("planner", "writer", "user", "agent", "reviewer")}
    done = await planner.ainvoke({"count": 5}, context=Context(domain=domain, **roles))
    assert len(done["plans"]) == 5
    assert {plan["tools"][0] for plan in done["plans"]} == {"find_book", "lend_book", "add_hold"}
    assert all(plan["clause"] == plan["synthesis"] == "" for plan in done["plans"])


async def test_a_domain_with_neither_clauses_nor_tools_is_planned_by_personas() -> None:
    domain = Domain("talk", Policy("Be kind."), Side(Database({"books": Book}), ()))
    chat = told(planner=[says("no plan")])
    roles = {f"{role}_model": chat for role in ("planner", "writer", "user", "agent", "reviewer")}
    plans = (await planner.ainvoke({"count": 30}, context=Context(domain=domain, **roles)))["plans"]
    assert {(plan["clause"], *plan["tools"]) for plan in plans} == {("",)}
    assert len({(plan["persona"], plan["difficulty"]) for plan in plans}) > 10


async def test_a_task_without_a_plan_is_written_freely() -> None:
    chat = told(writer=[submits()])
    done = await scenario.ainvoke({"plan": {}}, context=context(chat))
    assert done["task"]["id"] == "task"
    assert done["task"]["eigen"]["cue"] is None  # no case that a scripted user could play instead of what is written

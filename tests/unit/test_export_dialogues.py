"""What each side of a dialogue is trained on, and what it must not see there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langgraph.prebuilt import ToolRuntime

from eigen_graph.core import STOP, Database, Domain, Policy, Record, Side, World, domain_tool
from eigen_graph.runs import InstanceRow
from eigen_graph.runs.datasets.dialogues import agent_examples, user_examples
from eigen_graph.runs.datasets.tasks import rl_task, tau2_task


class Line(Record):
    open: bool


@domain_tool(writes=True)
def open_line(line_id: str, runtime: ToolRuntime[World, Any]) -> str:
    """Open a line.

    Args:
        line_id: Which.
    """
    runtime.context.db["lines"].update(line_id, open=True)
    return "opened"


@domain_tool(writes=False)
def look_at_lamp(runtime: ToolRuntime[World, Any]) -> str:  # noqa: ARG001  # the lamp is always green
    """See the lamp's colour."""
    return "green"


LINES = Database({"lines": Line}, {"lines": {"L1": Line(open=False)}})
DOMAIN = Domain(
    name="toy",
    policy=Policy("1. Help."),
    agent=Side(LINES, (open_line,)),
    user=Side(Database({}), (look_at_lamp,)),
)


def call(call_id: str, name: str, arguments: Any) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}


def result(call_id: str, requestor: str, content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "requestor": requestor, "content": content, "error": False}


MESSAGES = [
    {"role": "assistant", "content": "Hi! How can I help you today?"},
    {"role": "user", "content": "My line is shut, says Zoë."},
    {"role": "assistant", "content": "one moment", "tool_calls": [call("a1", "open_line", {"line_id": "Lé"})]},
    result("a1", "assistant", "Error: nothing is stored under 'Lé'"),
    {"role": "assistant", "content": None, "tool_calls": [call("a2", "open_line", "{broken")]},
    result("a2", "assistant", "Error: the arguments are not a JSON object"),
    {"role": "assistant", "content": "Which colour is the lamp?"},
    {"role": "user", "content": "let me see", "tool_calls": [call("u1", "look_at_lamp", {})]},
    result("u1", "user", "green"),
    {"role": "user", "content": "Green."},
    {"role": "assistant", "content": "Then all is well."},
    {"role": "user", "content": f"Thanks. {STOP}"},
]
ROW = InstanceRow(
    id="g0-000004",
    generation=0,
    index=4,
    plan_id="p4",
    fate="accepted",
    stage="reviewer",
    task={
        "id": "t4",
        "user_scenario": {"instructions": "Your line is shut."},
        "eigen": {"clauses": ["1"], "tools": ["open_line"], "difficulty": "hard", "persona": "terse", "plan": "p4"},
    },
    checker={"format": 1, "database": "d1", "task": {"id": "t4"}},
    trajectory={"messages": MESSAGES, "termination": "user_stop"},
    kill_rate=1.0,
    agent_system="You are an agent. 1. Help.",
    user_system="You are a user. Your line is shut.",
)


def test_the_agent_is_shown_its_own_calls_and_the_users_words():
    (row,) = agent_examples(ROW, DOMAIN, "dialogue")
    assert [(m["role"], m["content"]) for m in row["messages"]] == [
        ("system", ROW.agent_system),
        ("assistant", "Hi! How can I help you today?"),
        ("user", "My line is shut, says Zoë."),
        ("assistant", "one moment"),
        ("tool", "Error: nothing is stored under 'Lé'"),
        ("assistant", None),
        ("tool", "Error: the arguments are not a JSON object"),
        ("assistant", "Which colour is the lamp?"),
        ("user", "Green."),
        ("assistant", "Then all is well."),
    ]
    assert row["loss_mask"] == [0, 0, 0, 1, 0, 1, 0, 1, 0, 1]  # neither the greeting nor what others said
    assert "look_at_lamp" not in json.dumps(row)
    assert STOP not in json.dumps(row)
    assert [tool["function"]["name"] for tool in row["tools"]] == ["open_line"]
    assert "runtime" not in json.dumps(row["tools"])


def test_calls_are_openais_and_broken_arguments_stay_as_they_were():
    (row,) = agent_examples(ROW, DOMAIN, "dialogue")
    calls = [call for message in row["messages"] for call in message.get("tool_calls", ())]
    assert calls == [
        {"id": "a1", "type": "function", "function": {"name": "open_line", "arguments": '{"line_id": "Lé"}'}},
        {"id": "a2", "type": "function", "function": {"name": "open_line", "arguments": "{broken"}},
    ]
    results = [message for message in row["messages"] if message["role"] == "tool"]
    assert [(found["tool_call_id"], found["name"]) for found in results] == [("a1", "open_line"), ("a2", "open_line")]


def test_the_user_is_shown_with_roles_swapped():
    (row,) = user_examples(ROW, DOMAIN, "dialogue")
    assert [(m["role"], m["content"]) for m in row["messages"]] == [
        ("system", ROW.user_system),
        ("user", "Hi! How can I help you today?"),
        ("assistant", "My line is shut, says Zoë."),
        ("user", "Which colour is the lamp?"),
        ("assistant", "let me see"),
        ("tool", "green"),
        ("assistant", "Green."),
        ("user", "Then all is well."),
        ("assistant", f"Thanks. {STOP}"),
    ]
    assert row["loss_mask"] == [0, 0, 1, 0, 1, 0, 1, 0, 1]
    assert "open_line" not in json.dumps(row)  # neither the agent's tools nor its calls
    assert [tool["function"]["name"] for tool in row["tools"]] == ["look_at_lamp"]


@pytest.mark.parametrize(("examples", "turns"), [(agent_examples, 4), (user_examples, 4)])
def test_a_row_a_turn_trains_on_its_last_message_alone(examples: Any, turns: int):
    (whole,) = examples(ROW, DOMAIN, "dialogue")
    rows = list(examples(ROW, DOMAIN, "turn"))
    assert [row["id"] for row in rows] == [f"g0-000004/{n}" for n in range(turns)]
    assert len(rows) == sum(whole["loss_mask"])
    for row in rows:
        assert row["messages"] == whole["messages"][: len(row["messages"])]
        assert row["loss_mask"] == [0] * (len(row["messages"]) - 1) + [1]
        assert row["messages"][-1]["role"] == "assistant"
    assert rows[-1]["messages"] == whole["messages"]


def test_rows_say_where_they_come_from():
    (row,) = agent_examples(ROW, DOMAIN, "dialogue")
    del row["messages"], row["tools"], row["loss_mask"]
    assert row == {
        "id": "g0-000004",
        "task_id": "t4",
        "domain": "toy",
        "difficulty": "hard",
        "persona": "terse",
        "clauses": ["1"],
        "plan_id": "p4",
        "generation": 0,
        "kill_rate": 1.0,
    }


def test_a_side_that_never_spoke_gives_no_row():
    silent = ROW.model_copy(update={"trajectory": {"messages": MESSAGES[:2]}})
    assert list(agent_examples(silent, DOMAIN, "dialogue")) == []
    assert list(agent_examples(silent, DOMAIN, "turn")) == []


def test_results_of_unnamed_owners_belong_to_the_last_caller():
    """tau2's own trajectories may leave out `requestor`."""
    unnamed = [{k: v for k, v in m.items() if k != "requestor"} for m in MESSAGES]
    row = ROW.model_copy(update={"trajectory": {"messages": unnamed}})
    assert list(agent_examples(row, DOMAIN, "dialogue")) == list(agent_examples(ROW, DOMAIN, "dialogue"))
    assert list(user_examples(row, DOMAIN, "dialogue")) == list(user_examples(ROW, DOMAIN, "dialogue"))


def test_tasks_for_rl_carry_checker_and_database():
    row = rl_task(ROW, DOMAIN, "fallback")
    assert (row["task"], row["checker"], row["domain"], row["database"]) == (ROW.task, ROW.checker, "toy", "d1")
    assert (row["difficulty"], row["clauses"], row["tools"]) == ("hard", ["1"], ["open_line"])
    unsaid = ROW.model_copy(update={"checker": {"format": 1}})
    assert rl_task(unsaid, DOMAIN, "fallback")["database"] == "fallback"


def test_tau2_tasks_are_plain_unless_asked():
    assert tau2_task(ROW) == {"id": "t4", "user_scenario": {"instructions": "Your line is shut."}}
    assert tau2_task(ROW, keep_eigen=True) == ROW.task
    assert ROW.task is not None
    assert "eigen" in ROW.task

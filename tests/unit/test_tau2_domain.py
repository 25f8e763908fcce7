"""tau2's domains as ours: same tools, same words; a call that would hang or cannot be kept does no harm."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from eigen_graph.checkers import build_checker, gold_trajectory
from eigen_graph.core import (
    Domain,
    Message,
    Task,
    ToolCall,
    Trajectory,
    World,
    environment_of,
)
from eigen_graph.domains import load_domain
from eigen_graph.domains.tau2 import package

NAMES = ("airline", "retail", "telecom")
COUNTS = {
    "airline": {"train": 30, "test": 20, "base": 50},
    "retail": {"train": 74, "test": 40, "base": 114},
    "telecom": {"train": 74, "test": 40, "base": 114, "small": 20, "full": 2285},
}


@cache
def domain_of(name: str) -> Domain:
    return load_domain(f"tau2:{name}")


def tasks_of(name: str, split: str | None = None) -> tuple[Task, ...]:
    tasks = domain_of(name).tasks
    assert tasks is not None
    return tuple(tasks.split(split))


def plain(schema: Any, defs: Any = None) -> Any:
    """A JSON schema without titles, references put in."""
    if isinstance(schema, list):
        return [plain(item, defs) for item in schema]
    if not isinstance(schema, dict):
        return schema
    defs = schema.get("$defs", defs)
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return plain(defs[name] | {key: value for key, value in schema.items() if key != "$ref"}, defs)
    return {
        key: {name: plain(value, defs) for name, value in inner.items()} if key == "properties" else plain(inner, defs)
        for key, inner in schema.items()
        if key not in {"title", "$defs"}
    }


def theirs(name: str, side: str) -> dict[str, dict[str, Any]]:
    """The real package's tools as it shows them to a model."""
    made = package.module(f"domains.{name}.environment").get_environment()
    kit = made.tools if side == "agent" else made.user_tools
    return {} if kit is None else {tool.name: tool.openai_schema["function"] for tool in kit.get_tools().values()}


@pytest.mark.parametrize("side", ["agent", "user"])
@pytest.mark.parametrize("name", NAMES)
def test_tools_are_shown_as_tau2_shows_them(name: str, side: str) -> None:
    domain = domain_of(name)
    ours = {tool.name: convert_to_openai_tool(tool)["function"] for tool in domain.tools_of(_actor(side))}
    wanted = theirs(name, side)
    assert list(ours) == list(wanted)
    for tool, schema in wanted.items():
        assert ours[tool]["description"] == schema["description"].strip()
        found, asked = plain(ours[tool]["parameters"]), plain(schema["parameters"])
        assert found.get("properties", {}) == asked.get("properties", {})
        assert found.get("required", []) == asked.get("required", [])
    assert bool(wanted) == (side == "agent" or name == "telecom")


def _actor(side: str) -> Any:
    return "assistant" if side == "agent" else "user"


@pytest.mark.parametrize("name", NAMES)
def test_policy_and_tasks_are_the_packages(name: str) -> None:
    domain = domain_of(name)
    assert domain.tasks is not None
    real = package.module(f"domains.{name}.environment")
    assert domain.policy.text == real.get_environment().policy
    assert {split: len(tasks_of(name, split)) for split in domain.tasks.splits} == COUNTS[name]
    assert tasks_of(name) == tasks_of(name, "base")
    base, train, test = ({task.id for task in tasks_of(name, split)} for split in ("base", "train", "test"))
    assert base == train | test
    assert not train & test
    rows = json.loads(package.data_file("domains", name, "tasks.json").read_text(encoding="utf-8"))
    for row in rows[::20]:
        assert domain.tasks.tasks[str(row["id"])].to_json() == row


def test_a_langchain_tool_node_runs_a_tool() -> None:
    """In an agent of one's own: the tools reach the world that the graph was given as its context."""
    domain = domain_of("airline")
    graph: Any = StateGraph(MessagesState, context_schema=World)
    graph.add_node("tools", ToolNode(domain.tools_of("assistant"), handle_tool_errors=True))
    graph.add_edge(START, "tools")
    env = environment_of(domain)
    calls = [
        ("get_reservation_details", {"reservation_id": "4WQ150"}),
        ("update_reservation_passengers", {"reservation_id": "4WQ150", "passengers": []}),
        ("cancel_reservation", {"reservation_id": "4WQ150"}),
        (
            "update_reservation_flights",
            {
                "reservation_id": "4WQ150",
                "cabin": "business",
                "flights": [{"flight_number": "HAT170", "date": "2024-05-22"}],
                "payment_id": "x",
            },
        ),
    ]
    asked = [{"name": name, "args": args, "id": str(i)} for i, (name, args) in enumerate(calls)]
    answers = []
    for call in asked:
        state = graph.compile().invoke(
            {"messages": [AIMessage(content="", tool_calls=[call])]}, context=World(env.agent_db, domain.now)
        )
        answers.append(state["messages"][-1])
    again = environment_of(domain)
    for (name, arguments), answer in zip(calls, answers, strict=True):
        wanted = again.run(name, arguments, "assistant")
        assert answer.status == ("error" if wanted.error else "success")
        if not wanted.error:
            assert answer.content == wanted.content
        else:
            assert wanted.content.removeprefix("Error: ") in answer.content
    assert env.agent_db["reservations"]["4WQ150"].status == "cancelled"
    assert domain.agent.database["reservations"]["4WQ150"].status is None


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("9**9**9**9", "Error: int too large to convert to float"),
        ("-(9**9)**(9**9)", "Error: int too large to convert to float"),
        ("2 ** 10", "1024.0"),
        ("2**1000", "1.0715086071862673e+301"),
        ("9" * 3000, "Error: Expression is too long (3000 characters, at most 2000)"),
        ("(" * 1000, "Error: "),
        ("1/0", "Error: division by zero"),
        ("__import__('os')", "Error: Invalid characters in expression"),
        (7, "Error: 'int' object is not iterable"),
    ],
)
def test_calculate_comes_back_at_once(expression: Any, answer: str) -> None:
    env = environment_of(domain_of("retail"))
    call = ToolCall(id="1", name="calculate", arguments={"expression": expression})
    assert (env.answer(call, "assistant").content or "").startswith(answer)


def nested(depth: int) -> Any:
    value: Any = "internet"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("telecom", ("user", "set_apn_settings", {"apn_settings": nested(100)})),
        ("telecom", ("user", "set_apn_settings", {"apn_settings": nested(250)})),
        ("telecom", ("user", "set_apn_settings", {"apn_settings": nested(800)})),
        (
            "airline",
            (
                "assistant",
                "update_reservation_baggages",
                {
                    "reservation_id": "4WQ150",
                    "total_baggages": 10**4299,
                    "nonfree_baggages": 10**4299,
                    "payment_id": "gift_card_3576581",
                },
            ),
        ),
    ],
)
@pytest.mark.parametrize("rules", ["tau2", "eigen"])
def test_what_no_json_can_hold_is_judged_all_the_same(name: str, call: tuple[Any, str, Any], rules: Any) -> None:
    """tau2's tools store what they are given, and its evaluator breaks on it: a model must not break a run so."""
    domain = domain_of(name)
    task = Task.from_json({"id": "t", "evaluation_criteria": {"actions": [], "reward_basis": ["DB"]}})
    env = environment_of(domain, task)
    made = ToolCall(id="1", name=call[1], arguments=call[2])
    messages = (Message(role=call[0], tool_calls=(made,)), env.answer(made, call[0]))
    assert messages[1].error
    verdict = build_checker(task, domain, basis=rules).judge(Trajectory(messages=messages), domain)
    assert verdict.reward in {0, 1}


REFUSED = {
    "12": "Payment method should be the original payment method",
    "13": "Payment method should be the original payment method",
    "64": "Non-delivered order cannot be exchanged",
    "105": "Insufficient gift card balance to pay for the price difference",
}
"""Retail's tasks whose own solution holds a write that the tool refuses: nobody can know what was meant."""


@pytest.mark.parametrize("name", NAMES)
def test_solutions_pass_by_our_rules(name: str) -> None:
    failing = failures(name, "base")
    assert failing.keys() == (REFUSED.keys() if name == "retail" else set())
    for task_id, reason in failing.items():
        assert reason.endswith(REFUSED[task_id])


@pytest.mark.slow
def test_all_of_telecoms_solutions_pass_by_our_rules() -> None:
    assert not failures("telecom", "full")


def failures(name: str, split: str) -> dict[str, str]:
    domain, found = domain_of(name), {}
    for task in tasks_of(name, split):
        checker = build_checker(task, domain, basis="eigen")
        verdict = checker.judge(gold_trajectory(checker.bench(domain)), domain)
        if verdict.reward != 1:
            found[task.id] = verdict.reason
    return found

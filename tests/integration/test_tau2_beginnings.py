"""How a task of tau2's may begin: amid a conversation, or on data of its own; as in the real package."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from tau2_real import (
    NAMES,
    action,
    agree,
    base_tasks,
    both,
    calls_of,
    contents,
    domain_of,
    load_tau2,
    played,
    real_environment,
    without_gc,
)

from eigen_graph.checkers import build_checker, gold_trajectory
from eigen_graph.core import Message, Task, ToolError, Trajectory, UnknownNameError, environment_of


@pytest.fixture(scope="module")
def tau2() -> Iterator[SimpleNamespace]:
    with without_gc():
        yield load_tau2()


@pytest.mark.parametrize("name", NAMES)
def test_a_task_may_begin_in_the_middle(tau2: SimpleNamespace, name: str) -> None:
    """`message_history`: what was done before is done for the gold actions too, and stands in every dialogue."""
    domain = domain_of(name)
    task = max(base_tasks(name)[:40], key=lambda task: len(task.actions))
    gold = calls_of(task.actions)
    before, after = gold[: len(gold) // 2], gold[len(gold) // 2 :]
    raw = task.to_json()
    history = played(domain, task, before)[0].messages[:-2]
    raw["initial_state"] = (raw.get("initial_state") or {}) | {"message_history": _as_tau2(history)}
    raw["evaluation_criteria"] |= {"actions": [action(call) for call in after], "reward_basis": ["DB"]}
    begun = Task.from_json(raw)
    rewards = []
    for made in (gold, before, after):
        trajectory, _ = played(domain, task, made)
        ours, theirs = both(tau2, name, raw, trajectory)
        assert agree(ours, theirs)
        rewards.append(ours.reward)
    if name != "telecom":  # whose gold is not synced
        assert rewards[0] == 1
    checker = build_checker(begun, domain, basis="tau2")
    by_the_book = gold_trajectory(checker.bench(domain))
    assert by_the_book.messages[: len(history)] == history
    assert agree(*both(tau2, name, raw, by_the_book))


def _as_tau2(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for message in messages:
        row: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.role == "tool":
            row |= {"id": message.tool_call_id, "requestor": message.requestor, "error": message.error}
        elif message.tool_calls:
            row["tool_calls"] = [call.model_dump() | {"requestor": message.role} for call in message.tool_calls]
        rows.append(row)
    return rows


USER = {"first_name": "Mia", "last_name": "Li", "dob": "2000-01-01"}
DATA: list[tuple[str, dict[str, Any]]] = [
    ("airline", {"agent_data": {"users": {"mia_li_3668": {"membership": "gold", "saved_passengers": [USER]}}}}),
    ("retail", {"agent_data": {"orders": {"#W2378156": {"status": "pending"}}}, "user_data": None}),
    ("telecom", {"user_data": {"device": {"data_enabled": False, "active_apn_settings": {"mmsc_url": None}}}}),
    (
        "telecom",
        {
            "agent_data": {"plans": []},
            "user_data": {"surroundings": {"is_abroad": True, "signal_strength": {"5G": "none"}}},
        },
    ),
    ("telecom", {"agent_data": {}, "user_data": {"device": {"vpn_details": {"protocol": "x"}}}}),
    ("telecom", {}),
]


@pytest.mark.parametrize(("name", "data"), DATA)
def test_initial_data_are_merged_as_tau2_merges_them(tau2: SimpleNamespace, name: str, data: dict[str, Any]) -> None:
    raw = base_tasks(name)[0].to_json() | {"initial_state": {"initialization_data": data}}
    env, theirs = environment_of(domain_of(name), Task.from_json(raw)), real_environment(tau2, name, raw)
    assert tau2.hash(contents(env.agent_db)) == theirs.get_db_hash()
    if env.user_db is not None:
        assert tau2.hash(contents(env.user_db)) == theirs.get_user_db_hash()
    trajectory, _ = played(domain_of(name), Task.from_json(raw), calls_of(base_tasks(name)[0].actions))
    assert agree(*both(tau2, name, raw, trajectory))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("telecom", {"agent_data": {"ships": {}}}),
        ("telecom", {"agent_data": {"plans": "all"}}),
        ("telecom", {"user_data": {"device": {"battery_level": "low"}}}),
        ("telecom", {"user_data": {"device": None}}),
        ("retail", {"agent_data": {"users": 5}}),
        ("retail", {"agent_data": {"users": {"new": {"user_id": "new"}}}}),
        ("retail", {"user_data": {"users": {}}}),
    ],
)
def test_initial_data_that_tau2_refuses_are_refused(tau2: SimpleNamespace, name: str, data: dict[str, Any]) -> None:
    raw = base_tasks(name)[0].to_json() | {"initial_state": {"initialization_data": data}}
    with pytest.raises((ToolError, UnknownNameError)):
        environment_of(domain_of(name), Task.from_json(raw))
    with pytest.raises((ValueError, AttributeError)):
        real_environment(tau2, name, raw)
    trajectory = Trajectory(messages=(Message(role="assistant", content="Hi!"),))
    ours, theirs = both(tau2, name, raw, trajectory)
    assert (ours.reward, theirs.reward) == (0, None)

"""Every call answers as in the real tau2, whatever it is, and leaves the same databases: sequences drawn at random."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tau2_real import (
    NAMES,
    Call,
    Recorded,
    agree,
    base_tasks,
    calls_of,
    contents,
    domain_of,
    load_tau2,
    our_verdict,
    played,
    real_environment,
    real_result,
    real_verdict,
    without_gc,
)

from eigen_graph.checkers import build_checker
from eigen_graph.core import Task

# Both sides put odd values where their models expect others; pydantic says so when they are written out.
pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")

EXAMPLES = {"airline": 10, "retail": 18, "telecom": 120}
"""Of each domain: the real package needs a second for one of airline's."""


@pytest.fixture(scope="module")
def tau2() -> Iterator[SimpleNamespace]:
    with without_gc():
        yield load_tau2()


@cache
def gold_calls(name: str) -> tuple[Call, ...]:
    """Every different gold call of the domain, reads and writes alike often."""
    domain, found = domain_of(name), {}
    for task in base_tasks(name):
        for call in calls_of(task.actions):
            found.setdefault(json.dumps(call), call)
    sides = {"assistant": domain.agent, "user": domain.user}

    def writes(call: Call) -> bool:
        side = sides[call[0]]
        return side is not None and call[1] in side.toolbox and side.toolbox[call[1]].traits.writes

    calls = tuple(found.values())
    return tuple(call for call in calls if writes(call)) * 3 + calls


@cache
def tool_names(name: str) -> tuple[str, ...]:
    domain = domain_of(name)
    return (*domain.agent.toolbox, *(domain.user.toolbox if domain.user else ()))


ODD = [None, True, 0, -1, 2, 2.0, 1.5, "", "x", "5", "W", [], ["x"], {}, {"a": 1}, [{}], "2024-05-20", "gift_card_1"]
"""Values that hardly any argument takes."""
RESERVED = ["self", "tool_name", "requestor", "note", "db"]


def swapped(value: Any) -> Any:
    """Nearly the same value: what looks alike and is not."""
    match value:
        case bool():
            other: Any = int(value)
        case int():
            other = float(value)
        case float():
            other = int(value) if value.is_integer() else str(value)
        case str():
            other = value.swapcase() if value.swapcase() != value else f"{value} "
        case list():
            other = [*reversed(value)] if len(value) > 1 else value * 2
        case dict():
            other = {key: swapped(item) for key, item in value.items()}
        case _:
            other = value
    return other


@st.composite
def calls(draw: Any, name: str, own: tuple[Call, ...]) -> Call:
    """A gold call of this task or another, as it is or bent."""
    actor, tool, arguments = draw(st.sampled_from(own or gold_calls(name)) | st.sampled_from(gold_calls(name)))
    arguments = dict(arguments)
    bend = draw(
        st.sampled_from(["no"] * 8 + ["swap", "swap", "odd", "odd", "drop", "extra", "reserved", "actor", "tool"])
    )
    if arguments and bend in {"swap", "odd", "drop"}:
        key = draw(st.sampled_from(sorted(arguments)))
        if bend == "drop":
            del arguments[key]
        else:
            arguments[key] = swapped(arguments[key]) if bend == "swap" else draw(st.sampled_from(ODD))
    elif bend in {"extra", "reserved"}:
        arguments[draw(st.sampled_from(RESERVED if bend == "reserved" else ["extra"]))] = draw(st.sampled_from(ODD))
    elif bend == "actor":
        actor = "user" if actor == "assistant" else "assistant"
    elif bend == "tool":
        tool = draw(st.sampled_from([*tool_names(name), "no_such_tool", "_get_user", "assert_line_status", ""]))
    return actor, tool, arguments


@st.composite
def dialogues(draw: Any, name: str) -> tuple[Task, list[Call]]:
    """A task and calls: its own solution, more or less, amid others."""
    task = draw(st.sampled_from(base_tasks(name)))
    own = tuple(calls_of(task.actions))
    before = draw(st.lists(calls(name, own), max_size=3))
    after = draw(st.lists(calls(name, own), max_size=5))
    return task, [*before, *(own if draw(st.booleans()) else ()), *after]


@pytest.mark.parametrize("name", NAMES)
def test_calls_answer_and_leave_things_as_in_tau2(tau2: SimpleNamespace, name: str) -> None:
    domain = domain_of(name)

    @settings(max_examples=EXAMPLES[name], derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(dialogues(name))
    def hold(drawn: tuple[Task, list[Call]]) -> None:
        task, made = drawn
        raw = task.to_json()
        trajectory, ours = played(domain, task, made, said="; ".join(task.criteria.communicate_info or ("Done.",)))
        theirs = real_environment(tau2, name, raw)
        for call, step in zip(made, trajectory.calls(), strict=True):
            assert step.result is not None
            found = Recorded(step.result.content or "", step.result.error)
            assert found == real_result(tau2, theirs, call), call
        ours.sync()
        theirs.sync_tools()
        assert tau2.hash(contents(ours.agent_db)) == theirs.get_db_hash()
        if ours.user_db is not None:
            assert tau2.hash(contents(ours.user_db)) == theirs.get_user_db_hash()
        verdict = our_verdict(build_checker(task, domain, basis="tau2"), domain, trajectory)
        assert agree(verdict, real_verdict(tau2, name, raw, trajectory))

    hold()

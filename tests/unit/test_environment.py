"""An episode's world: whatever a caller or a tool gets wrong is an error message, and the state stays as it was."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from house import HOUSE, ask, look
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.tools import StructuredTool

from eigen_graph.core import (
    Database,
    Domain,
    EigenGraphError,
    Environment,
    Policy,
    Setup,
    Side,
    ToolCall,
    UnknownNameError,
)


def test_a_call_changes_this_environment_alone():
    env, other = Environment(HOUSE), Environment(HOUSE)
    content, error = ask(env, "open_door", {"door_id": "D1"})
    assert not error
    assert json.loads(content) == {
        "door": {"open": True, "opened": 1},
        "at": "2025-01-01T00:00:00",
        "notes": ["a", {"1": None}],
    }
    assert env.agent_db["doors"]["D1"].open
    assert not HOUSE.agent.database["doors"]["D1"].open
    assert other.same_as(Environment(HOUSE))
    assert not env.same_as(other)


def test_both_sides_are_in_step_after_a_call():
    env = Environment(HOUSE)
    ask(env, "open_door", {"door_id": "D1"})
    assert env.user_db is not None
    assert env.user_db["bells"]["B"].ringing
    behind = Environment(HOUSE)
    behind.run("open_door", {"door_id": "D1"}, "assistant", sync=False)
    assert behind.user_db is not None
    assert not behind.user_db["bells"]["B"].ringing
    behind.sync()
    assert behind.same_as(env)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("fly", {}, "there is no tool 'fly'. Tools: open_door, slam, look, oracle, locksmith"),
        ("f" * 100_000, {}, "there is no tool 'ffff"),
        ("ring", {}, "there is no tool 'ring'"),  # the user's
        ("open_door", "{broken", "the arguments are not a JSON object"),
        ("open_door", {}, "door_id: Field required"),
        ("open_door", {"door_id": None}, "door_id: Input should be a valid string"),
        ("open_door", {"door_id": "D1", "times": "often"}, "times: Input should be a valid integer"),
        (
            "open_door",
            {"door_id": "D1", "key": 1, "hat": 2},
            "open_door takes no argument 'hat', 'key'; it takes door_id",
        ),
        ("open_door", {"door_id": "D1", "runtime": {}}, "open_door takes no argument 'runtime'"),
        ("open_door", {"door_id": "D9"}, "nothing is stored under 'D9'"),
        ("look", {"x": 1}, "look takes no argument 'x'; it takes none"),
        ("slam", {"door_id": "D1", "how": "refuse"}, "the door is painted shut"),
        ("slam", {"door_id": "D1", "how": "key"}, "nothing is stored under 'D9'"),
        ("slam", {"door_id": "D1", "how": "bug"}, "ZeroDivisionError: division by zero"),
        ("slam", {"door_id": "D1", "how": "memory"}, "MemoryError: all of it"),
        ("slam", {"door_id": "D1", "how": "long"}, "ValueError: yyy"),
        ("slam", {"door_id": "D1", "how": "huge"}, "the result of slam is too long (5000 characters, at most 1000)"),
        ("slam", {"door_id": "D1", "how": "object"}, "TypeError: Object of type object is not JSON serializable"),
        ("slam", {"door_id": "D1", "how": "circle"}, "RecursionError"),
        ("slam", {"door_id": "D1", "how": "sync"}, "RuntimeError: the house fell down"),
        ("oracle", {"question": "why"}, "nobody knows"),
        ("oracle", {}, "question: Field required"),
    ],
)
def test_what_goes_wrong_is_an_answer_and_the_state_stays(name: str, arguments: Any, message: str):
    env = Environment(HOUSE)
    ask(env, "open_door", {"door_id": "D2", "times": 3})
    before = env.fork()
    content, error = ask(env, name, arguments)
    assert error
    assert content.startswith(f"Error: {message}")
    assert len(content) <= 600
    assert env.same_as(before)
    assert env.agent_db.to_json() == before.agent_db.to_json()
    assert env.user_db is not None
    assert before.user_db is not None
    assert env.user_db.to_json() == before.user_db.to_json()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


@given(
    st.sampled_from([*HOUSE.agent.toolbox, "ring", "", "nothing"]),
    st.dictionaries(st.sampled_from(["door_id", "how", "times", "question", "runtime", "self", ""]), json_values)
    | st.text(max_size=5),
    st.sampled_from(["assistant", "user"]),
)
def test_no_call_whatsoever_raises(name: str, arguments: Any, actor: Any):
    env = Environment(HOUSE)
    outcome = env.run(name, arguments, actor)
    assert outcome.error == outcome.content.startswith("Error: ")
    if outcome.error:
        assert env.same_as(Environment(HOUSE))


def test_an_answer_in_a_trajectorys_terms_says_whose_it_is():
    env = Environment(HOUSE)
    result = env.answer(ToolCall(id="7", name="ring"), "user")
    assert (result.role, result.content, result.tool_call_id, result.requestor, result.error) == (
        "tool",
        "rrr",
        "7",
        "user",
        False,
    )
    assert env.answer(ToolCall(id="8", name="look"), "user").error


def test_foreign_tools_work_and_may_have_their_world_too():
    env = Environment(HOUSE)
    assert ask(env, "oracle", {"question": "now"}) == ("now: yes", False)
    assert "runtime" not in HOUSE.agent.toolbox["locksmith"].schema.model_fields
    assert ask(env, "locksmith", {}) == ("done", False)
    assert ask(env, "look", {}) == ('["D1", "D2"]', False)
    assert not HOUSE.agent.database["doors"]["D1"].open


def test_an_async_only_tool_is_refused_when_the_domain_is_made():
    async def wait(seconds: int) -> str:
        """Wait."""
        return str(seconds)

    tool = StructuredTool.from_function(coroutine=wait, metadata={"writes": False})
    with pytest.raises(EigenGraphError, match=r"tool 'wait' is asynchronous only: .* give it a plain function"):
        Domain("d", Policy(""), agent=Side(Database({}), (tool,)))


def test_tools_that_cannot_be_told_apart_or_do_not_say_whether_they_write_are_refused():
    with pytest.raises(EigenGraphError, match="more than one tool is called look"):
        Domain("d", Policy(""), agent=Side(Database({}), (look, look)))
    silent = StructuredTool.from_function(lambda: "x", name="silent", description="Nothing.")
    with pytest.raises(EigenGraphError, match="tool 'silent' does not say whether it writes"):
        Domain("d", Policy(""), agent=Side(Database({}), (silent,)))


def test_a_user_without_a_side_has_no_tools():
    lonely = Domain("d", Policy(""), agent=HOUSE.agent)
    env = Environment(lonely)
    assert ask(env, "ring", {}, "user") == ("Error: there is no tool 'ring'. Tools: none", True)
    assert env.user_db is None
    assert env.same_as(env.fork())
    assert not env.same_as(Environment(HOUSE))
    with pytest.raises(UnknownNameError, match="the user has no tools and no database"):
        env.prepare(Setup(env_type="user", func_name="x"))


def test_a_fork_goes_its_own_way():
    env = Environment(HOUSE)
    ask(env, "open_door", {"door_id": "D1"})
    twin = env.fork()
    assert twin.same_as(env)
    ask(twin, "open_door", {"door_id": "D2"})
    assert not env.agent_db["doors"]["D2"].open
    assert not twin.same_as(env)


def test_time_stands_still_in_a_domain():
    first, second = (ask(Environment(HOUSE), "open_door", {"door_id": "D1"}) for _ in (1, time.sleep(0.01)))
    assert first == second

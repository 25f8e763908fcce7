"""How a task's world begins, and what is claimed of its end: names and data that a model wrote are never trusted."""

from __future__ import annotations

from typing import Any

import pytest
from house import HOUSE

from eigen_graph.core import Assertion, Environment, Task, ToolError, UnknownNameError


def setup(name: str, actor: str = "assistant", **arguments: Any) -> dict[str, Any]:
    return {"env_type": actor, "func_name": name, "arguments": arguments}


def prepared(*setups: dict[str, Any], data: Any = None) -> Environment:
    state = {"initialization_actions": list(setups), "initialization_data": data}
    return Environment(HOUSE, Task.from_json({"id": "t", "initial_state": state}))


def test_a_task_begins_with_its_initial_state():
    env = prepared(
        setup("lock", door_id="d2"),
        setup("open_door", door_id="D1"),
        setup("ring", "user"),
        data={"agent_data": {"doors": {"D3": {"open": True}}}, "user_data": {"bells": {"C": {}}}},
    )
    assert env.agent_db["doors"]["D2"].opened == 7
    assert env.agent_db["doors"]["D1"].open
    assert env.agent_db["doors"]["D3"].open
    assert env.user_db is not None
    assert env.user_db["bells"]["B"].ringing
    assert "C" in env.user_db["bells"]
    assert "D3" not in HOUSE.agent.database["doors"]


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (setup("melt"), UnknownNameError, "no initial action 'melt' on the assistant side; known: lock, open_door"),
        (setup("lock"), ToolError, "initial action lock: TypeError"),
        (setup("lock", door_id="D9"), ToolError, "initial action lock: nothing is stored under 'D9'"),
        (setup("lock", door_id=None), ToolError, "initial action lock: AttributeError"),
        (setup("lock", door_id="D1", db=1), ToolError, "initial action lock: TypeError"),
        (setup("open_door", door_id="D9"), ToolError, "initial action open_door: Error: nothing is stored"),
    ],
)
def test_an_initial_state_that_cannot_be_says_why(step: dict[str, Any], error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        prepared(step)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ({"agent_data": {"windows": {}}}, UnknownNameError, "no table 'windows'"),
        (
            {"agent_data": {"doors": {"D1": {"open": "perhaps"}}}},
            ToolError,
            "initial data: doors: open: Input should be",
        ),
        ({"agent_data": {"doors": ["D1"]}}, ToolError, "initial data: doors: "),
        ({"agent_data": "all"}, ToolError, "initial data: "),
    ],
)
def test_initial_data_that_does_not_fit_says_why(data: Any, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        prepared(data=data)


def test_assertions_hold_or_not_and_never_pass_by_accident():
    env = prepared(setup("open_door", door_id="D1"))

    def claim(func_name: str, *, value: bool = True, **arguments: Any) -> Assertion:
        return Assertion(env_type="assistant", func_name=func_name, arguments=arguments, assert_value=value)

    assert env.holds(claim("is_open", door_id="D1"))
    assert not env.holds(claim("is_open", door_id="D2"))
    assert env.holds(claim("is_open", value=False, door_id="D2"))
    with pytest.raises(UnknownNameError, match="no assertion 'is_shut' on the assistant side; known: is_open"):
        env.holds(claim("is_shut"))
    for arguments in ({}, {"door_id": "D9"}, {"door_id": None}, {"door_id": "D1", "db": 0}):
        with pytest.raises(ToolError, match="assertion is_open: "):
            env.holds(claim("is_open", **arguments))
    with pytest.raises(ToolError, match="answered 'yes', which is no bool"):
        env.holds(claim("is_open", door_id="odd"))

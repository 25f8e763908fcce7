"""An episode's world: whatever a caller or a tool gets wrong is an error message, and the state stays as it was."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langgraph.prebuilt import ToolRuntime
from pydantic import BaseModel, Field

from eigen_graph.core import (
    Assertion,
    Database,
    Domain,
    EigenGraphError,
    Environment,
    Policy,
    Record,
    Setup,
    Side,
    Task,
    ToolCall,
    ToolError,
    UnknownNameError,
    World,
    domain_tool,
)

Runtime = ToolRuntime[World, Any]


class Door(Record):
    open: bool = False
    opened: int = 0


class Bell(Record):
    ringing: bool = False


@domain_tool(writes=True)
def open_door(door_id: str, runtime: Runtime, times: int = 1) -> dict[str, Any]:
    """Open a door.

    Args:
        door_id: Which.
        times: How often.
    """
    door = runtime.context.db["doors"].update(door_id, open=True, opened=times)
    return {"door": door, "at": runtime.context.now, "notes": ("a", {1: None})}


@domain_tool(writes=True)
def slam(door_id: str, how: str, runtime: Runtime) -> Any:
    """Write first, then fail in one of many ways.

    Args:
        door_id: Which.
        how: In which.
    """
    runtime.context.db["doors"].update(door_id, open=True)
    runtime.context.db["doors"].put("new", Door())
    runtime.context.db["doors"].remove("D2")
    if how == "huge":
        return "x" * 5000
    if how == "object":
        return object()
    if how == "circle":
        circle: list[Any] = []
        circle.append(circle)
        return circle
    errors: dict[str, Exception] = {
        "refuse": ToolError("the door is painted shut"),
        "key": KeyError("D9"),
        "bug": ZeroDivisionError("division by zero"),
        "memory": MemoryError("all of it"),
        "long": ValueError("y" * 5000),
        "sync": RuntimeError("unused"),
    }
    if how != "sync":
        raise errors[how]
    runtime.context.db["doors"].update("D1", opened=99)
    return "slammed"


@domain_tool(writes=False)
def look(runtime: Runtime) -> list[str]:
    """Look at the doors."""
    return sorted(key for key, door in runtime.context.db["doors"].items() if door.open)


@domain_tool(writes=True)
def ring(runtime: Runtime) -> str:
    """Ring the bell."""
    runtime.context.db["bells"].update("B", ringing=True)
    return "rrr"


class Answer(BaseModel):
    """Arguments of a foreign tool."""

    question: str


class Oracle(BaseTool):
    """A foreign tool: a BaseTool of its own, with no bare function."""

    name: str = "oracle"
    description: str = "Ask."
    args_schema: type[BaseModel] = Answer
    metadata: dict[str, Any] | None = Field(default_factory=lambda: {"writes": False})

    def _run(self, question: str) -> str:
        if question == "why":
            raise ToolException("nobody knows")
        return f"{question}: yes"


class Locksmith(BaseTool):
    """A foreign tool that asks for its world as the others do."""

    name: str = "locksmith"
    description: str = "Open everything."
    metadata: dict[str, Any] | None = Field(default_factory=lambda: {"writes": True})

    def _run(self, runtime: Runtime) -> str:
        for key in runtime.context.db["doors"]:
            runtime.context.db["doors"].update(key, open=True)
        return "done"


def sync(agent_db: Database, user_db: Database) -> None:
    """The bell rings when the first door opens; a door opened too often breaks everything."""
    if agent_db["doors"]["D1"].opened == 99:
        raise RuntimeError("the house fell down")
    if agent_db["doors"]["D1"].open:
        user_db["bells"].update("B", ringing=True)


def lock(db: Database, door_id: str) -> None:
    db["doors"].update(door_id.upper(), open=False, opened=7)


def is_open(db: Database, door_id: str) -> bool:
    return bool(db["doors"][door_id.upper()].open) if door_id != "odd" else "yes"  # type: ignore[return-value]  # on purpose


HOUSE = Domain(
    name="house",
    policy=Policy("1. Knock."),
    agent=Side(
        Database({"doors": Door}, {"doors": {"D1": Door(), "D2": Door()}}),
        (open_door, slam, look, Oracle(), Locksmith()),
        setups={"lock": lock},
        assertions={"is_open": is_open},
    ),
    user=Side(Database({"bells": Bell}, {"bells": {"B": Bell()}}), (ring,)),
    sync=sync,
    now="2025-01-01T00:00:00",
    max_result_chars=1000,
)


def ask(env: Environment, name: str, arguments: Any, actor: Any = "assistant") -> tuple[str, bool]:
    message = env.execute({"name": name, "args": arguments, "id": "c1", "type": "tool_call"}, actor)
    assert message.tool_call_id == "c1"
    return message.text, message.status == "error"


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


def test_a_fork_goes_its_own_way():
    env = prepared(setup("open_door", door_id="D1"))
    twin = env.fork()
    assert twin.same_as(env)
    ask(twin, "open_door", {"door_id": "D2"})
    assert not env.agent_db["doors"]["D2"].open
    assert not twin.same_as(env)


def test_time_stands_still_in_a_domain():
    first, second = (ask(Environment(HOUSE), "open_door", {"door_id": "D1"}) for _ in (1, time.sleep(0.01)))
    assert first == second

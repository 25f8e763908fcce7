"""A house with two doors and a bell: small enough to read, with tools that fail in every way."""

from __future__ import annotations

from typing import Any

from langchain_core.tools import BaseTool, ToolException
from langgraph.prebuilt import ToolRuntime
from pydantic import BaseModel, Field

from eigen_graph.core import Database, Domain, Environment, Policy, Record, Side, ToolError, World, domain_tool

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

"""A dialogue as training examples, for the agent or for the simulated user: each sees what it saw when it spoke."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import pyarrow as pa

from eigen_graph.core import Actor, Domain, Message, Task, Trajectory
from eigen_graph.runs.rows import InstanceRow

View = Literal["dialogue", "turn"]
"""`dialogue`: one row each, loss on all of a side's messages; `turn`: one row for each of them, loss on the last."""

_CALL = pa.struct(
    [
        ("id", pa.string()),
        ("type", pa.string()),
        ("function", pa.struct([("name", pa.string()), ("arguments", pa.string())])),
    ]
)
_MESSAGE = pa.struct(
    [
        ("role", pa.string()),
        ("content", pa.string()),
        ("tool_calls", pa.list_(_CALL)),
        ("tool_call_id", pa.string()),
        ("name", pa.string()),
    ]
)
COLUMNS = pa.schema(
    [
        ("id", pa.string()),
        ("messages", pa.list_(_MESSAGE)),
        ("tools", pa.string()),
        ("loss_mask", pa.list_(pa.int8())),
        ("task_id", pa.string()),
        ("domain", pa.string()),
        ("difficulty", pa.string()),
        ("persona", pa.string()),
        ("clauses", pa.list_(pa.string())),
        ("plan_id", pa.string()),
        ("generation", pa.int64()),
        ("kill_rate", pa.float64()),
    ]
)
"""Columns of `sft` and `user_sft`."""


class _Turn(NamedTuple):
    message: dict[str, Any]
    trained: bool


def agent_examples(row: InstanceRow, domain: Domain, view: View) -> Iterator[dict[str, Any]]:
    """The agent's side: policy, the user's words, its own moves and what its calls gave.

    The user's own calls and their results are not in it, and the fixed greeting is not trained on.
    """
    return _examples("assistant", row, domain, row.agent_system or domain.policy.text, view)


def user_examples(row: InstanceRow, domain: Domain, view: View) -> Iterator[dict[str, Any]]:
    """The user's side with roles swapped: its words and own calls are the assistant's, the agent's words the user's.

    What the agent's calls gave is not in it; the last message ends with the stop marker, as the dialogue did.
    """
    return _examples("user", row, domain, row.user_system, view)


def _examples(actor: Actor, row: InstanceRow, domain: Domain, system: str, view: View) -> Iterator[dict[str, Any]]:
    task = Task.from_json(row.task)
    side = domain.agent if actor == "assistant" else domain.user
    tools = [bound.openai for bound in side.toolbox.values()] if side else []
    turns = [
        _Turn({"role": "system", "content": system}, trained=False),
        *_seen_by(actor, Trajectory.from_json(row.trajectory)),
    ]
    ends = [at for at, turn in enumerate(turns) if turn.trained]
    for number, end in enumerate(ends if view == "turn" else ends[-1:]):
        shown = turns[: end + 1]
        mask = [int(turn.trained) for turn in shown] if view == "dialogue" else [0] * end + [1]
        yield {
            "id": row.id if view == "dialogue" else f"{row.id}/{number}",
            "messages": [turn.message for turn in shown],
            "tools": tools,
            "loss_mask": mask,
            "task_id": task.id,
            "domain": domain.name,
            "difficulty": task.tags.difficulty,
            "persona": task.tags.persona,
            "clauses": list(task.tags.clauses),
            "plan_id": row.plan_id,
            "generation": row.generation,
            "kill_rate": row.kill_rate,
        }


def _seen_by(actor: Actor, trajectory: Trajectory) -> Iterator[_Turn]:
    """Messages that one side said or heard, in OpenAI's form."""
    heard = False
    caller: Actor | None = None
    names: dict[str | None, str] = {}
    for message in trajectory.messages:
        if message.tool_calls:
            caller = "user" if message.role == "user" else "assistant"
            names = {call.id: call.name for call in message.tool_calls}
        if message.role == "tool":
            if (message.requestor or caller) == actor:
                name = names.get(message.tool_call_id, "")
                result = {"role": "tool", "content": message.content or "", "tool_call_id": message.tool_call_id}
                yield _Turn({**result, "name": name}, trained=False)
        elif message.role == actor:
            # What the agent says before it has heard anything is the fixed greeting, not the model's.
            yield _Turn(_own(message), trained=heard or actor == "user")
        elif message.role in ("assistant", "user") and not message.tool_calls:  # text beside calls is never delivered
            heard = True
            yield _Turn({"role": "user", "content": message.content or ""}, trained=False)


def _own(message: Message) -> dict[str, Any]:
    if not message.tool_calls:
        return {"role": "assistant", "content": message.content or ""}
    calls = []
    for call in message.tool_calls:
        # Arguments stay JSON text, as OpenAI has it: as objects, Arrow would give each call the others' arguments.
        is_text = isinstance(call.arguments, str)
        arguments = call.arguments if is_text else json.dumps(call.arguments, ensure_ascii=False)
        calls.append({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
    return {"role": "assistant", "content": message.content, "tool_calls": calls}

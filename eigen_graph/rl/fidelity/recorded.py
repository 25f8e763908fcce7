"""Reference dialogues from an export's rows: what each side saw of an accepted dialogue, put together again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eigen_graph.core import EigenGraphError, Message, ToolCall, Trajectory

Row = Mapping[str, Any]
_SWAPPED = {"assistant": "user", "user": "assistant"}


def recorded(user_row: Row, agent_row: Row | None = None) -> Trajectory:
    """The dialogue of a row of `user_sft.jsonl`.

    Args:
        user_row: The user's side.
        agent_row: The same dialogue's row of `sft.jsonl`: with it, the agent's own calls come back too.

    Raises:
        EigenGraphError: The rows are no dialogue's, or of two.
    """
    try:
        heard = [_message(data, "user") for data in user_row["messages"] if data["role"] != "system"]
        theirs = [_message(data, "assistant") for data in (agent_row or {"messages": ()})["messages"]]
        calls = _calls_before(message for message in theirs if message.role != "system")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EigenGraphError(f"row {user_row.get('id')!r:.80} is no dialogue of an export: {error}") from error
    messages: list[Message] = []
    spoken = 0
    for message in heard:
        if message.role == "assistant":
            messages += calls.get(spoken, ())
            spoken += 1
        messages.append(message)
    if agent_row is not None and spoken != sum(message.role == "assistant" and _said(message) for message in theirs):
        raise EigenGraphError(f"rows {user_row.get('id')!r:.80} and {agent_row.get('id')!r:.80} are of two dialogues")
    return Trajectory(messages=tuple(messages))


def recorded_references(user_rows: Iterable[Row], agent_rows: Iterable[Row] = ()) -> dict[str, Trajectory]:
    """The dialogues of rows, by task id; raises as `recorded`."""
    agents = {row["task_id"]: row for row in agent_rows}
    return {row["task_id"]: recorded(row, agents.get(row["task_id"])) for row in user_rows}


def _message(data: Mapping[str, Any], own: str) -> Message:
    """A message of one side's row; its own stand there as the assistant's, and the results are of its own calls."""
    calls = tuple(ToolCall.from_json(call) for call in data.get("tool_calls") or ())
    if data["role"] == "tool":
        text = data.get("content") or ""
        return Message.from_json(
            {**data, "content": text, "requestor": own, "error": text.startswith("Error:"), "tool_calls": None}
        )
    role: Any = data["role"] if own == "assistant" else _SWAPPED.get(data["role"], data["role"])
    return Message(role=role, content=data.get("content"), tool_calls=calls)


def _calls_before(messages: Iterator[Message]) -> dict[int, list[Message]]:
    """The agent's calls and their results, by the number of its words that they come before."""
    found: dict[int, list[Message]] = {}
    spoken = 0
    for message in messages:
        if message.role == "assistant" and _said(message):
            spoken += 1
        elif message.role in ("assistant", "tool"):
            found.setdefault(spoken, []).append(message)
    return found


def _said(message: Message) -> bool:
    return not message.tool_calls

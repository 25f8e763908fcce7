"""Dialogues as tau2 writes them, and ours: the same messages in two spellings.

tau2 says on every call whose it is, gives a result the id of its call, and stamps each message with a time by which it
sorts them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from eigen_graph.core import EigenGraphError, Message, ToolCall, Trajectory

UNREAD = "__not_a_json_object__"
"""Name under which a call's arguments travel that were no JSON object: tau2 has no place for such. No tool takes an
argument of that name, so the call fails there too."""

_STEP = timedelta(milliseconds=1)


def to_tau2(trajectory: Trajectory, start: datetime) -> list[dict[str, Any]]:
    """A dialogue's messages as tau2 writes them.

    Args:
        trajectory: The dialogue.
        start: When it began. The times of its messages are made up, one millisecond apart: they only keep the order.
    """
    return [
        {
            **_message(message),
            "turn_idx": index,
            "timestamp": (start + index * _STEP).isoformat(timespec="microseconds"),
        }
        for index, message in enumerate(trajectory.messages)
    ]


def from_tau2(messages: Any, termination: str) -> Trajectory:
    """Inverse of `to_tau2`.

    Raises:
        EigenGraphError: They are no messages; a call is made in the other party's name; or a result is not that of the
            call it follows. tau2 does not judge such a dialogue either. A call without a result is one that was never
            run, which no dialogue ends with that was ended by a stop.
    """
    if not isinstance(messages, list):
        raise EigenGraphError("there is no list of messages")
    flat = [inner for item in messages for inner in _unpacked(item)]
    for index, item in enumerate(flat):
        _require_own_calls(index, item)
    trajectory = Trajectory.from_json({"messages": flat, "termination": termination})
    read = tuple(
        message.model_copy(update={"tool_calls": tuple(map(_as_made, message.tool_calls))})
        for message in trajectory.messages
    )
    _require_results(read, complete=termination in {"user_stop", "agent_stop"})
    return trajectory.model_copy(update={"messages": read})


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {
            "role": "tool",
            "id": message.tool_call_id or "",
            "content": message.content,
            "requestor": message.requestor or "assistant",
            "error": message.error,
        }
    data: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.role != "system":
        # None, not []: to tau2 a message with an empty list is a tool call.
        data["tool_calls"] = [_call(call, message.role) for call in message.tool_calls] or None
    return data


def _call(call: ToolCall, role: str) -> dict[str, Any]:
    arguments = {UNREAD: call.arguments} if isinstance(call.arguments, str) else call.arguments
    return {"id": call.id, "name": call.name, "arguments": arguments, "requestor": role}


def _as_made(call: ToolCall) -> ToolCall:
    if isinstance(call.arguments, dict) and call.arguments.keys() == {UNREAD}:
        text = call.arguments[UNREAD]
        return call.model_copy(update={"arguments": text}) if isinstance(text, str) else call
    return call


def _unpacked(item: Any) -> list[Any]:
    """Several results in one message (tau2's `MultiToolMessage`), each alone."""
    packed = item.get("tool_messages") if isinstance(item, dict) else None
    return packed if isinstance(packed, list) else [item]


def _require_own_calls(index: int, item: Any) -> None:
    calls = item.get("tool_calls") if isinstance(item, dict) else None
    for call in calls if isinstance(calls, list) else ():
        # tau2 runs a call for whom it names, the agent where it names nobody; we, for whose message it stands in.
        if isinstance(call, dict) and call.get("requestor", "assistant") != item.get("role"):
            raise EigenGraphError(f"message {index}: a call of {call.get('name')!r:.60} is made in the other's name")


def _require_results(messages: tuple[Message, ...], *, complete: bool) -> None:
    awaited: list[str] = []
    for index, message in enumerate(messages):
        if message.role == "tool":
            if not awaited or awaited.pop(0) != message.tool_call_id:
                raise EigenGraphError(f"message {index}: a result of a call that was not made before it")
        elif awaited:
            break
        else:
            awaited = [call.id for call in message.tool_calls]
    if awaited and complete:
        raise EigenGraphError(f"the call {awaited[0]!r:.60} has no result")

"""Between a trajectory and what each side hears: neither is shown the other's calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call

from eigen_graph.core import Actor, Message
from eigen_graph.models import calls_of


def heard_by(actor: Actor, messages: Iterable[dict[str, Any]], system: str | None = None) -> list[AnyMessage]:
    """A dialogue as one side's model is given it: its own moves as AI messages, the other's words as human ones.

    Args:
        actor: Whose view.
        messages: Trajectory messages, as JSON.
        system: Instructions to put first.
    """
    opening: list[AnyMessage] = [SystemMessage(system)] if system is not None else []
    return [*opening, *(heard for data in messages for heard in view(actor, Message.from_json(data)))]


def message_of(reply: AIMessage, actor: Actor) -> Message:
    """A model's reply as a trajectory message; calls whose arguments were no JSON object keep them as text."""
    text = reply.text or None
    return Message(role="user" if actor == "user" else "assistant", content=text, tool_calls=calls_of(reply))


def view(actor: Actor, message: Message) -> Iterator[AnyMessage]:
    """One message as a side hears it; nothing when it does not."""
    if message.role == "tool":
        if message.requestor == actor:
            status = "error" if message.error else "success"
            yield ToolMessage(message.content or "", tool_call_id=message.tool_call_id or "", status=status)
    elif message.role == actor:
        yield AIMessage(
            message.content or "",
            tool_calls=[
                tool_call(id=call.id, name=call.name, args=call.arguments)
                for call in message.tool_calls
                if isinstance(call.arguments, dict)
            ],
            invalid_tool_calls=[
                invalid_tool_call(id=call.id, name=call.name, args=call.arguments, error=None)
                for call in message.tool_calls
                if isinstance(call.arguments, str)
            ],
        )
    elif message.role in ("assistant", "user") and not message.tool_calls:
        yield HumanMessage(message.content or "")

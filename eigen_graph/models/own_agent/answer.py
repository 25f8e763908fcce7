"""What a graph or Runnable has answered, as the one message that ends a turn."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage, convert_to_messages
from pydantic import BaseModel

from eigen_graph.core import EigenGraphError

_MAX_SHOWN = 120


@dataclass(frozen=True)
class Answer:
    """What came of a turn."""

    message: AIMessage
    """Its words, and the calls that nobody has run yet."""
    history: list[BaseMessage] | None = None
    """The whole dialogue as the graph has it; None: it gave no more than its answer."""


def read(output: Any, *, last_heard: str, label: str) -> Answer:
    """Make an answer of whatever came out.

    Messages that the agent says one after the other, at the end, are one message of several paragraphs. Where it says
    nothing, but has a `structured_response`, that is said, as JSON.

    Args:
        output: A state with `messages`, messages, one message, or a text.
        last_heard: The id of the last message that it was given.
        label: The agent's name, for messages.

    Raises:
        EigenGraphError: It waits for a person, or it is nothing of that kind.
    """
    require_no_interrupt(output, label)
    structured = _get(output, "structured_response")
    messages = _messages(output)
    if messages is None:
        raise EigenGraphError(
            f"the agent {label} answers with {_described(output)}: it must return messages, a state with `messages`, "
            "or a text"
        )
    said = _last_said(messages)
    text = "\n\n".join(filter(None, (message.text.strip() for message in said)))
    answered = {message.tool_call_id for message in messages if isinstance(message, ToolMessage)}
    calls, broken = _unanswered(said[-1], answered) if said else ([], [])
    if structured is not None and not text and not calls:
        text = _as_text(structured)
    whole = any(message.id == last_heard for message in messages)
    return Answer(AIMessage(text, tool_calls=calls, invalid_tool_calls=broken), messages if whole else None)


def require_no_interrupt(output: Any, label: str) -> None:
    """Refuse a graph that has stopped to ask a person.

    Raises:
        EigenGraphError: It has.
    """
    waiting = output.get("__interrupt__") if isinstance(output, Mapping) else None
    if waiting:
        asked = str(getattr(waiting[0], "value", waiting[0]))
        raise interrupted(label, asked)


def interrupted(label: str, asked: str) -> EigenGraphError:
    """The error for a graph that stops to ask a person."""
    return EigenGraphError(
        f"the agent {label} stopped at an interrupt() ({' '.join(asked.split()):.120}) and waits for a person: nobody "
        "is there to answer in an episode; give a graph without the interrupt, or with its answer built in"
    )


def _messages(output: Any) -> list[BaseMessage] | None:
    found = _get(output, "messages")
    if found is None:
        found = output
    if isinstance(found, BaseMessage):
        return [found]
    if isinstance(found, str):
        return [AIMessage(found)]
    if not isinstance(found, Sequence) or isinstance(found, bytes):
        return None
    try:
        return convert_to_messages(found)
    except (ValueError, TypeError, NotImplementedError):  # the last: LangChain knows no message of this kind
        return None


def _get(output: Any, name: str) -> Any:
    return output.get(name) if isinstance(output, Mapping) else getattr(output, name, None)


def _last_said(messages: Sequence[BaseMessage]) -> list[AIMessage]:
    """The agent's messages at the end, those before its last call left out."""
    said: list[AIMessage] = []
    for message in reversed(messages):
        if isinstance(message, HumanMessage | ToolMessage):
            break
        if isinstance(message, AIMessage):
            if said and (message.tool_calls or message.invalid_tool_calls):
                break
            said.insert(0, message)
    return said


def _unanswered(message: AIMessage, answered: Collection[str]) -> tuple[list[Any], list[Any]]:
    calls = [call for call in message.tool_calls if call["id"] not in answered]
    return calls, [call for call in message.invalid_tool_calls if call["id"] not in answered]


def _as_text(value: Any) -> str:
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _described(output: Any) -> str:
    if isinstance(output, Mapping):
        return f"a mapping of {', '.join(map(str, list(output)[:8])) or 'nothing'}"
    return f"{type(output).__name__} {output!r}"[:_MAX_SHOWN]

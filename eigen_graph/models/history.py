"""A conversation as any server takes it back, whatever calls a model has made in it.

Servers read the calls in a history again, and many refuse the whole request over one that is broken: arguments that
are no JSON (llama.cpp answers 500, some chat templates fail), a name that no tool could have (OpenAI answers 400).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.tool import tool_call

_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_MAX_NAME = 64


def sendable(messages: Iterable[BaseMessage]) -> list[BaseMessage]:
    """The messages, with each broken call put as one that can be read.

    Arguments that were no JSON object become `{"unreadable": "..."}`; names keep only letters, digits, `_` and `-`.
    """
    return [_sendable(message) if isinstance(message, AIMessage) else message for message in messages]


def _sendable(message: AIMessage) -> AIMessage:
    calls = [tool_call(id=call["id"], name=_name(call["name"]), args=call["args"]) for call in message.tool_calls]
    if not message.invalid_tool_calls and calls == message.tool_calls:
        return message
    calls += [
        tool_call(id=call["id"], name=_name(call["name"] or ""), args={"unreadable": call["args"] or ""})
        for call in message.invalid_tool_calls
    ]
    return AIMessage(message.content, tool_calls=calls)


def _name(name: str) -> str:
    return _NAME.sub("_", name)[:_MAX_NAME] or "unnamed"

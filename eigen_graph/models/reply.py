"""Model replies brought to a bounded, plain shape: whatever a model or server sends, what leaves here can be stored."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, InvalidToolCall
from langchain_core.messages import ToolCall as LangChainToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import invalid_tool_call
from langchain_core.messages.tool import tool_call as valid_tool_call

from eigen_graph.core import ToolCall
from eigen_graph.models.spelled import spelled_calls

MAX_TEXT = 16_000
"""Characters of text kept of a reply."""
MAX_CALLS = 16
"""Tool calls kept of a reply."""
MAX_ARGUMENTS = 16_000
"""Characters of JSON that one call's arguments may take; more, and they are kept as text, cut."""
MAX_DEPTH = 32
"""Nesting that one call's arguments may have."""
_MAX_NAME = 128
_MAX_INT = 2**63
_THOUGHT = re.compile(r"<think(?:ing)?>(.*?)(?:</think(?:ing)?>|\Z)", re.DOTALL)
_CLOSING = re.compile(r"</think(?:ing)?>")


def bound(message: BaseMessage, *, spelled: bool = False) -> AIMessage:
    """A reply within the bounds of this module.

    Text blocks are joined and other blocks dropped, `<think>` passages move to `additional_kwargs["reasoning"]`, lone
    surrogates are replaced, ids are made unique. Calls whose arguments are no JSON object, too large, too deep or not
    finite stay in `invalid_tool_calls` with the arguments as text. An empty reply stays empty: what that means is the
    asker's to say.

    Args:
        message: What the model gave.
        spelled: Tools were offered: a reply without calls may spell them out in its text.
    """
    text, reasoning = split_thought(_text(message.content))
    reasoning = "\n".join(filter(None, (_clean(message.additional_kwargs.get("reasoning_content")), reasoning)))
    calls = list(getattr(message, "tool_calls", ()))
    broken = list(getattr(message, "invalid_tool_calls", ()))
    if spelled and not calls and not broken:
        text, calls, broken = spelled_calls(text)
    dropped = max(0, len(calls) + len(broken) - MAX_CALLS)
    valid, invalid = _bounded_calls(calls[:MAX_CALLS], broken[: max(0, MAX_CALLS - len(calls))])
    extra: dict[str, Any] = {}
    if reasoning:
        extra["reasoning"] = reasoning[:MAX_TEXT]
    if len(text) > MAX_TEXT:
        extra["cut_chars"] = len(text) - MAX_TEXT
    if dropped:
        extra["dropped_calls"] = dropped
    return AIMessage(
        content=text[:MAX_TEXT],
        tool_calls=valid,
        invalid_tool_calls=invalid,
        usage_metadata=_usage(getattr(message, "usage_metadata", None)),
        additional_kwargs=extra,
    )


def calls_of(message: AIMessage) -> tuple[ToolCall, ...]:
    """Every call of a reply in a trajectory's terms; those that were no JSON keep their arguments as text."""
    return (
        *(ToolCall(id=call["id"] or "", name=call["name"], arguments=call["args"]) for call in message.tool_calls),
        *(
            ToolCall(id=call["id"] or "", name=call["name"] or "", arguments=call["args"] or "")
            for call in message.invalid_tool_calls
        ),
    )


def to_json(message: AIMessage) -> dict[str, Any]:
    """A bounded reply as JSON values."""
    return {
        "text": message.content,
        "calls": [{"id": call["id"], "name": call["name"], "args": call["args"]} for call in message.tool_calls],
        "broken": [{"id": c["id"], "name": c["name"], "args": c["args"]} for c in message.invalid_tool_calls],
        "extra": dict(message.additional_kwargs),
        "usage": dict(message.usage_metadata) if message.usage_metadata else None,
    }


def from_json(data: dict[str, Any]) -> AIMessage:
    """Inverse of `to_json`."""
    return AIMessage(
        content=data["text"],
        tool_calls=[valid_tool_call(**call) for call in data["calls"]],
        invalid_tool_calls=[invalid_tool_call(**call) for call in data["broken"]],
        additional_kwargs=dict(data["extra"]),
        usage_metadata=data["usage"],
    )


def split_thought(text: str) -> tuple[str, str]:
    """Text without the `<think>` passages of open reasoning models, and those passages.

    A server that strips only the opening tag leaves a lone `</think>`: all before it is thought too.
    """
    if "think" not in text:
        return text, ""
    thoughts = _THOUGHT.findall(text)
    text = _THOUGHT.sub("", text)
    *before, text = _CLOSING.split(text)
    return text.strip(), "\n".join(part.strip() for part in (*before, *thoughts) if part.strip())


def scrub(text: str) -> str:
    """Text that UTF-8 can hold: lone surrogates become question marks, null characters go."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def _usage(usage: Any) -> UsageMetadata | None:
    """The counts that accounting goes by; None when the server gave none that make sense."""
    if not isinstance(usage, dict):
        return None
    given, made = usage.get("input_tokens"), usage.get("output_tokens")
    if not isinstance(given, int) or not isinstance(made, int) or given < 0 or made < 0:
        return None
    return UsageMetadata(input_tokens=given, output_tokens=made, total_tokens=given + made)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return scrub(content)
    if not isinstance(content, Iterable):
        return ""
    parts = (block if isinstance(block, str) else _block_text(block) for block in content)
    return scrub("".join(parts))


def _block_text(block: Any) -> str:
    if isinstance(block, dict) and block.get("type") in {"text", "output_text"} and isinstance(block.get("text"), str):
        return str(block["text"])
    return ""


def _clean(value: Any) -> str:
    return scrub(value) if isinstance(value, str) else ""


def _bounded_calls(
    calls: list[LangChainToolCall], broken: list[InvalidToolCall]
) -> tuple[list[LangChainToolCall], list[InvalidToolCall]]:
    valid: list[LangChainToolCall] = []
    invalid: list[InvalidToolCall] = []
    ids: set[str] = set()
    for call in (*calls, *broken):
        name = _clean(call.get("name"))[:_MAX_NAME]
        given = _clean(call.get("id"))[:_MAX_NAME] or "call"
        call_id = given
        while call_id in ids or call_id == "call":
            call_id = f"{given}_{len(ids)}" if f"{given}_{len(ids)}" not in ids else f"{call_id}_"
        ids.add(call_id)
        arguments: Any = call.get("args")
        plain = plain_json(arguments) if isinstance(arguments, dict) else None
        if plain is not None:
            valid.append(valid_tool_call(name=name, args=plain, id=call_id))
        else:
            text = arguments if isinstance(arguments, str) else _dumped(arguments)
            invalid.append(invalid_tool_call(name=name, args=scrub(text)[:MAX_ARGUMENTS], id=call_id))
    return valid, invalid


def plain_json(arguments: dict[str, Any]) -> dict[str, Any] | None:
    """Arguments as finite, storable JSON; None when they are too deep, too large or hold what JSON cannot."""
    try:
        plain = plain_value(arguments)
        return plain if len(json.dumps(plain)) <= MAX_ARGUMENTS else None
    except (ValueError, TypeError):
        return None


def plain_value(value: Any, depth: int = MAX_DEPTH) -> Any:
    """A value as finite, storable JSON.

    Raises:
        ValueError: It is too deep, or holds a number that is not finite or beyond 64 bits.
        TypeError: It holds what JSON cannot.
    """
    if depth < 0:
        raise ValueError("nested too deeply")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, int | float):
        if abs(value) >= _MAX_INT if isinstance(value, int) else not math.isfinite(value):
            raise ValueError("a number is too large")
        return value
    if isinstance(value, dict | list | tuple) and len(value) > MAX_ARGUMENTS:
        raise ValueError("it has too many parts")
    if isinstance(value, dict):
        return {scrub(str(key)): plain_value(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item, depth - 1) for item in value]
    raise TypeError(f"{type(value).__name__} is no JSON")


def _dumped(value: Any) -> str:
    try:
        # Piece by piece: of a million arguments only the beginning is kept anyway.
        return "".join(islice(json.JSONEncoder(default=str).iterencode(value), MAX_ARGUMENTS))
    except (ValueError, TypeError, RecursionError):
        return f"<{type(value).__name__} that is no JSON>"

"""Between OpenAI's chat JSON and an agent's move: calls in, their results out, under the ids that the model gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from langchain_core.output_parsers.openai_tools import make_invalid_tool_call, parse_tool_call

from eigen_graph.core import Message

_DROPPED = "Error: too many calls in one message; this one was not run."


def reply_of(message: Mapping[str, Any]) -> AIMessage:
    """A chat completion's message as a move.

    Its calls are named by their position, so that their results are found again whatever ids the model gave.
    """
    calls, broken = [], []
    for number, call in enumerate(message.get("tool_calls") or ()):
        raw = {**call, "id": str(number)}
        try:
            parsed = parse_tool_call(raw, return_id=True)
        except (OutputParserException, RecursionError) as error:
            broken.append(make_invalid_tool_call(raw, str(error)))
            continue
        if parsed is not None and isinstance(parsed["args"], dict):
            calls.append(parsed)
        else:
            broken.append(make_invalid_tool_call(raw, "no JSON object"))
    return AIMessage(message.get("content") or "", tool_calls=calls, invalid_tool_calls=broken)


def results_for(message: Mapping[str, Any], results: Sequence[Message]) -> list[dict[str, Any]]:
    """Results of the calls of a `reply_of`, as chat messages: one for each call, in the message's order."""
    by_number = {result.tool_call_id: result.content or "" for result in results}
    return [
        {"role": "tool", "tool_call_id": call["id"], "content": by_number.get(str(number), _DROPPED)}
        for number, call in enumerate(message.get("tool_calls") or ())
    ]

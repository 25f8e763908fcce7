"""Tool calls that a model spells out in its text, because its server has no parser for its format.

Qwen, Hermes and many others write `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`; vLLM and llama.cpp turn
that into calls only when started with the right options.
"""

from __future__ import annotations

import hashlib
import json
import re

from langchain_core.messages import InvalidToolCall, ToolCall
from langchain_core.messages.tool import invalid_tool_call, tool_call

_SPELLED = re.compile(r"<tool_call>(.*?)(?:</tool_call>|(?=<tool_call>)|\Z)", re.DOTALL)


def spelled_calls(text: str) -> tuple[str, list[ToolCall], list[InvalidToolCall]]:
    """The text without the calls spelled out in it, those calls, and those that are no JSON.

    Ids follow from the text, so a recalled reply has the ids it had.
    """
    if "<tool_call>" not in text:
        return text, [], []
    calls: list[ToolCall] = []
    broken: list[InvalidToolCall] = []
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    for number, body in enumerate(map(str.strip, _SPELLED.findall(text))):
        call_id = f"call_{digest}_{number}"
        try:
            spelled = json.loads(body)
            name, arguments = spelled["name"], spelled.get("arguments", {})
            arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
        except (ValueError, LookupError, TypeError, RecursionError):
            name, arguments = "", None
        if isinstance(name, str) and isinstance(arguments, dict):
            calls.append(tool_call(name=name, args=arguments, id=call_id))
        else:
            broken.append(invalid_tool_call(name=name if isinstance(name, str) else "", args=body, id=call_id))
    return _SPELLED.sub("", text).strip(), calls, broken

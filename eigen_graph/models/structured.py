"""Answers in JSON: how a model is asked for them, and how a reply is read, leniently in form, strictly in content."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from pydantic import BaseModel, ValidationError

from eigen_graph.models.reply import MAX_TEXT, calls_of, plain_value, scrub

S = TypeVar("S", bound=BaseModel)

MAX_ANSWER = MAX_TEXT
"""Characters in which an answer must be complete."""
_FENCE = re.compile(r"```[a-zA-Z0-9_-]*[ \t]*\n(.*?)```", re.DOTALL)
_MAX_STARTS = 40
_MAX_FAULTS = 6


class UnusableAnswerError(ValueError):
    """An answer that does not fit its schema; the text is what the model is told."""


@cache
def response_format(schema: type[BaseModel]) -> dict[str, Any]:
    """The OpenAI `response_format` that asks for a schema."""
    return {
        "type": "json_schema",
        "json_schema": {"name": schema.__name__, "schema": schema.model_json_schema(), "strict": False},
    }


@cache
def answer_tool(schema: type[BaseModel]) -> dict[str, Any]:
    """A schema as an OpenAI tool, for models that answer by calling it."""
    parameters = schema.model_json_schema()
    description = parameters.pop("description", f"Give the answer as {schema.__name__}.")
    return {
        "type": "function",
        "function": {"name": schema.__name__, "description": description, "parameters": parameters},
    }


def read(message: AIMessage, schema: type[S]) -> S:
    """The answer in a reply: its call of the answer tool if it made one, else the first JSON object in its text.

    Raises:
        UnusableAnswerError: There is none, or it does not fit.
    """
    for call in calls_of(message):
        if call.name == schema.__name__:
            return _validated(call.arguments if isinstance(call.arguments, dict) else find(call.arguments), schema)
    if "cut_chars" in message.additional_kwargs:
        raise UnusableAnswerError(f"it is longer than {MAX_ANSWER} characters")
    return _validated(find(str(message.content)), schema)


def find(text: str) -> dict[str, Any]:
    """The first JSON object in a text: bare, in a code fence, or after some prose.

    Raises:
        UnusableAnswerError: There is none.
    """
    text = text.strip()
    if not text:
        raise UnusableAnswerError("it is empty")
    for candidate in (text, *_FENCE.findall(text)):
        value = _decoded(candidate.strip())
        if isinstance(value, dict):
            return value
    start = text.find("{")
    for _ in range(_MAX_STARTS):
        if start < 0:
            break
        value = _decoded(text[start:], whole=False)
        if isinstance(value, dict):
            return value
        start = text.find("{", start + 1)
    raise UnusableAnswerError("it holds no complete JSON object")


def repair(message: AIMessage, problem: str, schema: type[BaseModel]) -> list[BaseMessage]:
    """What is added to the conversation to have an unusable answer repaired."""
    request = (
        f"Your answer cannot be used: {problem}. Answer again, with nothing but one JSON object that fits this "
        f"schema:\n{json.dumps(schema.model_json_schema(), separators=(',', ':'))}"
    )
    if calls := (*message.tool_calls, *message.invalid_tool_calls):
        results = [ToolMessage(f"Error: {problem}", tool_call_id=call["id"] or "", status="error") for call in calls]
        return [message, *results, HumanMessage(request)]
    return [AIMessage(message.content or "(nothing)"), HumanMessage(request)]


def _validated(value: Any, schema: type[S]) -> S:
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        told = [f"{'.'.join(map(str, fault['loc'])) or 'the object'}: {fault['msg']}" for fault in faults]
        more = f"; and {len(told) - _MAX_FAULTS} more" if len(told) > _MAX_FAULTS else ""
        raise UnusableAnswerError(scrub("; ".join(told[:_MAX_FAULTS]))[:1000] + more) from error


def _decoded(text: str, *, whole: bool = True) -> Any:
    """The JSON value of a text (or at its start); None when there is none."""
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    if whole and text[end:].strip():
        return None
    try:
        return plain_value(value)  # JSON may spell lone surrogates, null characters and infinities
    except ValueError:
        return None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)

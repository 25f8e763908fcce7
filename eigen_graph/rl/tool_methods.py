"""A domain's tools as Python methods with type hints and Google docstrings, which is how TRL reads tools."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Union

from eigen_graph.core import EigenGraphError
from eigen_graph.core.tool import BoundTool

Call = Callable[[Any, str, dict[str, Any]], str]
"""What a method does: the instance, the tool's name, the arguments -> the result."""
_PLAIN: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "object": dict[str, Any],
    "null": type(None),
}
_SECTION = re.compile(r"\b(Args|Returns|Raises):")
_CHOICES = re.compile(r"\(choices:", re.IGNORECASE)


def method_of(bound: BoundTool, call: Call, *, taken: Iterable[str]) -> Callable[..., str]:
    """A tool as a method.

    Args:
        bound: The tool.
        call: What the method does. It gets whatever arguments a model gives, wrong ones too.
        taken: Names that a method may not have.

    Raises:
        EigenGraphError: The tool or an argument has a name that no method can have.
    """
    definition = bound.openai["function"]
    name = definition["name"]
    if name.startswith("_") or name in taken:
        raise EigenGraphError(f"tool {name!r} cannot be a method of a TRL environment: give it another name")
    schema = definition.get("parameters") or {}
    properties: Mapping[str, Any] = schema.get("properties") or {}
    required = set(schema.get("required") or ())
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)]
    hints: dict[str, Any] = {"return": str}
    for key in sorted(properties, key=lambda key: key not in required):  # without a default first
        hints[key] = hint_of(properties[key])
        default = inspect.Parameter.empty if key in required else properties[key].get("default")
        try:
            parameter = inspect.Parameter(
                key, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=hints[key]
            )
        except ValueError as error:
            raise EigenGraphError(f"tool {name!r} cannot be a method of a TRL environment: {error}") from error
        parameters.append(parameter)

    def method(self: Any, /, **arguments: Any) -> str:
        return call(self, name, arguments)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = _docstring(definition.get("description") or name, properties)
    method.__annotations__ = hints
    method.__signature__ = inspect.Signature(parameters, return_annotation=str)  # type: ignore[attr-defined]
    return method


def hint_of(schema: Any) -> Any:
    """The type hint of a JSON schema, as near as TRL's reader of hints can be told."""
    if not isinstance(schema, Mapping):
        return Any
    options = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
    if options and all(isinstance(option, str | int | float | bool | None) for option in options):
        return Literal[tuple(options)]
    several = schema.get("anyOf") or schema.get("oneOf")
    kind = schema.get("type")
    if not several and isinstance(kind, list):
        several = [{**schema, "type": each} for each in kind]
    if several:
        hints = [hint_of(each) for each in several]
        return Any if Any in hints else Union[tuple(hints)]  # noqa: UP007  # made of hints that are not known before
    if kind == "array":
        return list[hint_of(schema["items"])] if "items" in schema else list  # type: ignore[misc]
    return _PLAIN.get(kind, Any) if isinstance(kind, str) else Any


def _docstring(description: str, properties: Mapping[str, Any]) -> str:
    lines = [_line(description)]
    if properties:
        lines += ["", "Args:", *(f"    {name}: {_told(name, schema)}" for name, schema in properties.items())]
    return "\n".join(lines)


def _told(name: str, schema: Any) -> str:
    """What an argument is; its own parts as JSON schema, since a type hint cannot name them."""
    text = _line(schema.get("description") or f"The {name}.")
    parts = schema.get("items", schema)
    if isinstance(parts, Mapping) and parts.get("properties"):
        text += f" Each as in this JSON schema: {_line(json.dumps(parts))}"
    return text


def _line(text: str) -> str:
    """In one line, without what a reader of docstrings would take for its own."""
    return _CHOICES.sub("(one of", _SECTION.sub(r"\1 -", " ".join(text.split()))) or "-"

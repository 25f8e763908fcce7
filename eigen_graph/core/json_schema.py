"""Arguments that only a JSON schema describes (MCP, OpenAPI): checked by it, and left as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from eigen_graph.core.errors import EigenGraphError, ToolError


class JsonSchema:
    """The JSON schema of a tool's arguments.

    Args:
        tool: The tool's name, for messages.
        schema: The schema, of an object.

    Raises:
        EigenGraphError: It is no valid schema of an object, or refers to something outside itself.
    """

    def __init__(self, tool: str, schema: Mapping[str, Any]) -> None:
        # Imported here: only domains with such tools need it.
        import jsonschema  # noqa: PLC0415
        from referencing import Registry  # noqa: PLC0415

        if schema.get("type", "object") != "object":
            raise EigenGraphError(f"tool {tool!r}: its arguments are of type {schema['type']!r:.40}, not an object")
        if elsewhere := next((ref for ref in _references(schema) if not ref.startswith("#")), None):
            raise EigenGraphError(f"tool {tool!r}: its schema refers to {elsewhere:.80}, which is outside of it")
        kind: Any = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        try:  # formats aside: a pattern may be one in another language than Python
            kind.check_schema(dict(schema), format_checker=jsonschema.FormatChecker(formats=()))
        except jsonschema.SchemaError as error:
            where = "/".join(map(str, error.absolute_path)) or "the top"
            raise EigenGraphError(f"tool {tool!r}: its schema is wrong at {where}: {error.message:.200}") from error
        self.schema = schema
        properties = schema.get("properties", {})
        self.names: tuple[str, ...] = tuple(properties)
        """The arguments that it names."""
        self.open_ended = bool(schema.get("additionalProperties")) or "patternProperties" in schema
        """It takes arguments that it does not name."""
        self._defaults = {name: spec["default"] for name, spec in properties.items() if _has_default(spec)}
        # An empty registry of its own: without one, a reference would be fetched from wherever it points.
        self._validator = kind(schema, registry=Registry())
        self._best = jsonschema.exceptions.best_match

    def read(self, arguments: Any) -> dict[str, Any]:
        """The arguments with defaults filled in.

        Raises:
            ToolError: They do not fit.
        """
        try:
            problem = self._best(self._validator.iter_errors(arguments))
        except re.error:  # a pattern that is none in Python: the tool itself must decide
            problem = None
        if problem is not None:
            where = ".".join(map(str, problem.absolute_path))
            raise ToolError(f"{where}: {problem.message:.300}" if where else f"{problem.message:.300}")
        return {**self._defaults, **arguments}


def _has_default(spec: Any) -> bool:
    return isinstance(spec, Mapping) and "default" in spec


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        for name, value in schema.items():
            if name == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _references(item)

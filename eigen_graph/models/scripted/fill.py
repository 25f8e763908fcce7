"""The least value that a JSON schema admits: what the scripted model answers when it has no part to play."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MAX_DEPTH = 12


def least(schema: Mapping[str, Any], text: str = "") -> Any:
    """A small value for a schema.

    Args:
        schema: A JSON schema as OpenAI tools and response formats carry it.
        text: Where strings and numbers come from.
    """
    return _Filler(schema.get("$defs", {}), text).value(schema, 0)


@dataclass(frozen=True)
class _Filler:
    defs: Mapping[str, Any]
    text: str

    def value(self, schema: Mapping[str, Any], depth: int) -> Any:
        if depth > _MAX_DEPTH:
            return None
        for fixed in ("const", "default"):
            if fixed in schema:
                return schema[fixed]
        if schema.get("enum"):
            return schema["enum"][0]
        if (other := self._elsewhere(schema)) is not None:
            return self.value(other, depth + 1)
        return self._of_type(schema, depth)

    def _elsewhere(self, schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if "$ref" in schema:
            found: Mapping[str, Any] = self.defs.get(str(schema["$ref"]).rpartition("/")[2], {})
            return found
        return next((schema[choice][0] for choice in ("anyOf", "oneOf", "allOf") if schema.get(choice)), None)

    def _of_type(self, schema: Mapping[str, Any], depth: int) -> Any:
        match schema.get("type"):
            case "object" | None:
                properties, required = schema.get("properties", {}), schema.get("required", ())
                return {name: self.value(part, depth + 1) for name, part in properties.items() if name in required}
            case "array":
                count = max(1, int(schema.get("minItems", 0)))
                return [self.value(schema.get("items", {"type": "string"}), depth + 1)] * count
            case "integer" | "number":
                return _least_number(schema, self.text)
            case "boolean":
                return True
            case "null":
                return None
        words = self.text[: min(80, int(schema.get("maxLength", 80)))] or "text"
        return words.ljust(int(schema.get("minLength", 0)), ".")


def _least_number(schema: Mapping[str, Any], text: str) -> int:
    digits = "".join(char if char.isdigit() and char.isascii() else " " for char in text).split()
    number = int(digits[0][:15]) if digits else 0
    low, high = schema.get("minimum"), schema.get("maximum")
    number = max(number, int(low)) if low is not None else number
    return min(number, int(high)) if high is not None else number

"""An OpenAPI document as operations: what each is called, what it takes, and where in a request that goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from eigen_graph.core import EigenGraphError
from eigen_graph.domains.foreign.source import ToolSpec

Where = Literal["path", "query", "header", "body", "whole_body"]
_METHODS = ("get", "head", "post", "put", "patch", "delete")
_READS = frozenset({"get", "head"})
_JSON = re.compile(r"^application/(?:[\w.+-]+\+)?json\b")
_FORM = "application/x-www-form-urlencoded"
_OWN_HEADERS = frozenset({"accept", "content-type", "authorization"})
"""Headers that the standard keeps for itself."""
_MOST_REFERENCES = 20_000


@dataclass(frozen=True)
class Argument:
    """An argument of a tool, and where its value goes."""

    name: str
    where: Where
    field: str
    """Its name there."""
    joined: bool = False
    """A list is one value with commas, not several values."""
    deep: bool = False
    """An object's fields are `name[field]` (style deepObject)."""


@dataclass(frozen=True)
class Operation:
    """One operation, as a tool."""

    spec: ToolSpec
    method: str
    path: str
    arguments: tuple[Argument, ...]
    as_form: bool = False
    """Its body is a form, not JSON."""


def operations(document: Any, place: str) -> tuple[Operation, ...]:
    """Every operation of a document.

    Args:
        document: The document, decoded.
        place: Where it is from, for messages.

    Raises:
        EigenGraphError: It is no OpenAPI 3.0 or 3.1 document, or refers to what is not there.
    """
    version = str(document.get("openapi", "")) if isinstance(document, dict) else ""
    if not version.startswith(("3.0", "3.1")):
        swagger = isinstance(document, dict) and "swagger" in document
        told = f"Swagger {document['swagger']!s:.10}" if swagger else "no OpenAPI document"
        raise EigenGraphError(f"{place} is {told}: OpenAPI 3.0 or 3.1 is read (`openapi: 3.1.0` at its top)")
    if not isinstance(document.get("paths"), dict):
        raise EigenGraphError(f"{place} has no `paths`")
    reader = _Reader(document, place)
    found: list[Operation] = []
    taken: set[str] = set()
    for path, item in document["paths"].items():
        item = reader.resolved(item)  # noqa: PLW2901  # the same, followed to its end
        if not isinstance(item, dict):
            raise EigenGraphError(f"{place}: paths.{path} is no mapping")
        for method in _METHODS:
            if isinstance(item.get(method), dict):
                operation = reader.operation(str(path), method, item[method], item.get("parameters") or [], taken)
                taken.add(operation.spec.name)
                found.append(operation)
    if not found:
        raise EigenGraphError(f"{place} has no operations")
    return tuple(found)


class _Reader:
    """Reads operations of one document."""

    def __init__(self, document: dict[str, Any], place: str) -> None:
        self._document = document
        self._place = place
        self._followed = 0

    def operation(self, path: str, method: str, given: dict[str, Any], shared: Any, taken: set[str]) -> Operation:
        name = _free(_name(given.get("operationId") or f"{method} {path}"), taken)
        properties: dict[str, Any] = {}
        required: list[str] = []
        arguments: list[Argument] = []
        for parameter in self._parameters(shared, given.get("parameters") or []):
            argument = self._argument(parameter, properties)
            if argument is not None:
                arguments.append(argument)
                properties[argument.name] = self._described(parameter)
                if parameter.get("required") or argument.where == "path":
                    required.append(argument.name)
        as_form = self._body(given.get("requestBody"), properties, required, arguments)
        told = [str(given.get(part) or "").strip() for part in ("summary", "description")]
        parameters: dict[str, Any] = {"type": "object", "properties": properties}
        if required:
            parameters["required"] = required
        parameters["additionalProperties"] = False
        spec = ToolSpec(
            name=name,
            description="\n\n".join(dict.fromkeys(filter(None, told))) or f"{method.upper()} {path}",
            parameters=parameters,
            writes=method not in _READS,
        )
        return Operation(spec, method.upper(), path, tuple(arguments), as_form)

    def resolved(self, value: Any) -> Any:
        """A value with its reference followed, itself alone."""
        for _ in range(20):
            if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
                return value
            reference, value = value["$ref"], self._at(value["$ref"])
        raise EigenGraphError(f"{self._place}: the reference {reference!r:.80} goes in a circle")

    def schema(self, value: Any, within: tuple[str, ...] = ()) -> Any:
        """A schema with its references written out; one that comes back to itself takes anything from there on."""
        if isinstance(value, list):
            return [self.schema(item, within) for item in value]
        if not isinstance(value, dict):
            return value
        reference = value.get("$ref")
        if isinstance(reference, str):
            self._followed += 1
            if reference in within or self._followed > _MOST_REFERENCES:
                return {}
            beside = {name: item for name, item in value.items() if name != "$ref"}
            found = self.schema(self._at(reference), (*within, reference))
            return {**found, **self.schema(beside, within)} if isinstance(found, dict) else found
        return _modern({name: self.schema(item, within) for name, item in value.items()})

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            raise EigenGraphError(
                f"{self._place}: {reference!r:.80} is outside of it: bundle the document into one file first"
            )
        found: Any = self._document
        for part in reference[2:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or name not in found:
                raise EigenGraphError(f"{self._place}: there is no {reference!r:.120}")
            found = found[name]
        return found

    def _parameters(self, *lists: Any) -> Iterator[dict[str, Any]]:
        """Those of the path and of the operation, which replaces what has the same name and place."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for listed in lists:
            for given in listed if isinstance(listed, list) else ():
                parameter = self.resolved(given)
                if isinstance(parameter, dict) and "name" in parameter:
                    found[str(parameter["name"]), str(parameter.get("in"))] = parameter
        yield from found.values()

    def _argument(self, parameter: dict[str, Any], taken: Mapping[str, Any]) -> Argument | None:
        field, where = str(parameter["name"]), parameter.get("in")
        if where == "header" and field.lower() not in _OWN_HEADERS:
            kind: Where = "header"
        elif where == "path":
            kind = "path"
        elif where == "query":
            kind = "query"
        else:
            return None  # a cookie, or what the standard ignores
        name = field if field not in taken else f"{field}_{where}"
        style = parameter.get("style", "form")
        exploded = parameter.get("explode", style == "form")
        return Argument(name, kind, field, joined=not exploded, deep=style == "deepObject")

    def _described(self, parameter: dict[str, Any]) -> dict[str, Any]:
        given = parameter.get("schema")
        if given is None:  # described by a media type instead
            given = next((media.get("schema") for media in (parameter.get("content") or {}).values()), {})
        schema = self.schema(given or {})
        told = parameter.get("description")
        return {**schema, "description": told} if told and isinstance(schema, dict) else schema

    def _body(self, given: Any, properties: dict[str, Any], required: list[str], arguments: list[Argument]) -> bool:
        """Add what a request body takes; whether it is a form."""
        body = self.resolved(given)
        content = body.get("content") if isinstance(body, dict) else None
        if not isinstance(content, dict) or not content:
            return False
        kind = next((name for name in content if _JSON.match(name)), _FORM if _FORM in content else None)
        if kind is None:
            raise EigenGraphError(
                f"{self._place}: an operation takes {', '.join(map(str, content))}: only JSON and forms can be sent"
            )
        schema = _merged(self.schema((content[kind] or {}).get("schema") or {}))
        fields = schema.get("properties")
        if isinstance(fields, dict) and fields and not set(fields) & set(properties) and _is_plain(schema):
            writable = {name: field for name, field in fields.items() if not _is_read_only(field)}
            properties.update(writable)
            arguments += [Argument(name, "body", name) for name in writable]
            if body.get("required"):
                required += [name for name in schema.get("required", ()) if name in writable]
        else:
            name = "body" if "body" not in properties else "request_body"
            told = body.get("description")
            properties[name] = {**schema, "description": told} if told else schema
            arguments.append(Argument(name, "whole_body", name))
            if body.get("required"):
                required.append(name)
        return kind == _FORM


def _modern(schema: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.0's own keywords as JSON Schema has them."""
    # Only the keyword is a bool: a field of that name has a schema.
    if isinstance(schema.get("nullable"), bool) and schema.pop("nullable"):
        kind = schema.get("type")
        if isinstance(kind, str):
            schema["type"] = [kind, "null"]
            if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
                schema["enum"] = [*schema["enum"], None]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(schema.get(exclusive), bool) and schema.pop(exclusive) and bound in schema:
            schema[exclusive] = schema.pop(bound)
    return schema


def _merged(schema: Any) -> dict[str, Any]:
    """An object whose parts stand under `allOf`, as one."""
    if not isinstance(schema, dict):
        return {}
    parts = schema.get("allOf")
    if not isinstance(parts, list):
        return schema
    rest = {name: value for name, value in schema.items() if name != "allOf"}
    merged: dict[str, Any] = {**rest, "properties": {}, "required": []}
    for part in [*map(_merged, parts), rest]:
        merged["properties"].update(part.get("properties") or {})
        merged["required"] += [name for name in part.get("required") or () if name not in merged["required"]]
    return merged if merged["properties"] else schema


def _is_plain(schema: Mapping[str, Any]) -> bool:
    """Its fields say all of it: they can stand as a tool's own arguments."""
    return not schema.get("additionalProperties") and not {"oneOf", "anyOf", "not", "patternProperties"} & set(schema)


def _is_read_only(field: Any) -> bool:
    return isinstance(field, dict) and field.get("readOnly") is True


def _name(text: Any) -> str:
    """A name that models' servers take."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", str(text)).strip("_")[:60] or "operation"


def _free(name: str, taken: set[str]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free

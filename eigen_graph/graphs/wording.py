"""A domain in words for prompts: its tools, starting conditions, assertions, and an example task."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter

from eigen_graph.core import Actor, Cue, Domain, NoCaseError, TaskDraft

_KEPT = 16
"""Domains whose wording is kept: working it out takes milliseconds."""
_SIDES: tuple[tuple[Actor, str], ...] = (("assistant", "agent"), ("user", "user"))


@lru_cache(maxsize=_KEPT)
def tool_list(domain: Domain) -> str:
    """Every tool of both sides: signature, first line of what it does, whether it writes."""
    lines = []
    for actor, who in _SIDES:
        for tool in domain.tools_of(actor):
            bound = domain.side(actor).toolbox[tool.name]
            schema = bound.openai["function"]["parameters"]
            required = set(schema.get("required", ()))
            arguments = ", ".join(
                f"{name}: {_type(spec)}{'' if name in required else ' (optional)'}"
                for name, spec in schema.get("properties", {}).items()
            )
            about = tool.description.strip().splitlines()[0] if tool.description else ""
            lines.append(f"- {who} {'writes' if bound.traits.writes else 'reads'} `{tool.name}({arguments})`: {about}")
    return "\n".join(lines)


@lru_cache(maxsize=_KEPT)
def setup_list(domain: Domain) -> str:
    """The named starting conditions of both sides; empty when there are none."""
    return _functions(domain, lambda side: domain.side(side).setups)


@lru_cache(maxsize=_KEPT)
def assertion_list(domain: Domain) -> str:
    """The named assertions of both sides; empty when there are none."""
    return _functions(domain, lambda side: domain.side(side).assertions)


@lru_cache(maxsize=_KEPT)
def example(domain: Domain) -> str:
    """A task of this domain as its writer would submit it; empty without a playbook."""
    if domain.playbook is None:
        return ""
    try:
        case = domain.playbook.case(domain, Cue(domain=domain.name, seed=0, difficulty="medium"))
    except NoCaseError:
        return ""
    draft = TaskDraft.from_case(case).model_dump(mode="json", exclude_defaults=True)
    return f"A submission that was accepted:\n\n```json\n{json.dumps(draft, indent=1, ensure_ascii=False)}\n```"


def _functions(domain: Domain, of: Callable[[Actor], Mapping[str, Callable[..., Any]]]) -> str:
    lines = []
    for actor, _ in _SIDES:
        if actor == "user" and domain.user is None:
            continue
        for name, function in of(actor).items():
            parameters = list(_signature(function).parameters.values())[1:]
            arguments = ", ".join(map(_argument, parameters))
            about = inspect.getdoc(function) or ""
            first = about.split("\n", 1)[0]
            about = " ".join(about.split()) if first.endswith(":") else first  # a line that only opens a list
            lines.append(f"- env_type `{actor}`: `{name}({arguments})`: {about}")
    return "\n".join(lines)


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function, eval_str=True)
    except NameError:  # an annotation that is only imported for type checkers
        return inspect.signature(function)


def _argument(parameter: inspect.Parameter) -> str:
    try:
        kind = _type(TypeAdapter(parameter.annotation).json_schema())
    except (PydanticUserError, PydanticSchemaGenerationError):
        kind = str(parameter.annotation)
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{parameter.name}: {kind}{default}"


def _type(spec: Mapping[str, Any]) -> str:
    if "enum" in spec:
        return " | ".join(json.dumps(value) for value in spec["enum"])
    if "anyOf" in spec:
        return " | ".join(_type(option) for option in spec["anyOf"])
    if spec.get("type") == "array":
        return f"list of {_type(spec.get('items', {}))}"
    if spec.get("type") == "object" and "properties" in spec:
        return "{" + ", ".join(f"{name}: {_type(value)}" for name, value in spec["properties"].items()) + "}"
    return str(spec.get("type", "any"))

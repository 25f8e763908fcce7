"""Tools as a model sees them: names, descriptions, schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from langchain_core.tools import BaseTool

from eigen_graph.core import Actor, Domain, EigenGraphError
from eigen_graph.core.domain import Side, bind
from eigen_graph.core.tool import BoundTool
from eigen_graph.domains.check.finding import Finding, error, warning

_TYPES: Final = {"type", "anyOf", "oneOf", "allOf", "enum", "const", "$ref"}
_SIDES: Final[dict[Actor, str]] = {"assistant": "agent", "user": "user"}


def check_tools(domain: Domain) -> Iterator[Finding]:
    """Descriptions, argument descriptions, schemas, and what the traits point at."""
    if not domain.agent.tools:
        yield error("the agent's side", "has no tools", "give the domain's agent Side some")
    for actor in _SIDES:
        side = domain.agent if actor == "assistant" else domain.user
        for tool in domain.tools_of(actor):
            where = f"{_SIDES[actor]} tool {tool.name}"
            if not (tool.description or "").strip():
                yield error(where, "has no description", "write a docstring that says what it does")
            try:
                bound = bind(tool)
            except (EigenGraphError, TypeError, ValueError, NameError) as problem:
                yield error(
                    where, f"cannot be bound: {problem}", "make it with @domain_tool, all annotations importable"
                )
                continue
            yield from _check_schema(where, bound, ours=domain.briefing is None and not domain.judged_by)
            yield from _check_traits(where, bound, domain.tools_of(actor))
        if side is not None:
            yield from _check_functions(_SIDES[actor], side)


def _check_schema(where: str, bound: BoundTool, *, ours: bool) -> Iterator[Finding]:
    parameters: Any = bound.openai["function"].get("parameters") or {"type": "object", "properties": {}}
    try:
        json.dumps(parameters, allow_nan=False)
    except (TypeError, ValueError) as problem:
        yield error(where, f"its schema is not JSON: {problem}", "give its arguments JSON types and defaults")
        return
    properties: Mapping[str, Any] = parameters.get("properties", {})
    for name, schema in properties.items():
        if not str(schema.get("description", "")).strip():
            # A benchmark's wording must stay as it is, and a foreign tool's schema is another's to write.
            yield (error if ours else warning)(
                where,
                f"argument {name!r} has no description",
                "describe it under `Args:` in a Google-style docstring" if ours else "describe it in the tool's schema",
            )
        if not _TYPES & set(schema):
            yield warning(where, f"argument {name!r} may be anything", "annotate it with a narrower type")


def _check_traits(where: str, bound: BoundTool, tools: tuple[BaseTool, ...]) -> Iterator[Finding]:
    names = {tool.name for tool in tools}
    for name in bound.traits.after:
        if name not in names:
            yield error(where, f"is to come after {name!r}, which is no tool of its side", "name a tool that exists")
    if bound.traits.confirm and not bound.traits.writes:
        yield warning(where, "asks for a confirmation and writes nothing", "only writes need the user's yes")


def _check_functions(which: str, side: Side) -> Iterator[Finding]:
    for kind, functions in (("setup", side.setups), ("assertion", side.assertions)):
        for name, function in functions.items():
            if not (function.__doc__ or "").strip():
                yield warning(f"{which} {kind} {name}", "has no docstring", "say in one line what it does")
            if name in side.toolbox:
                yield error(f"{which} {kind} {name}", "has the name of a tool", "rename it: tasks call both by name")

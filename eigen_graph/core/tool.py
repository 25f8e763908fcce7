"""Tools of a domain: ordinary LangChain tools that also say whether they write, and what must come before them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel

from eigen_graph.core.database import Database
from eigen_graph.core.errors import EigenGraphError


@dataclass(slots=True)
class World:
    """What a tool finds in `ToolRuntime.context`: the database of its own side, and the domain's clock."""

    db: Database
    now: str
    """ISO date or date-time that counts as the present throughout the domain."""


@dataclass(frozen=True, slots=True)
class ToolTraits:
    """What the engine must know about a tool; kept in the tool's `metadata["eigen"]`."""

    writes: bool
    """May change the database."""
    confirm: bool = False
    """Needs the user's yes: the message before the call (or before the run of such calls) must be the user's."""
    after: tuple[str, ...] = ()
    """One of these tools must have succeeded before (an identity check, say). Empty: nothing is needed."""


def domain_tool(
    *, writes: bool, confirm: bool = False, after: tuple[str, ...] = ()
) -> Callable[[Callable[..., Any]], StructuredTool]:
    """Make a function a LangChain tool that carries its `ToolTraits`.

    The function's Google-style docstring becomes the tool's and its arguments' descriptions. It takes its world as
    `runtime: ToolRuntime[World]` (hidden from models), raises `ToolError` to refuse, and returns text or anything
    JSON can hold.

    Args:
        writes: Whether it may change the database.
        confirm: Whether it needs the user's yes first.
        after: Tools of which one must have succeeded before.
    """

    def decorate(function: Callable[..., Any]) -> StructuredTool:
        tool = StructuredTool.from_function(function, parse_docstring=True, error_on_invalid_docstring=False)
        tool.metadata = {"eigen": ToolTraits(writes=writes, confirm=confirm, after=after)}
        return tool

    return decorate


def traits_of(tool: BaseTool) -> ToolTraits:
    """The traits of a tool; `metadata={"writes": bool}` on a foreign tool is enough.

    Raises:
        EigenGraphError: The tool does not say whether it writes.
    """
    metadata = tool.metadata or {}
    if isinstance(traits := metadata.get("eigen"), ToolTraits):
        return traits
    if isinstance(traits, Mapping):
        return ToolTraits(**traits)
    if isinstance(writes := metadata.get("writes"), bool):
        return ToolTraits(writes=writes)
    raise EigenGraphError(
        f"tool {tool.name!r} does not say whether it writes: make it with @domain_tool(writes=...) or "
        f"set its metadata={{'writes': True or False}}"
    )


@dataclass(frozen=True, slots=True)
class BoundTool:
    """A tool with what calling it many times needs, computed once."""

    tool: BaseTool
    traits: ToolTraits
    schema: type[BaseModel]
    """Validates the arguments that a model gives."""
    function: Callable[..., Any] | None
    """The bare function of a synchronous StructuredTool: calling it directly saves about 0.3 ms of callbacks a call."""
    runtime_name: str | None
    """The parameter that receives the ToolRuntime, if any."""
    openai: dict[str, Any]
    """The tool as an OpenAI function definition."""

"""Tools of a domain: ordinary LangChain tools that also say whether they write, and what must come before them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel

from eigen_graph.core.database import Database
from eigen_graph.core.errors import EigenGraphError, ToolError
from eigen_graph.core.json_schema import JsonSchema


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

    Raises:
        EigenGraphError: The function has no docstring, or it describes an argument that is not there.
    """

    def decorate(function: Callable[..., Any]) -> StructuredTool:
        if not (function.__doc__ or "").strip():
            raise EigenGraphError(
                f"tool {function.__name__!r} has no docstring: say in a sentence what it does, and describe each "
                f"argument under `Args:`; it is all that a model reads"
            )
        try:
            tool = StructuredTool.from_function(function, parse_docstring=True, error_on_invalid_docstring=False)
        except ValueError as error:
            raise EigenGraphError(
                f"tool {function.__name__!r}: {error} Annotate every argument with its type, and describe under "
                f"`Args:` those that it takes and no others"
            ) from error
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
    schema: type[BaseModel] | JsonSchema
    """Validates the arguments that a model gives."""
    function: Callable[..., Any] | None
    """The bare function of a synchronous StructuredTool: calling it directly saves about 0.3 ms of callbacks a call."""
    runtime_name: str | None
    """The parameter that receives the ToolRuntime, if any."""
    openai: dict[str, Any]
    """The tool as an OpenAI function definition."""

    def read(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments as the tool takes them: checked, defaults filled in.

        Raises:
            ToolError: There is one too many, or they do not fit the tool's JSON schema.
            pydantic.ValidationError: They do not fit the tool's model.
        """
        names = self.schema.names if isinstance(self.schema, JsonSchema) else self.schema.model_fields
        open_ended = isinstance(self.schema, JsonSchema) and self.schema.open_ended
        if not open_ended and (extra := sorted(set(arguments) - set(names))):
            raise ToolError(
                f"{self.tool.name} takes no argument {', '.join(map(repr, extra))}; "
                f"it takes {', '.join(names) or 'none'}"
            )
        if isinstance(self.schema, JsonSchema):
            return self.schema.read(arguments)
        valid = self.schema.model_validate(arguments)
        return {name: getattr(valid, name) for name in names}

    def as_json(self, arguments: Any) -> Any:
        """Arguments as JSON values, defaults filled in: equal for calls that mean the same. Raises as `read`."""
        if isinstance(self.schema, JsonSchema):
            return self.schema.read(arguments)
        return self.schema.model_validate(arguments).model_dump(mode="json")

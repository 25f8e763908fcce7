"""Tools that are LangChain `BaseTool`s in Python, with a world of their own somewhere behind them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from eigen_graph.core import EigenGraphError, InfrastructureError, ToolError
from eigen_graph.core.domain import runtime_parameter
from eigen_graph.core.tool import traits_of
from eigen_graph.domains.foreign import background
from eigen_graph.domains.foreign.source import Answer, Session, ToolSpec

Tools = Sequence[BaseTool] | Callable[[], Sequence[BaseTool]]
"""Tools, or a function that makes them anew, each time with a world of their own."""
_WORLDS = 64
_LOST = frozenset({"TransportError", "APIConnectionError", "RequestException", "OperationalError"})
"""Classes of exceptions, of httpx, requests and others, that say that something did not answer."""


class PythonTools:
    """A source of LangChain tools.

    Args:
        tools: The tools, or a function that makes them anew.
        reset: Brings the world behind the tools back to its beginning, where they are not made anew.
        timeout: Seconds that a call may take.
        place: What and where they are, for messages.
    """

    remote = False

    def __init__(
        self,
        tools: Tools,
        *,
        reset: Callable[[], object] | None = None,
        timeout: float = 30.0,
        place: str = "the tools",
    ) -> None:
        self.place = place
        self.timeout = timeout
        self._tools = tools
        self._reset = reset
        self._anew = callable(tools)
        self.repeatable = self._anew or reset is not None
        self.worlds = _WORLDS if self._anew and reset is None else 1

    def tools(self) -> tuple[ToolSpec, ...]:
        """The tools; raises as `Source.tools`."""
        return tuple(map(_spec, self._made()))

    def open(self) -> Session:
        """A world in which nothing was written; raises as `Source.open`."""
        session = PythonSession(self._made(), self._reset, self.timeout)
        session.restart()
        return session

    def _made(self) -> list[BaseTool]:
        found = self._tools() if callable(self._tools) else self._tools
        tools: list[Any] = list(found) if isinstance(found, list | tuple) else [found]
        if wrong := next((tool for tool in tools if not isinstance(tool, BaseTool)), None):
            raise EigenGraphError(
                f"{self.place}: {type(wrong).__name__} {wrong!r:.60} is no LangChain tool: make functions tools with "
                f"@tool, and give a list of them or a function that returns one"
            )
        return tools


class PythonSession:
    """Tools with one world behind them."""

    tools: tuple[ToolSpec, ...] | None = None

    def __init__(self, tools: Sequence[BaseTool], reset: Callable[[], object] | None, timeout: float) -> None:
        self._by_name = {tool.name: tool for tool in tools}
        self._reset = reset
        self._timeout = timeout

    def call(self, tool: str, arguments: dict[str, Any]) -> Answer:
        """As `Session.call`: what a tool raises is its refusal, unless it says that something did not answer."""
        chosen = self._by_name[tool]
        request = {"name": tool, "args": arguments, "id": "call", "type": "tool_call"}
        try:
            if _is_asynchronous(chosen):
                found = background.wait(background.submit(chosen.ainvoke(request)), self._timeout, tool)
            else:
                found = background.within(self._timeout, tool, lambda: chosen.invoke(request))
        except InfrastructureError:
            raise
        except (ToolException, ToolError) as error:
            return Answer(str(error), error=True)
        except Exception as error:
            if _says_lost(error):
                raise InfrastructureError(f"{tool}: {type(error).__name__}: {error!s:.300}") from error
            return Answer(f"{type(error).__name__}: {error}", error=True)
        if isinstance(found, ToolMessage):
            return Answer(as_text(found.content), error=found.status == "error")
        return Answer(as_text(found))

    def restart(self) -> bool:
        """As `Session.restart`."""
        if self._reset is None:
            return False
        try:
            background.within(self._timeout, "reset", self._reset)
        except InfrastructureError:
            raise
        except Exception as error:
            raise InfrastructureError(f"reset: {type(error).__name__}: {error!s:.300}") from error
        return True

    def close(self) -> None:
        """Nothing is held."""


def as_text(value: Any) -> str:
    """A tool's result as an agent reads it: text as it is, blocks of text joined, anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(b, dict) and b.get("type") == "text" for b in value):
        return "\n".join(str(block.get("text", "")) for block in value)
    return json.dumps(value, ensure_ascii=False, default=_as_json)


def _as_json(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


def _spec(tool: BaseTool) -> ToolSpec:
    if parameter := runtime_parameter(tool):
        raise EigenGraphError(
            f"tool {tool.name!r} takes its world from outside ({parameter}: ToolRuntime): make the domain in Python, "
            f"domain_of_tools(..., database=Database(...))"
        )
    definition: dict[str, Any] = convert_to_openai_tool(tool)["function"]
    schema = tool.args_schema if isinstance(tool.args_schema, dict) else definition.get("parameters")
    return ToolSpec(
        name=tool.name,
        description=definition.get("description", ""),
        parameters=schema or {"type": "object", "properties": {}},
        writes=_says_writes(tool),
    )


def _says_writes(tool: BaseTool) -> bool | None:
    try:
        return traits_of(tool).writes
    except EigenGraphError:
        return None


def _is_asynchronous(tool: BaseTool) -> bool:
    return isinstance(tool, StructuredTool) and tool.func is None


def _says_lost(error: BaseException) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, ConnectionError | TimeoutError) or bool(names & _LOST)

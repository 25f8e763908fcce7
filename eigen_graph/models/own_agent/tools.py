"""A domain's tools for somebody's graph: they look like the domain's own, and act in whatever episode calls them."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, ToolException

from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.models.own_agent.desk import DESK, Desk

MARK = "eigen_graph_episode"
"""In a tool's metadata: it hands its calls to the episode."""
_CALL_ID: ContextVar[str] = ContextVar("eigen_graph_call_id", default="")


def tools_of(domain: Domain) -> list[BaseTool]:
    """The agent's tools of a domain, each bound to the episode that calls it."""
    return [_tool(domain.name, bound.openai["function"]) for bound in domain.agent.toolbox.values()]


class EpisodeTool(BaseTool):
    """A domain's tool: its calls are run by the dialogue that the agent is in.

    A failed call comes back as a ToolMessage of status `error`, never as a raise. Arguments are not checked here: the
    episode does that, and counts what does not fit.
    """

    domain: str
    """The name of the domain that it is of."""
    handle_tool_error: Any = True

    # The call's id is only given to these two.
    def run(self, *args: Any, tool_call_id: str | None = None, **kwargs: Any) -> Any:
        """Run the tool, in a thread of its own."""
        _CALL_ID.set(tool_call_id or "")
        return super().run(*args, tool_call_id=tool_call_id, **kwargs)

    async def arun(self, *args: Any, tool_call_id: str | None = None, **kwargs: Any) -> Any:
        """Run the tool."""
        _CALL_ID.set(tool_call_id or "")
        return await super().arun(*args, tool_call_id=tool_call_id, **kwargs)

    def _run(self, **arguments: Any) -> Any:
        return _content(self._desk().call_from_thread(self.name, arguments, _CALL_ID.get()))

    async def _arun(self, **arguments: Any) -> Any:
        return _content(await self._desk().call(self.name, arguments, _CALL_ID.get()))

    def _desk(self) -> Desk:
        desk = DESK.get()
        if desk is None:
            raise EigenGraphError(
                f"the tool {self.name!r} of domain {self.domain!r} was called outside of an episode: there is no world "
                "for it to act in; let eigen_graph play the dialogue (`eigen-graph eval`, or evaluate())"
            )
        if desk.domain != self.domain:
            desk.object(
                EigenGraphError(
                    f"the agent calls {self.name!r} of domain {self.domain!r} in an episode of domain {desk.domain!r}: "
                    f"build it with episode_tools({desk.domain!r}), or evaluate it there"
                )
            )
        return desk


def _tool(domain: str, function: dict[str, Any]) -> EpisodeTool:
    name, description = function["name"], function.get("description", "")
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    return EpisodeTool(
        domain=domain,
        name=name,
        description=description,
        args_schema={"title": name, **parameters},
        metadata={MARK: True},
    )


def _content(result: ToolMessage) -> Any:
    if result.status == "error":
        raise ToolException(str(result.content))
    return result.content

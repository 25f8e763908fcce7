"""`EpisodeTools`: middleware by which an agent's own tools act in the episode. Needs langchain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware
from langchain_core.messages import ToolMessage
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command

from eigen_graph.models.own_agent.desk import DESK, Desk

Result = ToolMessage | Command[Any]


class EpisodeTools(AgentMiddleware):
    """Lets an agent of `create_agent` use its own tools as ever, but in an episode the domain's of the same names.

    `create_agent(model, tools=my_tools, middleware=[..., EpisodeTools()])`

    Put it last, so that whatever else wraps tool calls stays around it. Outside of an episode it does nothing, and
    tools that the episode's domain does not have are always the agent's own.
    """

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Result]) -> Result:
        """Hand a call to the episode, from a thread."""
        if (desk := _desk_for(request)) is None:
            return handler(request)
        call = request.tool_call
        return desk.call_from_thread(call["name"], call["args"], call["id"] or "")

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Result]]
    ) -> Result:
        """Hand a call to the episode."""
        if (desk := _desk_for(request)) is None:
            return await handler(request)
        call = request.tool_call
        return await desk.call(call["name"], call["args"], call["id"] or "")


def _desk_for(request: ToolCallRequest) -> Desk | None:
    desk, has_it = DESK.get(), request.tool is not None  # a tool that the agent does not have, it cannot call
    return desk if desk is not None and has_it and request.tool_call["name"] in desk.tools else None

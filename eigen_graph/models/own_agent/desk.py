"""Where calls of a domain's tools are handed in, inside somebody's graph, and wait for the dialogue to run them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import ToolMessage
from langgraph.errors import GraphBubbleUp

from eigen_graph.core import EigenGraphError


class TurnOverError(GraphBubbleUp):
    """The dialogue has ended while a call waited: whatever ran it is to stop. LangGraph lets this one always pass."""


@dataclass(eq=False)
class Call:
    """A call that waits for its result."""

    name: str
    arguments: dict[str, Any]
    id: str
    """As its maker knows it; empty when it was made by hand."""
    result: Future[ToolMessage] = field(default_factory=Future)

    def answer(self, content: Any, status: Any) -> None:
        """Give the result."""
        with suppress(InvalidStateError):  # whoever waited has given up
            self.result.set_result(ToolMessage(content, name=self.name, tool_call_id=self.id, status=status))

    def drop(self) -> None:
        """There will be none."""
        with suppress(InvalidStateError):
            self.result.set_exception(TurnOverError())


class Desk:
    """The calls of one turn.

    Args:
        domain: The episode's.
        tools: Names of the agent's tools there.
    """

    def __init__(self, domain: str, tools: Collection[str]) -> None:
        self.domain = domain
        self.tools = frozenset(tools)
        self.waiting: list[Call] = []
        """Handed in, and not yet put to the dialogue."""
        self.stirred = asyncio.Event()
        """Something has happened: a call came, or there is a problem."""
        self.problem: EigenGraphError | None = None
        """Why this agent cannot take part; raised out of reach of whatever its graph catches."""
        self._loop = asyncio.get_running_loop()
        self._over = False

    async def call(self, name: str, arguments: dict[str, Any], call_id: str) -> ToolMessage:
        """Hand in a call and wait for its result.

        Raises:
            TurnOverError: The turn has ended.
        """
        return await asyncio.wrap_future(self._hand_in(name, arguments, call_id).result)

    def call_from_thread(self, name: str, arguments: dict[str, Any], call_id: str) -> ToolMessage:
        """As `call`, from another thread than the dialogue's.

        Raises:
            TurnOverError: The turn has ended.
            EigenGraphError: It is the dialogue's own thread, which must not wait for itself.
        """
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            self.object(
                EigenGraphError(
                    f"the agent calls its tool {name!r} with invoke() inside async code, which would wait for ever: "
                    "call it with `await tool.ainvoke(...)` there"
                )
            )
        return self._hand_in(name, arguments, call_id).result.result()

    def object(self, problem: EigenGraphError) -> None:
        """Raise a problem here, and to the dialogue too: a graph may turn what its tools raise into messages."""
        self.report(problem)
        raise problem

    def report(self, problem: EigenGraphError) -> None:
        """Tell the dialogue of a problem, from any thread."""
        self.problem = self.problem or problem
        self._loop.call_soon_threadsafe(self.stirred.set)

    def close(self) -> None:
        """End the turn: nobody waits any longer, and nobody comes any more."""
        self._over = True
        for call in self.waiting:
            call.drop()
        self.waiting.clear()

    def _hand_in(self, name: str, arguments: dict[str, Any], call_id: str) -> Call:
        call = Call(name, arguments, call_id)
        try:
            self._loop.call_soon_threadsafe(self._take, call)
        except RuntimeError:  # the loop is closed
            call.drop()
        return call

    def _take(self, call: Call) -> None:
        if self._over:
            call.drop()
            return
        self.waiting.append(call)
        self.stirred.set()


DESK: ContextVar[Desk | None] = ContextVar("eigen_graph_desk", default=None)
"""The turn that the running code belongs to. LangGraph and LangChain carry it into their tasks and threads."""

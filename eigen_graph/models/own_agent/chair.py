"""The agent's chair, taken by somebody's graph, a `create_agent` agent, or a Runnable over messages."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from langchain_core.messages import AIMessage, BaseMessage

from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.models.errors import InfrastructureError, OutageError
from eigen_graph.models.own_agent.agent import OwnAgent, loaded, made
from eigen_graph.models.own_agent.desk import Desk
from eigen_graph.models.own_agent.sitting import Course, GraphSitting, Manner
from eigen_graph.models.player import OUTAGE_AFTER
from eigen_graph.models.scene import Scene
from eigen_graph.models.seat import Seat, Sitting, Spent


class Chair(Seat):
    """Plays an `OwnAgent` in a domain's episodes.

    Args:
        own: The agent.
        domain: Whose tools it is given.
        timeout: Seconds for one message, if it does not say.
        concurrency: Episodes at once.

    Raises:
        EigenGraphError: Its reference leads nowhere, or to nothing of that kind.
    """

    def __init__(self, own: OwnAgent, domain: Domain, *, timeout: float, concurrency: int) -> None:
        super().__init__(own.title, own.prices)
        self._own = own
        self._domain = domain
        self._timeout = own.timeout or timeout
        self._concurrency = concurrency
        self._found = loaded(own)
        self._manner: Manner | None = None
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._failures = 0

    async def open(self) -> None:
        """Make the agent, where it is to be made.

        Raises:
            EigenGraphError: Its code does not run, or what it makes is no agent.
        """
        async with self._opening:
            if self._manner is None:
                self._manner = await made(self._own, self._found, self._domain, self._timeout, self._stack)

    async def aclose(self) -> None:
        """Leave the context that the agent was made in."""
        self._manner = None
        await self._stack.aclose()

    @asynccontextmanager
    async def turn(self, heard: Sequence[BaseMessage], scene: Scene, memory: dict[str, Any]) -> AsyncIterator[Sitting]:
        """A turn of the agent; see `Seat.turn`."""
        await self.open()
        _make_room(2 * self._concurrency + 16)
        if self._manner is None:
            raise EigenGraphError(f"the agent {self.label} is closed")
        # A thread of its own for each time that a dialogue is played: a checkpointer must not go on from another one.
        course = memory.setdefault("course", Course(f"{scene.id}-{scene.attempt}-{uuid.uuid4().hex[:12]}"))
        desk = Desk(self._domain.name, self._domain.agent.toolbox)
        sitting = GraphSitting(self._manner, heard, course, desk, scene.metadata("agent"))
        try:
            yield _Watched(sitting, self._watch)
        finally:
            await sitting.close()

    def _watch(self, failure: InfrastructureError | None) -> None:
        """Count failures in a row, over all dialogues.

        Raises:
            OutageError: There were too many.
        """
        self._failures = self._failures + 1 if failure else 0
        if self._failures >= OUTAGE_AFTER:
            raise OutageError(
                f"{self._failures} turns of the agent {self.label} in a row failed: stopping, nothing is lost; resume "
                f"the run when this is put right: {failure}"
            )


_ROOM: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()


def _make_room(threads: int) -> None:
    """Let as many graphs wait in threads as there are episodes: a loop's own are few, and all of them might wait."""
    loop = asyncio.get_running_loop()
    if _ROOM.get(loop, 0) < threads:
        _ROOM[loop] = threads
        loop.set_default_executor(ThreadPoolExecutor(threads, thread_name_prefix="agent"))


class _Watched:
    """A sitting whose failures are counted."""

    def __init__(self, sitting: GraphSitting, watch: Callable[[InfrastructureError | None], None]) -> None:
        self._sitting = sitting
        self._watch = watch

    async def ask(self) -> AIMessage:
        try:
            reply = await self._sitting.ask()
        except InfrastructureError as error:
            self._watch(error)
            raise
        self._watch(None)
        return reply

    def spent(self) -> list[Spent]:
        return self._sitting.spent()

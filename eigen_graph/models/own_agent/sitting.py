"""One turn of somebody's graph: it runs beside the dialogue, which is asked to run what it calls.

The dialogue asks for a message as it asks a model; meanwhile the graph runs as a task. When a domain's tool is called
in it, the calls of that model message become the message, the dialogue runs them, and they are answered when it asks
again. What the graph ends with is the last message. So limits, errors and the record stay the dialogue's.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableConfig

from eigen_graph.models.errors import InfrastructureError, ReplyError
from eigen_graph.models.own_agent.answer import read
from eigen_graph.models.own_agent.desk import DESK, Call, Desk
from eigen_graph.models.own_agent.faults import fault
from eigen_graph.models.own_agent.hearing import Hearing
from eigen_graph.models.reply import MAX_CALLS, bound, scrub
from eigen_graph.models.seat import Spent

_MAX_ID = 120
_GRACE = 0.25
"""Seconds that the calls of one message may lie apart. Mostly all come at once; a middleware may have refused one."""
_SETTLING = 0.02
"""The same where nobody knows which calls are of one message."""
_WAITS = (0.3, 1.0)
"""Seconds before a graph that a server failed is run again, as long as it has done nothing yet."""
_CANCELLING = 1.0, 10.0
"""Seconds that a graph may take to stop: by itself, and when its threads have been sent home."""


@dataclass
class Course:
    """What an agent's turns in one dialogue have in common."""

    thread: str
    """Its own for each dialogue, for a checkpointer."""
    begun: bool = False
    """A turn has ended: the agent has heard of the dialogue."""
    history: list[BaseMessage] | None = None
    """The dialogue as the graph gave it back; None: it gave no more than answers."""


@dataclass(frozen=True)
class Manner:
    """How an agent is run."""

    label: str
    graph: Runnable[Any, Any]
    keyed: bool
    """It takes a state with `messages`, not the messages themselves."""
    told: bool
    """It is sent the dialogue's instructions."""
    remembers: bool
    """It is only given what is new."""
    patience: float
    """Seconds for one message."""


class GraphSitting:
    """A turn.

    Args:
        manner: How the agent is run.
        heard: The dialogue as it has heard it, which grows.
        course: What was before.
        desk: Where its calls come in.
        metadata: For the run's config.
    """

    def __init__(
        self,
        manner: Manner,
        heard: Sequence[BaseMessage],
        course: Course,
        desk: Desk,
        metadata: Mapping[str, Any],
    ) -> None:
        self._manner = manner
        self._heard = heard
        self._course = course
        self._desk = desk
        self._hearing = Hearing(desk)
        self._metadata = dict(metadata)
        self._task: asyncio.Task[Any] | None = None
        self._put: dict[str, Call] = {}
        """The calls that the dialogue is running, by the ids that it knows them by."""
        self._acted = False
        """Since the graph was run, it has called a tool of the domain's."""
        self._last = ""
        """Id of the last message that the graph was given."""

    async def ask(self) -> AIMessage:
        """The next message; raises as `Sitting.ask` says."""
        self._answer_calls()
        for wait in (*_WAITS, None):
            if self._task is None:
                self._begin()
            if calls := await self._acts():
                return self._asking(calls)
            try:
                return self._answer()
            except InfrastructureError:
                if wait is None or self._acted:
                    raise
            await asyncio.sleep(wait)
        raise AssertionError("the last wait is None")

    def spent(self) -> list[Spent]:
        """Its model calls since this was last asked."""
        return self._hearing.spent()

    async def close(self) -> None:
        """Stop the graph, wherever it is."""
        self._desk.close()
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        for seconds in _CANCELLING:
            await asyncio.wait({task}, timeout=seconds)
            self._drop_calls()
        if task.done() and not task.cancelled():
            task.exception()  # seen, so that asyncio does not complain

    def _begin(self) -> None:
        self._acted = False
        given = self._given()
        self._last = given[-1].id or ""
        context = contextvars.Context()  # a run of its own, not a child of the dialogue's
        context.run(DESK.set, self._desk)
        work = self._manner.graph.ainvoke({"messages": given} if self._manner.keyed else given, self._config())
        self._task = asyncio.get_running_loop().create_task(work, context=context)
        self._task.add_done_callback(lambda _: self._desk.stirred.set())

    def _config(self) -> RunnableConfig:
        return RunnableConfig(
            configurable={"thread_id": self._course.thread},
            metadata={"eigen": self._metadata},
            callbacks=[self._hearing],
        )

    def _given(self) -> list[BaseMessage]:
        """What the graph is run on: all that was heard, or what is new."""
        heard = [
            message.model_copy(update={"id": f"{self._course.thread}-{place}"})
            for place, message in enumerate(self._heard)
            if self._manner.told or not isinstance(message, SystemMessage)
        ]
        if not self._course.begun or (self._course.history is None and not self._manner.remembers):
            return heard
        new = next((at for at in range(len(heard), 0, -1) if isinstance(heard[at - 1], AIMessage)), 0)
        return heard[new:] if self._manner.remembers else [*(self._course.history or ()), *heard[new:]]

    async def _acts(self) -> list[Call]:
        """Wait until the graph calls the domain's tools, or is through, which is no calls."""
        try:
            async with asyncio.timeout(self._manner.patience):
                return await self._calls()
        except TimeoutError:
            told = f"within {self._manner.patience:g} s"
            if self._hearing.waits:
                raise InfrastructureError(f"no answer of the model of the agent {self._manner.label} {told}") from None
            raise ReplyError("agent", f"it did nothing {told}") from None

    async def _calls(self) -> list[Call]:
        desk = self._desk
        while True:
            desk.stirred.clear()
            if desk.problem is not None:
                raise desk.problem
            if self._task is None or self._task.done():
                return []
            calls, grace = self._group()
            if grace == 0:
                return calls
            try:
                async with asyncio.timeout(grace):
                    await desk.stirred.wait()
            except TimeoutError:
                return calls

    def _group(self) -> tuple[list[Call], float | None]:
        """The waiting calls of one model message, and how long to wait for more of them; None: until there is one."""
        desk, origins = self._desk, self._hearing.origins
        desk.waiting[:] = [call for call in desk.waiting if not call.result.done()]
        if not desk.waiting:
            return [], None
        origin = origins.get(desk.waiting[0].id)
        if origin is None:
            return [call for call in desk.waiting if call.id not in origins][:MAX_CALLS], _SETTLING
        made = [call["id"] for call in origin.message.tool_calls if call["name"] in desk.tools]
        calls = sorted((call for call in desk.waiting if call.id in made), key=lambda call: made.index(call.id))
        return calls[:MAX_CALLS], 0 if len(calls) >= min(len(made) - len(origin.put), MAX_CALLS) else _GRACE

    def _asking(self, calls: Sequence[Call]) -> AIMessage:
        """The calls as a message, with what the model said beside them."""
        self._acted = True
        origin, text = self._hearing.origins.get(calls[0].id), ""
        if origin is not None:
            text = "" if origin.put else origin.message.text
            origin.put.update(call.id for call in calls)
        for call in calls:
            self._desk.waiting.remove(call)
            name = scrub(call.id)[:_MAX_ID] or f"call_{len(self._heard)}"
            while name in self._put:
                name += "_"
            self._put[name] = call
        made = [{"name": call.name, "args": call.arguments, "id": name} for name, call in self._put.items()]
        return bound(AIMessage(text, tool_calls=made, usage_metadata=self._hearing.usage()))

    def _answer_calls(self) -> None:
        """Hand the dialogue's results to whoever waits for them."""
        for message in reversed(self._heard):
            if not isinstance(message, ToolMessage):
                break
            if call := self._put.pop(message.tool_call_id, None):
                call.answer(message.content, message.status)
        self._drop_calls()  # none is left, unless the dialogue has lost it

    def _drop_calls(self) -> None:
        for call in self._put.values():
            call.drop()
        self._put.clear()

    def _answer(self) -> AIMessage:
        """What the graph has ended with."""
        task, self._task = self._task, None
        label = self._manner.label
        if task is None or task.cancelled():
            raise ReplyError("agent", "its graph was cancelled from within")
        if error := task.exception():
            raise fault(error, self._hearing.failures, label) from error
        answer = read(task.result(), last_heard=self._last, label=label)
        self._course.begun, self._course.history = True, answer.history
        reply = bound(answer.message.model_copy(update={"usage_metadata": self._hearing.usage()}))
        if not reply.text.strip() and not reply.tool_calls and not reply.invalid_tool_calls:
            raise ReplyError("agent", "its graph ended without a word to the user")
        return reply

"""One side's turn, whoever plays it and however it is asked: what its messages do, and when the dialogue has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from langchain_core.messages import AIMessage

from eigen_graph.core import STOP_MARKERS, Actor, Message, Termination
from eigen_graph.graphs.views import message_of
from eigen_graph.graphs.waiting import aside
from eigen_graph.graphs.worlds import World
from eigen_graph.models import ContextLengthError, ReplyError, RequestError, Role

_EMPTY_REPLIES = 3


@dataclass(frozen=True)
class Limits:
    """How long a dialogue may be."""

    max_steps: int
    """Messages and tool results."""
    max_errors: int
    """Failed calls, both sides together."""
    to_the_letter: bool = False
    """Applied as tau2 does: a limit overwrites a stop, and the results of one message count as one step."""


@dataclass
class Progress:
    """How far a dialogue has come."""

    steps: int = 0
    errors: int = 0


class Turn:
    """One side's turn: from when it is asked until it has spoken, or the dialogue ends.

    Args:
        actor: Whose turn.
        world: The dialogue's; what the turn adds is done and heard there.
        limits: The dialogue's.
        progress: The dialogue's, counted on here.
    """

    def __init__(self, actor: Actor, world: World, limits: Limits, progress: Progress) -> None:
        self.actor: Actor = actor
        self.said: list[Message] = []
        """What it has added: messages, and the results of their calls."""
        self.over = False
        """The side has spoken, or the dialogue has ended."""
        self.termination: Termination | None = None
        """Why the dialogue has ended; None: it has not."""
        self.problem = ""
        """What was unusable about what the side gave, where that ended it."""
        self._world = world
        self._limits = limits
        self._progress = progress
        self._empty = 0

    async def play(self, ask: Callable[[], Awaitable[AIMessage]], usage: dict[str, int]) -> None:
        """Let a model take the whole turn.

        Args:
            ask: Asks it for its next message, given what it has heard by then.
            usage: Tokens of the dialogue, counted on here.

        Raises:
            InfrastructureError: No answer: nothing is known of the dialogue.
        """
        while not self.over:
            try:
                reply = await ask()
            except ContextLengthError:
                self.end("context_window_exceeded")
            except (ReplyError, RequestError) as error:
                self.fail(error.reason if isinstance(error, ReplyError) else str(error))
            else:
                _count(usage, "user" if self.actor == "user" else "agent", reply)
                await aside(self._world.environment.domain, self.take, message_of(reply, self.actor))

    def take(self, message: Message) -> list[Message]:
        """Let the side do or say something.

        An empty message is nobody's move: it leaves no trace and the side is asked again, three times at most.

        Returns:
            The results of its calls.
        """
        if not message.tool_calls and not (message.content or "").strip():
            self._empty += 1
            if self._empty == _EMPTY_REPLIES:
                self.fail()
            return []
        self._add(message)
        results = [self._world.environment.answer(call, self.actor) for call in message.tool_calls]
        for result in results:
            self._add(result)
        if self._limits.to_the_letter and results:
            self._progress.steps -= len(results) - 1
        if not message.tool_calls:
            self.over = True
            self.termination = self._after_speaking(message.content or "")
        elif limit := self._limit():
            self.end(limit)
        return results

    def fail(self, problem: str = "") -> None:
        """The side gave nothing usable: that ends the dialogue."""
        self.problem = problem
        self.end("user_error" if self.actor == "user" else "agent_error")

    def end(self, termination: Termination) -> None:
        """End the dialogue."""
        self.over = True
        self.termination = termination

    def _add(self, message: Message) -> None:
        self.said.append(message)
        self._world.add(message)
        self._progress.steps += 1
        self._progress.errors += message.error

    def _after_speaking(self, text: str) -> Termination | None:
        if self.actor == "user" and any(marker in text for marker in STOP_MARKERS):
            return (self._limit() if self._limits.to_the_letter else None) or "user_stop"
        return self._limit()

    def _limit(self) -> Termination | None:
        if self._progress.errors >= self._limits.max_errors:
            return "too_many_errors"
        return "max_steps" if self._progress.steps >= self._limits.max_steps else None


def _count(usage: dict[str, int], role: Role, reply: AIMessage) -> None:
    if spent := reply.usage_metadata:
        for way, tokens in (("in", spent["input_tokens"]), ("out", spent["output_tokens"])):
            key = f"{role}_{way}"
            usage[key] = usage.get(key, 0) + tokens

"""A role that is not played by a chat model: it takes whole turns, with a course of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from langchain_core.messages import AIMessage, BaseMessage

from eigen_graph.models.scene import Scene
from eigen_graph.models.spec import StructuredMode


@dataclass(frozen=True, slots=True)
class Spent:
    """What one call of a model came to that somebody made by themselves."""

    model: str
    input_tokens: int
    output_tokens: int
    seconds: float


class Sitting(Protocol):
    """One turn, as long as it lasts."""

    async def ask(self) -> AIMessage:
        """The next message: calls whose results are then to be heard, or words, which end the turn.

        Raises:
            ReplyError: It has nothing usable to say.
            InfrastructureError: Nothing is known of it: a server failed.
            EigenGraphError: The other errors of `models.errors`, or it is set up so that it cannot take part.
        """

    def spent(self) -> list[Spent]:
        """Its model calls since this was last asked."""


class Seat(ABC):
    """Whoever plays a role by whole turns. To the cast it is one more player; it cannot be asked for single replies."""

    structured: StructuredMode = "tool"
    deterministic = False
    """Replies are neither recalled nor free."""
    plays_cases = False

    def __init__(self, label: str, prices: tuple[float, float] | None) -> None:
        self.label = label
        """Its name in records and messages."""
        self.prices = prices
        """USD per million tokens in and out of its models, if known."""

    @abstractmethod
    def turn(
        self, heard: Sequence[BaseMessage], scene: Scene, memory: dict[str, Any]
    ) -> AbstractAsyncContextManager[Sitting]:
        """Begin a turn; when the context is left, all that it started has ended.

        Args:
            heard: The dialogue as the role has heard it. It grows while the turn lasts: by what the turn has said, and
                by the results of its calls.
            scene: What it is for.
            memory: The dialogue's own, for what must last from one turn to the next; empty at its first turn.
        """

    async def open(self) -> None:  # noqa: B027  # most have nothing to get ready
        """Get ready; may be called again."""

    async def preflight(self) -> None:
        """Make sure that it can play; EigenGraphError with one clear line otherwise."""
        await self.open()

    async def aclose(self) -> None:  # noqa: B027  # nor to let go of
        """Let go of what `open` holds."""

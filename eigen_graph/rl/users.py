"""Who plays the user while a policy is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import BaseTool

from eigen_graph.models import Cast, Scene


class UserModel(Protocol):
    """A simulated user. Several dialogues ask it at once; it belongs to one event loop."""

    async def reply(self, heard: Sequence[BaseMessage], tools: Sequence[BaseTool], scene: Scene) -> AIMessage:
        """The user's next message: words, or calls of their own tools.

        Args:
            heard: Instructions and dialogue as the user has heard it, their own messages as AI messages.
            tools: What the user may call.
            scene: The dialogue: its task, which try at it, and a seed of its own.

        Raises:
            InfrastructureError: No answer: the dialogue stands for nothing.
            ReplyError: An answer that cannot be used, or a refusal (`RequestError`): the user's fault.
            EigenGraphError: Any other ends the batch.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class CastUser:
    """The user of a cast, however that is played.

    Args:
        cast: Its role `user` is used, and it is closed with this user.
    """

    def __init__(self, cast: Cast) -> None:
        self.cast = cast

    async def reply(self, heard: Sequence[BaseMessage], tools: Sequence[BaseTool], scene: Scene) -> AIMessage:
        """As `UserModel.reply`."""
        return await self.cast.chat("user", heard, tools=tools, scene=scene)

    async def aclose(self) -> None:
        """As `UserModel.aclose`."""
        await self.cast.aclose()

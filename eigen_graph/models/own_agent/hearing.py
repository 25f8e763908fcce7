"""What a graph's own models say and cost, heard through LangChain's callbacks."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import LLMResult

from eigen_graph.core import EigenGraphError
from eigen_graph.models.own_agent.desk import Desk
from eigen_graph.models.own_agent.tools import MARK
from eigen_graph.models.seat import Spent

_CHARS_A_TOKEN = 4


@dataclass(eq=False)
class Origin:
    """A model's message with calls in it."""

    message: AIMessage
    put: set[str] = field(default_factory=set)
    """Ids of those of its calls that the dialogue has been asked to run."""


class Hearing(BaseCallbackHandler):
    """Listens to one turn; its methods may be called from any thread.

    Args:
        desk: The turn's; told when the graph runs one of the domain's tools by itself.
    """

    run_inline = True

    def __init__(self, desk: Desk) -> None:
        self.origins: dict[str, Origin] = {}
        """By the id of a call: the message that it was made in, the latest where a model gives an id twice."""
        self.failures: list[BaseException] = []
        """What model calls have failed with."""
        self._desk = desk
        self._begun: dict[UUID, tuple[float, int]] = {}
        self._spent: list[Spent] = []
        self._reported: list[UsageMetadata] = []

    @property
    def waits(self) -> bool:
        """A model has been asked and has not answered."""
        return bool(self._begun)

    def spent(self) -> list[Spent]:
        """The model calls since this was last asked; estimated where a model does not say its tokens."""
        spent, self._spent = self._spent, []
        return spent

    def usage(self) -> UsageMetadata | None:
        """Tokens that models have reported since this was last asked; None: none have."""
        reported, self._reported = self._reported, []
        if not reported:
            return None
        given, made = (sum(usage[way] for usage in reported) for way in ("input_tokens", "output_tokens"))
        return UsageMetadata(input_tokens=given, output_tokens=made, total_tokens=given + made)

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], *, run_id: UUID, **_: Any
    ) -> None:
        """A model is asked."""
        del serialized
        self._begun[run_id] = time.monotonic(), sum(len(message.text) for batch in messages for message in batch)

    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **_: Any) -> None:
        """A model without messages is asked."""
        del serialized
        self._begun[run_id] = time.monotonic(), sum(map(len, prompts))

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:
        """It has answered."""
        began, asked = self._begun.pop(run_id, (time.monotonic(), 0))
        for batch in response.generations:
            for generation in batch[:1]:
                message = getattr(generation, "message", None)
                self._hear(message if isinstance(message, AIMessage) else AIMessage(generation.text), began, asked)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """It has failed."""
        self._begun.pop(run_id, None)
        self.failures.append(error)

    def on_tool_start(
        self, serialized: dict[str, Any], input_str: str, *, metadata: dict[str, Any] | None = None, **_: Any
    ) -> None:
        """A tool runs: one of the domain's may not do so by itself."""
        del input_str
        name = (serialized or {}).get("name")
        if name in self._desk.tools and not (metadata or {}).get(MARK):
            self._desk.report(
                EigenGraphError(
                    f"the agent ran its own tool {name!r} outside of the episode, whose world then stays as it was: "
                    f"build the graph with episode_tools({self._desk.domain!r}) from eigen_graph.agents, give "
                    "create_agent its middleware EpisodeTools(), or name a function that takes `tools`"
                )
            )

    def _hear(self, message: AIMessage, began: float, asked: int) -> None:
        origin = Origin(message)
        self.origins.update({call["id"]: origin for call in message.tool_calls if call["id"]})
        usage = message.usage_metadata
        if usage:
            self._reported.append(usage)
            given, made = usage["input_tokens"], usage["output_tokens"]
        else:
            said = len(message.text) + sum(len(str(call["args"])) for call in message.tool_calls)
            given, made = asked // _CHARS_A_TOKEN + 1, said // _CHARS_A_TOKEN + 1
        name = str(message.response_metadata.get("model_name") or "")
        self._spent.append(Spent(name, given, made, time.monotonic() - began))

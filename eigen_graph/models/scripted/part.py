"""What a scripted role is given to play, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from eigen_graph.core import Action, Case, Domain, EigenGraphError

if TYPE_CHECKING:
    from eigen_graph.models.scripted.faults import Family, Fault
    from eigen_graph.models.scripted.plans import FaultPlans


@dataclass(frozen=True)
class Line:
    """One reply: words, a tool call, or an answer in JSON."""

    text: str = ""
    call: Action | None = None
    answer: dict[str, Any] | None = None
    broken: bool = False
    """The call's arguments, or the answer, break off half way."""


@dataclass(frozen=True)
class Part:
    """A role in a scene, at the point that the messages have reached."""

    role: str
    scene: str
    attempt: int
    messages: Sequence[BaseMessage]
    offered: frozenset[str]
    """Names of the tools that the model may call now."""
    domain: Domain | None
    case: Case | None
    faults: FaultPlans

    @cached_property
    def own(self) -> list[AIMessage]:
        """The role's own messages so far. An agent's fixed greeting, said before anybody spoke, is not its own."""
        own: list[AIMessage] = []
        opened = self.role != "agent"
        for message in self.messages:
            opened = opened or isinstance(message, HumanMessage)
            if opened and isinstance(message, AIMessage):
                own.append(message)
        return own

    def played(self) -> tuple[Domain, Case]:
        """The domain and the case.

        Raises:
            EigenGraphError: No case came with the call.
        """
        if self.domain is None or self.case is None:
            raise EigenGraphError(
                f"the scripted model was given no playbook case to play the {self.role} of scene {self.scene!r}: "
                "give the scene a cue, or name a model (--model openai:NAME)"
            )
        return self.domain, self.case

    def fault(self, family: Family) -> Fault | None:
        """The fault planted in this scene and attempt, if any."""
        domain, case = self.played()
        return self.faults.planned(domain, case, self.attempt, family)


def block(messages: Sequence[BaseMessage], name: str) -> Any:
    """The JSON in the last fenced block called `name` (it opens with three backticks, `json` and the name).

    Raises:
        EigenGraphError: No message holds one that is JSON.
    """
    opening = f"```json {name}\n"
    for message in reversed(messages):
        text = message.content if isinstance(message.content, str) else ""
        start = text.rfind(opening)
        if start >= 0:
            body, _, _ = text[start + len(opening) :].partition("\n```")
            try:
                return json.loads(body)
            except json.JSONDecodeError as error:
                raise EigenGraphError(f"the block 'json {name}' of the prompt is no JSON: {error}") from error
    raise EigenGraphError(f"the prompt holds no block 'json {name}', by which the scripted model plays its role")

"""Recorded dialogues played again through any door: both sides' models say and do what they did, word for word.

Which dialogue, a model is told by its instructions, and where it stands it knows from its own earlier messages. So the
same dialogue can come through a door in another process, over a server on loopback.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.tool import tool_call
from langchain_core.outputs import ChatGeneration, ChatResult

from eigen_graph.checkers import build_checker, database_digest, gold_trajectory
from eigen_graph.checkers.gold import perform
from eigen_graph.checkers.mutation import mutants
from eigen_graph.core import STOP, Actor, Domain, Message, Task, Trajectory
from eigen_graph.domains import load_domain
from eigen_graph.evaluation import EvaluationSettings, context_for
from eigen_graph.evaluation.tasks import playable, task_set
from eigen_graph.graphs import dialogue

SILENT = "I have no more to say."
"""What a side says that has no more moves."""
Move = tuple[str | None, list[tuple[str, Any]]]
"""A text, and calls by name and arguments."""


@dataclass(frozen=True)
class Recording:
    """A dialogue, what its checker says of it, and the row that a door is given to play it from."""

    name: str
    kind: str
    row: dict[str, Any]
    trajectory: Trajectory
    reward: float

    def moves(self, actor: Actor) -> list[Move]:
        """What one side does, message by message, the greeting left out."""
        own = [message for message in self.trajectory.messages if message.role == actor]
        return [
            (message.content, [(call.name, call.arguments) for call in message.tool_calls])
            for message in (own[1:] if actor == "assistant" else own)
        ]


def recordings(name: str, tasks: int, *, mutated: int = 6) -> tuple[Domain, list[Recording]]:
    """A domain's dialogues: held by the scripted cast, by the book, mutants of that, and some cut short."""
    domain = load_domain(name)
    found: list[Recording] = []
    for given in list(task_set(domain, EvaluationSettings(count=tasks, seed=11)).tasks.values())[:tasks]:
        task = playable(given, domain)
        for kind, played in _played(domain, task, mutated):
            found.append(_recorded(domain, task, kind, played, f"{task.id}#{len(found)}"))
    return domain, found


def _played(domain: Domain, task: Task, mutated: int) -> Iterator[tuple[str, Trajectory]]:
    held = asyncio.run(dialogue.ainvoke({"task": task.to_json()}, context=context_for(domain)))["trajectory"]  # type: ignore[arg-type]
    accepted = Trajectory.from_json(held)
    yield "accepted", accepted
    for at in (len(accepted.messages) // 3, len(accepted.messages) // 2):
        yield "cut", _cut(accepted, at)
    bench = build_checker(task, domain).bench(domain)
    yield "gold", gold_trajectory(bench)
    for sketch in islice(mutants(bench, random.Random(3)), mutated):
        yield sketch.kind, perform(bench, sketch.beats)


def _cut(whole: Trajectory, at: int) -> Trajectory:
    """The user leaves at their next words."""
    kept = list(whole.messages)
    while kept[at].role != "user" or kept[at].tool_calls:
        at += 1
    return Trajectory(messages=(*kept[:at], Message(role="user", content=f"I must go. {STOP}")))


def _recorded(domain: Domain, task: Task, kind: str, played: Trajectory, name: str) -> Recording:
    checker = build_checker(task, domain)
    data = checker.to_json()
    row = {
        "id": name,
        "checker": {**data, "task": {**data["task"], "id": name}},
        "domain": domain.name,
        "database": database_digest(domain),
        "agent_system": f"agent {name}",
        "user_system": f"user {name}",
    }
    return Recording(name, kind, row, played, float(checker.judge(played, domain).reward))


class Replayer(BaseChatModel):
    """Both sides of recordings."""

    book: dict[str, Any]
    """Moves by what a side's instructions say."""

    @classmethod
    def of(cls, recorded: list[Recording]) -> Replayer:
        moves = {}
        for each in recorded:
            moves |= {f"agent {each.name}": each.moves("assistant"), f"user {each.name}": each.moves("user")}
        return cls(book=moves)

    @property
    def _llm_type(self) -> str:
        return "replayer"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:  # noqa: ARG002  # it knows its calls
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        who = str(messages[0].content)
        said = sum(message.type == "ai" for message in messages) - who.startswith("agent ")
        moves = self.book[who]
        text, calls = moves[said] if said < len(moves) else (SILENT, [])
        made = [tool_call(name=name, args=given, id=f"c{said}-{n}") for n, (name, given) in enumerate(calls)]
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text or "", tool_calls=made))])

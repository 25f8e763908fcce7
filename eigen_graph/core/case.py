"""What a playbook case is: a cue that names it, the moves that play it, the facts that judge it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from eigen_graph.core.errors import EigenGraphError
from eigen_graph.core.task import Action, Actor, Assertion, Setup

Difficulty = Literal["easy", "medium", "hard"]
DIFFICULTIES: tuple[Difficulty, ...] = ("easy", "medium", "hard")
Ending = Literal["done", "refusal", "transfer", "nothing"]
"""How an intent rightly ends: work done, a refusal, a transfer to a person, or nothing to do."""

PERSONAS: dict[str, str] = {
    "terse": "Writes short sentences, gives one piece of information at a time, no small talk.",
    "chatty": "Friendly and talkative, adds small personal remarks, but stays on the matter.",
    "anxious": "Worried that something will go wrong; asks for reassurance.",
    "precise": "Formal and exact; repeats numbers and names back.",
    "impatient": "In a hurry and a little irritated, but not rude.",
}
"""Ways of speaking that a plan may ask for, with the description a model is given."""


class NoCaseError(EigenGraphError):
    """No record fits an intent under this seed; another seed or intent may."""


class Cue(BaseModel):
    """Which case is played: small enough to travel beside the messages as metadata."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    domain: str
    seed: int
    clause: str = ""
    tool: str = ""
    difficulty: Difficulty = "easy"
    persona: str = "terse"
    intent: str = ""
    """Fixes the intent; empty: the one that exercises `clause` and `tool` best."""


@dataclass(frozen=True)
class Beat:
    """One move in a dialogue: a line or a call."""

    actor: Actor
    text: str = ""
    call: Action | None = None
    kind: str = "say"
    """What the move is for: open, identify, inform, confirm, agree, report, close, call; look and try are calls that no
    solution asks for: a look-up besides, and one that fails as it is meant to."""


@dataclass(frozen=True)
class Terms:
    """What a case takes over from a benchmark's own task; empty where it has none."""

    reward_basis: tuple[str, ...] = ()
    """tau2's; empty: what follows from the case's own facts and assertions."""
    ticket: str = ""
    purpose: str = ""
    statements: tuple[str, ...] = ()
    """tau2's `nl_assertions`."""


@dataclass(frozen=True)
class Case:
    """A dialogue worked out: everything the roles need to play it."""

    cue: Cue
    intent: str
    ending: Ending
    clauses: tuple[str, ...]
    beats: tuple[Beat, ...]
    reason_for_call: str
    known_info: str
    unknown_info: str
    task_instructions: str
    setups: tuple[Setup, ...]
    facts: tuple[str, ...]
    assertions: tuple[Assertion, ...]
    hidden: tuple[str, ...]
    forbidden: tuple[Action, ...]
    explored: tuple[Action, ...]
    """Read calls by which a writer would find the records of this case."""
    checker_code: str | None
    alternatives: tuple[tuple[Action, ...], ...]
    terms: Terms = Terms()

    @property
    def actions(self) -> tuple[Action, ...]:
        """The gold calls of both sides, in order."""
        return tuple(beat.call for beat in self.beats if beat.call and beat.kind == "call")


@dataclass(frozen=True)
class Intent:
    """Something a user may want, with the function that acts it out."""

    name: str
    clauses: tuple[str, ...]
    """Policy clauses it exercises."""
    tools: tuple[str, ...]
    """Tools it is about, of either side: those it uses, and those a refusal keeps the agent from using."""
    ending: Ending
    difficulties: tuple[Difficulty, ...]
    play: Callable[[Any], None]
    """Acts it out on a `core.stage.Stage`."""


class Repertoire(Protocol):
    """What a domain can have acted out; `core.playbook.Playbook` is one."""

    @property
    def intents(self) -> Mapping[str, Intent]:
        """The intents by name."""

    def case(self, domain: Any, cue: Cue) -> Case:
        """The case that a cue names in a domain; NoCaseError when no records fit."""

"""A dialogue and a case as two lists of moves that can be laid side by side."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from eigen_graph.core import STOP_MARKERS, Actor, Case, Domain


@dataclass(frozen=True)
class Move:
    """Words to the other side, a call that writes, or the end."""

    actor: Actor
    kind: Literal["say", "call", "stop"]
    name: str = ""
    """The tool."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    at: int = -1
    """Number of the transcript's entry; -1 for a move of the case."""
    text: str = ""

    def same_as(self, other: Move) -> bool:
        """The same kind of move by the same party; for a call also the same tool and arguments."""
        return (self.actor, self.kind, self.name) == (other.actor, other.kind, other.name) and (
            self.kind != "call" or dict(self.arguments) == dict(other.arguments)
        )

    def before(self, other: Move) -> bool:
        """Earlier in the transcript."""
        return self.at < other.at

    def described(self) -> str:
        """In words."""
        who = "the agent" if self.actor == "assistant" else "the user"
        match self.kind:
            case "say":
                return f"a line of {who}"
            case "stop":
                return f"the end by {who}"
            case _:
                given = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
                return f"{who}'s call {self.name}({given})"[:300]


def expected(domain: Domain, case: Case) -> list[Move]:
    """The moves of a case, look-ups left out."""
    moves: list[Move] = []
    for beat in case.beats:
        if beat.call is None:
            moves.append(Move(beat.actor, "stop" if beat.kind == "close" else "say", text=beat.text))
        elif _writes(domain, beat.actor, beat.call.name):
            moves.append(Move(beat.actor, "call", beat.call.name, beat.call.arguments))
    return moves


def moves_in(domain: Domain, transcript: list[dict[str, Any]]) -> tuple[list[Move], list[Move]]:
    """The moves of a transcript, look-ups and an agent's greeting left out, and the writes that failed."""
    moves: list[Move] = []
    failures: list[Move] = []
    for place, entry in enumerate(transcript):
        speaker, at = entry.get("speaker"), int(entry.get("i", place))
        if speaker not in {"agent", "user"}:
            continue
        actor: Actor = "assistant" if speaker == "agent" else "user"
        calls = entry.get("calls") or []
        text = str(entry.get("text") or "")
        results = _results(transcript, place)
        for number, call in enumerate(calls):
            name, arguments = str(call.get("name")), call.get("arguments")
            failed = number >= len(results) or bool(results[number].get("error")) or not isinstance(arguments, dict)
            move = Move(actor, "call", name, arguments if isinstance(arguments, dict) else {}, at)
            if failed:
                failures.append(move)
            elif _writes(domain, actor, name):
                moves.append(move)
        if calls or (actor == "assistant" and not moves and not failures and place == 0):
            continue
        ends = actor == "user" and any(marker in text for marker in STOP_MARKERS)
        moves.append(Move(actor, "stop" if ends else "say", at=at, text=text))
    return moves, failures


def quotes(text: str, fact: str) -> bool:
    """A text holds a fact word for word: `28 May` does not hold `28.00`."""
    plain = fact.strip().lower()
    return bool(plain) and re.search(rf"(?<![\w.]){re.escape(plain)}(?!\w)(?!\.\d)", text.lower()) is not None


def mentions(text: str, fact: str) -> bool:
    """A text holds a fact as a word of its own, numbers read as numbers (`1,200.00` holds `1200`)."""
    return quotes(_numbers_plain(text), _numbers_plain(fact))


def _results(transcript: list[dict[str, Any]], place: int) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    for entry in transcript[place + 1 :]:
        if entry.get("speaker") != "tool":
            break
        results.append(entry)
    return results


def _writes(domain: Domain, actor: Actor, name: str) -> bool:
    side = domain.agent if actor == "assistant" else domain.user
    bound = side.toolbox.get(name) if side else None
    return bound is not None and bound.traits.writes


def _numbers_plain(text: str) -> str:
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    return re.sub(r"(\d+)\.(\d*?)0*(?!\d)", lambda m: m[1] + (f".{m[2]}" if m[2] else ""), text)

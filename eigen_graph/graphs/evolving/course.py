"""The course of one instance in few words: where its way ended, which edges it took twice, and what shows it.

A row remembers the kind of node that an instance ended in, not the edge that it left by. That edge follows from what
the node left: its review, its verdict, its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eigen_graph.checkers.contamination import withheld
from eigen_graph.graphs.workflow import ACCEPT, REJECT, WorkflowSpec
from eigen_graph.runs import Attempt, InstanceRow, PlanRow

_PREPARING: Mapping[str, tuple[str, str]] = {
    "scenario": ("written", "failed"),
    "verifier": ("sound", "flawed"),
    "checker": ("proven", "unproven"),
}
"""Outcomes of the kinds before the dialogue, the good one first: only the bad one leaves a reason."""
_MAX_NAME = 40
_MAX_MESSAGES = 3
_MAX_REASON, _MAX_MESSAGE = 200, 160
_MAX_READ = 2000
"""Characters of a text that are looked at to make a line of it."""

Trait = tuple[str, str]
"""Something of a task's plan: (clause, tool, difficulty or persona; its value)."""


@dataclass(frozen=True, slots=True)
class Way:
    """An edge: the node it leaves, by which outcome, and where it leads."""

    node: str
    """The kind, where a workflow has several of it or none."""
    outcome: str = ""
    """Empty: the model server failed, which is no outcome."""
    target: str = REJECT
    spent: bool = False
    """It was not taken: the node it leads to had no visit left."""

    def __str__(self) -> str:
        """In words."""
        left = ": no visit left" if self.spent else ""
        return f"{self.node}.{self.outcome} -> {self.target}{left}" if self.outcome else f"{self.node}: server failed"


@dataclass(frozen=True, slots=True)
class Retry:
    """A dialogue that was done over."""

    blame: str
    way: Way
    kept: float | None
    """Share of its messages before the first fault; None when nothing says where that is."""
    failed: bool
    """The checker failed it."""


@dataclass(frozen=True, slots=True)
class Course:
    """One instance, without its dialogue."""

    id: str
    fate: str
    blame: str
    stage: str
    way: Way
    reason: str
    verdict: str
    """The first part of the checker's verdict that failed; empty when none did."""
    shown: tuple[str, ...]
    """The messages that show the fault, as lines; at most three."""
    traits: tuple[Trait, ...]
    clauses: tuple[str, ...]
    retries: tuple[Retry, ...]
    played: bool
    """Whether a dialogue was played."""
    failed: bool
    """Whether the checker failed it."""
    survivors: tuple[tuple[str, str], ...]
    """Kind and description of wrong dialogues that its checker passes."""
    kill_rate: float | None

    @classmethod
    def of(cls, row: InstanceRow, plan: PlanRow | None, workflow: WorkflowSpec) -> Course:
        """What a row says."""
        clauses, traits = _traits(row, plan)
        accepted = row.fate == "accepted"
        return cls(
            id=line(row.id, _MAX_NAME),
            fate=row.fate,
            blame="" if accepted else line(row.blame or "unknown", _MAX_NAME),
            stage=line(row.stage, _MAX_NAME),
            way=_last_way(row, workflow),
            reason=line(withheld(row.reason), _MAX_REASON),
            verdict="" if accepted else _failed_part(row.verdict),
            shown=() if accepted else tuple(_shown(row.trajectory, row.evidence)),
            traits=traits,
            clauses=clauses,
            retries=tuple(_retry(attempt, workflow) for attempt in row.attempts),
            played=bool(row.trajectory),
            failed=_fails(row.verdict),
            survivors=tuple(_survivors(row.checker)),
            kill_rate=row.kill_rate,
        )


def line(text: Any, limit: int) -> str:
    """A text of unknown origin as one printable line, cut to a length, that cannot end a fenced block."""
    words = " ".join("".join(c if c.isprintable() else " " for c in _text(text)).split()).replace("```", "'''")
    return words if len(words) <= limit else f"{words[: limit - 1]}…"


def _last_way(row: InstanceRow, workflow: WorkflowSpec) -> Way:
    if row.fate == "dropped":
        return Way(_node(row.stage, workflow), "")
    return _way(row.stage, _outcome(row.stage, row), workflow, ended=True)


def _retry(attempt: Attempt, workflow: WorkflowSpec) -> Retry:
    # A task that was rewritten leaves the old dialogue's attempt in the stage before the new one.
    stage = attempt.stage
    if stage not in {"judge", "reviewer"}:
        stage = "reviewer" if attempt.review else "judge"
    messages = _messages(attempt.trajectory)
    told = _told(attempt.review, "evidence") if stage == "reviewer" else None
    places = [place for place in told if _is_place(place, messages)] if isinstance(told, list) else []
    kept = round(min(places) / len(messages), 3) if places else None
    way = _way(stage, _outcome(stage, attempt), workflow, ended=False)
    return Retry(line(attempt.blame or "unknown", _MAX_NAME), way, kept, failed=_fails(attempt.verdict))


def _outcome(stage: str, found: InstanceRow | Attempt) -> str:
    """How a node of this kind came out, by what it left."""
    if stage in _PREPARING:
        return _PREPARING[stage][bool(found.reason)]
    if stage == "judge":
        return "fail" if _fails(found.verdict) else "pass"
    if stage == "reviewer":
        return line(_told(found.review, "decision") or "reject", _MAX_NAME)
    return "finished"


def _way(stage: str, outcome: str, workflow: WorkflowSpec, *, ended: bool) -> Way:
    node = _node(stage, workflow)
    target = workflow.targets(node).get(outcome, REJECT) if node in workflow.nodes else REJECT
    return Way(node, outcome, target, spent=ended and target not in {ACCEPT, REJECT})


def _node(stage: str, workflow: WorkflowSpec) -> str:
    names = [name for name, node in workflow.nodes.items() if node.kind == stage]
    return names[0] if len(names) == 1 else line(stage, _MAX_NAME)


def _traits(row: InstanceRow, plan: PlanRow | None) -> tuple[tuple[str, ...], tuple[Trait, ...]]:
    tags = _told(row.task, "eigen")
    planned = ([plan.clause] if plan.clause else [], list(plan.tools)) if plan else ([], [])
    clauses = dict.fromkeys([*_names(planned[0]), *_names(_told(tags, "clauses"))])
    tools = dict.fromkeys([*_names(planned[1]), *_names(_told(tags, "tools"))])
    difficulty = plan.difficulty if plan else _told(tags, "difficulty")
    persona = plan.persona if plan else _told(tags, "persona")
    pairs = [("clause", name) for name in clauses] + [("tool", name) for name in tools]
    pairs += [("difficulty", difficulty), ("persona", persona)]
    return tuple(clauses), tuple((what, line(value, _MAX_NAME)) for what, value in pairs if value)


def _names(value: Any) -> list[str]:
    return [line(name, _MAX_NAME) for name in value if isinstance(name, str)][:64] if isinstance(value, list) else []


def _shown(trajectory: Mapping[str, Any] | None, evidence: Sequence[int]) -> Iterator[str]:
    messages = _messages(trajectory)
    for place in list(dict.fromkeys(place for place in evidence if _is_place(place, messages)))[:_MAX_MESSAGES]:
        if isinstance(message := messages[place], dict):
            yield line(_message(message), _MAX_MESSAGE)


def _message(message: Mapping[str, Any]) -> str:
    role = message.get("role")
    speaker = {"assistant": "agent", "tool": "result"}.get(role, role) if isinstance(role, str) else "somebody"
    calls = message.get("tool_calls")
    called = [_called(call) for call in calls[:4]] if isinstance(calls, list) else []
    return f"{_text(speaker)}: {'; '.join(filter(None, [*called, _text(message.get('content'))]))}"


def _called(call: Any) -> str:
    function = _told(call, "function")
    return f"{_text(_told(function, 'name'))}({_text(_told(function, 'arguments'))})"


def _fails(verdict: Mapping[str, Any] | None) -> bool:
    return verdict is not None and _told(verdict, "reward") != 1


def _failed_part(verdict: Mapping[str, Any] | None) -> str:
    parts = _told(verdict, "parts")
    for part in parts if isinstance(parts, list) else ():
        if _told(part, "passed") is not True:
            return line(f"{_text(_told(part, 'name'))}: {_text(_told(part, 'reason'))}", _MAX_REASON)
    return line(_told(verdict, "reason"), _MAX_REASON)


def _survivors(checker: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    found = _told(_told(checker, "proof"), "survivors")
    for mutant in found if isinstance(found, list) else ():
        yield line(_told(mutant, "kind") or "unknown", _MAX_NAME), line(_told(mutant, "description") or "", _MAX_REASON)


def _messages(trajectory: Mapping[str, Any] | None) -> list[Any]:
    messages = _told(trajectory, "messages")
    return messages if isinstance(messages, list) else []


def _is_place(place: Any, messages: Sequence[Any]) -> bool:
    return isinstance(place, int) and 0 <= place < len(messages)


def _text(value: Any) -> str:
    """A text; of anything else only what it is, because it may be of any size and depth."""
    if isinstance(value, str):
        return value[:_MAX_READ]
    return "" if value is None else f"<{type(value).__name__}>"


def _told(data: Any, name: str) -> Any:
    """An entry of what should be an object; None when it is none."""
    return data.get(name) if isinstance(data, Mapping) else None

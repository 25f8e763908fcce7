"""The report of a generation that a reflector reads: counts, costs, groups of failures, and what was done over."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Example(_Frozen):
    """One failed instance."""

    instance: str
    clauses: list[str]
    """The policy clauses that it exercises, its plan's first."""
    reason: str
    verdict: str
    """What the checker found first; empty when it passed or was never asked."""
    shown: list[str]
    """The messages that show the fault, one line each."""


class Especially(_Frozen):
    """A trait that a group's failures have much oftener than chance would give it."""

    what: str
    """clause, tool, difficulty or persona."""
    which: str
    failures: int
    of: int
    """All instances with it, however they went."""


class Group(_Frozen):
    """Failures of one blame at one place."""

    blame: str
    stage: str
    """Kind of the node where they ended."""
    place: str
    """The edge last taken, and the trait that they concentrate on, if any, in words."""
    node: str
    outcome: str
    leads_to: str
    spent: bool
    """They ended because the node that the edge leads to had no visit left."""
    played: int
    """How many had played a dialogue."""
    failed: int
    """How many the checker had failed."""
    count: int
    share: float
    """Of all instances tried."""
    cost: float | None
    """Mean of one."""
    especially: list[Especially]
    examples: list[Example]


class Redone(_Frozen):
    """Dialogues of one blame that were done over along one edge."""

    blame: str
    node: str
    outcome: str
    leads_to: str
    count: int
    cured: int
    """How many of them were of instances that were accepted in the end."""
    failed: int
    """How many of them the checker had failed; the others only a reviewer turned down."""
    kept: float | None
    """Mean share of the messages before the first fault: what mending would keep. None: unknown."""


class Survivor(_Frozen):
    """Wrong dialogues of one kind that checkers pass."""

    kind: str
    count: int
    example: str


class ClauseRecord(_Frozen):
    """How the tasks of one policy clause went."""

    clause: str
    text: str
    tried: int
    failed: int
    redone: int
    """Instances with a dialogue that was done over."""


class Evidence(_Frozen):
    """The report."""

    tried: int
    accepted: int
    rejected: int
    dropped: int
    """The model server failed, which says nothing of the engine."""
    unit: str
    """Of all costs."""
    cost: float | None
    cost_per_accepted: float | None
    cost_by_role: dict[str, float]
    """Shares of the tokens; empty when not known."""
    plays: int
    """Dialogues played, those done over included."""
    groups: list[Group]
    """Failures, the most frequent first."""
    other_failures: int
    """Those of groups that are not shown."""
    redone: list[Redone]
    survivors: list[Survivor]
    kill_rate: float | None
    """Mean of the checkers."""
    clauses: list[ClauseRecord]
    """Those whose tasks fail most, compared with the others."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return self.model_dump(mode="json")

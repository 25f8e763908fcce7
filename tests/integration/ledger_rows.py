"""Rows and calls to fill a ledger with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eigen_graph.runs import InstanceRow, PlanRow, instance_id


@dataclass
class Call:
    key: str
    scene: str
    role: str = "agent"
    model: str = "scripted"
    input_tokens: int = 100
    output_tokens: int = 10
    cost_usd: float | None = 0.25
    seconds: float = 0.5
    reply: dict[str, Any] = field(default_factory=lambda: {"content": "hi"})


def row(index: int, generation: int = 0, **fields: Any) -> InstanceRow:
    fields = {"fate": "accepted", "stage": "reviewer", "agent_system": "The policy.", **fields}
    return InstanceRow(
        id=instance_id(generation, index), generation=generation, index=index, plan_id=f"p{index}", **fields
    )


def plan(index: int, clause: str = "1", tools: tuple[str, ...] = ("book",), difficulty: str = "easy") -> PlanRow:
    return PlanRow(
        id=f"p{index}", generation=0, index=index, clause=clause, tools=tools, difficulty=difficulty, persona="terse"
    )

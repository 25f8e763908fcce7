"""Rows and calls to fill a ledger with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eigen_graph.runs import EpisodeRow, InstanceRow, PlanRow, arm_instance_id, episode_id


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


def row(index: int, generation: int = 0, *, arm: str = "", **fields: Any) -> InstanceRow:
    fields = {"plan_id": f"p{index}", "fate": "accepted", "stage": "reviewer", "agent_system": "The policy.", **fields}
    name = arm_instance_id(arm or f"g{generation}", index)
    return InstanceRow(id=name, generation=generation, index=index, arm=arm, **fields)


def plan(
    index: int, clause: str = "1", tools: tuple[str, ...] = ("book",), difficulty: str = "easy", **fields: Any
) -> PlanRow:
    fields = {"id": f"p{index}", "generation": 0, **fields}
    return PlanRow(index=index, clause=clause, tools=tools, difficulty=difficulty, persona="terse", **fields)


def episode(index: int, trial: int, **fields: Any) -> EpisodeRow:
    fields = {"task_id": f"t{index}", "seed": 7, "status": "judged", "verdict": {"reward": 1.0}, **fields}
    return EpisodeRow(id=episode_id(index, trial), index=index, trial=trial, **fields)

"""The lineage at work: generations and candidates as arms, their rows, and the folders that they are published in."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from eigen_graph.graphs.batches import Arm
from eigen_graph.graphs.context import Context
from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.runs import InstanceRow, Ledger, LedgerReader, PlanRow
from eigen_graph.runs.lineage import CandidateRow, GenerationRow

GENERATIONS, WORKFLOW = "generations", "workflow"
"""Folders of a run: each generation's blueprint, and that of the generation that production uses."""


async def founded(ledger: Ledger, context: Context) -> GenerationRow:
    """The champion; a run that has none begins its lineage with what it was given."""
    champion = await asyncio.to_thread(ledger.champion)
    if champion is None:
        blueprint = Blueprint.of(context)
        champion = GenerationRow(
            number=0,
            blueprint=blueprint.to_json(),
            digest=blueprint.digest,
            why="what the run began with",
            score=1.0,
            champion=True,
        )
        await ledger.put(champion)
    return champion


def blueprint_of(row: GenerationRow | CandidateRow) -> Blueprint:
    """The blueprint that a row holds."""
    return Blueprint.from_json(row.blueprint)


def generation_arm(row: GenerationRow, context: Context, trial: str = "") -> Arm:
    """A generation at work."""
    return Arm(f"g{row.number}", row.number, blueprint_of(row).on(context), trial)


def candidate_arm(row: CandidateRow, context: Context, trial: str) -> Arm:
    """A candidate at its trial. Until it is accepted, its rows count as its parent's generation."""
    return Arm(row.name, row.parent, blueprint_of(row).on(context), trial)


async def candidate_row(ledger: LedgerReader, name: str) -> CandidateRow:
    """A candidate by name."""
    return next(row for row in await asyncio.to_thread(ledger.candidates) if row.name == name)


async def worked(ledger: Ledger, arms: Collection[str], *, below: int | None = None) -> list[InstanceRow]:
    """All that some arms have made, in order of task index; `below` leaves out what comes at or after an index."""
    rows = await asyncio.to_thread(
        lambda: [row for arm in sorted(arms) for row in ledger.instances(arm=arm, trial=None)]
    )
    return sorted((row for row in rows if below is None or row.index < below), key=lambda row: row.index)


def index_of(instance: str) -> int:
    """The task index in an instance's name."""
    return int(instance.rpartition("-")[2])


def arms_of(row: GenerationRow) -> list[str]:
    """The names under which a generation has worked: its own, and that of its trial."""
    return [f"g{row.number}", *([row.candidate] if row.candidate else [])]


async def plans_of(ledger: Ledger, rows: Collection[InstanceRow]) -> dict[int, PlanRow]:
    """The plan that each of these task indexes was worked by."""
    plans = await asyncio.to_thread(lambda: {plan.id: plan for plan in ledger.plans(trial=None)})
    return {row.index: plans[row.plan_id] for row in rows}


def standing(ledger: LedgerReader, rounds: int) -> dict[str, Any]:
    """Where an evolution of so many rounds stands by its ledger: at its beginning, unless checkpoints were lost."""
    notes = [note for note in ledger.notes() if note.kind != "rollback"]
    first = max((note.data["round"] for note in notes if note.kind == "ended"), default=1)
    kept = {row.round for row in ledger.candidates() if row.fate == "accepted"}
    done = max((row.number for row in ledger.rounds() if row.ended or row.number in kept), default=0)
    over = notes[-1].data["why"] if notes and notes[-1].kind == "ended" else ""
    idle = done - max(first - 1, *kept, 0)
    return {"round": done + 1, "last_round": first + rounds - 1, "idle": idle, "finished": over}


def publish(ledger: LedgerReader) -> None:
    """Write every generation's blueprint beside the ledger, and the champion's as the run's workflow.

    Raises:
        EigenGraphError: They cannot be written.
    """
    root = ledger.path.parent
    for row in ledger.generations():
        folder = root / GENERATIONS / str(row.number)
        blueprint_of(row).write(folder)
        if row.champion:
            blueprint_of(row).write(root / WORKFLOW)

"""Trials: what came of the same tasks under two arms, each accepted dialogue held to checks that no patch can touch."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Literal

from eigen_graph.checkers import Checker, audit
from eigen_graph.core import Task, Trajectory
from eigen_graph.graphs.batches import apart
from eigen_graph.graphs.context import Context
from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.evolving.outcome import Features, Outcome, shingles
from eigen_graph.graphs.reviewer import reviewer
from eigen_graph.runs import InstanceRow, Ledger
from eigen_graph.runs.coverage import pairs_of

Unit = Literal["tokens", "USD"]


async def outcomes(
    arms: Sequence[tuple[Blueprint, Sequence[InstanceRow]]], ledger: Ledger, context: Context
) -> tuple[list[list[Outcome]], Unit]:
    """What the gate compares, for each arm, in one unit of cost.

    Cost is what the calls of an instance came to, in USD where every call has a price, else in tokens. Planning is not
    in it: it is a small share, and the same for two arms that share their plans. Dropped instances are left out: the
    infrastructure failed, nothing is known of them.

    Args:
        arms: Blueprint and rows of each.
        ledger: Has the costs.
        context: The run's own, unpatched: its reviewer and its limits are what an accepted dialogue is held to.
    """
    known = [[row for row in rows if row.fate != "dropped"] for _, rows in arms]
    costs, unit = await priced([row.id for rows in known for row in rows], ledger)
    plans = await asyncio.to_thread(lambda: {plan.id: plan.to_json() for plan in ledger.plans(trial=None)})
    found = []
    for (blueprint, _), rows in zip(arms, known, strict=True):
        own_review = _reviews(blueprint) == _reviews(Blueprint.of(context))
        features = await asyncio.gather(
            *(apart(_features(row, plans.get(row.plan_id, {}), context, reviewed=own_review)) for row in rows)
        )
        found.append(
            [
                Outcome(seed=row.index, accepted=row.fate == "accepted", cost=costs[row.id], features=seen)
                for row, seen in zip(rows, features, strict=True)
            ]
        )
    return found, unit


async def priced(ids: Collection[str], ledger: Ledger) -> tuple[dict[str, float], Unit]:
    """What instances cost, in USD where every call of them has a price, else in tokens."""
    costs = await asyncio.to_thread(ledger.costs, ids)
    usd = {name: cost.usd for name, cost in costs.items() if cost.usd is not None}
    if len(usd) == len(costs) and any(usd.values()):
        return usd, "USD"
    return {name: float(cost.tokens) for name, cost in costs.items()}, "tokens"


def _reviews(blueprint: Blueprint) -> set[str]:
    """The texts that reviewers go by."""
    nodes = blueprint.workflow.nodes.values()
    return {blueprint.prompt(node.prompt or "reviewer").to_text() for node in nodes if node.kind == "reviewer"}


async def _features(row: InstanceRow, plan: dict[str, object], context: Context, *, reviewed: bool) -> Features | None:
    if row.fate != "accepted" or row.task is None or row.checker is None or row.trajectory is None:
        return None
    name = f"{row.id}/{reviewed}"
    if (known := context.features.get(name)) is not None:
        return known
    task, checker, trajectory = (
        Task.from_json(row.task),
        Checker.from_json(row.checker),
        Trajectory.from_json(row.trajectory),
    )
    domain = context.resolved_domain
    found = await asyncio.to_thread(audit, task, checker, trajectory, domain, min_kill_rate=context.min_kill_rate)
    defects: list[str] = [defect.name for defect in found]
    if not (reviewed and (row.review or {}).get("decision") == "accept") and not await _passes(row, plan, context):
        defects.append("review")
    user_turns = sum(message.role == "user" and bool(message.content) for message in trajectory.messages)
    seen = Features(
        kill_rate=row.kill_rate or 0.0,
        mutants=checker.proof.mutants if checker.proof else 0,
        work=len(task.actions) + user_turns,
        difficulty=task.tags.difficulty,
        pairs=frozenset(pairs_of(task.tags.clauses, [*task.tags.tools, *(call.name for call in task.tags.forbidden)])),
        words=shingles(str(task.user_scenario)),
        defects=tuple(dict.fromkeys(defects)),
    )
    return context.features.put(name, seen)


async def _passes(row: InstanceRow, plan: dict[str, object], context: Context) -> bool:
    """Whether the run's own reviewer accepts it, where the arm's reviewer is another one or was never asked."""
    request = {
        "task": {**(row.task or {}), "id": f"audit-{row.id}"},
        "trajectory": row.trajectory,
        "verdict": row.verdict,
        "plan": plan,
    }
    done = await reviewer.ainvoke(request, context=context)  # type: ignore[call-overload]  # a ReviewRequest
    return bool(done["outcome"] == "accept")

"""Batches: the instances of some task indexes, made by one arm, many at a time, each committed as it ends."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.context import Context
from eigen_graph.graphs.coverage import targets
from eigen_graph.graphs.instance import Instance, Order
from eigen_graph.graphs.pipeline import pipeline_for
from eigen_graph.graphs.plan_rules import amended
from eigen_graph.graphs.planner import PlannerRequest, planner
from eigen_graph.runs import Attempt, InstanceRow, Ledger, PlanRow
from eigen_graph.runs.rows import arm_instance_id, instance_id

T = TypeVar("T")
Tell = Callable[[dict[str, Any]], None]


class RunPausedError(EigenGraphError):
    """The run was asked to stop, and has: it can be resumed."""


@dataclass(frozen=True)
class Arm:
    """Who makes instances: a generation of the engine, or a candidate at its trial."""

    name: str
    """`g0`, `c3`."""
    generation: int
    context: Context
    """With the arm's own workflow, prompts and plan rules."""
    trial: str = ""
    """What they are made for; empty: the data set."""


async def planned(arm: Arm, ledger: Ledger, *, first: int, count: int, seed: int) -> list[PlanRow]:
    """Plans number `first` to `first + count` of an arm, made if need be; what was not covered so far comes first."""
    if len(found := await _found(arm, ledger, range(first, first + count))) == count:
        return found  # made by an earlier process that was killed before its step was saved
    coverage = await asyncio.to_thread(ledger.coverage)
    pairs = targets(arm.context.resolved_domain) if first else []
    holes = [list(pair) for pair in pairs if not coverage[pair]]
    return await _planned(arm, ledger, PlannerRequest(count=count, first=first, seed=seed + first, holes=holes))


async def replanned(arm: Arm, ledger: Ledger, plans: Collection[PlanRow]) -> list[PlanRow]:
    """Plans for the same targets as other plans, by the arm's own planner."""
    wanted = {plan.index: plan for plan in sorted(plans, key=lambda plan: plan.index)}
    if len(found := await _found(arm, ledger, wanted)) == len(wanted):
        return found
    rows = [
        {
            "row": plan.index,
            "clause": plan.clause,
            "tool": next(iter(plan.tools), ""),
            "difficulty": plan.difficulty,
            "persona": plan.persona,
        }
        for plan in wanted.values()
    ]
    return await _planned(arm, ledger, PlannerRequest(rows=rows))


async def _found(arm: Arm, ledger: Ledger, indexes: Iterable[int]) -> list[PlanRow]:
    wanted = set(indexes)
    rows = await asyncio.to_thread(lambda: list(ledger.plans(arm=arm.name, trial=None)))
    return [row for row in rows if row.index in wanted]


async def _planned(arm: Arm, ledger: Ledger, request: PlannerRequest) -> list[PlanRow]:
    request |= PlannerRequest(generation=arm.generation, arm=arm.name)
    done = await planner.ainvoke(request, context=arm.context)
    rows = [PlanRow.from_json(row | {"trial": arm.trial}) for row in done["plans"]]
    await ledger.add_plans(rows)
    return rows


async def made(arm: Arm, ledger: Ledger, plans: Mapping[int, PlanRow], *, seed: int, tell: Tell) -> list[str]:
    """Make the instances that the ledger lacks, until all are there.

    Args:
        arm: Who makes them.
        ledger: Where they are committed.
        plans: The plan of each task index.
        seed: The run's.
        tell: Gets an event for each instance that ends: `{"instance", "fate", "blame", "stage", "trial"}`.

    Returns:
        The instances' ids, in the order of `plans`.

    Raises:
        RunPausedError: `Context.stop` was set; what was in work is finished first.
        EigenGraphError: The server is gone, the budget is spent, the ledger cannot be written: what was in work is
            left where it is, its replies recorded.
    """
    context = arm.context
    ids = {index: arm_instance_id(arm.name, index) for index in plans}
    done = await asyncio.to_thread(ledger.finished_among, list(ids.values()))

    async def make(index: int) -> None:
        row = await apart(_make(arm, index, plans[index], seed))
        await ledger.add_instance(row)
        tell({"instance": row.id, "fate": row.fate, "blame": row.blame, "stage": row.stage, "trial": row.trial})

    await each([index for index, name in ids.items() if name not in done], make, context)
    return list(ids.values())


async def each(todo: Collection[T], work: Callable[[T], Coroutine[Any, Any, None]], context: Context) -> None:
    """Do a piece of work for each item, `Context.concurrency` of them at a time, begun in order.

    Raises:
        RunPausedError: `Context.stop` was set; what was in work is finished first.
        Exception: The first that a piece of work raised; the others in work are cancelled.
    """
    waiting = iter(todo)

    async def worker() -> None:
        for item in _until_stopped(waiting, context.stop):
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(context.concurrency, len(todo))):
                group.create_task(worker())
    except ExceptionGroup as failed:
        raise _first(failed) from None
    if context.stop.is_set():
        raise RunPausedError("the run was stopped; resume it to go on")


def apart(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Let a graph run as a run of its own, not as a child of the node that starts it.

    A child would inherit the checkpointing (`durability="sync"` breaks one without a checkpointer), and one trace with
    a thousand dialogues in it helps nobody.
    """
    return asyncio.create_task(work, context=contextvars.Context())


def spread(indexes: Sequence[int], plans: Sequence[PlanRow]) -> dict[int, PlanRow]:
    """The plan of each index, in turn."""
    return {index: plans[place % len(plans)] for place, index in enumerate(indexes)}


async def _make(arm: Arm, index: int, plan: PlanRow, seed: int) -> InstanceRow:
    workflow = pipeline_for(arm.context.workflow, standalone=False)
    told = amended(plan.to_json(), arm.context.plans)
    order = Order(id=arm_instance_id(arm.name, index), seed=instance_seed(seed, index), plan=told)
    done: Any = await workflow.ainvoke(order, context=arm.context)
    return _to_row(done, index, plan, arm)


def instance_seed(run_seed: int, index: int) -> int:
    """The seed of one instance: the same under every arm of a run, and in every run with this seed: arms pair."""
    return random.Random(f"{run_seed}/{instance_id(0, index)}").getrandbits(31)


def _to_row(done: Instance, index: int, plan: PlanRow, arm: Arm) -> InstanceRow:
    kept = ("task", "checker", "trajectory", "verdict", "review", "kill_rate")
    return InstanceRow(
        id=done["id"],
        generation=arm.generation,
        index=index,
        arm=arm.name,
        trial=arm.trial,
        plan_id=plan.id,
        fate=done["fate"],
        stage=done["stage"],
        blame=done.get("blame"),
        reason=done.get("reason") or "",
        evidence=done.get("evidence") or [],
        attempts=[Attempt.from_json(attempt) for attempt in done.get("attempts", [])],
        agent_system=done.get("agent_system", ""),
        user_system=done.get("user_system", ""),
        workflow=arm.context.workflow.digest,
        seconds=done["seconds"],
        **{key: done[key] for key in kept if key in done},  # type: ignore[literal-required]  # keys of Instance
    )


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """One error to tell: the others of a batch failed with it."""
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _until_stopped(todo: Iterator[T], stop: asyncio.Event) -> Iterator[T]:
    while not stop.is_set():
        try:
            item = next(todo)
        except StopIteration:
            return
        yield item

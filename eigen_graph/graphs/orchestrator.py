"""Orchestrator: plan, make a batch, count, again or end. The outer graph, and the only one that is checkpointed.

Its state holds counts and offsets; plans, dialogues and costs are in the ledger. Every step is idempotent by id, so a
run killed anywhere goes on from its last checkpoint: what the ledger holds is not made again.

`synthesis.Run` attaches a run's ledger for the whole run. Where nobody does, as in LangGraph's server, the graph makes
or finds the run folder itself (`Context.out`), and each step opens the ledger for as long as it writes.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command
from typing_extensions import TypedDict

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.context import Context, context_of
from eigen_graph.graphs.coverage import targets
from eigen_graph.graphs.pipeline import Instance, Order, pipeline_for
from eigen_graph.graphs.planner import planner
from eigen_graph.graphs.recording import begin_run, find_run, free_folder, recorded
from eigen_graph.runs import Attempt, InstanceRow, Ledger, PlanRow, instance_id

_SMALL_BATCH = 8
"""When few are missing, as many as this are tried at once if the yield so far asks for it."""


class RunPausedError(EigenGraphError):
    """The run was asked to stop, and has: it can be resumed."""


class RunRequest(TypedDict, total=False):
    """What a run is to make."""

    count: int
    """Accepted dialogues wanted."""
    max_tries: int
    """Instances begun at most; twice the count and 8 when not given."""
    plans: int
    """Plan pairs a batch at most (64 in the paper's full setting)."""
    seed: int
    generation: int


class RunState(RunRequest, total=False):
    """A run's progress."""

    tried: int
    """Instances of finished batches."""
    accepted: int
    planned: int
    """Plans made so far."""
    first_plan: int
    """Where the plans of the batch in work begin."""
    batch: int
    """Size of the batch in work."""
    ended: Literal["complete", "exhausted"]
    out: str
    """The run folder, when the graph opens it itself."""


async def begin(state: RunState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Fill in what was not asked for; make or find the run folder where nobody has.

    Raises:
        EigenGraphError: A model cannot be used, or the folder holds something else.
    """
    count = state.get("count", 8)
    request = RunRequest(
        count=count,
        max_tries=state.get("max_tries") or 2 * count + _SMALL_BATCH,
        plans=state.get("plans") or 64,
        seed=state.get("seed", 0),
        generation=state.get("generation", 0),
    )
    start: dict[str, Any] = {"tried": 0, "accepted": 0, "planned": 0, "batch": min(count, request["max_tries"])}
    context = context_of(runtime)
    if context.ledger is None:
        await context.preflight()
        start["out"] = await asyncio.to_thread(_own_folder, context, request)
    return {**request, **start}


def _own_folder(context: Context, request: RunRequest) -> str:
    path = Path(context.out or free_folder(context.resolved_domain.name))
    if (path / "run.json").exists():
        folder = find_run(path, context)
        folder.require({"request": dict(request)})
    else:
        folder = begin_run(path, context, request)
    return str(folder.path)


@asynccontextmanager
async def _ledger(state: RunState, context: Context) -> AsyncIterator[Ledger]:
    """The ledger that is attached, or the run folder's own for the length of a step."""
    if context.ledger is not None:
        yield context.ledger
        return
    folder = await asyncio.to_thread(find_run, state["out"], context)
    async with recorded(context, folder) as ledger:
        yield ledger


async def plan(state: RunState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Plans for the coming batch; targets that accepted dialogues have not covered come first."""
    context, first = context_of(runtime), state["planned"]
    wanted = min(state["plans"], state["batch"])
    update = {"first_plan": first, "planned": first + wanted}
    async with _ledger(state, context) as ledger:
        if len(await asyncio.to_thread(_plans, ledger, state["generation"], first, first + wanted)) == wanted:
            return update  # made by an earlier process that was killed before this step was saved
        coverage = await asyncio.to_thread(ledger.coverage)
        pairs = targets(context.resolved_domain) if first else []
        holes = [list(pair) for pair in pairs if not coverage[pair]]
        done = await planner.ainvoke(
            {
                "count": wanted,
                "first": first,
                "seed": state["seed"] + first,
                "generation": state["generation"],
                "holes": holes,
            },
            context=context,
        )
        await ledger.add_plans(PlanRow.from_json(row) for row in done["plans"])
    return update


async def batch(state: RunState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Make a batch of instances, many at a time, each committed to the ledger as it ends.

    Raises:
        RunPausedError: `Context.stop` was set; what was in work is finished first.
        EigenGraphError: The server is gone, the budget is spent, the ledger cannot be written: what was in work is
            left where it is, its replies recorded.
    """
    context = context_of(runtime)
    async with _ledger(state, context) as ledger:
        await _make_all(state, context, ledger, runtime.stream_writer)
        if context.stop.is_set():
            raise RunPausedError("the run was stopped; resume it to go on")
        counts = await asyncio.to_thread(ledger.counts, state["generation"])
    return {"tried": state["tried"] + state["batch"], "accepted": counts.accepted}


async def _make_all(state: RunState, context: Context, ledger: Ledger, tell: Callable[[dict[str, Any]], None]) -> None:
    """Make what the batch's ledger lacks, until it is all there or the run is asked to stop."""
    generation = state["generation"]
    plans = await asyncio.to_thread(_plans, ledger, generation, state["first_plan"], state["planned"])
    done = await asyncio.to_thread(ledger.finished_ids, generation)
    start, end = state["tried"], state["tried"] + state["batch"]
    todo = iter([index for index in range(start, end) if instance_id(generation, index) not in done])

    async def work() -> None:
        for index in _until_stopped(todo, context.stop):
            plan_row = plans[(index - start) % len(plans)]
            # An instance is a run of its own, not a child of this node: it must not inherit the checkpointing
            # (`durability="sync"` breaks a child without a checkpointer), and one trace with a thousand dialogues in
            # it helps nobody.
            apart = contextvars.Context()
            row = await asyncio.create_task(_make(index, plan_row, state, context), context=apart)
            await ledger.add_instance(row)
            tell({"instance": row.id, "fate": row.fate, "blame": row.blame, "stage": row.stage})

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(context.concurrency, state["batch"])):
                group.create_task(work())
    except ExceptionGroup as failed:
        raise _first(failed) from None


def count(state: RunState) -> Command[Literal["plan", "__end__"]]:
    """Go on until enough are accepted or too many were tried.

    The next batch is as large as what is missing (a little larger when few are missing and the yield is low), so a run
    hardly makes more than it was asked for, and its batches do not depend on how many run at once.
    """
    missing, left = state["count"] - state["accepted"], state["max_tries"] - state["tried"]
    if missing <= 0:
        return Command(goto="__end__", update={"ended": "complete"})
    if left <= 0:
        return Command(goto="__end__", update={"ended": "exhausted"})
    expected = math.ceil(missing * state["tried"] / max(state["accepted"], 1))
    size = max(missing, min(_SMALL_BATCH, expected))
    return Command(goto="plan", update={"batch": min(size, left)})


def _plans(ledger: Ledger, generation: int, first: int, end: int) -> list[PlanRow]:
    return [row for row in ledger.plans(generation) if first <= row.index < end]


async def _make(index: int, plan_row: PlanRow, state: RunState, context: Context) -> InstanceRow:
    name = instance_id(state["generation"], index)
    workflow = pipeline_for(context.workflow, standalone=False)
    order = Order(id=name, seed=instance_seed(state["seed"], name), plan=plan_row.to_json())
    done: Any = await workflow.ainvoke(order, context=context)
    return to_row(done, index, plan_row, context.workflow.digest)


def instance_seed(run_seed: int, name: str) -> int:
    """The seed of one instance: the same in every run with this seed, whatever else it does."""
    return random.Random(f"{run_seed}/{name}").getrandbits(31)


def to_row(done: Instance, index: int, plan_row: PlanRow, workflow: str) -> InstanceRow:
    """A finished instance as its ledger row."""
    kept = ("task", "checker", "trajectory", "verdict", "review", "kill_rate")
    return InstanceRow(
        id=done["id"],
        generation=plan_row.generation,
        index=index,
        plan_id=plan_row.id,
        fate=done["fate"],
        stage=done["stage"],
        blame=done.get("blame"),
        reason=done.get("reason") or "",
        evidence=done.get("evidence") or [],
        attempts=[Attempt.from_json(attempt) for attempt in done.get("attempts", [])],
        agent_system=done.get("agent_system", ""),
        user_system=done.get("user_system", ""),
        workflow=workflow,
        seconds=done["seconds"],
        **{key: done[key] for key in kept if key in done},  # type: ignore[literal-required]  # keys of Instance
    )


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """One error to tell: the others of a batch failed with it."""
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _until_stopped(todo: Iterator[int], stop: asyncio.Event) -> Iterator[int]:
    while not stop.is_set():
        index = next(todo, None)
        if index is None:
            return
        yield index


_graph = StateGraph(RunState, context_schema=Context, input_schema=RunRequest)
_graph.add_node(begin)
_graph.add_node(plan)
_graph.add_node(batch)
_graph.add_node(count)
_graph.add_edge(START, "begin")
_graph.add_edge("begin", "plan")
_graph.add_edge("plan", "batch")
_graph.add_edge("batch", "count")
orchestrator = _graph.compile(name="orchestrator")
"""For tools that bring their own checkpointer (LangGraph Studio); `synthesis.py` runs it on a run folder."""


def checkpointed(saver: Any) -> Any:
    """The same graph, saved by a checkpointer after every step."""
    return _graph.compile(checkpointer=saver, name="orchestrator")

"""Orchestrator: plan, make a batch, count, again or end. The outer graph, and the only one that is checkpointed.

Its state holds counts and offsets; plans, dialogues and costs are in the ledger. Every step is idempotent by id, so a
run killed anywhere goes on from its last checkpoint: what the ledger holds is not made again.

`synthesis.Run` attaches a run's ledger for the whole run. Where nobody does, as in LangGraph's server, the graph makes
or finds the run folder itself (`Context.out`), and each step opens the ledger for as long as it writes.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command
from typing_extensions import TypedDict

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.approval import BatchApproval, ask
from eigen_graph.graphs.batches import Arm, made, planned, spread
from eigen_graph.graphs.context import Context, context_of
from eigen_graph.graphs.described import described
from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.recording import (
    begin_run,
    budget_of,
    find_run,
    free_folder,
    recorded,
    require_settings,
)
from eigen_graph.runs import Ledger, RunFolder

_SMALL_BATCH = 8
"""When few are missing, as many as this are tried at once if the yield so far asks for it."""


@described
class RunRequest(TypedDict, total=False):
    """What a run is to make."""

    count: int
    """Accepted dialogues wanted."""
    max_tries: int
    """Instances begun at most; twice the count and 8 when not given."""
    plans: int
    """Plan pairs a batch at most (64 in the paper's full setting)."""
    seed: int
    """The same seed and models give the same run."""
    generation: int
    """Number that plans and instances are recorded under, where no evolution has begun."""
    evolve: dict[str, Any]
    """For the evolution graph: `EvolutionSettings` as JSON. The orchestrator itself has no use for it."""


@described
class RunState(RunRequest, total=False):
    """A run's progress."""

    tried: int
    """Instances of finished batches."""
    accepted: int
    """Accepted dialogues, in the whole run."""
    planned: int
    """Plans made so far."""
    first_plan: int
    """Where the plans of the batch in work begin."""
    batch: int
    """Size of the batch in work."""
    ended: Literal["complete", "exhausted", "stopped"]
    """Whether as many as wanted were accepted, no more may be tried, or a person stopped it."""
    out: str
    """The run folder, when the graph opens it itself."""


async def begin(state: RunState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Fill in what was not asked for; make or find the run folder where nobody has.

    Raises:
        EigenGraphError: A model cannot be used, or the folder holds something else.
    """
    request = _filled(state)
    most = min(request["count"], request["max_tries"])
    start: dict[str, Any] = {"tried": 0, "accepted": 0, "planned": 0, "batch": most}
    context = await context_of(runtime)
    if context.ledger is None:
        await context.preflight()
        start["out"] = await asyncio.to_thread(_own_folder, context, request)
    return {**request, **start}


def _filled(asked: RunRequest) -> RunRequest:
    """A request with what was not asked for."""
    count = asked.get("count", 8)
    return RunRequest(
        **({"evolve": asked["evolve"]} if "evolve" in asked else {}),
        count=count,
        max_tries=asked.get("max_tries") or 2 * count + _SMALL_BATCH,
        plans=asked.get("plans") or 64,
        seed=asked.get("seed", 0),
        generation=asked.get("generation", 0),
    )


def _own_folder(context: Context, request: RunRequest) -> str:
    path = Path(context.out or free_folder(context.resolved_domain.name))
    if (path / "run.json").exists():
        folder = _as_begun(path, context)
        if _filled(folder.info.settings["request"]) != request:
            folder.require({"request": dict(request)})
    else:
        folder = begin_run(path, context, request)
    return str(folder.path)


def _as_begun(path: Path | str, context: Context) -> RunFolder:
    folder = find_run(path, context)
    require_settings(folder, context)
    return folder


@asynccontextmanager
async def opened(state: RunState, context: Context) -> AsyncIterator[Ledger]:
    """The ledger that is attached, or the run folder's own for the length of a step.

    Raises:
        EigenGraphError: Nobody says where the run lies, or it was begun with other settings.
    """
    if context.ledger is not None:
        yield context.ledger
        return
    path = context.out or state.get("out")
    if not path:  # begun by a command, which knows its folder, and gone on with elsewhere
        raise EigenGraphError("where does this run lie? Name its folder in the setting `out`, beside its own settings")
    folder = await asyncio.to_thread(_as_begun, path, context)
    async with recorded(context, folder, budget_of(folder)) as ledger:
        yield ledger


async def plan(state: RunState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Plans for the coming batch; targets that accepted dialogues have not covered come first."""
    first, wanted = state["planned"], min(state["plans"], state["batch"])
    async with opened(state, await context_of(runtime)) as ledger:
        await planned(
            await _arm(state, await context_of(runtime), ledger), ledger, first=first, count=wanted, seed=state["seed"]
        )
    return {"first_plan": first, "planned": first + wanted}


async def batch(state: RunState, runtime: Runtime[Context]) -> Command[Literal["count", "__end__"]]:
    """Make a batch of instances, many at a time, each committed to the ledger as it ends; ask first where wanted.

    Raises:
        RunPausedError: `Context.stop` was set; what was in work is finished first.
        EigenGraphError: The server is gone, the budget is spent, the ledger cannot be written: what was in work is
            left where it is, its replies recorded.
    """
    context = await context_of(runtime)
    told = {name: state[name] for name in ("count", "accepted", "tried", "max_tries", "batch")}
    answer = ask(context.approve, "batch", told, BatchApproval)
    if answer.decision == "stop":
        return Command(goto="__end__", update={"ended": "stopped"})
    end = state["tried"] + min(state["batch"], answer.count or state["batch"])
    async with opened(state, context) as ledger:
        arm, first = await _arm(state, context, ledger), state["first_plan"]
        plans = await planned(arm, ledger, first=first, count=state["planned"] - first, seed=state["seed"])
        work = spread(range(state["tried"], end), plans)
        await made(arm, ledger, work, seed=state["seed"], tell=runtime.stream_writer)
        counts = await asyncio.to_thread(ledger.counts)
    return Command(goto="count", update={"tried": end, "accepted": counts.accepted})


async def _arm(state: RunState, context: Context, ledger: Ledger) -> Arm:
    """Who makes the data set: the generation that evolution or a rollback crowned, if any."""
    champion = await asyncio.to_thread(ledger.champion)
    if champion is None:
        return Arm(f"g{state['generation']}", state["generation"], context)
    return Arm(f"g{champion.number}", champion.number, Blueprint.from_json(champion.blueprint).on(context))


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


_graph = StateGraph(RunState, context_schema=Context, input_schema=RunRequest)
_graph.add_node(begin)
_graph.add_node(plan)
_graph.add_node(batch)
_graph.add_node(count)
_graph.add_edge(START, "begin")
_graph.add_edge("begin", "plan")
_graph.add_edge("plan", "batch")
orchestrator = _graph.compile(name="orchestrator")
"""For tools that bring their own checkpointer (LangGraph Studio); `synthesis.py` runs it on a run folder."""


def checkpointed(saver: Any) -> Any:
    """The same graph, saved by a checkpointer after every step."""
    return _graph.compile(checkpointer=saver, name="orchestrator")

"""Evolution: a generation works, its failures are reflected upon, a patch is tried against it and kept or not, again.

    begin -> pilot -> reflect -> screen -> confirm (a look at a time) -> decide -> pilot -> ... -> settle -> count

Every candidate works the seeds that its parent has worked already (screen); the best one and its parent then work fresh
seeds, which nobody has reflected upon, until the gate can tell (confirm). What the winner makes there enters the data
set; what the loser makes stays a trial. When evolution ends, the orchestrator's own nodes make what is still missing.

The graph's state holds names and numbers; blueprints, proposals and tests are in the ledger, and every step finds there
what it has done already. A run killed anywhere goes on to the same lineage. (The paper's section 2: reflection over
failures with their blame, K rounds; the gate, the edges as what is patched, and the guards are ours.)
"""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command
from pydantic import ValidationError
from typing_extensions import TypedDict

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.approval import Approval, RoundApproval, ask
from eigen_graph.graphs.batches import made, planned, spread
from eigen_graph.graphs.contest import Contest, trials_are_broke
from eigen_graph.graphs.context import Context, context_of
from eigen_graph.graphs.described import ShownAs, described
from eigen_graph.graphs.evolving.blueprint import said
from eigen_graph.graphs.evolving.parents import sample_parent
from eigen_graph.graphs.evolving.settings import EvolutionSettings
from eigen_graph.graphs.lineage import (
    arms_of,
    founded,
    generation_arm,
    index_of,
    publish,
    standing,
)
from eigen_graph.graphs.orchestrator import RunRequest, RunState, batch, count, opened, plan
from eigen_graph.graphs.orchestrator import begin as begin_production
from eigen_graph.graphs.proposing import propose
from eigen_graph.graphs.ruling import accept, turn_down
from eigen_graph.models import Budget
from eigen_graph.runs import Ledger
from eigen_graph.runs.lineage import NoteRow, RoundRow


@described
class EvolutionRequest(RunRequest, total=False):
    """What a run is to make, and how far its engine may evolve."""

    evolve: Annotated[dict[str, Any], ShownAs(EvolutionSettings)]
    """`EvolutionSettings` as JSON; its defaults when empty."""


@described
class EvolutionState(RunState, RunRequest, TypedDict, total=False):  # each base named, or its fields have no page
    """An evolving run's progress. `tried` is the next task index, `planned` the next plan."""

    evolve: dict[str, Any]
    """`EvolutionSettings` as JSON."""
    round: int
    """The round in work, from 1."""
    last_round: int
    """The last round that may be begun."""
    idle: int
    """Rounds since a patch was accepted."""
    parent: int
    """The generation that is patched in this round."""
    names: list[str]
    """Its candidates."""
    chosen: str
    """The candidate that is confirmed."""
    fresh: int
    """Task index at which its confirmation begins."""
    look: int
    """Looks taken at its confirmation."""
    ruling: str
    """What the gate said of it at the last look."""
    finished: str
    """Why evolution ended."""


async def begin(state: EvolutionState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Fill in what was not asked for; generation 0 is what the run was given.

    Raises:
        EigenGraphError: A setting is wrong, a model cannot be used, or the folder holds something else.
    """
    settings, context = settings_of(state), await context_of(runtime)
    start = await begin_production(state, runtime)
    started: Any = {**state, **start}
    async with opened(started, context) as ledger:
        context.cast.check_budget(Budget.parse(settings.budget) if settings.budget else Budget())
        await founded(ledger, context)
        await asyncio.to_thread(publish, ledger)
        names = await asyncio.to_thread(ledger.finished_ids, trial=None)
        plans = await asyncio.to_thread(lambda: [plan.index for plan in ledger.plans(trial=None)])
        stands = await asyncio.to_thread(standing, ledger, settings.rounds)
    there = {"tried": 1 + max(map(index_of, names), default=-1)}
    there["planned"] = 1 + max(plans, default=-1)
    return {**start, **there, **stands, "evolve": settings.model_dump(mode="json")}


async def pilot(state: EvolutionState, runtime: Runtime[Context]) -> Command[Literal["reflect", "__end__"]]:
    """See to it that the champion has worked enough to be reflected upon."""
    context, settings = await context_of(runtime), settings_of(state)
    async with opened(state, context) as ledger:
        champion = await founded(ledger, context)
        arm = generation_arm(champion, context)
        ids = [await asyncio.to_thread(ledger.finished_ids, arm=name, trial=None) for name in arms_of(champion)]
        wanted = settings.pilot - sum(index_of(name) < state["tried"] for name in set().union(*ids))
        if wanted <= 0:
            return Command(goto="reflect")
        told = {name: state[name] for name in ("round", "count", "tried")} | {"batch": wanted}
        if ask(context.approve, "batch", told, Approval).decision == "stop":
            return Command(goto="__end__", update={"ended": "stopped"})
        runtime.stream_writer({"phase": f"generation {champion.number} works {wanted} tasks"})
        count = min(state["plans"], wanted)
        plans = await planned(arm, ledger, first=state["planned"], count=count, seed=state["seed"])
        work = spread(range(state["tried"], state["tried"] + wanted), plans)
        await made(arm, ledger, work, seed=state["seed"], tell=runtime.stream_writer)
    return Command(goto="reflect", update={"tried": state["tried"] + wanted, "planned": state["planned"] + count})


async def reflect(
    state: EvolutionState, runtime: Runtime[Context]
) -> Command[Literal["screen", "decide", "settle", "__end__"]]:
    """Have the failures of a living generation answered by patches; without a usable one the round is over."""
    context, settings, number = await context_of(runtime), settings_of(state), state["round"]
    async with opened(state, context) as ledger:
        if why := state.get("finished") or await asyncio.to_thread(_over, state, settings, ledger):
            return Command(goto="settle", update={"finished": why})
        answer = await _may_go_on(state, context, settings, ledger)
        if answer.decision == "stop":
            return Command(goto="__end__", update={"ended": "stopped"})
        if answer.decision == "skip":
            return Command(goto="settle", update={"finished": "a person ended it"})
        settings = settings.model_copy(update={"budget": answer.budget or settings.budget})
        if number not in {round_.number for round_ in await asyncio.to_thread(ledger.rounds)}:
            generations = await asyncio.to_thread(ledger.generations)
            parent = sample_parent(generations, random.Random(f"{state['seed']}/round-{number}"))
            runtime.stream_writer({"phase": f"round {number}: reflecting on generation {parent.number}"})
            await propose(number, parent, ledger, context, settings)
        round_ = await _round(number, ledger)
        candidates = await asyncio.to_thread(ledger.candidates, number)
    names = [row.name for row in candidates if row.fate not in {"refused", "unfinished"}]
    update: dict[str, Any] = {"parent": round_.parent, "names": names, "ruling": "", "chosen": ""}
    update["evolve"] = settings.model_dump(mode="json")
    if not names:
        return Command(goto="decide", update=update)
    if not settings.gated:
        return Command(
            goto="decide", update=update | {"chosen": names[0], "ruling": "ungated", "fresh": state["tried"]}
        )
    return Command(goto="screen", update=update)


async def screen(state: EvolutionState, runtime: Runtime[Context]) -> Command[Literal["confirm", "decide"]]:
    """Candidates work their parent's seeds."""
    async with opened(state, await context_of(runtime)) as ledger:
        chosen = await (await _contest(state, runtime, ledger)).screening(state["names"], below=state["tried"])
    if chosen is None:
        return Command(goto="decide")
    return Command(goto="confirm", update={"chosen": chosen, "fresh": state["tried"], "look": 0})


async def confirm(state: EvolutionState, runtime: Runtime[Context]) -> Command[Literal["confirm", "decide"]]:
    """One look at the chosen candidate and its parent on fresh seeds."""
    settings = settings_of(state)
    async with opened(state, await context_of(runtime)) as ledger:
        contest = await _contest(state, runtime, ledger)
        done, size = ((0, *settings.gate.looks)[state["look"] + at] for at in (0, 1))
        if not await contest.may_work(f"g{state['parent']}", range(state["fresh"] + done, state["fresh"] + size)):
            return Command(goto="decide", update={"ruling": "unfinished"})
        ruling, plans = await contest.confirmation(
            state["chosen"],
            state["look"],
            fresh=state["fresh"],
            first_plan=state["planned"],
            plans=state["plans"],
        )
    update = {
        "planned": state["planned"] + plans,
        "tried": state["fresh"] + settings.gate.looks[state["look"]],
        "look": state["look"] + 1,
        "ruling": ruling,
    }
    return Command(goto="confirm" if ruling == "go on" else "decide", update=update)


async def decide(state: EvolutionState, runtime: Runtime[Context]) -> dict[str, Any]:
    """End the round: the winner's fresh work enters the data set, and a confirmed candidate is a generation."""
    number, name = state["round"], state["chosen"]
    async with opened(state, await context_of(runtime)) as ledger:
        contest = await _contest(state, runtime, ledger)
        accepted = bool(name) and state["ruling"] in {"confirmed", "ungated"}
        if not name:
            ended = await asyncio.to_thread(_unchosen, state, ledger)
        elif accepted:
            ended = await accept(contest, name, fresh=state["fresh"])
        else:
            ended = await turn_down(contest, name, fresh=state["fresh"], unfinished=state["ruling"] == "unfinished")
        round_ = await _round(number, ledger)
        await ledger.put(round_.model_copy(update={"ended": ended}))
        await asyncio.to_thread(publish, ledger)
        counts = await asyncio.to_thread(ledger.counts)
    runtime.stream_writer({"phase": f"round {number}: {ended}", "accepted": counts.accepted, "lost": counts.by_blame})
    return {"round": number + 1, "idle": 0 if accepted else state["idle"] + 1}


async def settle(state: EvolutionState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Evolution is over: say so, and leave the rest to production."""
    async with opened(state, await context_of(runtime)) as ledger:
        champion = await founded(ledger, await context_of(runtime))
        notes = await asyncio.to_thread(ledger.notes)
        data = {"round": state["round"], "why": state["finished"], "generation": champion.number}
        if not notes or (notes[-1].kind, notes[-1].data) != ("ended", data):
            now = datetime.now(UTC).isoformat(timespec="seconds")
            await ledger.put(NoteRow(seq=len(notes), at=now, kind="ended", data=data))
        counts = await asyncio.to_thread(ledger.counts)
    runtime.stream_writer({"phase": f"evolution ended ({state['finished']}): generation {champion.number} goes on"})
    return {"accepted": counts.accepted, "max_tries": state["max_tries"] + state["tried"]}


def settings_of(state: RunRequest) -> EvolutionSettings:
    """The settings of an evolution.

    Raises:
        EigenGraphError: One is wrong.
    """
    try:
        return EvolutionSettings.model_validate(state.get("evolve") or {})
    except ValidationError as error:
        raise EigenGraphError(f"evolution's settings: {said(error)}") from error


async def _may_go_on(
    state: EvolutionState, context: Context, settings: EvolutionSettings, ledger: Ledger
) -> RoundApproval:
    spent = await asyncio.to_thread(ledger.trial_spent)
    told = {
        **{name: state[name] for name in ("round", "last_round", "tried")},
        "budget": settings.budget,
        "trial_tokens": spent.input_tokens + spent.output_tokens,
        "trial_usd": spent.cost_usd,
    }
    return ask(context.approve, "evolve", told, RoundApproval)


async def _round(number: int, ledger: Ledger) -> RoundRow:
    return next(row for row in await asyncio.to_thread(ledger.rounds) if row.number == number)


async def _contest(state: EvolutionState, runtime: Runtime[Context], ledger: Ledger) -> Contest:
    return Contest(
        ledger=ledger,
        context=await context_of(runtime),
        settings=settings_of(state),
        seed=state["seed"],
        round=state["round"],
        parent=await asyncio.to_thread(ledger.generation, state["parent"]),
        tell=runtime.stream_writer,
    )


def _unchosen(state: EvolutionState, ledger: Ledger) -> str:
    """How a round ended in which there was nothing to confirm."""
    if not state["names"]:
        return "the reflector proposed nothing that can be used"
    cut = any(row.fate == "unfinished" for row in ledger.candidates(state["round"]))
    return f"no candidate was better{' before the budget of the trials was spent' if cut else ''}"


def _over(state: EvolutionState, settings: EvolutionSettings, ledger: Ledger) -> str:
    """Why evolution is over; empty when it goes on."""
    first = state["last_round"] - settings.rounds + 1
    before = ledger.candidates(state["round"] - 1) if state["round"] > first else []
    # The winner's fresh work has left the trials: by their sum alone there might be something left again.
    if trials_are_broke(settings, ledger) or any(row.fate == "unfinished" for row in before):
        return "the budget of the trials is spent"
    if state["round"] > state["last_round"]:
        return "all rounds are done"
    return f"no patch was kept in {state['idle']} rounds" if state["idle"] >= settings.patience else ""


_graph = StateGraph(EvolutionState, context_schema=Context, input_schema=EvolutionRequest)
for _node in (begin, pilot, reflect, screen, confirm, decide, settle, plan, batch, count):
    _graph.add_node(_node)
_graph.add_edge(START, "begin")
_graph.add_edge("begin", "pilot")
_graph.add_edge("decide", "pilot")
_graph.add_edge("settle", "count")
_graph.add_edge("plan", "batch")
evolution = _graph.compile(name="evolution")
"""For tools that bring their own checkpointer (LangGraph Studio); `synthesis.py` runs it on a run folder."""


def checkpointed(saver: Any) -> Any:
    """The same graph, saved by a checkpointer after every step."""
    return _graph.compile(checkpointer=saver, name="evolution")

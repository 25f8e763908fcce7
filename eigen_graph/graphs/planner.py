"""Planner: from a domain to non-overlapping pairs of plans, one for the writer and one for the reviewer.

Coverage is constructed, not hoped for: the rows come from a covering array (`coverage.py`); the model gives each row a
situation. (The paper's meta-planner, section 1 of its summary: N pairs (P_s, P_e), 64 in its full setting.)
"""

from __future__ import annotations

import json
import operator
from typing import Annotated, Any, Literal

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from eigen_graph.core import PERSONAS
from eigen_graph.graphs.context import Context, context_of
from eigen_graph.graphs.coverage import covering_rows
from eigen_graph.graphs.described import described
from eigen_graph.graphs.wording import tool_list
from eigen_graph.models import ReplyError, RequestError, Scene

_ROWS_A_CALL = 8
_MAX_TITLES = 80


class PlanDraft(BaseModel):
    """One pair."""

    row: int = Field(description="Number of the row it is for.")
    title: str = Field(max_length=120)
    synthesis: str = Field(max_length=2000, description="For the writer of the task.")
    evaluation: str = Field(max_length=2000, description="For the reviewer of the dialogue.")


class PlanBatch(BaseModel):
    """Pairs for the rows asked for."""

    plans: list[PlanDraft] = Field(max_length=64)


@described
class PlannerRequest(TypedDict, total=False):
    """What to plan."""

    count: int
    """How many pairs; 8 when not given."""
    first: int
    """Number of the first pair, when others went before."""
    seed: int
    """Draws difficulties and personas."""
    generation: int
    """Number that the plans are recorded under."""
    arm: str
    """Whom the plans are named after; `g` and the generation when not given."""
    holes: list[list[str]]
    """(clause, tool) pairs that earlier plans left uncovered."""
    rows: list[dict[str, Any]]
    """What to plan for, when it is decided: row, clause, tool, difficulty, persona. Laid out anew when not given."""


@described
class PlannerState(PlannerRequest, total=False):
    """A planner's progress."""

    plans: Annotated[list[dict[str, Any]], operator.add]
    """Finished plans: id, generation, index, clause, tools, difficulty, persona, title, synthesis, evaluation."""


async def cover(state: PlannerState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Lay out the rows to be planned, where they are not given."""
    if "rows" in state:
        return {}
    context = await context_of(runtime, models=True)
    rows = covering_rows(
        context.resolved_domain,
        state.get("count", 8),
        seed=state.get("seed", 0),
        holes={(clause, tool) for clause, tool in state.get("holes", [])},
        clauses=context.clauses,
        difficulties=context.difficulties,
    )
    first = state.get("first", 0)
    return {"rows": [{"row": number, **row.to_json()} for number, row in enumerate(rows, first)]}


async def write(state: PlannerState, runtime: Runtime[Context]) -> Command[Literal["write", "__end__"]]:
    """Have the next few rows turned into pairs, showing the titles there are so that nothing overlaps."""
    context, done = await context_of(runtime, models=True), state.get("plans", [])
    rows = state["rows"][len(done) : len(done) + _ROWS_A_CALL]
    if not rows:
        return Command(goto="__end__")
    domain, generation = context.resolved_domain, state.get("generation", 0)
    arm = state.get("arm") or f"g{generation}"
    clauses = domain.policy.clauses
    messages = context.prompt("planner").messages(
        policy=domain.policy.text,
        tools=tool_list(domain),
        titles="\n".join(f"- {plan['title']}" for plan in done[-_MAX_TITLES:]) or "Nothing yet.",
        rows=json.dumps([{**row, "clause_text": clauses.get(row["clause"], "")} for row in rows], indent=1),
    )
    scene = Scene(id=f"plan-{arm}-{rows[0]['row']:04d}")
    try:
        batch = await context.cast.structured("planner", messages, PlanBatch, scene=scene)
    except (ReplyError, RequestError):
        batch = PlanBatch(plans=[])  # rows that the planner has no words for are written from their targets alone
    drafts = {draft.row: draft for draft in batch.plans}
    plans = [_plan(row, drafts.get(row["row"]), generation, arm) for row in rows]
    return Command(goto="write", update={"plans": plans})


def _plan(row: dict[str, Any], draft: PlanDraft | None, generation: int, arm: str) -> dict[str, Any]:
    return {
        "id": f"{arm}-p{row['row']:04d}",
        "arm": arm,
        "generation": generation,
        "index": row["row"],
        "clause": row["clause"],
        "tools": [row["tool"]] if row["tool"] else [],
        "difficulty": row["difficulty"],
        "persona": row["persona"],
        "title": draft.title if draft else "",
        "synthesis": draft.synthesis if draft else "",
        "evaluation": draft.evaluation if draft else "",
    }


def describe(plan: dict[str, Any], clauses: dict[str, str]) -> str:
    """A plan in words, for the writer."""
    clause = plan.get("clause", "")
    persona = plan.get("persona", "")
    lines = [
        plan.get("synthesis", ""),
        f"Clause {clause}: {clauses[clause]}" if clause in clauses else "",
        f"Tools that must matter: {', '.join(plan['tools'])}" if plan.get("tools") else "",
        f"Difficulty: {plan.get('difficulty', 'easy')}",
        f"The user's manner: {PERSONAS.get(persona, persona)}" if persona else "",
    ]
    return "\n".join(line for line in lines if line)


_graph = StateGraph(PlannerState, context_schema=Context, input_schema=PlannerRequest)
_graph.add_node(cover)
_graph.add_node(write)
_graph.add_edge(START, "cover")
_graph.add_edge("cover", "write")
planner = _graph.compile(name="planner")

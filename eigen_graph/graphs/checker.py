"""Checker: from a task to an executable checker that has itself been proven on mutants and variants of its gold run."""

from __future__ import annotations

import asyncio
import hashlib
import json
from functools import partial
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from eigen_graph.checkers import Checker, build_checker
from eigen_graph.checkers import prove as prove_checker
from eigen_graph.core import EigenGraphError, Task, ToolError
from eigen_graph.graphs.context import Context, context_of
from eigen_graph.graphs.described import described


@described
class CheckerRequest(TypedDict, total=False):
    """What to build a checker for."""

    task: dict[str, Any]
    """A task, as JSON."""
    seed: int
    """Draws the mutants."""


@described
class CheckerState(CheckerRequest, total=False):
    """A checker in the making."""

    checker: dict[str, Any]
    """The checker, as JSON, with its proof once it has one."""
    kill_rate: float
    """Share of the mutants that the checker failed."""
    outcome: Literal["proven", "unproven"]
    """Whether the checker may be trusted."""
    reason: str
    """Why it could not be trusted, in words a writer can act on."""


async def build(state: CheckerState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Derive the criteria from the task's reference solution."""
    domain = (await context_of(runtime)).resolved_domain
    try:
        checker = build_checker(Task.from_json(state["task"]), domain)
    except (EigenGraphError, ToolError) as error:
        return {"outcome": "unproven", "reason": f"no checker can be built: {error}"}
    return {"checker": checker.to_json()}


async def prove(state: CheckerState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Hold the checker to its mutants (all must fail) and valid variants (all must pass)."""
    if "checker" not in state:
        return {}
    context, seed = await context_of(runtime), state.get("seed", 0)
    checker = Checker.from_json(state["checker"])
    name = _content(state["checker"], seed, context.min_kill_rate)
    proof = context.proofs.get(name)
    if proof is None:
        prove_it = partial(
            prove_checker, checker, context.resolved_domain, seed=seed, min_kill_rate=context.min_kill_rate
        )
        # A program is judged by a process of its own, which is waited for, as some tools are: not on the event loop.
        waits = "code" in checker.basis or context.resolved_domain.blocking
        proof = await asyncio.to_thread(prove_it) if waits else prove_it()
        context.proofs.put(name, proof)
    return {
        "checker": checker.model_copy(update={"proof": proof}).to_json(),
        "kill_rate": proof.kill_rate,
        "outcome": "proven" if proof.sound else "unproven",
        "reason": proof.reason,
    }


def _content(checker: dict[str, Any], seed: int, min_kill_rate: float) -> str:
    """All that a proof depends on. Two arms of a trial often write the same task under another name."""
    task = {name: value for name, value in checker["task"].items() if name != "id"}
    tags = {name: value for name, value in (task.get("eigen") or {}).items() if name not in {"plan", "generation"}}
    text = json.dumps([{**checker, "task": {**task, "eigen": tags}}, seed, min_kill_rate], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


_graph = StateGraph(CheckerState, context_schema=Context, input_schema=CheckerRequest)
_graph.add_node(build)
_graph.add_node(prove)
_graph.add_edge(START, "build")
_graph.add_edge("build", "prove")
_graph.add_edge("prove", END)
checker = _graph.compile(name="checker")

"""Verifier: reads a written task before a dialogue is paid for, and says sound or flawed.

It is the paper's task verification agent, and worth its place only while it costs less than the dialogues that it
spares. So it is one call of about a thousand tokens: it is shown not the policy but the clauses that bear on this task
most, and not the database but how the results of the reference solution begin, and which of them show the facts that
the agent must say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from eigen_graph.checkers.facts import says
from eigen_graph.checkers.verdict import bounded
from eigen_graph.core import NOTHING_KNOWN, Action, Cue, Domain, EigenGraphError, Task, ToolError, environment_of
from eigen_graph.graphs.context import Context, context_of
from eigen_graph.graphs.described import described
from eigen_graph.graphs.waiting import aside
from eigen_graph.models import ReplyError, RequestError, Scene

_MAX_RESULT_CHARS = 120
_MAX_PLAN_CHARS = 240
_MAX_CLAUSES_CHARS = 700
"""Of clauses that the task does not name itself."""


class Verification(BaseModel):
    """A verifier's decision."""

    decision: Literal["sound", "flawed"]
    reason: str = Field("", max_length=2000, description="What is wrong and what would be right; empty when sound.")


@described
class VerificationRequest(TypedDict, total=False):
    """What to check."""

    task: dict[str, Any]
    """A task, as JSON."""
    plan: dict[str, Any]
    """The plan it was written for, as JSON."""
    attempt: int
    """Counts checks of the same task, so that each is sampled anew."""
    prompt: str
    """Name of another prompt than the verifier's own."""


@described
class VerificationState(VerificationRequest, total=False):
    """A check of a task."""

    verification: dict[str, Any]
    """The decision with its reason, as JSON."""
    outcome: Literal["sound", "flawed"]
    """The decision."""


async def verify(state: VerificationState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Run the reference solution and ask for the decision.

    Without a usable answer the task counts as sound: a gate that cannot speak must not stop the line, behind which the
    checker's proof and the reviewer still stand.
    """
    context, task = await context_of(runtime, models=True), Task.from_json(state["task"])
    domain = context.resolved_domain
    try:
        solution = await aside(domain, lambda: list(_solution(task, domain)))
    except NOTHING_KNOWN:
        raise
    except (EigenGraphError, ToolError) as error:
        return _found(Verification(decision="flawed", reason=bounded(f"the starting conditions fail: {error}")))
    messages = context.prompt(state.get("prompt") or "verifier").messages(
        clauses="\n".join(f"{number}. {domain.policy.clause(number)}" for number in _clauses(task, domain)),
        plan=bounded((state.get("plan") or {}).get("synthesis", ""), _MAX_PLAN_CHARS),
        scenario=str(task.user_scenario),
        task=json.dumps(_shown(task, solution), ensure_ascii=False),
    )
    cue = Cue.model_validate(task.tags.cue) if task.tags.cue else None
    scene = Scene(id=task.id, cue=cue, attempt=state.get("attempt", 0))
    try:
        return _found(await context.cast.structured("verifier", messages, Verification, scene=scene))
    except (ReplyError, RequestError) as error:
        return _found(Verification(decision="sound", reason=bounded(f"nobody has checked it: {error}")))


def _found(verification: Verification) -> dict[str, Any]:
    return {"verification": verification.model_dump(mode="json"), "outcome": verification.decision}


def _solution(task: Task, domain: Domain) -> Iterator[tuple[Action, str]]:
    world = environment_of(domain, task)
    for action in task.actions:
        yield action, world.run(action.name, action.arguments, action.requestor).content


def _clauses(task: Task, domain: Domain) -> list[str]:
    """Numbers of the clauses that bear on a task, in the policy's order.

    All that it says decide it; then those that name a tool of its solution or of its forbidden calls, those first that
    name few others, as many as there is room for.
    """
    policy, tools = domain.policy, {action.name for action in (*task.actions, *task.tags.forbidden)}
    chosen = {number for number in policy.clauses if number in task.tags.clauses}
    binding = {number: set(policy.tools_named_in(number)) for number in policy.clauses if number not in chosen}
    room = _MAX_CLAUSES_CHARS
    for number in sorted((number for number, named in binding.items() if named & tools), key=lambda n: len(binding[n])):
        room -= len(policy.clause(number))
        if room >= 0:
            chosen.add(number)
    return [number for number in policy.clauses if number in chosen]


def _shown(task: Task, solution: list[tuple[Action, str]]) -> dict[str, Any]:
    facts = task.criteria.communicate_info or ()
    return {
        "solution": [
            _call(action) | {"result": result[:_MAX_RESULT_CHARS] + "…" * (len(result) > _MAX_RESULT_CHARS)}
            for action, result in solution
        ],
        "agent_must_say": [
            {"fact": fact, "shown_by": [action.name for action, result in solution if says([result], fact)]}
            for fact in facts
        ],
        "would_be_wrong": [_call(action) for action in task.tags.forbidden],
    }


def _call(action: Action) -> dict[str, Any]:
    by = "agent" if action.requestor == "assistant" else "user"
    return {"by": by, "name": action.name, "arguments": action.arguments}


_graph = StateGraph(VerificationState, context_schema=Context, input_schema=VerificationRequest)
_graph.add_node(verify)
_graph.add_edge(START, "verify")
_graph.add_edge("verify", END)
verifier = _graph.compile(name="verifier")

"""Reviewer: reads a judged dialogue with the plan's evaluation notes and says accept, repair or reject, with evidence.

It cannot overrule the checker: a dialogue whose reward is not 1 is never accepted, whatever the review says.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from eigen_graph.checkers.verdict import bounded
from eigen_graph.core import Cue, Message, Task
from eigen_graph.graphs.context import Context, context_of
from eigen_graph.graphs.described import described
from eigen_graph.models import ReplyError, RequestError, Scene

_MAX_RESULT_CHARS = 1500


class Review(BaseModel):
    """A reviewer's decision."""

    decision: Literal["accept", "repair", "reject"]
    blame: Literal["none", "task", "user", "agent", "tool", "checker"] = Field(
        description="Whose fault came first; none when accepted."
    )
    evidence: list[int] = Field(default_factory=list, max_length=20, description="Indices of the telling messages.")
    reason: str = Field("", max_length=2000)


@described
class ReviewRequest(TypedDict, total=False):
    """What to review."""

    task: dict[str, Any]
    """The task, as JSON."""
    trajectory: dict[str, Any]
    """The dialogue, as JSON."""
    verdict: dict[str, Any]
    """The checker's verdict, as JSON."""
    attribution: dict[str, Any]
    """The checker's own view of whose fault it is: blame, evidence, reason."""
    plan: dict[str, Any]
    """The plan it was made by, as JSON; its `evaluation` says what to watch."""
    attempt: int
    """Counts reviews of the same task, so that each is sampled anew."""
    prompt: str
    """Name of another prompt than the reviewer's own."""


@described
class ReviewState(ReviewRequest, total=False):
    """A review."""

    review: dict[str, Any]
    """The decision with blame, evidence and reason, as JSON."""
    outcome: Literal["accept", "repair", "reject"]
    """The decision."""


async def review(state: ReviewState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask for the decision and hold it to the verdict."""
    context, task = await context_of(runtime, models=True), Task.from_json(state["task"])
    messages = context.prompt(state.get("prompt") or "reviewer").messages(
        policy=context.resolved_domain.policy.text,
        evaluation=(state.get("plan") or {}).get("evaluation", ""),
        scenario=str(task.user_scenario),
        hidden="\n".join(f"- {fact}" for fact in task.tags.hidden),
        verdict=json.dumps(_verdict(state), ensure_ascii=False),
        transcript=json.dumps(transcript(state["trajectory"]["messages"]), ensure_ascii=False, indent=0),
    )
    cue = Cue.model_validate(task.tags.cue) if task.tags.cue else None
    scene = Scene(id=task.id, cue=cue, attempt=state.get("attempt", 0))
    try:
        found = await context.cast.structured("reviewer", messages, Review, scene=scene)
    except (ReplyError, RequestError) as error:
        found = Review(decision="reject", blame="none", reason=bounded(f"there is no review: {error}"))
    return _bounded(found, state)


def transcript(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A trajectory as a reviewer is shown it: numbered, both sides' calls included, long results cut."""
    lines = []
    for number, data in enumerate(messages):
        message = Message.from_json(data)
        line: dict[str, Any] = {"i": number}
        if message.role == "tool":
            result = message.content or ""
            cut = result[:_MAX_RESULT_CHARS] + ("…" if len(result) > _MAX_RESULT_CHARS else "")
            line |= {"speaker": "tool", "of": "user" if message.requestor == "user" else "agent", "result": cut}
            if message.error:
                line["error"] = True
        else:
            line["speaker"] = "user" if message.role == "user" else "agent"
            if message.content:
                line["text"] = message.content
            if message.tool_calls:
                line["calls"] = [{"name": call.name, "arguments": call.arguments} for call in message.tool_calls]
        lines.append(line)
    return lines


def _verdict(state: ReviewState) -> dict[str, Any]:
    verdict = state["verdict"]
    return {
        "reward": verdict["reward"],
        "parts": verdict["parts"],
        "termination": state["trajectory"].get("termination"),
    }


def _bounded(found: Review, state: ReviewState) -> dict[str, Any]:
    """The review as it counts: evidence that exists, no acceptance against the verdict, no blame beside acceptance."""
    length = len(state["trajectory"]["messages"])
    evidence = list(dict.fromkeys(index for index in found.evidence if 0 <= index < length))
    passed = state["verdict"]["reward"] == 1
    data = found.model_dump(mode="json") | {"evidence": evidence}
    if found.decision == "accept" and passed:
        data["blame"] = "none"
    elif found.decision == "accept" or found.blame == "none":
        data["decision"] = "repair" if found.decision == "accept" else found.decision
        data |= _undecided(found, state)
    return {"review": data, "outcome": data["decision"]}


def _undecided(found: Review, state: ReviewState) -> dict[str, Any]:
    """Whose fault it is when the reviewer names nobody, or accepts what the checker fails.

    The checker's own view stands; a reviewer that turns down a dialogue that passed and blames nobody is itself what
    is wrong with the judging.
    """
    attribution = state.get("attribution") or {}
    if not attribution.get("blame"):
        reason = found.reason or "the reviewer turned down what the checker had passed, and blamed nobody"
        return {"blame": "checker", "reason": reason}
    evidence = list(attribution.get("evidence", ()))
    return {"blame": attribution["blame"], "evidence": evidence, "reason": attribution.get("reason") or found.reason}


_graph = StateGraph(ReviewState, context_schema=Context, input_schema=ReviewRequest)
_graph.add_node(review)
_graph.add_edge(START, "review")
_graph.add_edge("review", END)
reviewer = _graph.compile(name="reviewer")

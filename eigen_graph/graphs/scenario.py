"""Scenario: a writer explores the database by read tools and submits a task, whose solution is run at once.

What it submits is examined (`examination.py`), and must not come close to a task that the domain reserves for testing
(`checkers/contamination.py`); a fault goes back in words, a bounded number of times. (The paper's task synthesis agent
with its verification, executed instead of judged.)
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.runtime import Runtime
from langgraph.types import Command
from pydantic import ValidationError
from typing_extensions import TypedDict

from eigen_graph.checkers.contamination import TOO_CLOSE, too_close
from eigen_graph.checkers.verdict import bounded
from eigen_graph.core import PERSONAS, Actor, Cue, Domain, Task, TaskDraft, ToolCall, case_tags, environment_of
from eigen_graph.graphs import wording
from eigen_graph.graphs.context import Context, context_of
from eigen_graph.graphs.described import described
from eigen_graph.graphs.examination import faults, fitted
from eigen_graph.graphs.planner import describe
from eigen_graph.graphs.waiting import aside
from eigen_graph.models import ReplyError, RequestError, Scene, calls_of

_SAMPLED_RECORDS = 6
_MAX_FAULTS = 5
_MAX_FAULT_CHARS = 400


@described
class ScenarioRequest(TypedDict, total=False):
    """What to write."""

    id: str
    """Id of the task."""
    seed: int
    """Draws the playbook's case."""
    plan: dict[str, Any]
    """A plan (`PlannerState.plans`); without one the writer is free."""
    attempt: int
    """Counts tries at the same task, so that each is sampled anew."""
    prompt: str
    """Name of another prompt than the writer's own."""
    problem: str
    """Why an earlier task of this plan was refused."""


@described
class ScenarioState(ScenarioRequest, total=False):
    """A writer's progress."""

    messages: Annotated[list[AnyMessage], add_messages]
    """The writer's conversation with its read tools."""
    submissions: int
    """Tasks submitted so far."""
    look_ups: int
    """Read calls so far."""
    task: dict[str, Any]
    """The finished task, as JSON."""
    outcome: Literal["written", "failed"]
    """Whether there is a task."""
    reason: str
    """Why there is none."""


def cue_of(state: ScenarioRequest, domain: Domain) -> Cue:
    """The playbook case that a scripted writer takes for this plan and seed."""
    plan = state.get("plan") or {}
    return Cue(
        domain=domain.name,
        seed=state.get("seed", 0),
        clause=plan.get("clause", ""),
        tool=next(iter(plan.get("tools", ())), ""),
        difficulty=plan.get("difficulty", "easy"),
        persona=plan.get("persona", "terse"),
    )


async def draft(state: ScenarioState, runtime: Runtime[Context]) -> Command[Literal["examine", "explore", "__end__"]]:
    """One move of the writer: look-ups, or a submission."""
    context = await context_of(runtime, models=True)
    domain, messages = context.resolved_domain, list(state.get("messages", []))
    opening = [] if messages else _opening(state, context, domain)
    scene = Scene(id=state.get("id", "task"), cue=cue_of(state, domain), attempt=state.get("attempt", 0))
    try:
        reply = await context.cast.chat("writer", [*opening, *messages], tools=_tools(domain), scene=scene)
    except (ReplyError, RequestError) as error:
        return Command(goto="__end__", update={"outcome": "failed", "reason": f"the writer's reply: {error}"})
    called = [call.name for call in calls_of(reply)]
    return Command(
        goto="examine" if submit_task.name in called or not called else "explore",
        update={"messages": [*opening, reply]},
    )


async def explore(state: ScenarioState, runtime: Runtime[Context]) -> Command[Literal["draft", "__end__"]]:
    """Answer the writer's look-ups; nothing it calls can change anything."""
    context = await context_of(runtime)
    reply, used = _last_reply(state), state.get("look_ups", 0)
    if used >= context.max_look_ups:
        reason = f"the writer looked around {used} times and submitted nothing"
        return Command(goto="__end__", update={"outcome": "failed", "reason": reason})
    answers, used = await aside(context.resolved_domain, _look_up, calls_of(reply), used, context)
    return Command(goto="draft", update={"messages": answers, "look_ups": used})


async def examine(state: ScenarioState, runtime: Runtime[Context]) -> Command[Literal["draft", "__end__"]]:
    """Run what was submitted; send faults back, or end with the task."""
    context = await context_of(runtime)
    used = state.get("submissions", 0) + 1
    calls = calls_of(_last_reply(state))
    submitted = [call for call in calls if call.name == submit_task.name]
    problem = "Call `submit_task` with the task, or a read tool to look around."
    reserved, domain = "", context.resolved_domain
    if submitted:
        task, problem = await aside(domain, _judge, submitted[0], state, context)
        if task and domain.tasks:  # in a thread, because the first look at a domain's own tasks reads a file of them
            reserved = await asyncio.to_thread(too_close, task, domain)
        if task and not reserved:
            update = {"task": task.to_json(), "outcome": "written", "submissions": used}
            return Command(goto="__end__", update=update)
        problem = TOO_CLOSE if reserved else problem
    if used >= context.max_submissions:
        reason = reserved or f"no valid task in {used} submissions; the last: {problem}"
        return Command(goto="__end__", update={"outcome": "failed", "reason": reason, "submissions": used})
    if not calls:
        return Command(goto="draft", update={"messages": [HumanMessage(problem)], "submissions": used})
    others = [call for call in calls if call not in submitted]
    answers, looked = await aside(domain, _look_up, others, state.get("look_ups", 0), context)
    answers += [_refusal(call, problem if call is submitted[0] else "submit one task at a time") for call in submitted]
    return Command(goto="draft", update={"messages": answers, "submissions": used, "look_ups": looked})


def _opening(state: ScenarioState, context: Context, domain: Domain) -> list[BaseMessage]:
    return context.prompt(state.get("prompt") or "writer").messages(
        policy=domain.policy.text,
        tools=wording.tool_list(domain),
        setups=wording.setup_list(domain),
        assertions=wording.assertion_list(domain),
        example=wording.example(domain),
        plan=describe(state.get("plan") or {}, domain.policy.clauses),
        records=_records(domain, state.get("seed", 0)),
        problem=state.get("problem", ""),
    )


def _records(domain: Domain, seed: int) -> str:
    """A few records drawn by the seed, so that tasks of one plan do not all begin with the same one."""
    rng = random.Random(f"records/{seed}")
    lines = []
    for name, table in domain.agent.database.items():
        if keys := list(table):
            record = table[rng.choice(keys)]
            lines.append(f"- {name}: {json.dumps(record.model_dump(mode='json'), ensure_ascii=False)[:600]}")
    rng.shuffle(lines)
    return "\n".join(lines[:_SAMPLED_RECORDS])


def _tools(domain: Domain) -> list[BaseTool]:
    readers: dict[str, BaseTool] = {}
    for actor in _parties(domain):
        for tool in domain.tools_of(actor):
            if not domain.side(actor).toolbox[tool.name].traits.writes and tool.name != submit_task.name:
                readers.setdefault(tool.name, tool)
    return [*readers.values(), submit_task]


def _look_up(calls: Sequence[ToolCall], used: int, context: Context) -> tuple[list[ToolMessage], int]:
    """Answers to look-ups, as many as the writer still has, and how many it has had then."""
    left = max(0, context.max_look_ups - used)
    spent = f"all {context.max_look_ups} look-ups are used up; call `submit_task`"
    answers = [_answer(context.resolved_domain, call) for call in calls[:left]]
    return answers + [_refusal(call, spent) for call in calls[left:]], used + len(answers)


def _answer(domain: Domain, call: ToolCall) -> ToolMessage:
    parties = {actor: domain.side(actor).toolbox.get(call.name) for actor in _parties(domain)}
    known = {actor: bound for actor, bound in parties.items() if bound is not None}
    reader = next((actor for actor, bound in known.items() if not bound.traits.writes), None)
    if known and reader is None:
        return _refusal(call, f"{call.name} writes; a writer of tasks only looks")
    outcome = environment_of(domain).run(call.name, call.arguments, reader or "assistant")
    return ToolMessage(outcome.content, tool_call_id=call.id, status="error" if outcome.error else "success")


def _refusal(call: ToolCall, problem: str) -> ToolMessage:
    return ToolMessage(f"Error: {problem}", tool_call_id=call.id, status="error")


def _parties(domain: Domain) -> tuple[Actor, ...]:
    return ("assistant", "user") if domain.user else ("assistant",)


def _judge(call: ToolCall, state: ScenarioState, context: Context) -> tuple[Task | None, str]:
    """The task and nothing, or nothing and what is wrong."""
    if isinstance(call.arguments, str):
        return None, "the arguments of submit_task are not a JSON object"
    try:
        submitted = TaskDraft.model_validate(call.arguments)
    except ValidationError as error:
        found = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        return None, _told(found)
    domain, plan = context.resolved_domain, state.get("plan") or {}
    cue = cue_of(state, domain)
    tags = case_tags(cue, plan=plan.get("id", ""), generation=plan.get("generation", 0))
    if not context.cast.players["writer"].plays_cases:
        tags = tags.model_copy(update={"cue": None})  # written freely: no case for anybody to play
    submitted = fitted(submitted, domain)
    task = submitted.to_task(state.get("id", "task"), tags, persona=PERSONAS.get(cue.persona))
    if found := list(faults(submitted, task, domain)):
        return None, _told(found)
    return task, ""


def _told(found: Sequence[str]) -> str:
    return "; ".join(bounded(fault, _MAX_FAULT_CHARS) for fault in found[:_MAX_FAULTS])


def _last_reply(state: ScenarioState) -> AIMessage:
    return next(message for message in reversed(state["messages"]) if isinstance(message, AIMessage))


submit_task = StructuredTool.from_function(
    lambda **_: "accepted",
    name="submit_task",
    description="Submit the finished task. Its reference solution is run at once.",
    args_schema=TaskDraft,
)

_graph = StateGraph(ScenarioState, context_schema=Context, input_schema=ScenarioRequest)
_graph.add_node(draft)
_graph.add_node(explore)
_graph.add_node(examine)
_graph.add_edge(START, "draft")
scenario = _graph.compile(name="scenario")

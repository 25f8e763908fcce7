"""Dialogue: user and agent talk, each acting through its own tools, until one ends it or a limit does.

The user sees its scenario and nothing else; the agent sees the policy and its tools and nothing else; neither sees the
other's calls. Limits, stop markers and termination reasons are tau2's (orchestrator rules, half duplex), with two
differences unless `Context.limits` asks for its rules to the letter: a limit never overwrites a stop, and each tool
result counts as a step.

One node is one turn, tool calls included: with a node for every message LangGraph's own steps would cost 2.7 times as
much.
"""

from __future__ import annotations

import operator
import time
from typing import Annotated, Any, Literal

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command
from typing_extensions import TypedDict

from eigen_graph.core import STOP, Actor, Cue, Domain, Message, Task
from eigen_graph.graphs.context import Context, context_of
from eigen_graph.graphs.described import described
from eigen_graph.graphs.prefix import turn_after
from eigen_graph.graphs.turns import Limits, Progress, Turn
from eigen_graph.graphs.waiting import aside
from eigen_graph.models import Role, Scene

GREETING = "Hi! How can I help you today?"
"""The agent's first words, the same in every dialogue (tau2)."""


@described
class DialogueRequest(TypedDict, total=False):
    """What to play."""

    task: dict[str, Any]
    """A task, as JSON."""
    attempt: int
    """Counts tries at the same task, so that each is sampled anew."""
    history: list[dict[str, Any]]
    """The first messages of an earlier dialogue of this task, to go on from; without them it begins anew."""
    scene: str
    """Names it in accounts and to the reply cache; the task's id when left out."""
    seed: int
    """Sent along to servers that take one."""
    agent_system: str
    """The agent's instructions; ours when left out."""
    user_system: str
    """The user's instructions; ours when left out."""


@described
class DialogueState(DialogueRequest, total=False):
    """A dialogue's progress."""

    messages: Annotated[list[dict[str, Any]], operator.add]
    """What has been said and done, as trajectory messages."""
    steps: int
    """Messages and tool results so far."""
    errors: int
    """Failed calls so far."""
    usage: dict[str, int]
    """Tokens so far: user_in, user_out, agent_in, agent_out. Those of a history were spent on another dialogue."""
    began: float
    """When it began, in seconds of the epoch."""
    world: str
    """Names what the last turn left in `Context.worlds`."""
    trajectory: dict[str, Any]
    """The finished dialogue, as JSON."""


async def begin(state: DialogueState, runtime: Runtime[Context]) -> Command[Literal["user", "agent"]]:
    """Write both sides' instructions; the agent greets, or the history stands and whoever's turn it is goes on.

    Raises:
        EigenGraphError: The history ends amid a turn, or with the dialogue's end.
    """
    context = await context_of(runtime)
    systems = instructions(context, Task.from_json(state["task"]))
    messages = state.get("history") or [Message(role="assistant", content=GREETING).to_json()]
    update = {
        "messages": messages,
        "steps": len(messages) - 1,
        "errors": sum(bool(data.get("error")) for data in messages),
        "usage": {},
        "began": time.time(),
        "agent_system": state.get("agent_system") or systems["assistant"],
        "user_system": state.get("user_system") or systems["user"],
    }
    return Command(goto="user" if turn_after(messages) == "user" else "agent", update=update)


def instructions(context: Context, task: Task) -> dict[Actor, str]:
    """What each side is told before a dialogue, in our wording."""
    domain = context.resolved_domain
    return {
        "assistant": context.prompt("agent").part("system", policy=domain.policy.text, now=domain.now),
        "user": context.prompt("user").part(
            "system", scenario=str(task.user_scenario), stop=STOP, tools_rule=_tools_rule(domain)
        ),
    }


async def user(state: DialogueState, runtime: Runtime[Context]) -> Command[Literal["agent", "close"]]:
    """The user's turn."""
    return await _turn(state, await context_of(runtime, models=True), "user")


async def agent(state: DialogueState, runtime: Runtime[Context]) -> Command[Literal["user", "close"]]:
    """The agent's turn."""
    return await _turn(state, await context_of(runtime, models=True), "assistant")


async def close(state: DialogueState) -> dict[str, Any]:
    """Put the trajectory together; its usage and seconds are those of what was played here, a history left out."""
    trajectory = {
        **state["trajectory"],
        "messages": state["messages"],
        "usage": state["usage"],
        "seconds": round(time.time() - state["began"], 3),
    }
    return {"trajectory": trajectory}


async def _turn(state: DialogueState, context: Context, actor: Actor) -> Command[Any]:
    """Ask one side until it speaks or the dialogue ends, running its calls on the way."""
    systems: dict[Actor, str] = {"user": state["user_system"], "assistant": state["agent_system"]}
    domain = context.resolved_domain
    world = await aside(
        domain, context.worlds.take, state.get("world", ""), domain, state["task"], systems, state["messages"]
    )
    progress = Progress(state["steps"], state["errors"])
    limits = Limits(context.max_steps, context.max_errors, to_the_letter=context.limits == "tau2")
    turn = Turn(actor, world, limits, progress)
    usage = dict(state["usage"])
    role: Role = "user" if actor == "user" else "agent"
    tools, scene = domain.tools_of(actor), _scene(world.task, state)
    async with context.cast.turn(role, world.heard[actor], tools=tools, scene=scene, memory=world.memory) as ask:
        await turn.play(ask, usage)
    update: dict[str, Any] = {
        "messages": [message.to_json() for message in turn.said],
        "steps": progress.steps,
        "errors": progress.errors,
        "usage": usage,
    }
    if turn.termination:
        ended = {"termination": turn.termination, **({"problem": turn.problem} if turn.problem else {})}
        return Command(goto="close", update=update | {"trajectory": ended})
    update["world"] = context.worlds.keep(world)
    return Command(goto="agent" if actor == "user" else "user", update=update)


def _scene(task: Task, state: DialogueState) -> Scene:
    cue = task.tags.cue
    return Scene(
        id=state.get("scene") or task.id,
        cue=Cue.model_validate(cue) if cue else None,
        attempt=state.get("attempt", 0),
        seed=state.get("seed"),
    )


def _tools_rule(domain: Domain) -> str:
    if not domain.tools_of("user"):
        return "You have no tools: you can only talk."
    return (
        "You have tools for what you can see and do at your place. Use them only when the agent asks you to look or do "
        "something; then tell the agent in words what you see. The agent does not see your calls."
    )


_graph = StateGraph(DialogueState, context_schema=Context, input_schema=DialogueRequest)
_graph.add_node(begin)
_graph.add_node(user)
_graph.add_node(agent)
_graph.add_node(close)
_graph.add_edge(START, "begin")
dialogue = _graph.compile(name="dialogue")

"""Agents of one's own in the agent's chair: they play as a model of ours does, whatever they are made of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from langchain.agents.middleware import ModelCallLimitMiddleware, ToolRetryMiddleware
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.checkpoint.memory import MemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from own_agents import KINDS, TOOLS, Lines, instructed, scripted, solver, talk
from told import BYE, DOMAIN, FIND, HELLO, TASK, calls, says

from eigen_graph.agents import OwnAgent, episode_tools
from eigen_graph.core import Cue, EigenGraphError, Trajectory, task_from_case
from eigen_graph.domains import load_domain
from eigen_graph.graphs import Context, dialogue
from eigen_graph.models import is_own_agent


async def acted(agent: Any, seed: int) -> Trajectory:
    """A case of the playbook, acted out with a scripted user."""
    return await acted_in(Context(domain=DOMAIN, agent_model=agent), seed)


async def acted_in(context: Context, seed: int) -> Trajectory:
    assert DOMAIN.playbook
    task = task_from_case(DOMAIN.playbook.case(DOMAIN, Cue(domain="lending", seed=seed, clause="2")), f"t{seed}")
    done = await dialogue.ainvoke({"task": task.to_json(), "scene": f"s{seed}"}, context=context)
    return Trajectory.from_json(done["trajectory"])


@pytest.mark.parametrize("faults", [0.0, 1.0])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_graph_around_scripted_plays_just_as_scripted_does(kind: str, faults: float) -> None:
    agent = KINDS[kind](scripted(faults=faults))
    for seed in range(6):
        own, ours = await acted(agent, seed), await acted(f"scripted?faults={faults}", seed)
        assert own.messages == ours.messages
        assert own.termination == ours.termination
        assert own.usage["agent_out"] == ours.usage["agent_out"]
        assert own.usage["user_in"] == ours.usage["user_in"]


async def test_many_dialogues_at_once_do_not_mix() -> None:
    alone = {seed: await acted(scripted(), seed) for seed in range(24)}
    for agent in (solver(scripted(), checkpointer=MemorySaver()), KINDS["nested"](scripted())):
        context = Context(domain=DOMAIN, agent_model=agent)
        together = await asyncio.gather(*(acted_in(context, seed) for seed in range(24)))
        assert [t.messages for t in together] == [t.messages for t in alone.values()]


async def test_its_own_checkpointer_keeps_the_dialogue(tmp_path: Path) -> None:
    model = Lines(lines=[calls(FIND), says("We have it."), says("Bye.")])
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "memory.sqlite")) as saver:
        agent = solver(model, checkpointer=saver)
        first = await talk(agent, HELLO, says("Fine."), BYE)
        model.asked.clear()
        await talk(agent, HELLO, says("Fine."), BYE)
        threads = {entry.config["configurable"]["thread_id"] async for entry in saver.alist(None)}
    assert len(threads) == 2
    assert first.termination == "user_stop"
    # Each dialogue began anew, and its second turn went on from its first.
    assert [message.type for message in model.asked[0]] == ["ai", "human"]
    assert [message.type for message in model.asked[-1]] == ["ai", "human", "ai", "tool", "ai", "human"]


@pytest.mark.parametrize("saver", [None, MemorySaver()])
async def test_it_hears_each_message_once(saver: Any) -> None:
    model = Lines(lines=[calls(FIND), says("We have it."), says("Good."), says("Bye.")])
    await talk(solver(model, checkpointer=saver), HELLO, says("Fine."), says("Well."), BYE)
    last = model.asked[-1]
    assert [message.text for message in last if message.type == "human"] == [HELLO.text, "Fine.", "Well."]
    assert len({message.id for message in last}) == len(last)


async def test_what_only_the_graph_knows_is_there_at_its_next_turn() -> None:
    def search(query: str) -> str:
        """Search the handbook."""
        return f"about {query}"

    searching = AIMessage("", tool_calls=[{"name": "search", "args": {"query": "loans"}, "id": "x"}])
    model = Lines(lines=[searching, says("Yes."), says("Bye.")])
    done = await talk(solver(model, [*TOOLS, search]), HELLO, says("Fine."), BYE)
    assert not list(done.calls()), "a tool of its own is its own affair"
    assert "about loans" in [message.text for message in model.asked[-1]]


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        (solver, False),
        (lambda model: OwnAgent(solver(model), policy="system"), True),
        (lambda model: lambda tools: solver(model, tools), True),
        (lambda model: OwnAgent(lambda tools: solver(model, tools), policy="none"), False),
    ],
)
async def test_who_is_sent_the_policy(agent: Callable[[Any], Any], *, told: bool) -> None:
    model = Lines(lines=[says("Hello.")])
    await talk(agent(model))
    assert instructed(model.asked[0]) is told
    assert not told or DOMAIN.policy.text in model.asked[0][0].text


async def test_a_runnable_that_keeps_the_dialogue_itself_is_given_what_is_new() -> None:
    heard: list[list[str]] = []

    def answer(messages: list[Any]) -> str:
        heard.append([message.text for message in messages])
        return "Go on."

    done = await talk(OwnAgent(RunnableLambda(answer), memory="own"), HELLO, says("Well?"), BYE)
    assert heard[1:] == [["Well?"]]
    assert done.messages[-2].content == "Go on."


async def test_its_own_middleware_keeps_working() -> None:
    model = Lines(lines=[calls(FIND)])
    limited = solver(model, middleware=[ToolRetryMiddleware(), ModelCallLimitMiddleware(run_limit=3)])
    done = await talk(limited)
    assert len(list(done.calls())) == 3
    assert "limit" in (done.messages[-2].content or "")


async def test_a_context_that_it_is_made_in_is_entered_and_left() -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def make(tools: Any):
        seen.append("entered")
        yield solver(Lines(lines=[says("Hello.")]), tools)
        seen.append("left")

    context = Context(domain=DOMAIN, agent_model=make)
    await context.preflight(given=True)
    assert seen == ["entered", "left"]
    async with context.cast:
        await dialogue.ainvoke({"task": TASK.to_json()}, context=context)
    assert seen == ["entered", "left"] * 2


async def test_a_repair_goes_on_from_what_was_said() -> None:
    model = Lines(lines=[says("Bye.")])
    first = await talk(solver(Lines(lines=[calls(FIND), says("We have it.")])), HELLO, BYE)
    kept = [message.to_json() for message in first.messages[:-1]]
    context = Context(domain=DOMAIN, agent_model=solver(model, checkpointer=MemorySaver()))
    await dialogue.ainvoke({"task": TASK.to_json(), "history": kept}, context=context)
    assert [type(message) for message in model.asked[0]][-5:] == [
        HumanMessage,
        AIMessage,
        ToolMessage,
        AIMessage,
        HumanMessage,
    ]
    assert not any(isinstance(message, SystemMessage) for message in model.asked[0])


def test_what_is_an_agent_of_ones_own() -> None:
    assert is_own_agent("my_pkg.agent:graph?policy=system")
    assert is_own_agent("agents/mine.py")
    assert is_own_agent(solver(scripted()))
    assert is_own_agent(scripted().bind_tools(TOOLS))
    assert not is_own_agent(scripted())
    assert not is_own_agent("openai:gpt-5-mini")


def test_it_takes_no_other_chair() -> None:
    with pytest.raises(EigenGraphError, match="takes the agent's chair only: name a model for the user"):
        _ = Context(domain=DOMAIN, user_model="somewhere.mine:graph").cast


async def test_a_synthesis_with_nothing_but_an_agent_is_refused_before_it_begins() -> None:
    context = Context(domain=DOMAIN, model=solver(scripted()))
    with pytest.raises(EigenGraphError, match="name a model for the other roles"):
        await context.preflight()


def test_tools_look_like_the_domains_own() -> None:
    made = [convert_to_openai_tool(tool) for tool in episode_tools("hotel")]
    assert made == [bound.openai for bound in load_domain("hotel").agent.toolbox.values()]

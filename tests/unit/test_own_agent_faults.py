"""Agents of one's own that fail: what is theirs to answer for, what is a server's, and what cannot take part."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt
from own_agents import TOOLS, Lines, by_hand, solver, talk
from pydantic import BaseModel
from told import BOOK, BYE, DOMAIN, FIND, HELLO, TASK, calls, says
from typing_extensions import TypedDict

from eigen_graph.agents import OwnAgent
from eigen_graph.checkers import attribute, build_checker
from eigen_graph.core import EigenGraphError, Trajectory
from eigen_graph.graphs import Context, dialogue
from eigen_graph.models import AccessError, InfrastructureError, OutageError
from eigen_graph.models.own_agent.desk import TurnOverError

FIND_BOOK = TOOLS[0]


def answers(output: Any) -> RunnableLambda[Any, Any]:
    return RunnableLambda(lambda _: output)


def node(function: Any, **options: Any) -> Any:
    return StateGraph(MessagesState).add_node("act", function).add_edge(START, "act").compile(**options)


def raising(error: BaseException) -> Any:
    def act(_: MessagesState) -> dict[str, Any]:
        raise error

    return node(act)


async def sleep(_: Any) -> None:
    await asyncio.sleep(30)


def last_said(done: Trajectory) -> str | None:
    return done.messages[-2].content


@pytest.mark.parametrize(
    ("agent", "why"),
    [
        (
            raising(ValueError("no\nsuch thing")),
            "its code raised ValueError: no such thing (test_own_agent_faults.py, ",
        ),
        (answers([HumanMessage("Hello?")]), "its graph ended without a word"),
        (answers({"messages": []}), "its graph ended without a word"),
        (answers("  "), "its graph ended without a word"),
        (answers(AIMessage("<think>hmm</think>")), "its graph ended without a word"),
        (node(lambda _: {}), "its graph ended without a word"),
        (
            by_hand(Lines(lines=[calls(("elsewhere", {}))])).compile().with_config(recursion_limit=7),
            "not come to an end",
        ),
        (RunnableLambda(sleep), "it did nothing within 0.4 s"),
        (RunnableLambda(lambda _: time.sleep(0.8)), "it did nothing within 0.4 s"),
    ],
)
async def test_what_the_agent_is_to_blame_for(agent: Any, why: str) -> None:
    done = await talk(OwnAgent(agent, timeout=0.4 if "0.4" in why else None))
    assert done.termination == "agent_error"
    assert why in done.problem
    verdict = build_checker(TASK, DOMAIN).judge(done, DOMAIN)
    assert verdict.reward == 0
    assert verdict.blame == "agent"
    assert why in verdict.reason
    assert why in attribute(verdict, done, TASK, DOMAIN).reason
    assert Trajectory.from_json(done.to_json()) == done


async def test_the_place_is_in_its_code_not_in_a_library() -> None:
    def act(state: MessagesState) -> dict[str, Any]:
        return {"messages": [HumanMessage(**state)]}  # pydantic raises, and this line is why

    done = await talk(node(act))
    assert "its code raised ValidationError" in done.problem
    assert done.problem.endswith("in act)")


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("Hello.", "Hello."),
        (AIMessage("Hello."), "Hello."),
        ([{"role": "assistant", "content": "Hello."}], "Hello."),
        ({"messages": [AIMessage("One."), AIMessage("Two.")]}, "One.\n\nTwo."),
        ({"messages": [AIMessage("One."), ToolMessage("x", tool_call_id="y"), AIMessage("Two.")]}, "Two."),
        ({"messages": [AIMessage([{"type": "text", "text": "Hello."}])], "more": 1}, "Hello."),
        ({"messages": [AIMessage("")], "structured_response": {"book": 1}}, '{"book": 1}'),
    ],
)
async def test_answers_of_any_form(output: Any, said: str) -> None:
    assert last_said(await talk(answers(output))) == said


async def test_structured_output_is_said_where_nothing_else_is() -> None:
    class Loan(BaseModel):
        book: str

    structured = AIMessage("", tool_calls=[{"name": "Loan", "args": {"book": BOOK}, "id": "s"}])
    agent = create_agent(Lines(lines=[calls(FIND), structured]), tools=TOOLS, response_format=Loan)
    done = await talk(agent)
    assert last_said(done) == f'{{"book":"{BOOK}"}}'
    assert len(list(done.calls())) == 1


@pytest.mark.parametrize("output", [3, None, {"answer": "Hello."}, b"Hello.", [object()], Path()])
async def test_answers_of_no_form_end_the_run(output: Any) -> None:
    with pytest.raises(EigenGraphError, match="it must return messages, a state with `messages`, or a text"):
        await talk(answers(output))


@pytest.mark.parametrize("saver", [None, MemorySaver()])
async def test_nobody_answers_an_interrupt(saver: Any) -> None:
    def act(_: MessagesState) -> dict[str, Any]:
        return {"messages": [says(interrupt("May I?"))]}

    with pytest.raises(EigenGraphError, match=r"stopped at an interrupt\(\) \(May I\?\)"):
        await talk(node(act, checkpointer=saver))


async def test_a_server_that_fails_is_nobodys_fault_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eigen_graph.models.own_agent.sitting._WAITS", (0, 0))
    flaky = [ConnectionError("reset"), calls(FIND), says("We have it.")]
    done = await talk(solver(Lines(lines=flaky), checkpointer=MemorySaver()))
    assert last_said(done) == "We have it."
    assert [message.role for message in done.messages] == [
        "assistant",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]

    gone = Lines(lines=[calls(FIND), RuntimeError("500 from the server")])
    with pytest.raises(InfrastructureError, match="500 from the server"):
        await talk(solver(gone))
    assert len(gone.asked) == 2, "what it has done cannot be done again"


async def test_a_client_of_its_own_that_fails_is_a_server_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eigen_graph.models.own_agent.sitting._WAITS", ())

    class APIConnectionError(Exception):
        pass

    with pytest.raises(InfrastructureError, match="APIConnectionError"):
        await talk(raising(APIConnectionError("cut")))

    class AuthenticationError(Exception):
        status_code = 401

    with pytest.raises(AccessError, match="refuses the key"):
        await talk(solver(Lines(lines=[AuthenticationError()])))


async def test_a_server_that_is_gone_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eigen_graph.models.own_agent.sitting._WAITS", ())
    context = Context(domain=DOMAIN, agent_model=solver(Lines(lines=[ConnectionError("refused")])))
    for _ in range(7):
        with pytest.raises(InfrastructureError):
            await dialogue.ainvoke({"task": TASK.to_json()}, context=context)
    with pytest.raises(OutageError, match=r"8 turns of the agent .* in a row failed: .*refused"):
        await dialogue.ainvoke({"task": TASK.to_json()}, context=context)


async def test_a_model_that_does_not_answer_is_a_servers_fault() -> None:
    class Silent(Lines):
        async def _agenerate(self, *_: Any, **__: Any) -> Any:
            await asyncio.sleep(30)

    with pytest.raises(InfrastructureError, match="no answer of the model of the agent"):
        await talk(OwnAgent(solver(Silent(lines=[])), timeout=0.3))


@pytest.mark.parametrize("limits", [{"max_steps": 6}, {"max_errors": 3}])
@pytest.mark.parametrize("make", [solver, by_hand], ids=["tasks", "threads"])
async def test_a_limit_stops_the_graph_and_leaves_nothing_behind(
    make: Any, limits: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    before = asyncio.all_tasks()
    model = Lines(lines=[calls(FIND if "max_steps" in limits else ("find_book", {}), FIND)])
    with caplog.at_level(logging.WARNING):
        done = await talk(make(model), **limits)
        asked = len(model.asked)
        await asyncio.sleep(0.1)
    assert done.termination == ("max_steps" if "max_steps" in limits else "too_many_errors")
    assert len(model.asked) == asked
    assert asyncio.all_tasks() == before
    assert not caplog.records


async def test_a_dialogue_that_is_cancelled_stops_the_graph() -> None:
    ended = asyncio.Event()

    async def wait(_: list[Any]) -> str:
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()
        return ""

    task = asyncio.create_task(talk(RunnableLambda(wait)))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_calls_after_the_turn_are_nobodys() -> None:
    late: list[asyncio.Task[Any]] = []

    async def answer(_: list[Any]) -> str:
        async def linger() -> Any:
            await asyncio.sleep(0.05)
            return await FIND_BOOK.ainvoke({"book_id": BOOK})

        late.append(asyncio.create_task(linger()))
        return "Bye."

    done = await talk(RunnableLambda(answer))
    await asyncio.wait(late)
    assert not list(done.calls())
    assert isinstance(late[0].exception(), TurnOverError)


class Question(TypedDict):
    question: str


def needs(tools: Any, model: Any) -> Any:
    return tools, model


@pytest.mark.parametrize(
    ("agent", "says"),
    [
        (42, "neither a model nor an agent"),
        (needs, "is a function of model"),
        (lambda: 42, "makes int: it must be a graph"),
        (lambda tools: tools[0].nothing, "does not load: AttributeError"),
        (StateGraph(Question).add_node("a", lambda _: {}).add_edge(START, "a").compile(), "a graph over question"),
        ("no_such_module_here:graph", "no module 'no_such_module_here' for the agent"),
        ("nowhere/agent.py:graph", "there is no file 'nowhere/agent.py' to load an agent from"),
        ("eigen_graph.agents:episode_tool", "did you mean 'episode_tools'"),
        ("eigen_graph.core:STOP", "is str: it must be a graph"),
        ("eigen_graph.agents:episode_tools?temperature=1", "no option 'temperature'; known: policy, memory"),
        ("anthropic:claude-x", "an agent of your own is named by"),
    ],
)
async def test_what_cannot_be_an_agent_is_said_before_anything_begins(agent: Any, says: str) -> None:
    with pytest.raises((EigenGraphError, ValueError)) as caught:
        await Context(domain=DOMAIN, agent_model=agent).preflight(given=True)
    assert says in str(caught.value)


async def test_the_user_hears_nothing_of_it() -> None:
    """What an agent does within its turn stays its own."""
    done = await talk(solver(Lines(lines=[calls(FIND, text="Let me see."), says("Yes.")])), HELLO, BYE)
    assert done.said_by("assistant")[-1] == "Yes."

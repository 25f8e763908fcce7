"""Calls of the domain's tools inside somebody's graph: how they reach the dialogue, and what comes back."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ToolCallLimitMiddleware, wrap_tool_call
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from lending import add_hold, find_book
from own_agents import KINDS, TOOLS, Lines, by_hand, solver, talk
from told import BOOK, BYE, FIND, HELLO, calls, says

from eigen_graph.agents import EpisodeTools, episode_tools
from eigen_graph.core import EigenGraphError

HOLD = ("add_hold", {"book_id": BOOK})
BY_NAME = {tool.name: tool for tool in TOOLS}


@pytest.mark.parametrize("kind", KINDS)
async def test_parallel_calls_are_one_message_with_its_text(kind: str) -> None:
    model = Lines(lines=[calls(FIND, HOLD, ("nobody", {}), text="One moment."), says("Done.")])
    done = await talk(KINDS[kind](model))
    said = done.messages[2]
    assert said.content == "One moment."
    # Not a tool of the graph's: mostly it tells its model so itself, and the dialogue never hears of it.
    assert [call.name for call in said.tool_calls][:2] == ["find_book", "add_hold"]
    results = [message for message in model.asked[1] if isinstance(message, ToolMessage)]
    assert [(result.tool_call_id, result.status) for result in results] == [
        ("c0", "success"),
        ("c1", "success"),
        ("c2", "error"),
    ]
    assert results[1].content == "held"


@pytest.mark.parametrize("kind", ["create_agent", "StateGraph", "nested", "with its own tools"])
async def test_calls_that_fail_are_values(kind: str) -> None:
    lines = [calls(("find_book", {"book_id": "none"})), calls(("add_hold", {"book": 1})), says("Sorry.")]
    model = Lines(lines=lines)
    done = await talk(KINDS[kind](model))
    assert [executed.result.error for executed in done.calls() if executed.result] == [True, True]
    told = [message for message in model.asked[-1] if isinstance(message, ToolMessage)]
    assert [message.status for message in told] == ["error", "error"]
    assert "nothing is stored under" in told[0].text
    assert "takes no argument 'book'" in told[1].text


async def test_a_call_that_a_middleware_refuses_does_not_hold_up_the_others() -> None:
    model = Lines(lines=[calls(HOLD, FIND, HOLD, text="All at once."), says("Done.")])
    limit = ToolCallLimitMiddleware(tool_name="add_hold", run_limit=1, exit_behavior="continue")
    done = await talk(solver(model, middleware=[limit]))
    assert [call.name for call in done.messages[2].tool_calls] == ["add_hold", "find_book"]

    @wrap_tool_call
    async def refuse(request: Any, handler: Any) -> Any:
        if request.tool_call["name"] == "find_book":
            return ToolMessage("not now", tool_call_id=request.tool_call["id"], status="error")
        return await handler(request)

    done = await talk(solver(Lines(lines=[calls(FIND, HOLD, text="Both."), says("Done.")]), middleware=[refuse]))
    assert [call.name for call in done.messages[2].tool_calls] == ["add_hold"]
    assert done.messages[2].content == "Both."


async def test_calls_that_come_one_after_the_other_are_messages_of_their_own() -> None:
    """As where a graph is run with `max_concurrency`: its text is said once."""
    agent = solver(Lines(lines=[calls(FIND, HOLD, text="Both."), says("Done.")]))
    done = await talk(agent.with_config(max_concurrency=1))
    said = [message for message in done.messages if message.tool_calls]
    assert [(message.content, [call.name for call in message.tool_calls]) for message in said] == [
        ("Both.", ["find_book"]),
        (None, ["add_hold"]),
    ]


async def test_more_calls_than_a_message_holds() -> None:
    model = Lines(lines=[calls(*[HOLD] * 20), says("Done.")])
    done = await talk(solver(model))
    assert [len(message.tool_calls) for message in done.messages if message.tool_calls] == [16, 4]


async def test_tools_called_by_hand() -> None:
    async def answer(messages: list[Any]) -> str:
        found, held = await asyncio.gather(
            BY_NAME["find_book"].ainvoke({"book_id": BOOK}), BY_NAME["add_hold"].ainvoke({"book_id": BOOK})
        )
        failed = await BY_NAME["find_book"].ainvoke({"book_id": "none"})
        assert len(messages) == 2
        return f"{found} {held} {failed}"

    done = await talk(RunnableLambda(answer), HELLO, BYE)
    assert [len(message.tool_calls) for message in done.messages if message.tool_calls] == [2, 1]
    assert "held Error: nothing is stored" in (done.messages[-2].content or "")


async def test_tools_called_by_hand_in_threads_of_its_own() -> None:
    def answer(messages: list[Any]) -> str:
        contexts = [copy_context() for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            held = pool.map(lambda context: context.run(BY_NAME["add_hold"].invoke, {"book_id": BOOK}), contexts)
            return f"{len(messages)} {list(held)}"

    done = await talk(RunnableLambda(answer))
    assert len(list(done.calls())) == 4
    assert done.messages[-2].content == "2 ['held', 'held', 'held', 'held']"


async def test_arguments_that_are_no_json_are_refused_and_recorded() -> None:
    async def answer(_: list[Any]) -> str:
        return str(await BY_NAME["find_book"].ainvoke({"book_id": object()}))

    done = await talk(RunnableLambda(answer))
    assert done.messages[3].content == "Error: the arguments are not a JSON object"


async def test_ids_that_a_model_gives_again_and_again() -> None:
    same = AIMessage("", tool_calls=[{"name": name, "args": args, "id": "x"} for name, args in (FIND, HOLD)])
    done = await talk(by_hand(Lines(lines=[same, same, says("Done.")])))
    made = [message for message in done.messages if message.tool_calls]
    assert [[call.name for call in message.tool_calls] for message in made] == [["find_book", "add_hold"]] * 2
    assert all(len({call.id for call in message.tool_calls}) == 2 for message in made)


@pytest.mark.parametrize("handle_errors", [True, False])
async def test_a_tool_that_is_run_outside_of_the_episode_is_an_error_of_the_setup(
    monkeypatch: pytest.MonkeyPatch, *, handle_errors: bool
) -> None:
    for tool in (find_book, add_hold):  # the domain's own, which no episode knows of
        monkeypatch.setattr(tool, "handle_tool_error", handle_errors)
    agent = solver(Lines(lines=[calls(FIND), says("Done.")]), [find_book, add_hold])
    with pytest.raises(EigenGraphError, match="ran its own tool 'find_book' outside of the episode"):
        await talk(agent)


async def test_tools_of_another_domain_are_an_error_of_the_setup() -> None:
    hotel = episode_tools("hotel")
    agent = by_hand(Lines(lines=[calls((hotel[0].name, {})), says("Done.")]), hotel)
    with pytest.raises(EigenGraphError, match="of domain 'hotel' in an episode of domain 'lending'"):
        await talk(agent)


async def test_tools_outside_of_any_episode_say_so() -> None:
    with pytest.raises(EigenGraphError, match="outside of an episode"):
        await BY_NAME["find_book"].ainvoke({"book_id": BOOK})
    with pytest.raises(EigenGraphError, match="outside of an episode"):
        BY_NAME["find_book"].invoke({"book_id": BOOK})


async def test_a_tool_that_would_wait_for_itself_says_so() -> None:
    async def answer(_: list[Any]) -> str:
        try:
            return str(BY_NAME["find_book"].invoke({"book_id": BOOK}))
        except EigenGraphError:
            return "hidden"

    with pytest.raises(EigenGraphError, match="inside async code"):
        await talk(RunnableLambda(answer))


async def test_its_own_tools_run_as_ever_outside_of_an_episode() -> None:
    def find_book(book_id: str) -> str:
        """Find a book."""
        return f"really {book_id}"

    agent = create_agent(Lines(lines=[calls(FIND), says("Done.")]), tools=[find_book], middleware=[EpisodeTools()])
    done = await agent.ainvoke({"messages": [{"role": "user", "content": "Hello"}]})
    assert done["messages"][-2].content == f"really {BOOK}"
    assert agent.invoke({"messages": [{"role": "user", "content": "Hello"}]})["messages"][-1].content == "Done."

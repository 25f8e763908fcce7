"""Models behind a real HTTP server: the same replies as in process, and what each kind of bad day comes to."""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import cycle, repeat
from pathlib import Path

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from openai_server import Serve, Trouble
from pydantic import BaseModel

from eigen_graph.core import Cue, EigenGraphError
from eigen_graph.models import (
    AccessError,
    Budget,
    BudgetExceededError,
    Cast,
    ContextLengthError,
    InfrastructureError,
    MemoryStore,
    OutageError,
    Scene,
    ScriptedChat,
)

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from lending import Talk, make, talk  # a domain of the unit tests

DOMAIN = make()
SERVED = "openai:scripted?send_case=true"


class Plan(BaseModel):
    title: str
    steps: int


def scripted(faults: float = 0.0) -> ScriptedChat:
    return ScriptedChat(faults=faults, domains={DOMAIN.name: DOMAIN})


def scene(number: int) -> Scene:
    return Scene(id=f"g0-{number:06d}", cue=Cue(domain=DOMAIN.name, seed=number))


def plain(talk: Talk) -> list[object]:
    return [
        (m.content, m.tool_calls, [(c["name"], c["args"], c["id"]) for c in m.invalid_tool_calls], m.usage_metadata)
        for m in talk.replies
    ]


async def test_served_dialogues_are_those_played_in_process(serve: Serve) -> None:
    server = serve(scripted(faults=0.5))
    async with Cast.build(SERVED, base_url=server.url) as cast:
        for number in range(12):
            here = await talk(Cast.build("scripted?faults=0.5", domain=DOMAIN), DOMAIN, scene(number))
            there = await talk(cast, DOMAIN, scene(number))
            assert plain(there) == plain(here)
            assert there.stopped
            assert server.answered[scene(number).id] == len(here.replies)


async def test_the_case_is_sent_only_when_asked_for(serve: Serve) -> None:
    server = serve(GenericFakeChatModel(messages=repeat(AIMessage("hello"))))
    async with Cast.build("openai:scripted?temperature=0.3&max_tokens=50&seed=7", base_url=server.url) as cast:
        await cast.chat("agent", [HumanMessage("hi")], scene=scene(1))
        assert "eigen" not in json.dumps(server.last_body)
        body = dict(server.last_body)
        body.pop("messages")
        assert body.pop("max_completion_tokens") == 50
        assert body == {"model": "scripted", "stream": False, "temperature": 0.3, "seed": 7}
    async with Cast.build(SERVED, base_url=server.url) as cast:
        await cast.chat("agent", [HumanMessage("hi")], scene=scene(1))
        assert json.loads(server.last_body["metadata"]["eigen"]) == scene(1).metadata("agent")


@pytest.mark.parametrize("mode", ["json_schema", "tool"])
async def test_structured_answers_over_http(serve: Serve, mode: str) -> None:
    server = serve(ScriptedChat())
    async with Cast.build(f"openai:scripted?structured={mode}", base_url=server.url) as cast:
        plan = await cast.structured("planner", [HumanMessage("a plan with 3 steps")], Plan, scene=scene(1))
    assert plan == Plan(title="a plan with 3 steps", steps=3)
    sent = server.last_body
    if mode == "json_schema":
        assert sent["response_format"]["json_schema"]["name"] == "Plan"
    else:
        assert (sent["tool_choice"], len(sent["tools"])) == ("required", 1)


@pytest.mark.parametrize("trouble", ["429", "500", "cut", "garbage", "no_choices", "error_in_200"])
async def test_a_bad_day_costs_only_time(serve: Serve, trouble: Trouble) -> None:
    server = serve(scripted())
    server.troubles = cycle([None, trouble, None, None, trouble])
    here = await talk(Cast.build("scripted", domain=DOMAIN), DOMAIN, scene(3))
    store = MemoryStore()
    async with Cast.build(SERVED, base_url=server.url, store=store) as cast:
        assert plain(await talk(cast, DOMAIN, scene(3))) == plain(here)
        assert cast.meter.total.calls == len(here.replies) == len(store.calls)
    assert server.troubled[trouble] > 1


async def test_an_answer_that_does_not_come_is_asked_for_again(serve: Serve) -> None:
    server = serve(scripted(), stall=5)
    server.troubles = iter(["stall"])
    async with Cast.build(SERVED, base_url=server.url, request_timeout=0.3) as cast:
        reply = await cast.chat("user", [HumanMessage("Hi!")], scene=scene(3))
    assert reply.text
    assert server.troubled["stall"] == 1


@pytest.mark.parametrize(
    ("trouble", "error", "says"),
    [
        ("500", InfrastructureError, "no usable answer"),
        ("cut", InfrastructureError, "no usable answer"),
        ("garbage", InfrastructureError, "no usable answer"),
        ("no_choices", InfrastructureError, "no usable answer"),
        ("401", AccessError, "OPENAI_API_KEY"),
        ("too_long", ContextLengthError, "longer than the context"),
    ],
)
async def test_what_does_not_pass_is_told_apart(
    serve: Serve, trouble: Trouble, error: type[Exception], says: str
) -> None:
    server = serve(scripted())
    server.troubles = repeat(trouble)
    async with Cast.build(SERVED, base_url=server.url, max_retries=1) as cast:
        with pytest.raises(error, match=says) as raised:
            await cast.chat("user", [HumanMessage("Hi!")], scene=scene(3))
    assert "\n" not in str(raised.value)
    assert cast.meter.total.calls == 0


async def test_a_dead_server_stops_the_run_and_does_not_drop_every_scene() -> None:
    async with Cast.build("openai:m", base_url="http://127.0.0.1:9/v1", max_retries=0) as cast:
        errors = [await failure(cast, scene(number)) for number in range(10)]
    assert [type(error) for error in errors] == [InfrastructureError] * 7 + [OutageError] * 3
    assert "resume" in str(errors[-1])


async def failure(cast: Cast, where: Scene) -> BaseException:
    with pytest.raises((InfrastructureError, OutageError)) as raised:
        await cast.chat("user", [HumanMessage("Hi!")], scene=where)
    return raised.value


async def test_one_good_answer_ends_a_row_of_failures(serve: Serve) -> None:
    server = serve(scripted())
    server.troubles = cycle([*repeat("500", 5), None])
    async with Cast.build(SERVED, base_url=server.url, max_retries=0) as cast:
        for number in range(18):
            if number % 6 == 5:
                await cast.chat("user", [HumanMessage("Hi!")], scene=scene(number))
            else:
                assert isinstance(await failure(cast, scene(number)), InfrastructureError)


async def test_preflight_says_in_one_line_what_is_wrong(serve: Serve) -> None:
    server = serve(scripted(), api_key="right", names=["scripted", "other"])
    cases = [
        ("openai:scripted", server.url, "wrong", "refuses the key"),
        ("openai:nobody", server.url, "right", "no model 'nobody'; it has scripted, other"),
        ("openai:scripted", "http://127.0.0.1:9/v1", "right", "no server answers at http://127.0.0.1:9/v1"),
    ]
    for model, url, key, says in cases:
        async with Cast.build(model, base_url=url, api_key=key) as cast:
            with pytest.raises(EigenGraphError, match=says) as raised:
                await cast.preflight()
            assert "\n" not in str(raised.value)
    async with Cast.build("openai:scripted", base_url=server.url, api_key="right") as cast:
        await cast.preflight()


async def test_calls_are_priced_recorded_and_never_paid_twice(serve: Serve) -> None:
    server = serve(scripted())
    store = MemoryStore()
    spec = f"{SERVED}&in=2&out=10"
    async with Cast.build(spec, base_url=server.url, store=store) as cast:
        first = await talk(cast, DOMAIN, scene(5))
        spent = cast.meter.total
    assert spent.cost_usd == pytest.approx((2 * spent.input_tokens + 10 * spent.output_tokens) / 1e6)
    assert sum(call.cost_usd or 0 for call in store.calls.values()) == pytest.approx(spent.cost_usd)
    asked = server.requests
    async with Cast.build(spec, base_url=server.url, store=store) as cast:  # the run, resumed
        assert plain(await talk(cast, DOMAIN, scene(5))) == plain(first)
        again = cast.meter.total
    assert server.requests == asked
    assert (again.calls, again.cost_usd, again.recalled) == (0, 0.0, len(first.replies))


async def test_a_budget_ends_the_spending(serve: Serve) -> None:
    server = serve(scripted())
    async with Cast.build(f"{SERVED}&in=1e3&out=1e3", base_url=server.url, budget=Budget(usd=0.05)) as cast:
        ends = await asyncio.gather(*(talk(cast, DOMAIN, scene(n)) for n in range(50)), return_exceptions=True)
        assert {type(end) for end in ends} <= {Talk, BudgetExceededError}
        assert "resume with a larger --budget" in str(ends[-1])
        assert 0.05 <= cast.meter.total.cost_usd < 0.5


async def test_no_more_calls_run_at_once_than_allowed(serve: Serve) -> None:
    server = serve(scripted(), latency=0.02)
    async with Cast.build(SERVED, base_url=server.url, concurrency=3) as cast:
        await asyncio.gather(*(cast.chat("user", [HumanMessage("Hi!")], scene=scene(number)) for number in range(15)))
    assert server.most_at_once == 3


async def test_each_role_may_have_a_server_of_its_own_with_its_own_key(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent of one's own against a hosted user: neither server is told the other's key."""
    hosted = serve(scripted(), api_key="theirs", names=["scripted"])
    own = serve(scripted(), api_key="mine", names=["scripted"])
    monkeypatch.setenv("OPENAI_API_KEY", "theirs")
    monkeypatch.setenv("MY_KEY", "mine")
    agent = f"{SERVED}&base_url={own.url}&key_env=MY_KEY"
    async with Cast.build(SERVED, overrides={"agent": agent}, base_url=hosted.url) as cast:
        await cast.preflight()
        before = own.requests, hosted.requests
        spoken = await talk(cast, DOMAIN, scene(3))
        assert spoken.stopped
        assert own.requests > before[0]
        assert hosted.requests > before[1]
    async with Cast.build(f"{SERVED}&base_url={own.url}") as keyless:
        with pytest.raises(AccessError):  # OPENAI_API_KEY is for the shared server, so none is sent
            await keyless.preflight()
    with pytest.raises(EigenGraphError, match="NO_SUCH_KEY holds no key"):
        Cast.build(f"{SERVED}&base_url={own.url}&key_env=NO_SUCH_KEY")


async def test_a_server_that_refuses_seeds_is_sent_none(serve: Serve) -> None:
    server = serve(GenericFakeChatModel(messages=repeat(AIMessage("hello"))), names=["m"])
    seeded = scene(1).model_copy(update={"seed": 626729})
    for spec, seeds in (("openai:m", {626729}), ("openai:m?send_seed=false", set()), ("openai:m?seed=3", {3})):
        async with Cast.build(spec, base_url=server.url) as cast:
            await cast.chat("agent", [HumanMessage("hi")], scene=seeded)
        assert {server.last_body[name] for name in ("seed",) if name in server.last_body} == seeds

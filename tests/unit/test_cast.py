"""The cast: who plays what, what is recorded and recalled, what it may cost, and when it gives up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.exceptions import ContextOverflowError, ModelAuthenticationError, ModelNotFoundError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from lending import make, talk
from pydantic import BaseModel, PrivateAttr

from eigen_graph.core import Cue, EigenGraphError, NoCaseError
from eigen_graph.models import (
    AccessError,
    Budget,
    BudgetExceededError,
    Cast,
    ContextLengthError,
    InfrastructureError,
    MemoryStore,
    ModelSpec,
    OutageError,
    RequestError,
    Scene,
    ScriptedChat,
)
from eigen_graph.models.cache import CallKeys

DOMAIN = make()
SCENE = Scene(id="g0-000001", cue=Cue(domain=DOMAIN.name, seed=1))
HELLO = [HumanMessage("Hello?")]


class Parrot(BaseChatModel):
    """Says how often it was asked; or does what `act` does."""

    name_given: str = "parrot"
    act: Callable[[int], Any] | None = None
    usage: bool = True
    _asked: int = PrivateAttr(default=0)

    @property
    def _llm_type(self) -> str:
        return "parrot"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return super()._get_ls_params(stop=stop, **kwargs) | {"ls_model_name": self.name_given}

    def bind_tools(self, tools: Any, **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self.bind(tools=tools, **kwargs)

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise AssertionError("the cast is asynchronous throughout")

    async def _agenerate(self, *_: Any, **__: Any) -> ChatResult:
        self._asked += 1
        said = self.act(self._asked) if self.act else f"answer {self._asked}"
        if asyncio.iscoroutine(said):
            said = await said
        usage = UsageMetadata(input_tokens=10, output_tokens=5, total_tokens=15) if self.usage else None
        return ChatResult(generations=[ChatGeneration(message=AIMessage(said, usage_metadata=usage))])


async def ask(cast: Cast, scene: Scene = SCENE, messages: list[HumanMessage] = HELLO) -> str:
    return str((await cast.chat("agent", messages, scene=scene)).content)


async def test_overrides_give_single_roles_other_models_and_equal_specs_share_one() -> None:
    parrot = Parrot()
    cast = Cast.build("scripted", overrides={"agent": parrot, "user": "scripted?faults=0.5"}, domain=DOMAIN)
    assert cast.players["agent"].chat is parrot
    assert cast.players["planner"] is cast.players["writer"] is not cast.players["user"]
    assert await ask(cast) == "answer 1"


async def test_every_call_is_recorded_once_with_its_scene_and_cost() -> None:
    store = MemoryStore()
    cast = Cast.build("scripted", domain=DOMAIN, store=store)
    talked = await talk(cast, DOMAIN, SCENE)
    assert len(store.calls) == len(talked.replies) == cast.meter.total.calls
    assert {call.scene for call in store.calls.values()} == {SCENE.id}
    assert {call.cost_usd for call in store.calls.values()} == {0.0}
    assert all(call.reply == {} and call.input_tokens > 0 for call in store.calls.values())
    resumed = Cast.build("scripted", domain=DOMAIN, store=store)
    assert (await talk(resumed, DOMAIN, SCENE)).messages == talked.messages
    assert len(store.calls) == len(talked.replies)  # the same keys: nothing is counted twice


async def test_a_resumed_run_hears_what_it_heard_before_and_pays_nothing() -> None:
    store = MemoryStore()
    first = Cast.build(Parrot(), store=store)
    said = [await ask(first), await ask(first), await ask(first, messages=[HumanMessage("Other")])]
    assert said == ["answer 1", "answer 2", "answer 3"]  # an identical re-ask is answered afresh
    resumed = Cast.build(Parrot(), store=store)
    assert [await ask(resumed), await ask(resumed), await ask(resumed, messages=[HumanMessage("Other")])] == said
    assert (resumed.meter.total.calls, resumed.meter.total.recalled) == (0, 3)
    assert await ask(resumed) == "answer 1"  # a third ask, which the first process never made


@pytest.mark.parametrize(
    "changed",
    [
        {"scene": Scene(id="g0-000002", cue=SCENE.cue)},
        {"scene": SCENE.model_copy(update={"attempt": 1})},
        {"role": "user"},
        {"model": "another"},
        {"messages": [HumanMessage("Hello!")]},
        {"messages": [AIMessage("Hello?")]},
        {"options": {"tools": []}},
    ],
)
def test_all_that_a_reply_depends_on_is_in_its_key(changed: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"role": "agent", "scene": SCENE, "model": "m", "messages": HELLO, "options": {}}
    key = CallKeys().of_content(**asked)
    assert CallKeys().of_content(**asked) == key
    assert CallKeys().of_content(**(asked | changed)) != key


def test_a_message_id_is_not_in_the_key() -> None:
    one = CallKeys().of_content("agent", SCENE, model="m", messages=[AIMessage("a", id="1")], options={})
    two = CallKeys().of_content("agent", SCENE, model="m", messages=[AIMessage("a", id="2")], options={})
    assert one == two


async def test_usage_that_a_server_does_not_count_is_estimated() -> None:
    cast = Cast.build(Parrot(usage=False), budget=Budget(tokens=300))
    await ask(cast, messages=[HumanMessage("x" * 400)])
    assert 100 <= cast.meter.total.input_tokens <= 110
    assert cast.meter.total.unpriced_calls == 1


async def test_a_budget_counts_what_earlier_processes_spent() -> None:
    cast = Cast.build(Parrot(), budget=Budget(tokens=100))
    cast.meter.before_tokens = 80
    assert [await ask(cast), await ask(cast)] == ["answer 1", "answer 2"]
    with pytest.raises(BudgetExceededError, match="100 tokens is spent"):
        await ask(cast)


def test_a_budget_in_money_needs_prices_and_says_how_to_give_them() -> None:
    with pytest.raises(EigenGraphError, match=r"prices of parrot.*in=0.15&out=0.60"):
        Cast.build(Parrot(), budget=Budget(usd=1))
    with pytest.raises(EigenGraphError, match="prices of openai:m"):
        Cast.build("openai:m", base_url="http://127.0.0.1:9/v1", budget=Budget(usd=1))
    Cast.build("scripted", domain=DOMAIN, budget=Budget(usd=1))


@pytest.mark.parametrize(
    ("build", "says"),
    [
        ({"model": "gpt-9"}, "known are scripted, openai:NAME"),
        ({"overrides": {"chief": "scripted"}}, "no role chief: the roles are planner, writer"),
        ({"model": "openai:m"}, "OPENAI_API_KEY"),
        ({"model": "openai:m", "base_url": "localhost:8000"}, "must start with http"),
    ],
)
def test_a_wrong_cast_is_refused_in_one_line(build: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(EigenGraphError, match=says) as raised:
        Cast.build(**build)
    assert "\n" not in str(raised.value)


def test_the_environment_names_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    cast = Cast.build(ModelSpec.parse("openai:m"))
    assert cast.players["agent"].server == "http://127.0.0.1:8000/v1"


class StatusError(Exception):
    def __init__(self, status: int, text: str = "no") -> None:
        super().__init__(text)
        self.status_code = status


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (ConnectionError("refused"), InfrastructureError),
        (TimeoutError(), InfrastructureError),
        (StatusError(503), InfrastructureError),
        (StatusError(429), InfrastructureError),
        (RuntimeError("what is this"), InfrastructureError),
        (StatusError(401), AccessError),
        (StatusError(403), AccessError),
        (StatusError(404), AccessError),
        (StatusError(429, "insufficient_quota: add credit"), AccessError),
        (ModelAuthenticationError("no"), AccessError),
        (ModelNotFoundError("no"), AccessError),
        (ContextOverflowError("long"), ContextLengthError),
        (StatusError(400, "the request exceeds the available context size"), ContextLengthError),
        (StatusError(400, "temperature must be 1"), RequestError),
        (StatusError(422, "unknown field"), RequestError),
        (NoCaseError("no records"), NoCaseError),
    ],
    ids=str,
)
async def test_what_a_client_raises_is_told_apart(raised: Exception, becomes: type[Exception]) -> None:
    def fail(_: int) -> str:
        raise raised

    with pytest.raises(EigenGraphError) as caught:
        await ask(Cast.build(Parrot(act=fail)))
    assert type(caught.value) is becomes
    assert "\n" not in str(caught.value)


async def test_json_mode_that_a_server_lacks_is_named_with_the_way_out() -> None:
    def fail(_: int) -> str:
        raise StatusError(400, "response_format is not supported")

    with pytest.raises(RequestError, match=r"structured=tool"):
        await ask(Cast.build(Parrot(act=fail)))


async def test_eight_failures_in_a_row_end_the_run_whatever_other_models_do() -> None:
    def fail(_: int) -> str:
        raise ConnectionError("refused")

    parrot = Parrot(act=fail)
    cast = Cast.build("scripted", overrides={"agent": parrot}, domain=DOMAIN)
    seen = []
    for number in range(12):
        scene = Scene(id=f"s{number}", cue=SCENE.cue)
        await cast.chat("user", HELLO, scene=scene)
        with pytest.raises(EigenGraphError) as caught:
            await cast.chat("agent", HELLO, scene=scene)
        seen.append(type(caught.value))
    assert seen == [InfrastructureError] * 7 + [OutageError] * 5
    assert parrot._asked == 8  # afterwards calls fail fast


async def test_a_server_that_refuses_every_request_ends_the_run_but_long_scenes_do_not() -> None:
    def fail_with(text: str) -> Parrot:
        def fail(_: int) -> str:
            raise StatusError(400, text)

        return Parrot(act=fail)

    for text, last in (("no such option", OutageError), ("over the context window", ContextLengthError)):
        cast = Cast.build(fail_with(text))
        for number in range(9):
            with pytest.raises(EigenGraphError) as caught:
                await ask(cast, Scene(id=str(number)))
        assert type(caught.value) is last
        assert text in str(caught.value)


async def test_what_was_recorded_is_recalled_even_from_a_dead_server() -> None:
    store = MemoryStore()
    await ask(Cast.build(Parrot(), store=store))

    def fail(_: int) -> str:
        raise ConnectionError("refused")

    assert await ask(Cast.build(Parrot(act=fail), store=store)) == "answer 1"


async def test_at_most_so_many_paid_calls_run_at_once() -> None:
    now = most = 0

    async def slowly() -> str:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1
        return "done"

    cast = Cast.build(Parrot(act=lambda _: slowly()), concurrency=4)
    await asyncio.gather(*(ask(cast, Scene(id=str(number))) for number in range(20)))
    assert most == 4


async def test_a_cancelled_call_leaves_its_place_to_others() -> None:
    async def forever() -> str:
        await asyncio.sleep(60)
        return "never"

    cast = Cast.build(Parrot(act=lambda asked: forever() if asked == 1 else "here"), concurrency=1)
    stuck = asyncio.create_task(ask(cast))
    await asyncio.sleep(0.01)
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck
    assert await ask(cast, Scene(id="next")) == "here"


async def test_tools_of_a_foreign_model_go_through_its_own_bind_tools() -> None:
    class Answer(BaseModel):
        text: str

    cast = Cast.build(Parrot(act=lambda _: '{"text": "x"}'))
    assert (await cast.structured("agent", HELLO, Answer, scene=SCENE)).text == "x"
    assert await cast.chat("agent", HELLO, tools=DOMAIN.agent.tools, scene=SCENE)


async def test_a_scripted_chat_of_ones_own_is_as_good_as_the_spec() -> None:
    own = ScriptedChat(domains={DOMAIN.name: DOMAIN})
    spec = await talk(Cast.build("scripted", domain=DOMAIN), DOMAIN, SCENE)
    assert (await talk(Cast.build(own), DOMAIN, SCENE)).messages == spec.messages
    await Cast.build(own).preflight()

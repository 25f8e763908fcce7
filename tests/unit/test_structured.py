"""Structured answers: both modes, one repair round that quotes what is wrong, then an error that names the role."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from pydantic import BaseModel, Field

from eigen_graph.models import Cast, MemoryStore, ReplyError, Scene
from eigen_graph.models.history import sendable

SCENE = Scene(id="s")


class Verdict(BaseModel):
    """A verdict."""

    decision: str = Field(pattern="^(accept|reject)$")
    score: int


class Told(BaseChatModel):
    """Gives the replies it was told to, and keeps what it was asked."""

    replies: list[AIMessage]
    asked: list[list[BaseMessage]] = Field(default_factory=list)
    options: list[dict[str, Any]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "told"

    def bind_tools(self, tools: Any, *, tool_choice: Any = None, **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self.bind(tools=tools, tool_choice=tool_choice, **kwargs)

    def _generate(self, messages: list[BaseMessage], *_: Any, **kwargs: Any) -> ChatResult:
        self.asked.append(messages)
        self.options.append(kwargs)
        return ChatResult(generations=[ChatGeneration(message=self.replies[len(self.asked) - 1])])


def told(*replies: AIMessage | str) -> Told:
    return Told(replies=[AIMessage(reply) if isinstance(reply, str) else reply for reply in replies])


def called(arguments: dict[str, Any]) -> AIMessage:
    return AIMessage("", tool_calls=[tool_call(name="Verdict", args=arguments, id="1")])


GOOD = '{"decision": "accept", "score": 3}'


@pytest.mark.parametrize(
    "reply",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"Here you are: {GOOD} I hope this helps.",
        called({"decision": "accept", "score": 3}),
        AIMessage("", invalid_tool_calls=[invalid_tool_call(name="Verdict", args=f"{GOOD} ", id="1")]),
    ],
)
async def test_forms_that_are_understood_at_once(reply: AIMessage | str) -> None:
    model = told(reply)
    assert await Cast.build(model).structured("reviewer", [HumanMessage("?")], Verdict, scene=SCENE) == Verdict(
        decision="accept", score=3
    )
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    ("bad", "quoted"),
    [
        ("", "it is empty"),
        ("I would accept it.", "no complete JSON object"),
        (GOOD[:-5], "no complete JSON object"),
        ('{"decision": "maybe"}', "decision: String should match pattern '^(accept|reject)$'; score: Field required"),
        (called({"decision": "accept", "score": "many"}), "score: Input should be a valid integer"),
        (GOOD[:-1] + " " * 20_000 + "}", "longer than 16000 characters"),
    ],
)
async def test_one_repair_round_quotes_what_is_wrong(bad: AIMessage | str, quoted: str) -> None:
    model = told(bad, GOOD)
    cast = Cast.build(model, store=MemoryStore())
    assert (await cast.structured("reviewer", [HumanMessage("?")], Verdict, scene=SCENE)).score == 3
    first, second = model.asked
    assert second[: len(first)] == first
    assert quoted in second[-1].text
    assert '"score"' in second[-1].text  # the schema is repeated
    assert cast.meter.by_role["reviewer"].calls == 2


async def test_a_call_is_answered_before_the_repair_is_asked_for() -> None:
    model = told(called({}), GOOD)
    await Cast.build(model).structured("reviewer", [HumanMessage("?")], Verdict, scene=SCENE)
    assert [message.type for message in model.asked[1]] == ["human", "ai", "tool", "human"]


async def test_after_the_repair_round_the_role_is_blamed() -> None:
    model = told("no", "no", GOOD)
    with pytest.raises(ReplyError, match="the reviewer's reply cannot be used: it holds no complete JSON") as raised:
        await Cast.build(model).structured("reviewer", [HumanMessage("?")], Verdict, scene=SCENE)
    assert raised.value.role == "reviewer"
    assert len(model.asked) == 2


async def test_a_model_of_another_provider_is_asked_by_a_forced_tool() -> None:
    model = told(called({"decision": "reject", "score": 0}))
    await Cast.build(model).structured("planner", [HumanMessage("?")], Verdict, scene=SCENE)
    assert model.options[0]["tool_choice"] == "Verdict"
    assert model.options[0]["tools"][0]["function"]["description"] == "A verdict."


def test_a_history_with_broken_calls_is_sent_so_that_servers_read_it() -> None:
    good = AIMessage("", tool_calls=[tool_call(name="find_book", args={"a": 1}, id="1")])
    odd = AIMessage(
        "Let me see.",
        tool_calls=[tool_call(name="find book", args={}, id="1")],
        invalid_tool_calls=[
            invalid_tool_call(name="", args="{bad", id="2"),
            invalid_tool_call(name="x" * 99, args=None, id="3"),
        ],
    )
    asked = HumanMessage("?")
    same, sent, human = sendable([good, odd, asked])
    assert (same, human) == (good, asked)
    assert isinstance(sent, AIMessage)
    assert sent.text == "Let me see."
    assert not sent.invalid_tool_calls
    assert [(call["name"], call["args"], call["id"]) for call in sent.tool_calls] == [
        ("find_book", {}, "1"),
        ("unnamed", {"unreadable": "{bad"}, "2"),
        ("x" * 64, {"unreadable": ""}, "3"),
    ]

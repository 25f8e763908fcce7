"""Hostile replies: whatever comes in, what goes out is bounded, storable and the same after a round trip."""

from __future__ import annotations

import json
import random
import string
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call
from pydantic import BaseModel, Field

from eigen_graph.models import calls_of
from eigen_graph.models.reply import MAX_ARGUMENTS, MAX_CALLS, MAX_TEXT, bound, from_json, split_thought, to_json
from eigen_graph.models.structured import UnusableAnswerError, find, read


class Row(BaseModel):
    row: int
    title: str = Field(max_length=100)
    steps: list[str] = []


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


GOOD = json.dumps({"row": 1, "title": "A title", "steps": ["one", "two"]})
TEXTS = [
    "",
    " \n\t",
    "null",
    "[]",
    "{}",
    "{",
    "}{",
    GOOD[: len(GOOD) // 2],
    GOOD,
    f"Sure! Here it is:\n```json\n{GOOD}\n```\nAnything else?",
    f"<think>{{'row': }} hmm</think>{GOOD}",
    f"{GOOD} and once more {GOOD}",
    "```json\n```",
    "{" * 50_000,
    '{"a":' * 3_000,
    "[" * 100_000,
    "x" * 100_000,
    '{"row": ' + "9" * 10_000 + "}",
    '{"row": NaN, "title": "t"}',
    '{"row": 1e999, "title": "t"}',
    '{"row": 1, "title": "\\ud800"}',
    '{"row": 1, "title": "\ud800"}',
    '{"row": 1, "title": "\\u0000"}',
    '{"row": true, "title": null}',
    '{"row": "1", "title": {"a": []}}',
    "\x00\x01\x02",
    "\u202e\ufeff" + GOOD,
    "<think>" * 5_000,
    "</think>",
    "```" * 10_000,
    '{"row": 1, "title": "' + "y" * 20_000 + '"}',
    "I cannot help with that.",
    '<tool_call>{"name": "Row", "arguments": {"row": 1, "title": "t"}}</tool_call>',
    '<tool_call>{"name": ["Row"], "arguments": "{}"}</tool_call><tool_call>{"na',
    "<tool_call>" * 5_000,
]
ARGUMENTS: list[Any] = [
    {},
    {"a": float("nan")},
    {"a": float("inf")},
    {"a": 10**400},
    {"a": "\ud800"},
    {"\ud800": 1},
    {"a": "z" * 100_000},
    {"a": list(range(50_000))},
    nested(31),
    nested(200),
    nested(5_000),
    {"a": {1, 2}},
    {"a": b"bytes"},
    {"a": None, "b": [True, 1.5, "x"]},
]


def check(message: AIMessage) -> None:
    """What must hold of every bounded reply."""
    assert isinstance(message.content, str)
    assert len(message.content) <= MAX_TEXT
    assert len(calls_of(message)) <= MAX_CALLS
    ids = [call.id for call in calls_of(message)]
    assert len(set(ids)) == len(ids)
    stored = json.dumps(to_json(message), allow_nan=False)
    stored.encode("utf-8")
    json.dumps(to_json(message), ensure_ascii=False).encode("utf-8")
    assert "\x00" not in message.content
    assert all(len(json.dumps(call.arguments)) <= 7 * MAX_ARGUMENTS for call in calls_of(message))
    assert to_json(from_json(json.loads(stored))) == to_json(message)
    with suppress(UnusableAnswerError):
        read(message, Row).model_dump_json().encode("utf-8")


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_texts_of_the_corpus(text: str) -> None:
    check(bound(AIMessage(text), spelled=True))


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=range(len(ARGUMENTS)))
def test_arguments_of_the_corpus(arguments: dict[str, Any]) -> None:
    message = bound(AIMessage("", tool_calls=[tool_call(name="Row", args=arguments, id="1")]))
    check(message)
    assert len(calls_of(message)) == 1


def test_two_thousand_mangled_replies() -> None:
    rng = random.Random(7)
    for _ in range(2_000):
        text = mangled(rng.choice(TEXTS)[:5_000], rng)
        calls = [
            tool_call(
                name=rng.choice(["Row", "nope", "", "x" * 500]),
                args=rng.choice(ARGUMENTS),
                id=rng.choice(["", "1", None]),
            )
            for _ in range(rng.choice([0, 0, 0, 1, 2, 40]))
        ]
        broken = [
            invalid_tool_call(name=rng.choice(["Row", None]), args=mangled(GOOD, rng), id=rng.choice(["", "1", None]))
            for _ in range(rng.choice([0, 0, 1, 40]))
        ]
        spell = rng.choice([True, False])
        check(bound(AIMessage(text, tool_calls=calls, invalid_tool_calls=broken), spelled=spell))


def mangled(text: str, rng: random.Random) -> str:
    """A text cut, doubled, spliced or sprinkled."""
    for _ in range(rng.randrange(4)):
        cut = rng.randrange(len(text) + 1)
        junk = rng.choice(["", "{", "}", '"', "\\", "\ud800", "\x00", "```", "<think>", "</think>", string.printable])
        text = rng.choice([text[:cut], text[cut:], text[:cut] + junk + text[cut:], text + text[:cut]])
    return text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(
    text=st.text(st.characters(codec=None), max_size=400),
    calls=st.lists(
        st.tuples(st.text(max_size=20), st.dictionaries(st.text(max_size=8), json_values, max_size=4)), max_size=20
    ),
)
def test_any_reply_is_bounded(text: str, calls: list[tuple[str, dict[str, Any]]]) -> None:
    made = [tool_call(name=name, args=arguments, id="same") for name, arguments in calls]
    check(bound(AIMessage(text, tool_calls=made)))


@settings(deadline=None)
@given(before=st.text("abc `\n.:", max_size=40), after=st.text("abc `\n.:}", max_size=40))
def test_the_answer_is_found_among_prose(before: str, after: str) -> None:
    value = {"row": 2, "title": "with } and ``` and \\ in it"}
    assert find(before + json.dumps(value) + after) == value


def test_thoughts_are_kept_apart() -> None:
    assert split_thought("<think>well</think>Yes.") == ("Yes.", "well")
    assert split_thought("well</think>Yes.") == ("Yes.", "well")
    assert split_thought("<think>for ever and ever") == ("", "for ever and ever")
    assert split_thought("No thought.") == ("No thought.", "")
    message = bound(AIMessage("<think>{}</think>Yes.", additional_kwargs={"reasoning_content": "first"}))
    assert message.content == "Yes."
    assert message.additional_kwargs == {"reasoning": "first\n{}"}


def test_blocks_are_flattened_and_others_dropped() -> None:
    blocks = [{"type": "text", "text": "One"}, {"type": "image_url", "image_url": {"url": "x"}}, " two", {"text": 3}]
    assert bound(AIMessage(blocks)).content == "One two"


def test_what_was_cut_is_said() -> None:
    calls = [tool_call(name="f", args={}, id=str(i)) for i in range(MAX_CALLS + 5)]
    message = bound(AIMessage("x" * (MAX_TEXT + 9), tool_calls=calls))
    assert message.additional_kwargs == {"cut_chars": 9, "dropped_calls": 5}


def test_calls_that_a_model_spells_out_are_calls() -> None:
    text = (
        'Let me look.\n<tool_call>\n{"name": "find", "arguments": {"id": 1}}\n</tool_call>\n'
        '<tool_call>{"name": "find", "arguments": "{\\"id\\": 2}"}</tool_call><tool_call>{"name": "find", "argum'
    )
    message = bound(AIMessage(text), spelled=True)
    assert message.content == "Let me look."
    calls = calls_of(message)
    assert [(call.name, call.arguments) for call in calls] == [
        ("find", {"id": 1}),
        ("find", {"id": 2}),
        ("", '{"name": "find", "argum'),
    ]
    assert calls_of(bound(AIMessage(text), spelled=True)) == calls  # the same ids
    assert bound(AIMessage(text)).content == text  # nobody offered tools: it is just text

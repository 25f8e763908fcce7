"""Trajectories as JSON: lossless for ours, readable from tau2's, never a crash on what a model made."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eigen_graph.core import EigenGraphError, Message, ToolCall, Trajectory

texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def is_no_object(text: str) -> bool:
    try:
        return not isinstance(json.loads(text), dict)
    except ValueError:
        return True


calls = st.builds(
    ToolCall, id=texts, name=texts, arguments=st.dictionaries(texts, values, max_size=3) | texts.filter(is_no_object)
)
messages = st.one_of(
    st.builds(Message, role=st.just("system"), content=texts),
    st.builds(
        Message,
        role=st.sampled_from(["assistant", "user"]),
        content=st.none() | texts,
        tool_calls=st.lists(calls, max_size=3).map(tuple),
    ),
    st.builds(
        Message,
        role=st.just("tool"),
        content=texts,
        tool_call_id=texts.filter(bool),
        requestor=st.sampled_from(["assistant", "user"]),
        error=st.booleans(),
    ),
)
trajectories = st.builds(
    Trajectory,
    messages=st.lists(messages, max_size=6).map(tuple),
    termination=st.sampled_from(["user_stop", "max_steps", "infrastructure_error"]),
    usage=st.dictionaries(texts, st.integers(0, 9), max_size=2),
    seconds=st.floats(0, 1e6),
)
anything = st.recursive(
    values | st.dictionaries(st.sampled_from(["messages", "role", "content", "tool_calls", "function", "id"]), values),
    lambda inner: (
        st.dictionaries(st.sampled_from(["messages", "role", "tool_calls", "function", "arguments", "usage"]), inner)
        | st.lists(inner, max_size=3)
    ),
    max_leaves=12,
)


@given(trajectories)
def test_json_round_trip_is_the_identity(trajectory: Trajectory):
    data = trajectory.to_json()
    assert Trajectory.from_json(json.loads(json.dumps(data))) == trajectory
    assert Trajectory.from_json(data).to_json() == data


@given(anything)
def test_whatever_is_read_gives_a_trajectory_or_one_clear_line(data: Any):
    said = ""
    try:
        trajectory = Trajectory.from_json(data)
    except EigenGraphError as error:
        said = str(error)
    else:
        assert Trajectory.from_json(trajectory.to_json()) == trajectory
    assert "\n" not in said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a": 1',
        "[1]",
        "null",
        "12",
        '"abc"',
        "[" * 100_000,
        '{"a": ' + "1" * 5000 + "}",
        "call me",
    ],
    ids=lambda text: text[:8],
)
def test_malformed_arguments_are_kept_as_they_were(text: str):
    call = ToolCall.from_json({"id": "c", "type": "function", "function": {"name": "f", "arguments": text}})
    assert call.arguments == text
    assert ToolCall.from_json(call.to_json()) == call


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": 1}', '"{}"', '"\\"{}\\""'])
def test_arguments_that_were_refused_are_not_read_back_as_good_ones(text: str):
    refused = ToolCall(id="c", name="f", arguments=text)
    assert ToolCall.from_json(refused.to_json()) == refused


def test_arguments_that_are_an_object_are_read():
    call = ToolCall.from_json({"id": "c", "function": {"name": "f", "arguments": '{"a": {"b": [1, null]}}'}})
    assert call.arguments == {"a": {"b": [1, None]}}
    assert call.to_json()["function"]["arguments"] == '{"a": {"b": [1, null]}}'


def test_tau2s_flat_calls_and_messages_are_read():
    data = {
        "messages": [
            {"role": "assistant", "content": "Hi!", "tool_calls": None, "turn_idx": 0, "cost": 0.0},
            {
                "role": "user",
                "content": None,
                "tool_calls": [{"id": "c1", "name": "toggle", "arguments": {"on": True}, "requestor": "user"}],
            },
            {"id": "c1", "role": "tool", "content": "on", "requestor": "user", "error": False, "turn_idx": 2},
            {"role": "user", "content": "###STOP###"},
        ],
        "termination_reason": "agent_stop",
    }
    trajectory = Trajectory.from_json(data)
    assert trajectory.termination == "agent_stop"
    (executed,) = trajectory.calls()
    assert (executed.at, executed.actor, executed.call.arguments) == (1, "user", {"on": True})
    assert executed.result is not None
    assert (executed.result.tool_call_id, executed.result.requestor) == ("c1", "user")
    assert Trajectory.from_json(trajectory.to_json()) == trajectory


def test_a_bare_list_is_a_dialogue_that_the_user_ended():
    assert Trajectory.from_json([{"role": "user", "content": "hi"}]).termination == "user_stop"


def test_each_call_stands_beside_its_result():
    first, second, third = (ToolCall(id=str(n), name="f") for n in range(3))
    results = [Message(role="tool", content=str(n), tool_call_id=str(n), requestor="assistant") for n in range(3)]
    trajectory = Trajectory(
        messages=(
            Message(role="assistant", tool_calls=(first, second)),
            *results[:2],
            Message(role="assistant", content="so"),
            Message(role="assistant", tool_calls=(third,)),
        )
    )
    assert [(e.at, e.call.id, e.result and e.result.content) for e in trajectory.calls()] == [
        (0, "0", "0"),
        (0, "1", "1"),
        (4, "2", None),
    ]


def test_what_was_said_leaves_out_text_beside_calls():
    trajectory = Trajectory(
        messages=(
            Message(role="assistant", content="Hi!"),
            Message(role="user", content="looking", tool_calls=(ToolCall(id="1", name="f"),)),
            Message(role="tool", content="4", tool_call_id="1", requestor="user"),
            Message(role="user", content="It is 4."),
            Message(role="user", content=""),
        )
    )
    assert trajectory.said_by("user") == ["It is 4."]
    assert trajectory.said_by("assistant") == ["Hi!"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("hello", "a JSON object with a list `messages`"),
        ({"messages": "hello"}, "a JSON object with a list `messages`"),
        ([{"content": "no role"}], "message 0 of the trajectory: there is no 'role'"),
        (
            [{"role": "user"}, {"role": "boss"}],
            "message 1 of the trajectory: .*'system', 'assistant', 'user' or 'tool'",
        ),
        ([None], "message 0 of the trajectory"),
        ([{"role": "user", "tool_calls": [{"function": None}]}], "message 0 of the trajectory"),
        ({"messages": [], "termination": "bored"}, "trajectory: termination"),
        ({"messages": [], "usage": {"agent_in": "many"}}, "trajectory: usage"),
    ],
)
def test_what_is_no_trajectory_says_where(data: Any, message: str):
    with pytest.raises(EigenGraphError, match=message):
        Trajectory.from_json(data)

"""What was said and done in one dialogue, as OpenAI chat messages.

A tool call stands in the message of whoever made it: the agent's under role `assistant`, the user's own under role
`user`, and each result says whose it is (`requestor`), so the two never mix.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eigen_graph.core.errors import EigenGraphError
from eigen_graph.core.task import Actor

Termination = Literal[
    "user_stop",
    "agent_stop",
    "max_steps",
    "timeout",
    "too_many_errors",
    "agent_error",
    "user_error",
    "infrastructure_error",
    "context_window_exceeded",
    "unexpected_error",
]
"""Why a dialogue ended, in tau2's words. Only the first two can be rewarded."""

STOP = "###STOP###"
"""What a simulated user writes when it is done (tau2's marker)."""
STOP_MARKERS = (STOP, "###TRANSFER###", "###OUT-OF-SCOPE###")
"""Every marker that ends a dialogue under tau2's rules."""


class ToolCall(BaseModel):
    """A call as its caller made it; `arguments` stays text when it was no JSON object."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    arguments: dict[str, Any] | str = Field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As an OpenAI tool call."""
        text = self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)
        if isinstance(self.arguments, str) and _reads_as_object(text):
            text = json.dumps(text)  # refused once: quoted, so that it is not read back as good arguments
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": text}}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read an OpenAI tool call, or tau2's flat `{id, name, arguments}`."""
        body = data.get("function", data)
        arguments = body.get("arguments", {})
        if isinstance(arguments, str):
            parsed = _decoded(arguments)
            if isinstance(parsed, dict) or (isinstance(parsed, str) and _reads_as_object(parsed)):
                arguments = parsed
        return cls(id=str(data.get("id") or ""), name=str(body.get("name") or ""), arguments=arguments)


class Message(BaseModel):
    """One message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "assistant", "user", "tool"]
    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    """On a result: the call that it answers."""
    requestor: Actor | None = None
    """On a result: who made the call."""
    error: bool = False
    """On a result: the call failed."""

    def to_json(self) -> dict[str, Any]:
        """As an OpenAI chat message (with `requestor` and `error` beside it on results)."""
        data: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.tool_calls:
            data["tool_calls"] = [call.to_json() for call in self.tool_calls]
        if self.role == "tool":
            data |= {"tool_call_id": self.tool_call_id, "requestor": self.requestor, "error": self.error}
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Inverse of `to_json`; also reads tau2's messages (a result's `id` is the call's)."""
        is_result = data.get("role") == "tool"
        return cls(
            role=data["role"],
            content=data.get("content"),
            tool_calls=tuple(ToolCall.from_json(call) for call in data.get("tool_calls") or ()),
            tool_call_id=(data.get("tool_call_id") or data.get("id")) if is_result else None,
            requestor=data.get("requestor") if is_result else None,
            error=bool(data.get("error", False)),
        )


class Executed(NamedTuple):
    """A tool call beside its result."""

    at: int
    """Position of the message that made the call."""
    actor: Actor
    call: ToolCall
    result: Message | None
    """None when the dialogue ended before the call was run."""


class Trajectory(BaseModel):
    """A whole dialogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    messages: tuple[Message, ...] = ()
    termination: Termination = "user_stop"
    problem: str = ""
    """What broke it off, in words, where more is known than `termination` says."""
    usage: dict[str, int] = Field(default_factory=dict)
    """Tokens by role and kind, e.g. `{"agent_in": 812, "agent_out": 97}`."""
    seconds: float = 0.0
    """Wall time of the dialogue."""

    def calls(self) -> Iterator[Executed]:
        """Every tool call in order, paired with its result."""
        for index, message in enumerate(self.messages):
            if not message.tool_calls:
                continue
            results = iter(_results_after(self.messages, index))
            for call in message.tool_calls:
                yield Executed(index, _actor(message), call, next(results, None))

    def said_by(self, actor: Actor) -> list[str]:
        """Texts that one side addressed to the other, in order; text beside tool calls is never delivered."""
        return [m.content for m in self.messages if m.role == actor and m.content and not m.tool_calls]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "messages": [message.to_json() for message in self.messages],
            "termination": self.termination,
            **({"problem": self.problem} if self.problem else {}),
            "usage": dict(self.usage),
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Inverse of `to_json`; a bare list of messages counts as a dialogue the user ended.

        Raises:
            EigenGraphError: It is no trajectory; the message says where.
        """
        if isinstance(data, list):
            data = {"messages": data}
        if not isinstance(data, dict) or not isinstance(data.get("messages"), list):
            raise EigenGraphError("a trajectory is a JSON object with a list `messages`, or such a list alone")
        messages = []
        for index, item in enumerate(data["messages"]):
            try:
                messages.append(Message.from_json(item))
            except KeyError as error:
                raise EigenGraphError(f"message {index} of the trajectory: there is no {error}") from error
            except (ValidationError, AttributeError, TypeError) as error:
                reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
                raise EigenGraphError(f"message {index} of the trajectory: {reason}") from error
        try:
            return cls(
                messages=tuple(messages),
                termination=data.get("termination", data.get("termination_reason", "user_stop")),
                problem=data.get("problem") or "",
                usage=data.get("usage") or {},
                seconds=data.get("seconds") or 0.0,
            )
        except ValidationError as error:
            first = error.errors()[0]
            raise EigenGraphError(f"trajectory: {first['loc'][0]}: {first['msg']}") from error


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # no JSON, a number of thousands of digits, nested beyond reading
        return None


def _reads_as_object(text: str) -> bool:
    """Whether a text is a JSON object, however often it was quoted."""
    parsed = _decoded(text)
    return isinstance(parsed, dict) or (isinstance(parsed, str) and _reads_as_object(parsed))


def _actor(message: Message) -> Actor:
    return "user" if message.role == "user" else "assistant"


def _results_after(messages: tuple[Message, ...], index: int) -> Iterator[Message]:
    for message in messages[index + 1 :]:
        if message.role != "tool":
            return
        yield message

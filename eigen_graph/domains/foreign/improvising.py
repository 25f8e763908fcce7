"""Answers that a model makes up, where nothing stands behind the tools: by their schemas and by what was answered."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import BaseModel, Field, ValidationError

from eigen_graph.core import EigenGraphError, InfrastructureError
from eigen_graph.domains.foreign.recording import Recording
from eigen_graph.domains.foreign.source import Answer, Call, History, ToolSpec

_SEEN = 12
"""Answers that it is shown of the same world, and of the same tool elsewhere."""
_MOST_CHARS = 2_000
_RULES = """\
You stand in for the server behind some tools. You are given a tool, what was written to the server so far, what it has
answered, and a call. Answer as the server would, and contradict nothing that it has answered: the same ids, names and
amounts, changed only by what was written. What is not there, or not possible, is refused.

Reply with one JSON object and nothing else: {"refused": false, "answer": "..."}. `answer` is the text that the tool
returns (JSON as text where its answers are JSON), or why it refuses.
"""


class _Reply(BaseModel):
    refused: bool = False
    answer: str | dict[str, Any] | list[Any] = Field()


class Improviser:
    """Asks a model instead of a server. Its worlds are what the recording says of them.

    Args:
        chat: The model.
        tools: What there is.
        recording: What has been answered.
    """

    def __init__(self, chat: BaseChatModel, tools: Sequence[ToolSpec], recording: Recording) -> None:
        self._chat = chat
        self._tools = {tool.name: tool for tool in tools}
        self._recording = recording

    def ask(
        self,
        history: History,
        call: Call,
        *,
        writes: bool,
        recorded: Callable[[History, Call], Answer | None],
        settle: Callable[[Answer], Answer],
    ) -> Answer:
        """The answer to a call after these writes. Raises as `Pool.ask`."""
        told = [SystemMessage(_RULES), HumanMessage(self._case(history, call, recorded, writes=writes))]
        problem = ""
        for _ in range(2):
            try:
                text = self._chat.invoke(told).text
                found = _Reply.model_validate_json(text[text.find("{") : text.rfind("}") + 1])
            except ValidationError as error:
                problem = str(error.errors(include_url=False)[0]["msg"])
            except Exception as error:  # whatever a client raises
                raise InfrastructureError(f"no answer of the model: {type(error).__name__}: {error!s:.300}") from error
            else:
                answer = found.answer if isinstance(found.answer, str) else json.dumps(found.answer)
                return settle(Answer(answer, error=found.refused))
        raise InfrastructureError(f"no usable answer of the model to {call.tool}: {problem:.300}")

    def close(self) -> None:
        """Nothing is held."""

    def _case(
        self,
        history: History,
        call: Call,
        recorded: Callable[[History, Call], Answer | None],
        *,
        writes: bool,
    ) -> str:
        tool = self._tools[call.tool]
        written = [_line(write, recorded(history[:done], write)) for done, write in enumerate(history)]
        here = [
            _line(known, answer)
            for so_far in range(len(history), -1, -1)
            for known, answer in self._recording.answers(history[:so_far], _SEEN)
        ]
        parts = {
            f"Tool ({'writes' if writes else 'only reads'})": tool.model_dump_json(exclude={"writes"}),
            "Written so far, in order": "\n".join(written) or "Nothing.",
            "Answered before, in this world": "\n".join(here[:_SEEN]) or "Nothing.",
            "Answered by this tool, in other worlds": "\n".join(
                _line(Call(call.tool, arguments), answer)
                for arguments, answer in self._recording.examples(call.tool, _SEEN // 2)
            )
            or "Nothing.",
            "Call": _line(call, None),
        }
        return "\n\n".join(f"## {title}\n\n{text}" for title, text in parts.items())


def chat_of(model: str | None, base_url: str | None, timeout: float) -> BaseChatModel:
    """The model of a manifest's `state`.

    Raises:
        EigenGraphError: None is named, or there is no key for it.
    """
    from langchain_openai import ChatOpenAI  # noqa: PLC0415  # slow to import, seldom needed

    if model is None:
        raise EigenGraphError("`answers: model` needs a model: `state: {answers: model, model: NAME, base_url: ...}`")
    key = os.environ.get("OPENAI_API_KEY") or ("none" if base_url else None)
    if key is None:
        raise EigenGraphError(f"the model {model} that answers for the tools needs OPENAI_API_KEY, or a `base_url`")
    return ChatOpenAI(model=model, base_url=base_url, api_key=lambda: key, timeout=timeout, temperature=0)


def _line(call: Call, answer: Answer | None) -> str:
    came = "" if answer is None else f" -> {'refused: ' if answer.error else ''}{answer.content[:_MOST_CHARS]}"
    return f"{call.tool}({call.arguments}){came}"

"""Reflectors for tests: chat models that answer a reflection with patches given for its round, or with nonsense."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr


class Reflector(BaseChatModel):
    """Says what it was made with.

    A sequence holds the proposals of round 1, 2, ...; a function is given the round, the number of times that it was
    asked in it before, and the messages, and returns the whole text.
    """

    plays: Any
    """Patches by round, or `Callable[[int, int, Sequence[BaseMessage]], str]`."""
    _asked: list[tuple[int, int]] = PrivateAttr(default_factory=list)

    @property
    def asked(self) -> list[tuple[int, int]]:
        """Round and attempt of every call so far."""
        return self._asked

    @property
    def _llm_type(self) -> str:
        return "reflector"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("only asked asynchronously")

    async def _agenerate(
        self, messages: list[BaseMessage], _: Any = None, run_manager: Any = None, **__: Any
    ) -> ChatResult:
        told = run_manager.metadata["eigen"]
        number, attempt = int(told["scene"].removeprefix("reflect-r")), told["attempt"]
        self._asked.append((number, attempt))
        if isinstance(self.plays, Sequence):
            text = answer(self.plays[number - 1] if number <= len(self.plays) else ())
        else:
            text = self.plays(number, attempt, messages)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])


def patch(*ops: Mapping[str, Any], why: str = "") -> dict[str, Any]:
    """A patch as a reflector writes it."""
    return {"why": why, "ops": list(ops)}


def answer(patches: Sequence[Mapping[str, Any]], diagnosis: str = "as the test has it") -> str:
    """A reflection as JSON text."""
    return json.dumps({"diagnosis": diagnosis, "patches": [dict(proposed) for proposed in patches]})

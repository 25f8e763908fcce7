"""A chat model that says what it is told to, and the tiny domain's graphs with it in some of the roles."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.tool import tool_call
from langchain_core.outputs import ChatGeneration, ChatResult
from lending import make
from pydantic import Field

from eigen_graph.core import (
    STOP,
    Cue,
    Task,
    task_from_case,
)
from eigen_graph.graphs import Context

DOMAIN = make()


class Told(BaseChatModel):
    """Gives each role its lines in turn, the last one for ever, and keeps what each was asked."""

    lines: dict[str, list[AIMessage]]
    asked: dict[str, list[list[BaseMessage]]] = Field(default_factory=dict)

    @property
    def _llm_type(self) -> str:
        return "told"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=tools, **kwargs)

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise AssertionError("only asked asynchronously")

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, run_manager: Any, **__: Any) -> ChatResult:
        role = run_manager.metadata["eigen"]["role"]
        asked = self.asked.setdefault(role, [])
        asked.append(messages)
        line = self.lines[role][min(len(asked), len(self.lines[role])) - 1]
        await asyncio.sleep(0)
        return ChatResult(generations=[ChatGeneration(message=line.model_copy(deep=True))])


def says(text: str) -> AIMessage:
    return AIMessage(text)


def calls(*wanted: tuple[str, dict[str, Any]], text: str = "") -> AIMessage:
    return AIMessage(
        text, tool_calls=[tool_call(name=name, args=args, id=f"c{n}") for n, (name, args) in enumerate(wanted)]
    )


def told(**lines: list[AIMessage]) -> Told:
    return Told(lines=lines)


def context(chat: Told, **fields: Any) -> Context:
    """The roles that have lines play them; the others are scripted."""
    return Context(domain=DOMAIN, **{f"{role}_model": chat for role in chat.lines}, **fields)


def borrowing() -> Task:
    assert DOMAIN.playbook
    return task_from_case(DOMAIN.playbook.case(DOMAIN, Cue(domain="lending", seed=1, clause="2")), "t")


TASK = borrowing()
BOOK = TASK.actions[0].arguments["book_id"]
FIND = ("find_book", {"book_id": BOOK})
HELLO, BYE = says("I would like to borrow a book."), says(f"Bye. {STOP}")
ACCEPT = '{"decision": "accept", "blame": "none", "evidence": [], "reason": "good"}'


def texts(messages: list[BaseMessage]) -> str:
    return "\n".join(message.text for message in messages)

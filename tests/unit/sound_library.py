"""A small sound domain, for tests that break it, and what they look for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from langchain_core.tools import BaseTool
from langgraph.prebuilt import ToolRuntime

from eigen_graph.core import (
    Database,
    Domain,
    Playbook,
    Policy,
    Record,
    Side,
    Stage,
    ToolError,
    World,
    domain_tool,
)
from eigen_graph.domains.check import check_domain

Runtime = ToolRuntime[World, Any]
Play = Callable[[Stage], None]


class Book(Record):
    book_id: str
    lent: bool = False
    times: int = 0


@domain_tool(writes=False)
def find_book(book_id: str, runtime: Runtime) -> Any:
    """Look a book up.

    Args:
        book_id: Its number.
        runtime: The library.
    """
    if book_id not in runtime.context.db["books"]:
        raise ToolError("no such book")
    return runtime.context.db["books"][book_id]


@domain_tool(writes=True, confirm=True, after=("find_book",))
def lend_book(book_id: str, runtime: Runtime) -> Any:
    """Lend a book.

    Args:
        book_id: Its number.
        runtime: The library.
    """
    book = runtime.context.db["books"].get(book_id)
    if book is None or book.lent:
        raise ToolError("no such book, or it is lent")
    return runtime.context.db["books"].update(book_id, lent=True, times=book.times + 1)


@domain_tool(writes=True)
def give_back(book_id: str, runtime: Runtime) -> Any:
    """Take a book back.

    Args:
        book_id: Its number.
        runtime: The library.
    """
    book = runtime.context.db["books"].get(book_id)
    if book is None or not book.lent:
        raise ToolError("no such book, or it is here")
    return runtime.context.db["books"].update(book_id, lent=False, times=book.times - 1)


POLICY = """It is 2025-06-02.

1. Look a book up with `find_book` before you `lend_book` it.
2. Take every book back (`give_back`).
"""
OPENINGS = ("I want a book.", "A book, please.", "May I have a book?")


def brief(stage: Stage, **more: str) -> None:
    stage.brief(**{"reason": "You want a book.", "known": "You are Ann.", **more})


def lend(stage: Stage) -> None:
    book = stage.pick("books", lambda b: not b.lent)
    stage.user(*OPENINGS)
    stage.agent_calls("find_book", book_id=book.book_id)
    stage.explore("find_book", book_id=book.book_id)
    stage.confirm("Shall I lend it?")
    stage.agent_calls("lend_book", book_id=book.book_id)
    stage.report(f"You have {book.book_id}.", facts=[book.book_id])
    stage.close()
    brief(stage)


def refuse(stage: Stage) -> None:
    stage.user(*OPENINGS)
    stage.report("No. We close at 18.", facts=["18"])
    stage.close()
    stage.forbid("lend_book", book_id="B1")
    brief(stage)


def give(stage: Stage) -> None:
    stage.user(*OPENINGS)
    stage.agent_calls("give_back", book_id="B2")
    stage.agent("Thanks.")
    stage.close()
    brief(stage)


def playbook(play: Play | None = None, **options: Any) -> Playbook:
    """Three sound intents, and perhaps one more under test."""
    book = Playbook()
    book.intent("lend", clauses=("1",), tools=("find_book", "lend_book"))(lend)
    book.intent("refuse", clauses=("1",), tools=("lend_book",), ending="refusal")(refuse)
    book.intent("give", clauses=("2",), tools=("give_back",))(give)
    if play:
        book.intent("odd", **{"clauses": ("1",), "tools": (), **options})(play)
    return book


def no_book_lost(agent: Database, _user: Database | None) -> list[str]:
    return [f"book {key} was lent {book.times} times" for key, book in agent["books"].items() if book.times < 0]


def database(record: type[Record] = Book, **fields: Any) -> Database:
    return Database(
        {"books": record},
        {"books": {f"B{n}": record(book_id=f"B{n}", lent=n == 2, times=n - 1, **fields) for n in range(1, 6)}},
    )


def library(*tools: BaseTool, **changes: Any) -> Domain:
    """A sound domain, with more tools or other parts."""
    agent = changes.pop("agent", None) or Side(
        changes.pop("database", None) or database(),
        (find_book, lend_book, give_back, *tools),
        setups=changes.pop("setups", {}),
    )
    sound = Domain(
        "library",
        Policy(POLICY + "".join(f"\nAlso: {tool.name}" for tool in tools)),
        agent,
        invariants=(no_book_lost,),
        playbook=playbook(),
        now="2025-06-02",
    )
    return replace(sound, **changes)


def assert_found(domain: Domain, severity: str, where: str, what: str) -> None:
    findings = check_domain(domain)
    found = [f for f in findings if f.where.startswith(where) and what in f.what]
    assert found, "\n".join(map(str, findings))
    assert {finding.severity for finding in found} == {severity}
    assert all(finding.mend for finding in found)


class Light(Record):
    on: int = 0

"""The check finds what is wrong with tools, policy and records: a sound domain is broken in every way it knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, Field, field_validator
from sound_library import (
    POLICY,
    Book,
    Light,
    Runtime,
    assert_found,
    database,
    library,
)

from eigen_graph.core import (
    Database,
    Domain,
    Policy,
    Side,
    ToolError,
    domain_tool,
)
from eigen_graph.domains.check import SEVERITIES, Finding, check_domain


def breadth(finding: Finding) -> bool:
    """What a library of three intents is rightly told."""
    return finding.severity == "hint" and finding.what.startswith(("has ", "no intent ends in"))


def test_a_sound_domain_is_left_alone() -> None:
    domain = library()
    before = domain.agent.database.to_json()
    assert [str(finding) for finding in check_domain(domain) if not breadth(finding)] == []
    assert domain.agent.database.to_json() == before


def test_a_small_playbook_gets_hints() -> None:
    found = [finding.what for finding in check_domain(library()) if breadth(finding)]
    assert found == ["has 3 intents", "no intent ends in 'transfer' or 'nothing'"]


def test_findings_read_as_one_line_and_errors_come_first() -> None:
    findings = check_domain(library(policy=Policy("1. Use `nothing`."), now="soon"))
    assert [finding.severity for finding in findings] == sorted(
        (finding.severity for finding in findings), key=SEVERITIES.index
    )
    assert str(findings[0]).startswith("error: ")
    assert all("\n" not in str(finding) for finding in findings)


def tool(function: Callable[..., Any], *, writes: bool = False, **traits: Any) -> StructuredTool:
    return domain_tool(writes=writes, **traits)(function)


def bare(x: str) -> str:
    """Without a word about x."""
    return x


def anything(x: Any) -> str:
    """Take anything.

    Args:
        x: Anything.
    """
    return str(x)


def endless(x: float = float("inf")) -> str:
    """Take a number.

    Args:
        x: A number.
    """
    return str(x)


def fine() -> str:
    """Say so."""
    return "fine"


def undescribed() -> BaseTool:
    made = tool(fine)
    made.description = " "
    return made


def schemaless() -> BaseTool:
    return StructuredTool.from_function(
        fine, args_schema={"type": "object", "properties": {"day": {"type": "date"}}}, metadata={"writes": False}
    )


def no_words(db: Database) -> None:
    del db


def scribbles(runtime: Runtime) -> str:
    """Change what it should read.

    Args:
        runtime: The library.
    """
    runtime.context.db["books"].update("B1", times=99)
    return "ok"


def leaves(number: int) -> str:
    """End the program.

    Args:
        number: With which code.
    """
    raise SystemExit(number)


def divides(number: int) -> float:
    """Divide.

    Args:
        number: By what.
    """
    return 1 / number


@pytest.mark.parametrize(
    ("domain", "severity", "where", "what"),
    [
        (lambda: library(agent=Side(database(), ())), "error", "the agent's side", "has no tools"),
        (lambda: library(undescribed()), "error", "agent tool fine", "has no description"),
        (lambda: library(schemaless()), "error", "agent tool fine", "cannot be bound"),
        (lambda: library(tool(bare)), "error", "agent tool bare", "argument 'x' has no description"),
        (lambda: library(tool(anything)), "warning", "agent tool anything", "may be anything"),
        (lambda: library(tool(endless)), "error", "agent tool endless", "schema is not JSON"),
        (
            lambda: library(tool(fine, after=("before",))),
            "error",
            "agent tool fine",
            "after 'before', which is no tool",
        ),
        (lambda: library(tool(fine, confirm=True)), "warning", "agent tool fine", "confirmation and writes nothing"),
        (lambda: library(setups={"hide": no_words}), "warning", "agent setup hide", "has no docstring"),
        (lambda: library(setups={"find_book": no_words}), "error", "agent setup find_book", "has the name of a tool"),
        (lambda: library(tool(scribbles)), "error", "agent tool scribbles", "although it only reads"),
        (lambda: library(tool(leaves)), "error", "agent tool leaves", "does not come back: SystemExit"),
        (lambda: library(tool(divides)), "warning", "agent tool divides", "bare ZeroDivisionError"),
        (lambda: library(policy=Policy("Be kind.")), "error", "policy", "no numbered clauses"),
        (lambda: library(policy=Policy(f"{POLICY}2. Be kind.")), "error", "clause 2", "more than once"),
        (lambda: library(policy=Policy(f"{POLICY}3. `burn` it.")), "error", "clause 3", "`burn`, which is no tool"),
        (lambda: library(policy=Policy("1. `lend_book`.\n2. x")), "warning", "tool find_book", "is not mentioned"),
        (lambda: library(now="Monday"), "error", "now", "is no ISO date"),
        (lambda: library(now="2025-07-01"), "warning", "policy", "does not say which day"),
    ],
)
def test_tools_and_policy(domain: Callable[[], Domain], severity: str, where: str, what: str) -> None:
    assert_found(domain(), severity, where, what)


class Tagged(Book):
    tags: list[str] = Field(default_factory=list)


class Loose(BaseModel):
    colour: str = "red"


class Bound(Book):
    cover: Loose | None = None


class Growing(Book):
    note: str = ""

    @field_validator("note")
    @classmethod
    def _grow(cls, value: str) -> str:
        return f"{value}!"


class Strict(Book):
    note: str = ""

    @field_validator("note")
    @classmethod
    def _refuse(cls, value: str) -> str:
        if value:
            raise ValueError("it must stay empty")
        return value


def failing(_agent: Database, _user: Database | None) -> list[str]:
    raise LookupError("gone")


def test_records_that_can_be_changed_in_place_are_warned_of() -> None:
    assert_found(library(database=database(Tagged)), "warning", "agent table books", "field 'tags' can be changed")
    assert_found(library(database=database(Bound)), "warning", "agent table books", "field 'cover' can be changed")


def test_a_tool_that_reaches_into_the_base_is_named() -> None:
    def marks(book_id: str, runtime: Runtime) -> str:
        """Mark a book behind everybody's back, and fail.

        Args:
            book_id: Its number.
            runtime: The library.
        """
        book = runtime.context.db["books"].get(book_id)
        if book:
            book.tags.append("x")
        raise ToolError("never mind")

    marked = domain_tool(writes=True)(marks)
    domain = library(marked, database=database(Tagged))
    assert_found(domain, "error", "agent tool marks", "changes a record in place")
    assert not any(book.tags for book in domain.agent.database["books"].values()), "the check works on a copy"
    assert not any("in place" in f.what and f.severity == "error" for f in check_domain(library()))


def test_records_must_survive_json_and_the_invariants() -> None:
    assert_found(library(database=database(Growing, note="a")), "error", "agent table books", "is another after JSON")
    strict = database(Book)
    held = Strict.model_construct(book_id="B1", note="no", lent=False, times=0)
    strict = Database({"books": Strict}, {"books": {"B1": held}})
    assert_found(library(database=strict), "error", "agent table books", "does not come back from JSON")
    assert_found(library(invariants=()), "warning", "invariants", "there are none")
    assert_found(library(invariants=(failing,)), "error", "the database", "invariant failing fails: LookupError: gone")
    lost = Database({"books": Book}, {"books": {"B1": Book(book_id="B1", times=-1)}})
    assert_found(library(database=lost), "error", "the database", "no_book_lost: book B1")


@pytest.mark.parametrize(
    ("step", "severity", "what"),
    [
        (lambda _: 1, "warning", "base databases are not in step"),
        (lambda old: old + 1, "error", "changes something the second time"),
    ],
)
def test_sync_settles_at_once(step: Callable[[int], int], severity: str, what: str) -> None:
    def sync(_agent: Database, user: Database) -> None:
        user["lights"].update("L", on=step(user["lights"]["L"].on))

    lights = Side(Database({"lights": Light}, {"lights": {"L": Light()}}))
    assert_found(library(user=lights, sync=sync), severity, "sync", what)

"""The check finds what is wrong with a domain: a small sound one is broken in every way it knows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.prebuilt import ToolRuntime
from pydantic import BaseModel, Field, field_validator

from eigen_graph.core import (
    Database,
    Domain,
    EigenGraphError,
    NoCaseError,
    Playbook,
    Policy,
    Record,
    Side,
    Stage,
    ToolError,
    World,
    domain_tool,
)
from eigen_graph.domains.check import Finding, check_domain

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


def breadth(finding: Finding) -> bool:
    """What a library of three intents is rightly warned of."""
    return finding.where == "playbook" and finding.what.startswith(("has ", "no intent ends in"))


def test_a_sound_domain_is_left_alone() -> None:
    domain = library()
    before = domain.agent.database.to_json()
    assert [str(finding) for finding in check_domain(domain) if not breadth(finding)] == []
    assert domain.agent.database.to_json() == before


def test_a_small_playbook_is_warned_of() -> None:
    found = [finding.what for finding in check_domain(library()) if breadth(finding)]
    assert found == ["has 3 intents", "no intent ends in 'transfer'", "no intent ends in 'nothing'"]


def test_findings_read_as_one_line_and_errors_come_first() -> None:
    findings = check_domain(library(policy=Policy("1. Use `nothing`."), now="soon"))
    assert [finding.severity for finding in findings] == sorted(finding.severity for finding in findings)
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
        fine, args_schema={"type": "object", "properties": {}}, metadata={"writes": False}
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


def assert_found(domain: Domain, severity: str, where: str, what: str) -> None:
    findings = check_domain(domain)
    found = [f for f in findings if f.where.startswith(where) and what in f.what]
    assert found, "\n".join(map(str, findings))
    assert {finding.severity for finding in found} == {severity}
    assert all(finding.mend for finding in found)


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


class Light(Record):
    on: int = 0


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


def test_a_domain_without_a_playbook_is_only_warned() -> None:
    assert_found(library(playbook=None), "warning", "playbook", "there is none")


def say(*lines: str, facts: tuple[str, ...] = ("18",), **more: str) -> Play:
    """An intent that talks and does nothing."""

    def play(stage: Stage) -> None:
        stage.user(*(lines or OPENINGS))
        stage.report("We close at 18.", facts=facts)
        stage.close()
        stage.forbid("lend_book", book_id="B1")
        brief(stage, **more)

    return play


def with_steps(
    *steps: Callable[[Stage], Any],
    before: Callable[[Stage], Any] = lambda _: None,
    forbidden: tuple[str, ...] = ("B1",),
) -> Play:
    """The refusal, with something done before it or within."""

    def play(stage: Stage) -> None:
        before(stage)
        stage.user(*OPENINGS)
        for step in steps:
            step(stage)
        stage.report("We close at 18.", facts=["18"])
        stage.close()
        for book_id in forbidden:
            stage.forbid("lend_book", book_id=book_id)
        brief(stage)

    return play


def raises(error: Exception) -> Play:
    def play(_stage: Stage) -> None:
        raise error

    return play


_counter = itertools.count()


def yes(stage: Stage) -> None:
    stage.confirm("Shall I?")


def by_hand(stage: Stage) -> None:
    """What an intent must not do: its task would start elsewhere."""
    stage.db["books"].update("B1", lent=True)


def set_up_by_hand(stage: Stage) -> None:
    by_hand(stage)
    stage.setup("assistant", "give_back", book_id="B1")


def assert_by_hand(stage: Stage) -> None:
    by_hand(stage)
    stage.expect("assistant", "is_lent", book_id="B1")


def lose(db: Database, book_id: str) -> None:
    """Forget that a book was ever lent."""
    db["books"].update(book_id, lent=True, times=0)


def is_lent(db: Database, book_id: str) -> bool:
    """The book is lent."""
    return bool(db["books"][book_id].lent)


DONE: dict[str, Any] = {"ending": "done"}
REFUSAL: dict[str, Any] = {"ending": "refusal"}


def call(name: str, book_id: str = "B1") -> Callable[[Stage], Any]:
    return lambda stage: stage.agent_calls(name, book_id=book_id)


@pytest.mark.parametrize(
    ("play", "options", "severity", "what"),
    [
        (say(), {**REFUSAL, "clauses": ()}, "warning", "exercises no clause"),
        (say(), {**REFUSAL, "clauses": ("7",)}, "error", "clause '7', which the policy lacks"),
        (say(), {**REFUSAL, "tools": ("burn",)}, "error", "uses 'burn', which is no tool"),
        (raises(KeyError("B9")), DONE, "error", "KeyError: 'B9'"),
        (raises(EigenGraphError("the intent is wrong")), DONE, "error", "the intent is wrong"),
        (raises(NoCaseError("none")), DONE, "error", "finds no case under seeds 0 to 19"),
        (say("A book?", "Any book?"), REFUSAL, "warning", "opens in 2 way(s)"),
        (with_steps(before=lambda s: s.hide(str(next(_counter)))), REFUSAL, "error", "differently the second time"),
        (say(), DONE, "error", "ends 'done' and does nothing"),
        (with_steps(call("give_back", "B2")), REFUSAL, "error", "ends in 'refusal' and changes something"),
        (say(facts=()), REFUSAL, "error", "says and does nothing would pass"),
        (with_steps(call("give_back"), before=by_hand), DONE, "error", "its own solution fails: give_back"),
        (with_steps(before=set_up_by_hand), REFUSAL, "error", "its setups fail"),
        (with_steps(before=assert_by_hand), REFUSAL, "error", "assertion is_lent does not hold"),
        (with_steps(call("find_book"), yes, call("lend_book"), call("give_back")), DONE, "error", "come to nothing"),
        (
            with_steps(call("give_back"), before=lambda s: s.setup("assistant", "lose", book_id="B1")),
            DONE,
            "error",
            "leaves behind: no_book_lost",
        ),
        (with_steps(forbidden=()), REFUSAL, "warning", "forbids nothing"),
        (with_steps(forbidden=("B2",)), REFUSAL, "warning", "the tools refuse every call it forbids"),
        (with_steps(before=lambda s: s.fact("19")), REFUSAL, "error", "nobody says the fact '19'"),
        (with_steps(call("find_book"), call("lend_book")), DONE, "error", "calls lend_book without the user's yes"),
        (with_steps(yes, call("lend_book")), DONE, "error", "calls lend_book before find_book"),
        (
            with_steps(call("find_book", "B3"), yes, call("find_book"), call("lend_book")),
            DONE,
            "error",
            "looks find_book up between the yes",
        ),
        (with_steps(lambda s: s.agent("Hm.")), REFUSAL, "error", "the agent goes on after 'Hm.'"),
        (
            with_steps(lambda s: s.accept_also(("lend_book", {"book_id": "B2"}))),
            REFUSAL,
            "error",
            "alternative 1 fails",
        ),
        (with_steps(lambda s: s.explore("find_book", book_id="B9")), REFUSAL, "error", "a look-up fails"),
        (with_steps(lambda s: s.hide("Ann")), REFUSAL, "error", "brief holds 'Ann', which is hidden"),
        (with_steps(lambda s: s.hide("book")), REFUSAL, "error", "the user says 'book' unprompted"),
    ],
)
def test_playbooks(play: Play, options: dict[str, Any], severity: str, what: str) -> None:
    side = Side(database(), library().agent.tools, setups={"lose": lose}, assertions={"is_lent": is_lent})
    assert_found(library(agent=side, playbook=playbook(play, **options)), severity, "intent odd", what)


def test_what_no_intent_reaches_is_named() -> None:
    domain = library(tool(fine), policy=Policy(f"{POLICY}3. Say `fine`."))
    assert_found(domain, "warning", "clause 3", "no intent exercises it")
    assert_found(domain, "warning", "tool fine", "no case uses it")


def test_a_fault_is_reported_once_for_an_intent() -> None:
    findings = check_domain(library(playbook=playbook(say(), **DONE)))
    assert len([finding for finding in findings if "does nothing" in finding.what]) == 1


def test_sync_that_settles_at_first_is_watched_in_the_cases() -> None:
    def sync(agent: Database, user: Database) -> None:
        if sum(book.lent for book in agent["books"].values()) > 1:
            user["lights"].update("L", on=user["lights"]["L"].on + 1)

    lights = Side(Database({"lights": Light}, {"lights": {"L": Light()}}))
    assert_found(library(user=lights, sync=sync), "error", "intent lend", "sync has not settled")

"""The check finds what is wrong with a playbook: a sound one gets an intent that is odd in every way it knows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.tools import StructuredTool
from sound_library import (
    OPENINGS,
    POLICY,
    Light,
    Play,
    assert_found,
    brief,
    database,
    library,
    playbook,
)

from eigen_graph.core import (
    Database,
    EigenGraphError,
    NoCaseError,
    Policy,
    Side,
    Stage,
    domain_tool,
)
from eigen_graph.domains.check import check_domain


def fine() -> str:
    """Say so."""
    return "fine"


def tool(function: Callable[..., Any], *, writes: bool = False, **traits: Any) -> StructuredTool:
    return domain_tool(writes=writes, **traits)(function)


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

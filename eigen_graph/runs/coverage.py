"""Which policy clauses, tools and difficulties the accepted dialogues of a run exercise, and which they do not."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

Pair = tuple[str, str]
"""A policy clause and a tool; an empty one stands for any."""


class Cell(NamedTuple):
    """A combination that was planned, with what came of it."""

    clause: str
    tool: str
    difficulty: str
    planned: int
    """Plans that asked for it."""
    accepted: int
    """Accepted dialogues that exercise it, whichever plan they come from. 0: a hole."""


def count_pairs(ledger: sqlite3.Connection) -> Counter[Pair]:
    """How many accepted dialogues exercise each clause with each tool; what was planned in vain is there, with 0.

    A dialogue exercises the clauses its task names, with the tools of its solution and those of the calls that the
    task forbids: a refusal is about the tool that is rightly not called. What its plan asked for counts for nothing.
    """
    counter = Counter[Pair](dict.fromkeys(((clause, tool) for clause, tool, _, _ in _planned(ledger)), 0))
    for _, pairs in _exercised(ledger):
        counter.update(pairs)
    return counter


def count_cells(ledger: sqlite3.Connection) -> list[Cell]:
    """Every planned combination, in order."""
    counter = Counter[tuple[str, str, str]]()
    for difficulty, pairs in _exercised(ledger):
        counter.update((*pair, difficulty) for pair in pairs)
    return [
        Cell(clause, tool, difficulty, planned, counter[clause, tool, difficulty])
        for clause, tool, difficulty, planned in _planned(ledger)
    ]


def _planned(ledger: sqlite3.Connection) -> list[tuple[str, str, str, int]]:
    query = """
        select p.clause, coalesce(t.value, ''), p.difficulty, count(*)
        from plans p left join json_each(p.tools) t on true where p.trial = '' group by 1, 2, 3 order by 1, 2, 3
    """
    return [tuple(found) for found in ledger.execute(query)]


def _exercised(ledger: sqlite3.Connection) -> Iterator[tuple[str, set[Pair]]]:
    """Difficulty and pairs of each accepted dialogue."""
    query = """
        select coalesce(json_extract(task, '$.eigen.difficulty'), ''), json_extract(task, '$.eigen.clauses'),
          json_extract(task, '$.eigen.tools'), json_extract(task, '$.eigen.forbidden')
        from instances where trial = '' and fate = 'accepted' and task is not null
    """
    for difficulty, clauses, tools, forbidden in ledger.execute(query):
        banned = [call["name"] for call in json.loads(forbidden or "[]")]
        yield difficulty, pairs_of(json.loads(clauses or "[]"), [*json.loads(tools or "[]"), *banned])


def pairs_of(clauses: Iterable[str], tools: Iterable[str]) -> set[Pair]:
    """The pairs that a dialogue with these clauses and tools exercises, an empty name standing for any."""
    return set(product(["", *clauses], ["", *tools])) - {("", "")}

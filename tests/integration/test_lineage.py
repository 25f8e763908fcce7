"""The lineage in the ledger: generations, candidates, rounds and notes, and the one generation that production uses."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_rows import Call, row
from pydantic import ValidationError

from eigen_graph.runs import (
    CandidateRow,
    Cost,
    GenerationRow,
    Ledger,
    LedgerError,
    LedgerReader,
    LineageRow,
    NoteRow,
    RoundRow,
)
from eigen_graph.runs.lineage import lineage_to_sql

BLUEPRINT = {"workflow": {"nodes": []}, "prompts": {"writer": "Zoë \U0001f600 \ud800\x00"}}


def generation(number: int, *, champion: bool = False) -> GenerationRow:
    return GenerationRow(number=number, blueprint=BLUEPRINT, digest=f"d{number}", champion=champion)


def candidate(number: int, round_: int = 0) -> CandidateRow:
    return CandidateRow(name=f"c{number}", round=round_, parent=0, patch={"operations": []})


def note(seq: int, kind: str, **data: object) -> NoteRow:
    return NoteRow.from_json({"seq": seq, "at": f"2026-01-01T00:00:{seq:02d}+00:00", "kind": kind, "data": data})


async def test_every_kind_of_row_is_kept_whole_and_in_order(tmp_path: Path):
    tested = CandidateRow(
        name="c2",
        round=1,
        parent=0,
        patch={"operations": [{"op": "reroute"}]},
        why="“book” is called too early",
        digest="d",
        blueprint=BLUEPRINT,
        fate="rejected",
        reason="kill rate fell",
        screen={"p": 0.25, "pairs": 12},
        confirm=None,
        guards=[{"name": "kill_rate", "held": False}],
        tokens=1200,
        usd=None,
    )
    round_ = RoundRow(number=1, parent=0, evidence={"blame": {"agent": 3}}, proposals=2, asked=1, spent=Cost(5, None))
    rows: list[LineageRow] = [generation(10), generation(2), candidate(10), tested, candidate(1), round_]
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await asyncio.gather(*map(ledger.put, rows))
        await ledger.put(note(1, "ended", why="budget"), note(0, "session"))
        with LedgerReader(ledger.path) as reader:
            assert reader.generations() == [generation(2), generation(10)]
            assert [found.name for found in reader.candidates()] == ["c1", "c10", "c2"]
            assert reader.candidates(1) == [tested]
            assert reader.rounds() == [round_]
            assert [found.kind for found in reader.notes()] == ["session", "ended"]
            assert reader.generation(10).blueprint == BLUEPRINT
            with pytest.raises(LedgerError, match="holds no generation 3; its generations: 2, 10"):
                reader.generation(3)


async def test_putting_a_row_again_replaces_it_and_putting_it_twice_changes_nothing(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.put(candidate(1), RoundRow(number=0, parent=0))
        await ledger.put(candidate(1).model_copy(update={"fate": "accepted"}))
        once = list(ledger.snapshot())
        await ledger.put(candidate(1).model_copy(update={"fate": "accepted"}), RoundRow(number=0, parent=0))
        assert list(ledger.snapshot()) == once
        assert [found.fate for found in ledger.candidates()] == ["accepted"]


async def test_one_generation_is_the_champion(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        assert ledger.champion() is None
        assert ledger.production_generation() is None
        await ledger.put(generation(0))
        with pytest.raises(LedgerError, match="holds no generation 1; its generations: 0"):
            await ledger.crown(1)
        assert ledger.champion() is None
        await ledger.put(generation(1, champion=True), generation(2))
        assert ledger.champion() == generation(1, champion=True)
        await ledger.put(generation(1).model_copy(update={"score": 0.5}))  # what is put without the crown keeps it
        assert ledger.production_generation() == 1
        await ledger.crown(0)
        await ledger.crown(0)
        assert [found.champion for found in ledger.generations()] == [True, False, False]
        await ledger.put(generation(2, champion=True))
        assert [found.champion for found in ledger.generations()] == [False, False, True]


async def test_a_snapshot_holds_the_lineage_but_neither_times_nor_sessions(tmp_path: Path):
    async def made(path: Path, sessions: int) -> list[dict[str, object]]:
        async with Ledger(path) as ledger:
            await ledger.put(generation(0, champion=True), candidate(1), RoundRow(number=0, parent=0))
            for number in range(sessions):
                await ledger.put(note(number, "session"))
            await ledger.put(note(sessions, "rollback", to=0))
            return list(ledger.snapshot())

    whole = await made(tmp_path / "whole", 1)
    assert [next(iter(part)) for part in whole] == ["generation", "candidate", "round", "note"]
    assert whole[0]["generation"] == generation(0, champion=True).to_json()
    assert whole[-1] == {"note": {"kind": "rollback", "data": {"to": 0}}}
    assert await made(tmp_path / "cut", 3) == whole


async def test_a_failed_put_writes_none_of_its_rows(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.put(generation(0, champion=True))
        (pages,) = ledger._writes.execute("pragma page_count").fetchone()
        ledger._writes.execute(f"pragma max_page_count = {pages}")
        big = generation(2).model_copy(update={"blueprint": {"text": "x" * 100_000}})
        with pytest.raises(LedgerError, match="cannot write the ledger"):
            await ledger.put(generation(1, champion=True), big)
        ledger._writes.execute("pragma max_page_count = 1000000")
        assert ledger.generations() == [generation(0, champion=True)]


async def test_the_lineage_and_the_rows_do_not_meet(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.record(Call("a", "g0-000000"))
        await asyncio.gather(ledger.add_instance(row(0)), ledger.put(generation(0)), ledger.put(candidate(1)))
        assert (ledger.counts().total, len(ledger.generations()), ledger.spent().calls) == (1, 1, 1)


async def test_a_damaged_row_is_named(tmp_path: Path):
    path = tmp_path / "l.sqlite"
    async with Ledger(path) as ledger:
        await ledger.put(candidate(1))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("update lineage set data = '{' where id = 'candidate-c1'")
    with LedgerReader(path) as reader, pytest.raises(LedgerError, match=r"damaged at candidate-c1: .*from a copy"):
        reader.candidates()


def test_names_and_numbers_are_held_to_their_form():
    with pytest.raises(ValidationError):
        CandidateRow(name="g1", round=0, parent=0, patch={})
    with pytest.raises(ValidationError):
        GenerationRow(number=-1, blueprint={}, digest="")
    with pytest.raises(ValidationError):
        note(0, "gossip")


_NUMBER = st.floats(allow_nan=False, allow_infinity=False)  # what JSON has
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _NUMBER | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), _JSON), st.text(), st.none() | _NUMBER)
def test_rows_are_equal_to_what_their_json_gives_back(data: dict[str, object], text: str, score: float | None):
    for found in (
        GenerationRow(number=3, parent=1, candidate="c4", blueprint=data, digest=text, why=text, score=score),
        CandidateRow(name="c4", round=2, parent=1, patch=data, screen=data, guards=[data], reason=text, usd=score),
        RoundRow(number=2, parent=1, evidence=data, ended=text, spent=Cost(3, score)),
        NoteRow(seq=1, at=text, kind="session", data=data),
    ):
        assert type(found).from_json(found.to_json()) == found
        for _, _, _, _, stored in lineage_to_sql(found):
            assert stored.isascii()

"""Ledgers of older versions: read as they are, upgraded when they are written.

Version 1 knew neither trials nor lineage, version 2 no episodes.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ledger_rows import Call, episode, plan, row

from eigen_graph.runs import GenerationRow, Ledger, LedgerError, LedgerReader

OLD_TABLES = """
create table plans (
  id text primary key, generation integer not null, idx integer not null, clause text not null,
  tools text not null, difficulty text not null, persona text not null, title text not null,
  synthesis text not null, evaluation text not null
) without rowid;
create table texts (id integer primary key, text text not null unique);
create table instances (
  id text primary key, generation integer not null, idx integer not null, plan_id text not null,
  fate text not null, stage text not null, blame text, reason text not null, kill_rate real,
  workflow text not null, seconds real not null, agent_system integer not null references texts,
  user_system text not null, evidence text not null, task text, checker text, verdict text, review text,
  trajectory text, attempts text not null
);
create index instances_by_fate on instances (generation, fate, stage, blame);
create index instances_by_plan on instances (plan_id, fate);
create table replies (
  id integer primary key, key text not null unique, instance text not null, role text not null,
  model text not null, input_tokens integer not null, output_tokens integer not null, cost_usd real,
  seconds real not null, reply text not null
);
create index replies_by_instance on replies (instance);
create table usage (
  instance text not null, role text not null, model text not null, calls integer not null,
  input_tokens integer not null, output_tokens integer not null, cost_usd real,
  unpriced_calls integer not null, seconds real not null,
  primary key (instance, role, model)
) without rowid;
pragma user_version = 1;
"""
OLD_ROWS = """
insert into texts values (1, 'The policy.');
insert into plans values
  ('p0', 0, 0, '1', '["book"]', 'easy', 'terse', '', '', ''),
  ('p1', 0, 1, '1', '["book"]', 'easy', 'terse', '', '', ''),
  ('p2', 2, 2, '1', '["book"]', 'easy', 'terse', '', '', '');
insert into instances values
  ('g0-000000', 0, 0, 'p0', 'accepted', 'reviewer', null, '', 0.75, '', 3.25, 1, '', '[3]', '{"id":"t"}', null, null,
   null, null, '[]'),
  ('g0-000001', 0, 1, 'p1', 'rejected', 'judge', 'agent', 'why', null, '', 0.0, 1, '', '[]', null, null, null, null,
   null, '[]'),
  ('g2-000002', 2, 2, 'p2', 'accepted', 'reviewer', null, '', null, '', 0.0, 1, '', '[]', null, null, null, null, null,
   '[]');
insert into replies values (1, 'k', 'g0-000003', 'agent', 'scripted', 100, 10, 0.25, 0.5, '{"content":"hi"}');
insert into usage values ('g0-000000', 'agent', 'scripted', 3, 300, 30, null, 3, 1.5);
"""
TABLES_2 = """
create table plans (
  id text primary key, generation integer not null, idx integer not null, arm text not null,
  trial text not null, clause text not null, tools text not null, difficulty text not null,
  persona text not null, title text not null, synthesis text not null, evaluation text not null
) without rowid;
create table texts (id integer primary key, text text not null unique);
create table instances (
  id text primary key, generation integer not null, idx integer not null, arm text not null,
  trial text not null, plan_id text not null, fate text not null, stage text not null, blame text,
  reason text not null, kill_rate real, workflow text not null, seconds real not null,
  agent_system integer not null references texts, user_system text not null, evidence text not null, task text,
  checker text, verdict text, review text, trajectory text, attempts text not null
);
create index instances_by_fate on instances (trial, generation, arm, fate, stage, blame);
create index instances_by_plan on instances (plan_id, trial);
create table replies (
  id integer primary key, key text not null unique, instance text not null, role text not null,
  model text not null, input_tokens integer not null, output_tokens integer not null, cost_usd real,
  seconds real not null, reply text not null
);
create index replies_by_instance on replies (instance);
create table usage (
  instance text not null, role text not null, model text not null, calls integer not null,
  input_tokens integer not null, output_tokens integer not null, cost_usd real,
  unpriced_calls integer not null, seconds real not null,
  primary key (instance, role, model)
) without rowid;
create table lineage (id text primary key, kind text not null, round integer, seq integer, data text);
pragma user_version = 2;
"""
ROWS_2 = """
insert into texts values (1, 'The policy.');
insert into plans values
  ('p0', 0, 0, 'g0', '', '1', '["book"]', 'easy', 'terse', '', '', ''),
  ('p1', 0, 1, 'g0', '', '1', '["book"]', 'easy', 'terse', '', '', ''),
  ('p2', 2, 2, 'g2', '', '1', '["book"]', 'easy', 'terse', '', '', '');
insert into instances values
  ('g0-000000', 0, 0, 'g0', '', 'p0', 'accepted', 'reviewer', null, '', 0.75, '', 3.25, 1, '', '[3]', '{"id":"t"}',
   null, null, null, null, '[]'),
  ('g0-000001', 0, 1, 'g0', '', 'p1', 'rejected', 'judge', 'agent', 'why', null, '', 0.0, 1, '', '[]', null, null,
   null, null, null, '[]'),
  ('g2-000002', 2, 2, 'g2', '', 'p2', 'accepted', 'reviewer', null, '', null, '', 0.0, 1, '', '[]', null, null, null,
   null, null, '[]');
insert into replies values (1, 'k', 'g0-000003', 'agent', 'scripted', 100, 10, 0.25, 0.5, '{"content":"hi"}');
insert into usage values ('g0-000000', 'agent', 'scripted', 3, 300, 30, null, 3, 1.5);
"""


@pytest.fixture(params=[OLD_TABLES + OLD_ROWS, TABLES_2 + ROWS_2], ids=["version 1", "version 2"])
def old(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma journal_mode = wal")
        db.executescript(request.param)
    return path


async def _made_now(path: Path) -> None:
    """The same rows, written as they are today."""
    async with Ledger(path) as ledger:
        await ledger.add_plans([plan(0), plan(1), plan(2, generation=2)])
        await ledger.add_instance(row(0, evidence=[3], task={"id": "t"}, kill_rate=0.75, seconds=3.25))
        await ledger.add_instance(row(1, fate="rejected", stage="judge", blame="agent", reason="why"))
        await ledger.add_instance(row(2, generation=2))
        await ledger.record(Call("k", "g0-000003"))


def _seen(ledger: LedgerReader) -> dict[str, Any]:
    reads: list[Callable[[], Any]] = [
        ledger.counts,
        ledger.cells,
        ledger.coverage,
        ledger.finished_ids,
        ledger.generations,
        ledger.candidates,
        ledger.rounds,
        ledger.notes,
        ledger.champion,
        lambda: list(ledger.instances()),
        lambda: list(ledger.instances(arm="g2", trial=None)),
        lambda: list(ledger.instances(trial="r1")),
        lambda: list(ledger.plans()),
        lambda: list(ledger.episodes()),
        ledger.episode_ids,
        lambda: ledger.instance("g2-000002"),
    ]
    return dict(enumerate(read() for read in reads))


def _layout(path: Path) -> list[Any]:
    """Tables and indexes with their columns; where among them a column stands is of no matter."""
    tables = "select m.name, c.name from sqlite_master m join pragma_table_info(m.name) c order by 1, 2"
    indexes = "select m.name, c.seqno, c.name from sqlite_master m join pragma_index_info(m.name) c order by 1, 2"
    with closing(sqlite3.connect(path)) as db:
        return [db.execute(tables).fetchall(), db.execute(indexes).fetchall()]


async def test_an_old_ledger_reads_as_if_it_were_made_today(old: Path, tmp_path: Path):
    await _made_now(tmp_path / "new.sqlite")
    before = await asyncio.to_thread(old.read_bytes)
    with LedgerReader(old) as reader, LedgerReader(tmp_path / "new.sqlite") as new:
        assert _seen(reader) == _seen(new)
        assert reader.spent().calls == 4
        assert reader.trial_spent().calls == 0
        assert reader.costs(["g0-000000"])["g0-000000"].tokens == 330
        assert any("usage" in part for part in reader.snapshot())
    assert await asyncio.to_thread(old.read_bytes) == before


async def test_it_is_upgraded_when_it_is_opened_to_be_written(old: Path, tmp_path: Path):
    await _made_now(tmp_path / "new.sqlite")
    with LedgerReader(old) as early:
        async with Ledger(old) as ledger:
            with LedgerReader(tmp_path / "new.sqlite") as new:
                assert _seen(ledger) == _seen(new)
            assert await ledger.recall("k") == {"content": "hi"}
            await ledger.add_instance(row(3))
            await ledger.add_instance(row(0, arm="c1", trial="r1"))
            await ledger.adopt(["c1-000000"], generation=1, instead_of=["g0-000000"], trial="r1")
            await ledger.add_episode(episode(0, 0))
            await ledger.put(GenerationRow(number=0, blueprint={}, digest="d", champion=True))
        assert early.instance("g0-000003") == row(3)  # who was reading goes on
    async with Ledger(old) as ledger:  # and again: there is nothing left to do
        assert ledger.finished_ids() == {"c1-000000", "g0-000001", "g0-000003", "g2-000002"}
        assert ledger.spent().calls == 4
        assert ledger.production_generation() == 0
        assert list(ledger.episodes()) == [episode(0, 0)]
        assert _layout(old) == _layout(tmp_path / "new.sqlite")


def test_it_is_read_where_nothing_can_be_written(old: Path):
    folder = old.parent / "archive"
    folder.mkdir()
    shutil.copy(old, folder / "l.sqlite")
    (folder / "l.sqlite").chmod(stat.S_IRUSR)
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with LedgerReader(folder / "l.sqlite") as reader:
            assert reader.counts().total == 3
    finally:
        folder.chmod(stat.S_IRWXU)


def test_what_only_claims_to_be_of_version_1_is_left_as_it_is(tmp_path: Path):
    path = tmp_path / "foreign.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.executescript("create table plans (id text); pragma user_version = 1;")
    with pytest.raises(LedgerError, match=r"cannot open the ledger .* no such table: instances"):
        Ledger(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("select name from pragma_table_info('plans')").fetchall() == [("id",)]
        assert db.execute("pragma user_version").fetchone() == (1,)

"""What the ledger keeps, counts and streams; disks that fill up, waiters that go away, other versions."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ledger_rows import Call, episode, plan, row

from eigen_graph.core import EigenGraphError
from eigen_graph.runs import Attempt, Cell, Ledger, LedgerError, LedgerReader, instance_id

FULL = row(
    7,
    fate="rejected",
    stage="reviewer",
    blame="agent",
    reason="the agent guessed, “truly”",
    evidence=[3, 5],
    task={"id": "t", "eigen": {"clauses": ["4.1"]}},
    checker={"format": 1},
    trajectory={"messages": [{"role": "user", "content": "\U0001f600 \u0000 \ud800"}], "seconds": 1.5},
    verdict={"reward": 0.0},
    review={"decision": "reject"},
    kill_rate=0.75,
    attempts=[Attempt(stage="judge", blame="user", reason="stopped early", trajectory={"messages": [], "seconds": 9})],
    user_system="Zoë wants a room",
    workflow="abc",
    seconds=3.25,
)


async def test_what_was_awaited_can_be_read_from_another_connection(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.add_instance(FULL)
        with LedgerReader(ledger.path) as reader:
            assert reader.instance(FULL.id) == FULL
            assert list(reader.instances()) == [FULL]
            with pytest.raises(LedgerError, match="holds no instance 'g9-000000'"):
                reader.instance("g9-000000")


async def test_a_second_row_of_one_id_changes_nothing(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.add_instance(row(1))
        await asyncio.gather(*(ledger.add_instance(row(1, fate="rejected", blame="task")) for _ in range(5)))
        await ledger.add_plans([plan(1)])
        await ledger.add_plans([plan(1, clause="2"), plan(2)])
        assert [found.fate for found in ledger.instances()] == ["accepted"]
        assert [found.clause for found in ledger.plans()] == ["1", "1"]


async def test_texts_no_utf8_file_can_hold_are_kept_as_far_as_they_can_be(tmp_path: Path):
    hostile = row(1, reason="cut \ud800 pair", agent_system="\udfff\x00", stage="judge", fate="rejected", blame="agent")
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.add_instance(hostile)
        await ledger.record(Call("k\ud800", "g0-000002", reply={"content": "\ud800"}))
        found = ledger.instance(hostile.id)
        assert (found.reason, found.agent_system) == ("cut \ufffd pair", "\ufffd\x00")
        assert await ledger.recall("k\ufffd") == {"content": "\ud800"}


async def test_replies_live_until_their_instance_ends_and_then_count_once(tmp_path: Path):
    path = tmp_path / "l.sqlite"
    async with Ledger(path) as ledger:
        for number in range(3):
            await ledger.record(Call(f"a{number}", "g0-000001"))
        await ledger.record(Call("a0", "g0-000001"))  # the same call again: not paid again
        await ledger.record(Call("u", "g0-000001/user", role="user", cost_usd=None))
        await ledger.record(Call("b", "g0-000002"))
        assert await ledger.recall("a1") == {"content": "hi"}
    async with Ledger(path) as ledger:  # resumed
        before = ledger.spent()
        assert (before.calls, before.input_tokens, before.cost_usd, before.unpriced_calls) == (5, 500, 1.0, 1)
        assert await ledger.recall("a1") == {"content": "hi"}
        await ledger.add_instance(row(1))
        assert await ledger.recall("a1") is None
        assert await ledger.recall("b") is not None
        assert ledger.spent() == before
        assert [(u["role"], u["calls"], u["cost_usd"], u["unpriced_calls"]) for u in ledger.usage("g0-000001")] == [
            ("agent", 3, 0.75, 0),
            ("user", 1, None, 1),
        ]
        await ledger.record(Call("late", "g0-000001"))  # a call that outlived its dialogue
        await ledger.add_instance(row(1))
        assert ledger.spent().calls == 6
        assert next(ledger.usage("g0-000001"))["calls"] == 4


async def test_the_planners_calls_are_summed_up_with_their_plans(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.record(Call("p", "g0-plan", role="planner"))
        await ledger.add_plans([plan(0)], scene="g0-plan")
        assert await ledger.recall("p") is None
        assert [(u["instance"], u["role"]) for u in ledger.usage()] == [("g0-plan", "planner")]


async def test_forgotten_instances_are_made_again_and_their_cost_stays(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.record(Call("a", "g0-000001"))
        await ledger.add_instance(row(1, fate="dropped", stage="dialogue", blame="infrastructure"))
        await ledger.forget(["g0-000001"])
        assert ledger.finished_ids() == set()
        await ledger.record(Call("b", "g0-000001"))
        await ledger.add_instance(row(1))
        assert ledger.counts().accepted == 1
        assert ledger.spent().calls == 2
        assert [(u["instance"], u["calls"]) for u in ledger.usage()] == [("forgotten", 1), ("g0-000001", 1)]
        assert (
            ledger.costs(["g0-000001"])["g0-000001"].tokens
            == ledger.spent().input_tokens // 2 + ledger.spent().output_tokens // 2
        )


async def test_episodes_are_kept_once_and_a_broken_one_goes_on_from_its_replies(tmp_path: Path):
    hostile = {"messages": [{"role": "user", "content": "\U0001f600 \u0000 \ud800"}], "seconds": 1.5}
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.record(Call("a", "e000000-001"))
        await ledger.add_episode(episode(0, 1, status="infrastructure", reason="gone", verdict=None))
        await ledger.add_episode(episode(0, 0, trajectory=hostile, opinions={"Polite.": {"met": True, "reason": ""}}))
        await ledger.add_episode(episode(0, 0, status="unjudged"))
        assert [(row.id, row.status) for row in ledger.episodes()] == [
            ("e000000-000", "judged"),
            ("e000000-001", "infrastructure"),
        ]
        assert next(ledger.episodes()).trajectory == hostile
        assert ledger.episode_ids("infrastructure") == {"e000000-001"}
        await ledger.forget(["e000000-001"])
        assert ledger.episode_ids() == {"e000000-000"}
        assert await ledger.recall("a") == {"content": "hi"}
        await ledger.add_episode(episode(0, 1))
        assert await ledger.recall("a") is None
        assert ledger.costs(["e000000-001"])["e000000-001"].tokens == 110
        assert [part["episode"]["trial"] for part in ledger.snapshot() if "episode" in part] == [0, 1]


async def test_counts_and_coverage(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.add_plans([plan(0), plan(1, tools=("book", "pay")), plan(2, clause="2", difficulty="hard")])
        await ledger.add_instance(row(0))
        await ledger.add_instance(row(1))
        await ledger.add_instance(row(2, fate="rejected", stage="judge", blame="agent"))
        await ledger.add_instance(row(0, generation=1, fate="dropped", stage="dialogue", blame="infrastructure"))
        counts = ledger.counts()
        assert (counts.accepted, counts.rejected, counts.dropped, counts.total) == (2, 1, 1, 4)
        assert counts.by_blame == {"agent": 1, "infrastructure": 1}
        assert counts.by_stage == {"dialogue": 1, "judge": 1}
        assert ledger.counts(generation=1).total == 1
        assert ledger.finished_ids(0) == {"g0-000000", "g0-000001", "g0-000002"}


async def test_coverage_counts_what_was_exercised_and_shows_holes(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.add_plans([plan(0), plan(1, "1", ("book", "pay")), plan(2, "2", ("pay",)), plan(3, "3", ())])
        tags = {"clauses": ["1", "2"], "tools": ["find"], "difficulty": "easy", "forbidden": [{"name": "book"}]}
        await ledger.add_instance(row(0, task={"id": "t", "eigen": tags}))
        await ledger.add_instance(row(1, task={"id": "u", "eigen": {**tags, "clauses": ["1"], "tools": ["book"]}}))
        await ledger.add_instance(row(2, fate="rejected", stage="judge", blame="agent"))
        coverage = ledger.coverage()
        assert coverage["1", "book"] == 2  # once because it is forbidden there
        assert coverage["2", "find"] == 1
        assert coverage["1", ""] == coverage["", "book"] == 2
        # Whatever the plans asked for, nobody paid.
        assert {pair for pair, times in coverage.items() if times == 0} == {("1", "pay"), ("2", "pay"), ("3", "")}
        assert ledger.cells() == [
            Cell("1", "book", "easy", planned=2, accepted=2),
            Cell("1", "pay", "easy", planned=1, accepted=0),
            Cell("2", "pay", "easy", planned=1, accepted=0),
            Cell("3", "", "easy", planned=1, accepted=0),
        ]


async def test_rows_stream_in_id_order_over_many_pages(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        order = list(range(200))
        random.Random(0).shuffle(order)
        await asyncio.gather(
            *(ledger.add_instance(row(i, fate="accepted" if i % 3 else "rejected", stage="judge")) for i in order)
        )
        assert [found.index for found in ledger.instances()] == list(range(200))
        assert [found.index for found in ledger.instances("rejected")] == list(range(0, 200, 3))


async def test_many_waiters_share_a_commit(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        commits: list[str] = []
        ledger._writes.set_trace_callback(lambda sql: commits.append(sql) if sql == "commit" else None)
        await asyncio.gather(*(ledger.add_instance(row(i)) for i in range(300)))
        assert len(commits) < 30
        assert ledger.counts().accepted == 300


async def test_a_failed_commit_reaches_its_waiters_and_the_ledger_lives_on(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.add_instance(row(0))
        (pages,) = ledger._writes.execute("pragma page_count").fetchone()
        ledger._writes.execute(f"pragma max_page_count = {pages}")
        with pytest.raises(LedgerError, match=r"cannot write the ledger .*full.*resume later"):
            await ledger.add_instance(row(1, task={"text": "x" * 100_000}))
        ledger._writes.execute("pragma max_page_count = 1000000")
        await ledger.add_instance(row(2))
        assert ledger.finished_ids() == {"g0-000000", "g0-000002"}


async def test_a_cancelled_waiter_harms_nobody(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        waiting = [asyncio.create_task(ledger.add_instance(row(i))) for i in range(50)]
        await asyncio.sleep(0)
        for task in waiting[::2]:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await ledger.add_instance(row(99))
        assert {instance_id(0, i) for i in range(1, 50, 2)} <= ledger.finished_ids()


async def test_closing_commits_what_is_under_way(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        task = asyncio.create_task(ledger.add_instance(row(1)))
        await asyncio.sleep(0)
    await task
    with LedgerReader(tmp_path / "l.sqlite") as reader:
        assert reader.counts().accepted == 1
    with pytest.raises(LedgerError, match="is closed"):
        await ledger.add_instance(row(2))


async def test_another_version_and_no_ledger_at_all_are_refused(tmp_path: Path):
    path = tmp_path / "l.sqlite"
    async with Ledger(path):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma user_version = 99")
    with pytest.raises(
        LedgerError, match=r"has version 99, this eigen_graph reads versions 1 to 3: use .*start a new run"
    ):
        Ledger(path)
    with pytest.raises(LedgerError, match="version 99"):
        LedgerReader(path)

    foreign = tmp_path / "foreign.sqlite"
    with closing(sqlite3.connect(foreign)) as db:
        db.execute("create table t (x)")
    with pytest.raises(LedgerError, match="version 0"):
        Ledger(foreign)
    (tmp_path / "text").write_text("not a database, and long enough to be sure of it" * 50)
    with pytest.raises(LedgerError, match="cannot open the ledger"):
        Ledger(tmp_path / "text")
    with pytest.raises(LedgerError, match="is no ledger"):
        LedgerReader(tmp_path / "text")
    with pytest.raises(LedgerError, match="there is no ledger"):
        LedgerReader(tmp_path / "nowhere")
    with pytest.raises(EigenGraphError, match="cannot write to"):
        Ledger(tmp_path / "text" / "l.sqlite")


async def test_an_interrupted_run_equals_an_uninterrupted_one(tmp_path: Path):
    async def run(path: Path, stops: tuple[int, ...]) -> list[dict[str, Any]]:
        for stop in (*stops, 30):
            async with Ledger(path) as ledger:
                await ledger.add_plans([plan(i) for i in range(30)])
                for index in range(stop):
                    if instance_id(0, index) in ledger.finished_ids():
                        continue
                    for number in range(3):
                        key = f"{index}/{number}"
                        if await ledger.recall(key) is None:
                            await ledger.record(Call(key, instance_id(0, index), cost_usd=0.1))
                    if index < stop - 1 or stop == 30:  # the last is cut short
                        seconds = random.random()
                        await ledger.add_instance(row(index, seconds=seconds, trajectory={"seconds": seconds}))
        with LedgerReader(path) as reader:
            return list(reader.snapshot())

    whole = await run(tmp_path / "whole", ())
    assert len(whole) == 90
    assert await run(tmp_path / "cut", (4, 11, 12)) == whole

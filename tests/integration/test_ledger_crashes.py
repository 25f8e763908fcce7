"""The ledger and processes: killed at any moment, or two at once."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from eigen_graph.runs import Ledger, LedgerReader, RunLockedError

WRITER = """
import asyncio, sys
from eigen_graph.runs import Ledger, InstanceRow, instance_id
from types import SimpleNamespace as Call

async def main(path, first):
    async with Ledger(path) as ledger:
        print("open", flush=True)
        async def one(i):
            name = instance_id(0, i)
            for n in range(2):
                await ledger.record(Call(key=f"{i}/{n}", scene=name, role="agent", model="m", input_tokens=1,
                                         output_tokens=1, cost_usd=1.0, seconds=0.0, reply={"n": n}))
                print("reply", f"{i}/{n}", flush=True)
            await ledger.add_instance(InstanceRow(id=name, generation=0, index=i, plan_id="p", fate="accepted",
                                                  stage="reviewer", trajectory={"messages": ["x" * 3000]}))
            print("row", name, flush=True)
        todo = iter(i for i in range(first, 10**6))
        async def worker():
            for i in todo:
                if instance_id(0, i) not in ledger.finished_ids():
                    await one(i)
        await asyncio.gather(*(worker() for _ in range(16)))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


MOVER = """
import asyncio, sys
from eigen_graph.runs import CandidateRow, GenerationRow, InstanceRow, Ledger

def lineage(times):
    text = "x" * 9000
    yield GenerationRow(number=times % 2, blueprint={"times": times, "text": text}, digest="", champion=True)
    yield CandidateRow(name="c1", round=0, parent=0, patch={"text": text, "times": times})

async def main(path):
    async with Ledger(path) as ledger:
        arms = {arm: [f"{arm}-{i:06d}" for i in range(40)] for arm in ("c1", "c2")}
        champion = ledger.champion()
        if champion is None:
            for arm in arms:
                await asyncio.gather(*(ledger.add_instance(InstanceRow(
                    id=name, generation=0, index=i, arm=arm, trial="" if arm == "c1" else "r1", plan_id="p",
                    fate="accepted", stage="reviewer")) for i, name in enumerate(arms[arm])))
            await ledger.put(*lineage(0))
        times = champion.blueprint["times"] if champion else 0
        print("open", flush=True)
        while True:
            times += 1
            arm, other = sorted(arms, reverse=bool(times % 2))
            await asyncio.gather(ledger.adopt(arms[arm], generation=1, instead_of=arms[other], trial="r1"),
                                 ledger.put(*lineage(times)))
            print(times, flush=True)

asyncio.run(main(sys.argv[1]))
"""


def test_kill_minus_nine_loses_nothing_that_was_awaited(tmp_path: Path):
    path, rng = tmp_path / "l.sqlite", random.Random(7)
    rows: set[str] = set()
    replies: set[str] = set()
    for life in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(life)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        time.sleep(rng.uniform(0.0, 0.15))
        process.send_signal(signal.SIGKILL)
        for line in process.stdout:
            if line.endswith("\n"):
                kind, name = line.split()
                (rows if kind == "row" else replies).add(name)
        process.stdout.close()
        process.wait()
        with LedgerReader(path) as reader:
            assert rows <= reader.finished_ids()
            found = [row.id for row in reader.instances()]
            assert found == sorted(set(found))
            counted = {f"{usage['instance']}": usage["calls"] for usage in reader.usage()}
            assert counted == dict.fromkeys(found, 2)  # every finished instance's two calls, once
            spent = reader.spent()
            assert spent.cost_usd == spent.calls
            assert spent.calls >= len(replies)
    assert rows
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)


def test_kill_minus_nine_leaves_moves_and_lineage_whole(tmp_path: Path):
    path, rng = tmp_path / "l.sqlite", random.Random(11)
    arms = {arm: {f"{arm}-{index:06d}" for index in range(40)} for arm in ("c1", "c2")}
    seen: set[int] = set()
    for _ in range(8):
        process = subprocess.Popen([sys.executable, "-c", MOVER, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        time.sleep(rng.uniform(0.0, 0.15))
        process.send_signal(signal.SIGKILL)
        told = [int(line) for line in process.stdout if line.endswith("\n")]
        process.stdout.close()
        process.wait()
        with LedgerReader(path) as reader:
            (production,) = (arm for arm in arms if reader.finished_ids() & arms[arm])
            assert reader.finished_ids() == arms[production]
            assert reader.finished_ids(trial="r1") == arms["c1" if production == "c2" else "c2"]
            champion = reader.champion()
            assert champion is not None
            (candidate,) = reader.candidates()
            times = champion.blueprint["times"]
            # One commit wrote both, and the crown: none is older than what was awaited, none older than another.
            assert (candidate.patch["times"], champion.number) == (times, times % 2)
            assert times >= max(told, default=0)
            assert len(reader.generations()) == min(times + 1, 2)
            seen.add(times)
    assert len(seen) > 1
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)


def test_two_processes_cannot_write_one_ledger(tmp_path: Path):
    path = tmp_path / "l.sqlite"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path), "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        message = rf"being written by another process \(pid {process.pid}\): wait for it to end, or stop it and resume"
        with pytest.raises(RunLockedError, match=message):
            Ledger(path)
        with LedgerReader(path) as reader:  # reading goes on
            assert reader.counts().rejected == 0
        process.kill()
    Ledger(path).close()  # the system let go of the lock


async def test_a_ledger_open_in_this_process_is_locked_too(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite"):
        with pytest.raises(RunLockedError, match=f"pid {os.getpid()}"):
            Ledger(tmp_path / "l.sqlite")
    Ledger(tmp_path / "l.sqlite").close()

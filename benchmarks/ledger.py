"""Ledger rows per CPU-second at 10,000 dialogues, and the memory curve, against one SQLite commit per row.

    python benchmarks/ledger.py [DIALOGUES]

64 workers finish dialogues as fast as they can; each row is about 8 kB of JSON. `calls` records eight model replies of
0.5 kB for every dialogue first, as a run with a hosted model does. The anchor writes the same rows with the same SQL
into the same tables, one commit each, without waiting tasks, group commits or folding. CPU time is the process's, all
threads. Everything runs in one process, one after the other, on files in a temporary folder.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from eigen_graph.models import CallRecord
from eigen_graph.runs import InstanceRow, Ledger, LedgerReader, instance_id, schema

WORKERS = 64
CALLS = 8
MARK = 1000
"""Rows between two looks at memory."""
POLICY = "You are an agent. " + "A rule of the policy that every dialogue of a run is held under. " * 60


class Measured(NamedTuple):
    """What one way cost."""

    way: str
    cpu: float
    wall: float
    megabytes: float
    memory: list[float]
    """Resident MB after each `MARK` rows."""


def row(index: int) -> InstanceRow:
    """A dialogue of eight turns with four tool calls; about 8 kB, its parts as a run has them."""
    call = {"id": "c1", "type": "function", "function": {"name": "get_booking", "arguments": '{"booking_id": "B17"}'}}
    turn = [
        {"role": "user", "content": f"I would like to change booking B{index}, please; " + "and so on, " * 12},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "requestor": "assistant", "error": False, "content": "{...}" * 70},
        {"role": "assistant", "content": "That is possible. " * 10},
    ]
    task = {"id": str(index), "user_scenario": {"instructions": "You want to change a booking. " * 20}}
    return InstanceRow(
        id=instance_id(0, index),
        generation=0,
        index=index,
        plan_id=f"p{index}",
        fate="accepted" if index % 5 else "rejected",
        stage="reviewer",
        blame=None if index % 5 else "agent",
        task=task,
        checker={"format": 1, "domain": "hotel", "task": task, "proof": {"killed": 20, "mutants": 20}},
        trajectory={"messages": turn * 4, "termination": "user_stop", "usage": {}, "seconds": 1.0},
        verdict={"reward": 1.0, "parts": [{"name": "state", "passed": True, "reason": "equal"}] * 3},
        review={"decision": "accept", "blame": "none", "evidence": [], "reason": "fine " * 20},
        kill_rate=1.0,
        agent_system=POLICY,
        user_system="You are a guest. " * 40,
    )


def resident() -> float:
    """Resident memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def size(path: Path) -> float:
    """Megabytes of a database with its write-ahead log."""
    return sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*")) / 1e6


def reply(index: int, number: int) -> CallRecord:
    """One model call of a dialogue."""
    return CallRecord(
        key=f"{index}/{number}",
        scene=instance_id(0, index),
        role="agent",
        model="m",
        input_tokens=900,
        output_tokens=60,
        cost_usd=0.0002,
        seconds=0.8,
        reply={"content": "That is possible. " * 28},
    )


async def through_ledger(path: Path, count: int, calls: int) -> list[float]:
    """All rows through the ledger; memory at every mark."""
    memory: list[float] = []
    todo = iter(range(count))
    done = 0
    async with Ledger(path) as ledger:

        async def worker() -> None:
            nonlocal done
            for index in todo:
                for number in range(calls):
                    await ledger.record(reply(index, number))
                await ledger.add_instance(row(index))
                done += 1
                if done % MARK == 0:
                    memory.append(resident())

        await asyncio.gather(*(worker() for _ in range(WORKERS)))
    return memory


def one_by_one(path: Path, count: int, calls: int) -> list[float]:
    """The anchor: the same rows, a commit each."""
    memory: list[float] = []
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = normal")
    for statement in schema.TABLES:
        db.execute(statement)
    for index in range(count):
        for number in range(calls):
            call = reply(index, number)
            values = (call.key, call.scene, call.role, call.model, call.input_tokens, call.output_tokens)
            db.execute(schema.INSERT_REPLY, (*values, call.cost_usd, call.seconds, schema.dump_json(call.reply)))
        found = row(index)
        db.execute("begin")
        db.execute(schema.INSERT_TEXT, (found.agent_system,))
        db.execute(schema.INSERT_INSTANCE, schema.instance_to_sql(found))
        db.execute("commit")
        if (index + 1) % MARK == 0:
            memory.append(resident())
    db.close()
    return memory


def measure(count: int, folder: Path) -> Iterator[Measured]:
    """Every way in turn."""
    for calls, what in ((0, "rows"), (CALLS, f"rows, {CALLS} calls each")):
        for way in (through_ledger, one_by_one):
            path = folder / f"{way.__name__}{calls}.sqlite"
            cpu, wall = time.process_time(), time.perf_counter()
            memory = (
                asyncio.run(through_ledger(path, count, calls))
                if way is through_ledger
                else one_by_one(path, count, calls)
            )
            took = time.process_time() - cpu, time.perf_counter() - wall
            if way is through_ledger:
                with LedgerReader(path) as reader:
                    assert reader.counts().total == count
                    assert reader.spent().calls == count * calls
            yield Measured(f"{way.__name__.replace('_', ' ')}: {what}", *took, size(path), memory)


def main(count: int) -> None:
    """Print the tables."""
    print(f"{count} dialogues of {len(row(0).model_dump_json()) / 1000:.1f} kB, {WORKERS} workers\n")
    with tempfile.TemporaryDirectory() as folder:
        results = list(measure(count, Path(folder)))
    cpu = time.process_time()
    for index in range(MARK):
        row(index)
    making = (time.process_time() - cpu) / MARK
    print("| way | rows/CPU-s | rows/s wall | without making rows: rows/CPU-s | file MB |\n|---|---|---|---|---|")
    for found in results:
        alone = count / max(found.cpu - making * count, 1e-9)
        print(
            f"| {found.way} | {count / found.cpu:,.0f} | {count / found.wall:,.0f} | {alone:,.0f} "
            f"| {found.megabytes:.0f} |"
        )
    marks = range(MARK, count + 1, MARK)
    print(f"\nResident MB after so many rows:\n\n| way | {' | '.join(map(str, marks))} |\n|---|{'---|' * len(marks)}")
    for found in results:
        print(f"| {found.way} | {' | '.join(f'{megabytes:.0f}' for megabytes in found.memory)} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10_000)

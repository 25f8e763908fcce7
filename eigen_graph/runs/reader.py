"""Reading a ledger: counts, costs and rows, also while another process writes it."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from eigen_graph.core.errors import EigenGraphError
from eigen_graph.runs import schema
from eigen_graph.runs.coverage import Cell, Pair, count_cells, count_pairs
from eigen_graph.runs.rows import Fate, InstanceRow, PlanRow

_PAGE = 64
"""Rows fetched at a time: bounds memory, and no read holds the write-ahead log back for long."""


class LedgerError(EigenGraphError):
    """The ledger cannot be read or written."""


@dataclass(frozen=True)
class Counts:
    """How many instances came to what."""

    accepted: int = 0
    rejected: int = 0
    dropped: int = 0
    by_blame: dict[str, int] = field(default_factory=dict)
    """Of those not accepted."""
    by_stage: dict[str, int] = field(default_factory=dict)
    """Of those not accepted: where they ended."""

    @property
    def total(self) -> int:
        """All instances that ended."""
        return self.accepted + self.rejected + self.dropped


@dataclass(frozen=True)
class Spent:
    """What the model calls of a run came to, finished instances or not."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    """None when no call had a price."""
    unpriced_calls: int = 0
    """Calls whose price is unknown, not in `cost_usd`."""
    seconds: float = 0.0
    """Time spent waiting for models, summed over calls."""


class LedgerReader:
    """A ledger, read-only. Nothing here waits for the writer or holds it up.

    Args:
        path: The SQLite file.

    Raises:
        LedgerError: There is no ledger, it is of another version, or it is none.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise LedgerError(f"there is no ledger at {self.path}: resume the run to begin it")
        uri = f"{self.path.resolve().as_uri()}?mode=ro"
        if not os.access(self.path.parent, os.W_OK) and not Path(f"{self.path}-wal").exists():
            uri += "&immutable=1"  # SQLite would want to make its shared-memory file beside it
        self._reads = connect(uri)
        check_version(self._reads, self.path)

    def close(self) -> None:
        """Let go of the file."""
        self._reads.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def counts(self, generation: int | None = None) -> Counts:
        """How many instances were accepted, rejected and dropped, in all or in one generation."""
        fates, blames, stages = Counter[str](), Counter[str](), Counter[str]()
        for fate, stage, blame, count in self._reads.execute(
            "select fate, stage, blame, count(*) from instances where ?1 is null or generation = ?1 group by 1, 2, 3",
            (generation,),
        ):
            fates[fate] += count
            if fate != "accepted":
                blames[blame or "unknown"] += count
                stages[stage] += count
        return Counts(**fates, by_blame=dict(sorted(blames.items())), by_stage=dict(sorted(stages.items())))

    def spent(self) -> Spent:
        """Calls, tokens and money of the whole run; every call counts once, however often the run was interrupted."""
        query = """
            select total(calls), total(input_tokens), total(output_tokens), sum(cost_usd), total(unpriced_calls),
              total(seconds)
            from (
              select calls, input_tokens, output_tokens, cost_usd, unpriced_calls, seconds from usage union all
              select 1, input_tokens, output_tokens, cost_usd, cost_usd is null, seconds from replies)
        """
        calls, tokens_in, tokens_out, cost, unpriced, seconds = self._reads.execute(query).fetchone()
        return Spent(int(calls), int(tokens_in), int(tokens_out), cost, int(unpriced), seconds)

    def usage(self, instance: str | None = None) -> Iterator[dict[str, Any]]:
        """Calls summed up by instance, role and model, for finished instances: all, or one."""
        cursor = self._reads.execute(
            "select * from usage where ?1 is null or instance = ?1 order by instance, role, model", (instance,)
        )
        yield from map(dict, cursor)

    def spent_by_model(self) -> list[dict[str, Any]]:
        """As `spent`, a dict for each role and model (`role`, `model` and the sums under the names they have there)."""
        query = """
            select role, model, sum(calls) calls, sum(input_tokens) input_tokens, sum(output_tokens) output_tokens,
              sum(cost_usd) cost_usd, sum(unpriced_calls) unpriced_calls
            from (
              select role, model, calls, input_tokens, output_tokens, cost_usd, unpriced_calls from usage union all
              select role, model, 1, input_tokens, output_tokens, cost_usd, cost_usd is null from replies)
            group by role, model order by role, model
        """
        return [dict(found) for found in self._reads.execute(query)]

    def finished_ids(self, generation: int | None = None) -> set[str]:
        """Ids of the instances that have a row, whatever became of them."""
        query = "select id from instances where ?1 is null or generation = ?1"
        return {found[0] for found in self._reads.execute(query, (generation,))}

    def instance(self, instance_id: str) -> InstanceRow:
        """One row.

        Raises:
            LedgerError: There is none of that id.
        """
        found = self._reads.execute(f"{schema.SELECT_INSTANCE} where i.id = ?", (instance_id,)).fetchone()
        if found is None:
            first, last = self._reads.execute("select min(id), max(id) from instances").fetchone()
            known = f"its instances are {first} to {last}" if first else "it holds none yet"
            raise LedgerError(f"{self.path} holds no instance {instance_id!r}; {known}")
        return self._row(found)

    def instances(self, fate: Fate | None = None, *, generation: int | None = None) -> Iterator[InstanceRow]:
        """Rows in id order, a page at a time; rows added meanwhile may be among them."""
        query = f"""
            {schema.SELECT_INSTANCE}
            where i.id > ?1 and (?2 is null or i.fate = ?2) and (?3 is null or i.generation = ?3)
            order by i.id limit {_PAGE}
        """
        last = ""
        while page := self._reads.execute(query, (last, fate, generation)).fetchall():
            last = page[-1]["id"]
            for found in page:
                yield self._row(found)

    def plans(self, generation: int | None = None) -> Iterator[PlanRow]:
        """Plans in the order of their instances."""
        query = "select * from plans where ?1 is null or generation = ?1 order by generation, idx, id"
        for found in self._reads.execute(query, (generation,)).fetchall():
            yield schema.plan_from_sql(found)

    def cells(self) -> list[Cell]:
        """Every clause, tool and difficulty that was planned together, with how often it was accepted."""
        return count_cells(self._reads)

    def coverage(self) -> Counter[Pair]:
        """How often each clause and tool pair was accepted (an empty name: any); a planned hole is there, with 0."""
        return count_pairs(self._reads)

    def snapshot(self) -> Iterator[dict[str, Any]]:
        """All that must be equal between a resumed run and an uninterrupted one: no times, and nothing unfinished."""
        for plan in self.plans():
            yield {"plan": plan.to_json()}
        for row in self.instances():
            yield {"instance": row.comparable()}
        for usage in self.usage():
            del usage["seconds"]
            yield {"usage": usage}

    def _row(self, found: sqlite3.Row) -> InstanceRow:
        try:
            return schema.instance_from_sql(found)
        except ValueError as error:  # pydantic's and JSON's errors are some
            raise LedgerError(
                f"{self.path} is damaged at instance {found['id']!r}: {str(error).splitlines()[0]}; bring it back "
                f"from a copy, or start a new run"
            ) from error

    def _reply(self, key: str) -> dict[str, Any] | None:
        found = self._reads.execute("select reply from replies where key = ?", (key,)).fetchone()
        reply: dict[str, Any] | None = json.loads(found[0]) if found else None
        return reply


def connect(uri: str) -> sqlite3.Connection:
    """A connection without implicit transactions, whose rows know their columns' names.

    It may move between threads (Python's SQLite is serialized), as LangGraph's nodes do.
    """
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=30, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is no ledger of this version.

    Raises:
        LedgerError: It is not.
    """
    try:
        (version,) = connection.execute("pragma user_version").fetchone()
    except sqlite3.DatabaseError as error:
        connection.close()
        raise LedgerError(f"{path} is no ledger: {error}; bring it back from a copy, or start a new run") from error
    if version != schema.VERSION:
        connection.close()
        raise LedgerError(
            f"the ledger {path} has version {version}, this eigen_graph reads version {schema.VERSION}: "
            f"use the eigen_graph that wrote it (see run.json beside it), or start a new run"
        )

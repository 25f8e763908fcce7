"""Reading a ledger: counts, costs and rows, also while another process writes it."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from eigen_graph.core.errors import EigenGraphError
from eigen_graph.runs import schema
from eigen_graph.runs.coverage import Cell, Pair, count_cells, count_pairs
from eigen_graph.runs.lineage import CandidateRow, GenerationRow, LineageRow, NoteRow, RoundRow
from eigen_graph.runs.rows import EpisodeRow, Fate, InstanceRow, PlanRow
from eigen_graph.runs.spending import Cost, Spent, sum_by_model, sum_costs, sum_spent

_PAGE = 64
"""Rows fetched at a time: bounds memory, and no read holds the write-ahead log back for long."""
_WANTED = "(?1 is null or generation = ?1) and (?2 is null or arm = ?2) and (?3 is null or trial = ?3)"
_Lineage = TypeVar("_Lineage", bound=LineageRow)


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


class LedgerReader:
    """A ledger, read-only. Nothing here waits for the writer or holds it up.

    What was made for a trial is not in the data set: it is found only where `trial` names it (None: all there is).

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
        for statement in schema.VIEWS.get(check_version(self._reads, self.path), ()):
            self._reads.execute(statement)

    def close(self) -> None:
        """Let go of the file."""
        self._reads.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def counts(self, generation: int | None = None, *, arm: str | None = None, trial: str | None = "") -> Counts:
        """How many instances were accepted, rejected and dropped, in all or of one generation, arm or trial."""
        fates, blames, stages = Counter[str](), Counter[str](), Counter[str]()
        for fate, stage, blame, count in self._reads.execute(
            f"select fate, stage, blame, count(*) from instances where {_WANTED} group by 1, 2, 3",  # noqa: S608  # constants
            (generation, arm, trial),
        ):
            fates[fate] += count
            if fate != "accepted":
                blames[blame or "unknown"] += count
                stages[stage] += count
        return Counts(**fates, by_blame=dict(sorted(blames.items())), by_stage=dict(sorted(stages.items())))

    def count_reasons(self, beginning: str) -> int:
        """How many instances were not accepted for a reason that begins like this, trials left out."""
        (count,) = self._reads.execute(
            "select count(*) from instances "
            "where trial = '' and fate <> 'accepted' and substr(reason, 1, length(?1)) = ?1",
            (beginning,),
        ).fetchone()
        return int(count)

    def spent(self) -> Spent:
        """Calls, tokens and money of the whole run; every call counts once, however often the run was interrupted."""
        return sum_spent(self._reads)

    def trial_spent(self) -> Spent:
        """As `spent`, of the finished instances that are in a trial."""
        return sum_spent(self._reads, trials_only=True)

    def spent_by_model(self) -> list[dict[str, Any]]:
        """As `spent`, a dict for each role and model (`role`, `model` and the sums under the names they have there)."""
        return sum_by_model(self._reads)

    def costs(self, ids: Collection[str]) -> dict[str, Cost]:
        """What each of these finished instances cost, whatever it is for; one that made no call cost nothing."""
        return sum_costs(self._reads, ids)

    def usage(self, instance: str | None = None) -> Iterator[dict[str, Any]]:
        """Calls summed up by instance, role and model, for finished instances: all, or one."""
        cursor = self._reads.execute(
            "select * from usage where ?1 is null or instance = ?1 order by instance, role, model", (instance,)
        )
        yield from map(dict, cursor)

    def finished_ids(
        self, generation: int | None = None, *, arm: str | None = None, trial: str | None = ""
    ) -> set[str]:
        """Ids of the instances that have a row, whatever became of them."""
        query = f"select id from instances where {_WANTED}"  # noqa: S608  # constants
        return {found[0] for found in self._reads.execute(query, (generation, arm, trial))}

    def finished_among(self, ids: Collection[str]) -> set[str]:
        """Those of these instances that have a row, in a trial or not."""
        query = "select id from instances where id in (select value from json_each(?))"
        return {found[0] for found in self._reads.execute(query, (schema.dump_json(list(ids)),))}

    def instance(self, instance_id: str) -> InstanceRow:
        """One row.

        Raises:
            LedgerError: There is none of that id.
        """
        found = self._reads.execute(f"{schema.SELECT_INSTANCE} where i.id = ?", (instance_id,)).fetchone()
        if found is None:
            first, last = self._reads.execute("select min(id), max(id) from instances where trial = ''").fetchone()
            known = f"its instances are {first} to {last}" if first else "it holds none yet"
            raise LedgerError(f"{self.path} holds no instance {instance_id!r}; {known}")
        return self._row(found)

    def instances(
        self,
        fate: Fate | None = None,
        *,
        generation: int | None = None,
        arm: str | None = None,
        trial: str | None = "",
    ) -> Iterator[InstanceRow]:
        """Rows in id order, a page at a time; rows added meanwhile may be among them."""
        query = f"""
            {schema.SELECT_INSTANCE}
            where {_WANTED} and (?4 is null or fate = ?4) and i.id > ?5 order by i.id limit {_PAGE}
        """
        last = ""
        while page := self._reads.execute(query, (generation, arm, trial, fate, last)).fetchall():
            last = page[-1]["id"]
            for found in page:
                yield self._row(found)

    def plans(
        self, generation: int | None = None, *, arm: str | None = None, trial: str | None = ""
    ) -> Iterator[PlanRow]:
        """Plans in the order of their instances."""
        query = f"select * from plans where {_WANTED} order by generation, idx, id"  # noqa: S608  # constants
        for found in self._reads.execute(query, (generation, arm, trial)).fetchall():
            yield schema.plan_from_sql(found)

    def episodes(self) -> Iterator[EpisodeRow]:
        """Episodes of an evaluation by task and trial, a page at a time; rows added meanwhile may be among them."""
        last, query = "", f"select * from episodes where id > ? order by id limit {_PAGE}"  # noqa: S608  # a constant
        while page := self._reads.execute(query, (last,)).fetchall():
            last = page[-1]["id"]
            yield from map(self._episode, page)

    def episode(self, episode_id: str) -> EpisodeRow:
        """One of them.

        Raises:
            LedgerError: There is none of that id.
        """
        found = self._reads.execute("select * from episodes where id = ?", (episode_id,)).fetchone()
        if found is None:
            first, last = self._reads.execute("select min(id), max(id) from episodes").fetchone()
            known = f"its episodes are {first} to {last}" if first else "it holds none yet"
            raise LedgerError(f"{self.path} holds no episode {episode_id!r}; {known}")
        return self._episode(found)

    def episode_ids(self, status: str | None = None) -> set[str]:
        """Ids of the episodes that have a row: all, or those of one status."""
        query = "select id from episodes where ?1 is null or status = ?1"
        return {found[0] for found in self._reads.execute(query, (status,))}

    def cells(self) -> list[Cell]:
        """Every clause, tool and difficulty that was planned together, with how often it was accepted."""
        return count_cells(self._reads)

    def coverage(self) -> Counter[Pair]:
        """How often each clause and tool pair was accepted (an empty name: any); a planned hole is there, with 0."""
        return count_pairs(self._reads)

    def generations(self) -> list[GenerationRow]:
        """The accepted blueprints, in order."""
        champion = self.production_generation()  # read before the rows, so that it is among them
        found = self._lineage(GenerationRow)
        return [row.model_copy(update={"champion": row.number == champion}) for row in found]

    def generation(self, number: int) -> GenerationRow:
        """One of them.

        Raises:
            LedgerError: There is none of that number.
        """
        known = self.generations()
        for row in known:
            if row.number == number:
                return row
        numbers = ", ".join(str(row.number) for row in known)
        raise LedgerError(f"{self.path} holds no generation {number}; its generations: {numbers or 'none'}")

    def production_generation(self) -> int | None:
        """Number of the generation that production uses; None before the first was crowned."""
        found = self._reads.execute("select seq from lineage where kind = 'champion'").fetchone()
        return found[0] if found else None

    def champion(self) -> GenerationRow | None:
        """The generation that production uses."""
        number = self.production_generation()
        return None if number is None else self.generation(number)

    def candidates(self, round: int | None = None) -> list[CandidateRow]:  # noqa: A002  # as the column is called
        """The patches that were tried, of all rounds or one, in order."""
        return self._lineage(CandidateRow, round)

    def rounds(self) -> list[RoundRow]:
        """The rounds, in order."""
        return self._lineage(RoundRow)

    def notes(self) -> list[NoteRow]:
        """The notes, in order."""
        return self._lineage(NoteRow)

    def snapshot(self) -> Iterator[dict[str, Any]]:
        """All that must be equal between a resumed run and an uninterrupted one, trials and lineage included.

        No times, nothing unfinished, and not how many sessions it took.
        """
        for plan in self.plans(trial=None):
            yield {"plan": plan.to_json()}
        for row in self.instances(trial=None):
            yield {"instance": row.comparable()}
        for usage in self.usage():
            del usage["seconds"]
            yield {"usage": usage}
        for found in (*self.generations(), *self.candidates(), *self.rounds()):
            yield {found.WHAT: found.to_json()}
        yield from ({"episode": row.comparable()} for row in self.episodes())
        yield from ({"note": note.comparable()} for note in self.notes() if note.kind != "session")

    def _lineage(self, kind: type[_Lineage], round: int | None = None) -> list[_Lineage]:  # noqa: A002  # same
        rows = []
        for name, data in self._reads.execute(schema.SELECT_LINEAGE, (kind.WHAT, round)).fetchall():
            try:
                rows.append(kind.from_json(json.loads(data)))
            except ValueError as error:
                raise self._damaged(name, error) from error
        return rows

    def _row(self, found: sqlite3.Row) -> InstanceRow:
        try:
            return schema.instance_from_sql(found)
        except ValueError as error:  # pydantic's and JSON's errors are some
            raise self._damaged(f"instance {found['id']!r}", error) from error

    def _episode(self, found: sqlite3.Row) -> EpisodeRow:
        try:
            return schema.episode_from_sql(found)
        except ValueError as error:
            raise self._damaged(f"episode {found['id']!r}", error) from error

    def _damaged(self, where: str, error: ValueError) -> LedgerError:
        why = str(error).splitlines()[0]
        return LedgerError(f"{self.path} is damaged at {where}: {why}; bring it back from a copy, or start a new run")

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


def check_version(connection: sqlite3.Connection, path: Path) -> int:
    """The version of a ledger; refuses what this eigen_graph cannot read.

    Raises:
        LedgerError: It is not.
    """
    try:
        (version,) = connection.execute("pragma user_version").fetchone()
    except sqlite3.DatabaseError as error:
        connection.close()
        raise LedgerError(f"{path} is no ledger: {error}; bring it back from a copy, or start a new run") from error
    if not 1 <= version <= schema.VERSION:
        connection.close()
        raise LedgerError(
            f"the ledger {path} has version {version}, this eigen_graph reads versions 1 to {schema.VERSION}: "
            f"use the eigen_graph that wrote it (see run.json beside it), or start a new run"
        )
    return int(version)

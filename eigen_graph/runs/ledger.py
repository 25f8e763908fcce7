"""The truth of a run: one SQLite file with one writer, whose commits are shared by all who wait.

What was awaited is committed. Commits go to SQLite's write-ahead log, which belongs to the operating system the
moment they return: `kill -9` at any instant loses nothing that was awaited. `synchronous=NORMAL` leaves the fsync to
checkpoints, so a power cut may take back the last commits, as a whole and in order; a resumed run then makes those
rows again, which costs some calls and corrupts nothing.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from eigen_graph.runs import schema
from eigen_graph.runs.lineage import LineageRow, crown_to_sql, lineage_to_sql
from eigen_graph.runs.lock import RunLock
from eigen_graph.runs.reader import LedgerError, LedgerReader, check_version, connect
from eigen_graph.runs.rows import EpisodeRow, InstanceRow, PlanRow

if TYPE_CHECKING:  # the models' room loads their clients, which reading a run does without
    from eigen_graph.models import CallRecord

_MAX_BATCH = 512
"""Jobs that share a commit at most."""


@dataclass
class _Job:
    """Rows for one commit, and who waits for it."""

    done: asyncio.Future[None]
    plans: list[tuple[Any, ...]] = field(default_factory=list)
    replies: list[tuple[Any, ...]] = field(default_factory=list)
    texts: list[tuple[str]] = field(default_factory=list)
    instances: list[tuple[Any, ...]] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    """Scenes whose replies are no longer needed."""
    forget: list[str] = field(default_factory=list)
    """Instances and episodes whose rows are taken out, to be made again."""
    steps: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    """Statements with their parameters, run in order after all that is above."""


class Ledger(LedgerReader):
    """A ledger open for writing, by one process at a time. Use it as `async with Ledger(path) as ledger`.

    Args:
        path: The SQLite file; made when there is none.

    Raises:
        LedgerError: Another process writes it, it is of another version, is no ledger, or cannot be made.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._lock = RunLock(Path(f"{os.fspath(path)}.lock"))
        self._lock.acquire()
        try:
            self._writes = _open(Path(path))
            super().__init__(path)
        except BaseException:
            self._lock.release()
            raise
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_all, name="ledger", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._writer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._loop = None
        self._jobs.put(None)
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        self._writer.join()
        self.close()

    def close(self) -> None:
        """Let go of the file and its lock."""
        super().close()
        self._writes.close()
        self._lock.release()

    async def add_instance(self, row: InstanceRow) -> None:
        """Commit a finished instance; one that is there already stays as it is.

        Its cached replies go and its calls are summed up by role in the same transaction.

        Raises:
            LedgerError: It could not be written (disk full, say). Nothing of it was.
        """
        job = self._job()
        job.instances.append(schema.instance_to_sql(row))
        job.texts.append((schema.storable(row.agent_system),))
        job.finished.append(row.id)
        await self._commit(job)

    async def add_episode(self, row: EpisodeRow) -> None:
        """Commit a finished episode, as `add_instance` does an instance.

        The replies of one that the infrastructure broke off stay cached: it goes on from them when it is retried.

        Raises:
            LedgerError: It could not be written. Nothing of it was.
        """
        job = self._job()
        job.steps.append((schema.INSERT_EPISODE, schema.episode_to_sql(row)))
        if row.status != "infrastructure":
            job.finished.append(row.id)
        await self._commit(job)

    async def add_plans(self, rows: Iterable[PlanRow], *, scene: str | None = None) -> None:
        """Commit plans; those that are there already stay as they are.

        Args:
            rows: The plans.
            scene: The planner's scene, when these plans are all that its cached replies were for.

        Raises:
            LedgerError: They could not be written.
        """
        job = self._job()
        job.plans.extend(map(schema.plan_to_sql, rows))
        if scene is not None:
            job.finished.append(_instance_of(scene))
        await self._commit(job)

    async def record(self, call: CallRecord) -> None:
        """Commit a model call with its reply, so that a resumed run need not pay for it again.

        A call belongs to the instance that its scene is named after: `g0-000012`, or `g0-000012/anything`.

        Raises:
            LedgerError: It could not be written.
        """
        job = self._job()
        job.replies.append(
            (
                schema.storable(call.key),
                _instance_of(call.scene),
                call.role,
                schema.storable(call.model),
                call.input_tokens,
                call.output_tokens,
                call.cost_usd,
                call.seconds,
                schema.dump_json(call.reply),
            )
        )
        await self._commit(job)

    async def recall(self, key: str) -> dict[str, Any] | None:
        """The reply recorded under a key, while its instance is unfinished."""
        return await asyncio.to_thread(self._reply, key)

    async def forget(self, instance_ids: Sequence[str]) -> None:
        """Take rows out so that their instances or episodes are made again; what they cost stays counted.

        Raises:
            LedgerError: The ledger could not be written.
        """
        job = self._job()
        job.forget.extend(instance_ids)
        await self._commit(job)

    async def adopt(
        self, ids: Collection[str], *, generation: int, instead_of: Collection[str] = (), trial: str = ""
    ) -> None:
        """Take instances of a trial into the data set, with the plans that were made for them. Idempotent.

        Args:
            ids: The instances.
            generation: The generation they belong to from now on; their arm stays.
            instead_of: Instances that make room for them, as by `shelve`, in the same transaction.
            trial: Where those go.

        Raises:
            LedgerError: There is no such instance, or the ledger could not be written. Nothing was moved.
        """
        job = self._job()
        known = await asyncio.to_thread(self._known, ids)
        job.steps.extend((statement, (known, generation)) for statement in schema.ADOPT)
        if instead_of:
            job.steps.extend(await asyncio.to_thread(self._shelving, instead_of, trial))
        await self._commit(job)

    async def shelve(self, ids: Collection[str], trial: str) -> None:
        """Take instances out of the data set into a trial, with plans that nothing else in it uses. Idempotent.

        An instance that is in a trial stays in it.

        Raises:
            LedgerError: There is no such instance or no trial, or the ledger could not be written. Nothing was moved.
        """
        job = self._job()
        job.steps.extend(await asyncio.to_thread(self._shelving, ids, trial))
        await self._commit(job)

    async def put(self, *rows: LineageRow) -> None:
        """Write rows of the lineage, all or none, over those that are there under the same names.

        Raises:
            LedgerError: They could not be written.
        """
        job = self._job()
        job.steps.extend((schema.PUT_LINEAGE, values) for row in rows for values in lineage_to_sql(row))
        await self._commit(job)

    async def crown(self, number: int) -> None:
        """Let production use a generation from now on.

        Raises:
            LedgerError: There is none of that number, or the ledger could not be written.
        """
        job = self._job()
        row = await asyncio.to_thread(self.generation, number)
        job.steps.append((schema.PUT_LINEAGE, crown_to_sql(row.number)))
        await self._commit(job)

    def _shelving(self, ids: Collection[str], trial: str) -> list[tuple[str, tuple[Any, ...]]]:
        if not trial:
            raise LedgerError("instances leave the data set for a trial: name it")
        return [(statement, (self._known(ids), trial)) for statement in schema.SHELVE]

    def _known(self, ids: Collection[str]) -> str:
        """Ids as a parameter, when all of them have a row."""
        if missing := set(ids) - self.finished_among(ids):
            raise LedgerError(f"{self.path} holds no instance {min(missing)!r}")
        return schema.dump_json(sorted(ids))

    def _job(self) -> _Job:
        if self._loop is None:
            raise LedgerError(f"the ledger {self.path} is closed; write it inside `async with Ledger(...)`")
        return _Job(self._loop.create_future())

    async def _commit(self, job: _Job) -> None:
        self._jobs.put(job)
        await job.done

    def _write_all(self) -> None:
        """The writer thread: whatever has gathered while it committed is its next commit."""
        open_ = True
        while open_:
            batch = [self._jobs.get()]
            while len(batch) < _MAX_BATCH and not self._jobs.empty():
                batch.append(self._jobs.get_nowait())
            open_ = None not in batch
            jobs = [job for job in batch if job is not None]
            error = self._write(jobs)
            if jobs:
                jobs[0].done.get_loop().call_soon_threadsafe(_settle, jobs, error)

    def _write(self, jobs: list[_Job]) -> LedgerError | None:
        db = self._writes
        try:
            db.execute("begin immediate")
            if forgotten := [name for job in jobs for name in job.forget]:
                for statement in schema.FORGET:
                    db.execute(statement, (schema.dump_json(forgotten),))
            db.executemany(schema.INSERT_PLAN, [row for job in jobs for row in job.plans])
            db.executemany(schema.INSERT_REPLY, [row for job in jobs for row in job.replies])
            db.executemany(schema.INSERT_TEXT, {row for job in jobs for row in job.texts})
            db.executemany(schema.INSERT_INSTANCE, [row for job in jobs for row in job.instances])
            if finished := [name for job in jobs for name in job.finished]:
                names = (schema.dump_json(finished),)
                db.execute(schema.FOLD_REPLIES, names)
                db.execute(schema.DELETE_REPLIES, names)
            for statement, values in (step for job in jobs for step in job.steps):
                db.execute(statement, values)
            db.execute("commit")
        except Exception as error:  # noqa: BLE001  # an error that ended this thread would leave its waiters waiting
            if db.in_transaction:
                db.execute("rollback")
            return LedgerError(
                f"cannot write the ledger {self.path}: {error}; what was committed is safe, resume later"
            )
        return None


def _settle(jobs: list[_Job], error: LedgerError | None) -> None:
    for job in jobs:
        if job.done.done():  # its waiter was cancelled
            continue
        if error is None:
            job.done.set_result(None)
        else:
            job.done.set_exception(error)


def _instance_of(scene: str) -> str:
    return scene.partition("/")[0]


def _open(path: Path) -> sqlite3.Connection:
    """The writing connection, with the tables made when the file is new and upgraded when it is older."""
    try:
        db = connect(path.resolve().as_uri())
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = normal")
        db.execute("begin immediate")
        schema.prepare(db)
        db.execute("commit")
    except sqlite3.DatabaseError as error:
        raise LedgerError(
            f"cannot open the ledger {path}: {error}; bring it back from a copy, or start a new run"
        ) from error
    check_version(db, path)
    return db

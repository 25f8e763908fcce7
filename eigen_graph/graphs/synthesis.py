"""Run the orchestrator on a run folder: create or resume it, stream its progress, end it cleanly."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.context import Context
from eigen_graph.graphs.evolution import checkpointed as evolving
from eigen_graph.graphs.evolution import settings_of
from eigen_graph.graphs.evolving.settings import EvolutionSettings
from eigen_graph.graphs.orchestrator import RunRequest
from eigen_graph.graphs.orchestrator import checkpointed as producing
from eigen_graph.graphs.recording import begin_run, find_run, recorded
from eigen_graph.models import Budget, InfrastructureError, OutageError
from eigen_graph.runs import Ledger, LedgerError, RunFolder
from eigen_graph.runs.lineage import NoteRow

STEPS = 100_000
"""Steps of an outer graph at most: as good as any number."""


def thread_of(created: str, session: str = "") -> str:
    """The thread of a run in its checkpoints: a UUID, which is what LangGraph's server wants.

    Args:
        created: When the run was begun, by its `run.json`.
        session: A later evolution of it (`session_name`); empty: the run itself.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_URL, created + session))


def session_name(number: int) -> str:
    """The name of a later evolution of a run, counted from 1."""
    return f"/evolution-{number}"


@dataclass
class Run:
    """A run that is open: its ledger is locked by this process."""

    folder: RunFolder
    ledger: Ledger
    context: Context
    request: RunRequest

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: Path | str,
        context: Context,
        request: RunRequest | None = None,
        *,
        budget: Budget | None = None,
    ) -> AsyncIterator[Self]:
        """Create the run folder for a request, or open the run that is there when no request is given.

        Args:
            path: The run folder.
            context: Domain, models, limits.
            request: What to make; None resumes.
            budget: What may be spent, over all processes of the run.

        Raises:
            EigenGraphError: The folder cannot be used, is locked, or was made on another database; a setting of the
                evolution is wrong.
        """
        settings_of(request or {})
        folder = find_run(path, context) if request is None else begin_run(path, context, request, budget)
        request = request or cast("RunRequest", folder.info.settings["request"])
        async with recorded(context, folder, budget) as ledger:
            yield cls(folder, ledger, context, request)

    async def events(self, evolve: EvolutionSettings | None = None) -> AsyncIterator[dict[str, Any]]:
        """Run to the end, or on from where it was left; yields one event for each finished instance.

        Each event is `{"instance", "fate", "blame", "stage", "trial"}`, or `{"phase"}` in words when an evolving run
        does something else. Instances that an earlier process dropped because its server failed are made again.

        Args:
            evolve: Evolve the engine of a run that is there, from what it has made. Without it, the run does what its
                request says. An evolution that was interrupted goes on with the settings it was begun with.

        Raises:
            EigenGraphError: The run's own evolution is not over, or somebody is to be asked (`Context.approve`).
            RunPausedError: It was asked to stop.
            OutageError: The model server is gone.
            BudgetExceededError: The budget is spent.
            LedgerError: The ledger or the checkpoints cannot be written.
        """
        request, session = (self.request, "") if evolve is None else await self._session(evolve)
        if self.context.approve:
            raise EigenGraphError(
                "nobody is asked while a run folder is worked on: leave `approve` empty, or run the graph itself with "
                "a checkpointer of yours"
            )
        thread = thread_of(self.folder.info.created, session)
        config: RunnableConfig = {"configurable": {"thread_id": thread}, "recursion_limit": STEPS}
        try:
            async with AsyncSqliteSaver.from_conn_string(str(self.folder.checkpoints_path)) as saver:
                graph = evolving(saver) if "evolve" in request else producing(saver)
                state = (await graph.aget_state(config)).values
                await self._forget_dropped(state.get("tried", 0), f"r{state.get('round', 0)}")
                async for part in graph.astream(
                    None if state and state.get("ended") != "stopped" else request,
                    config,
                    context=self.context,
                    stream_mode="custom",
                    durability="sync",
                    version="v2",
                ):
                    yield part["data"]
        except InfrastructureError as error:  # no instance to drop: the planner's or the reflector's server is gone
            raise OutageError(f"stopping, nothing is lost; resume the run when this is put right: {error}") from error
        except sqlite3.OperationalError as error:
            raise LedgerError(
                f"cannot write {self.folder.checkpoints_path}: {error}; what was committed is safe, resume later"
            ) from error
        except sqlite3.DatabaseError as error:
            raise EigenGraphError(
                f"{self.folder.checkpoints_path} is damaged ({error}): remove it and resume, the ledger is enough"
            ) from error

    async def _session(self, settings: EvolutionSettings) -> tuple[RunRequest, str]:
        """The evolution of a run that is there: the one that was left unfinished, or a new one."""
        notes = self.ledger.notes()
        sessions = [note for note in notes if note.kind == "session"]
        told = [note.kind for note in notes if note.kind != "rollback"]
        over = not told or told[-1] != "session"
        if "evolve" in self.request and not any(note.kind == "ended" for note in notes):
            raise EigenGraphError(f"the run's own evolution is not over: eigen-graph resume {self.folder.path}")
        if over:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            data = {"evolve": settings.model_dump(mode="json")}
            sessions.append(NoteRow(seq=len(notes), at=now, kind="session", data=data))
            await self.ledger.put(sessions[-1])
        request: RunRequest = {**self.request, "evolve": sessions[-1].data["evolve"]}
        return request, session_name(len(sessions))

    async def _forget_dropped(self, first: int, trial: str) -> None:
        """Let what the batch or trial in work dropped be made again: the server may be back."""
        dropped = [
            row.id
            for row in self.ledger.instances("dropped", trial=None)
            if row.trial == trial or (not row.trial and row.index >= first)
        ]
        if dropped:
            await self.ledger.forget(dropped)

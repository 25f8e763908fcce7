"""Where a run is recorded: its folder, made or found again, and its ledger for as long as somebody writes to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from eigen_graph.checkers import database_digest
from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.context import Context
from eigen_graph.models import Budget
from eigen_graph.runs import Ledger, RunFolder

_FREE = frozenset({"base_url", "concurrency", "request_timeout"})
"""Settings that do not decide what is made."""
_SHORT = 120


def begin_run(
    path: Path | str, context: Context, request: Mapping[str, Any], budget: Budget | None = None
) -> RunFolder:
    """Make the folder of a new run; its `run.json` says all that it takes to resume it.

    Args:
        path: The folder, new or empty.
        context: Domain, models, limits.
        request: What to make (`RunRequest`).
        budget: What may be spent.

    Raises:
        EigenGraphError: The folder holds something, or cannot be written.
    """
    domain = context.resolved_domain
    settings = {"context": context.kept(), "request": dict(request), "budget": str(budget) if budget else None}
    return RunFolder.create(path, settings, domain=domain.name, database=database_digest(domain))


def find_run(path: Path | str, context: Context) -> RunFolder:
    """Find the folder of a run that is to go on.

    Raises:
        EigenGraphError: There is none, it does not say what was asked for, or it was made on another database.
    """
    folder = RunFolder.open(path)
    if not isinstance(folder.info.settings.get("request"), dict):
        raise EigenGraphError(f"{folder.path / 'run.json'} does not say what was asked for: start a new run")
    require_database(folder, context)
    return folder


def require_database(folder: RunFolder, context: Context) -> None:
    """Make sure that a run goes on with the data it was begun on.

    Raises:
        EigenGraphError: The domain's databases are others now.
    """
    digest = database_digest(context.resolved_domain)
    if folder.info.database != digest:
        raise EigenGraphError(
            f"the run in {folder.path} was made on database {folder.info.database} of domain {folder.info.domain!r}, "
            f"which is now {digest}: use the version that made it, or start a new run"
        )


def require_settings(folder: RunFolder, context: Context) -> None:
    """Make sure that a run goes on with the settings it was begun with.

    Raises:
        EigenGraphError: One differs that decides what is made.
    """
    begun, bundled = dict(folder.info.settings.get("context") or {}), Context().kept()
    for name, value in json.loads(json.dumps(context.kept())).items():
        was = begun.pop(name, bundled.get(name))
        if was != value and name not in _FREE:
            raise EigenGraphError(
                f"the run in {folder.path} was begun with {name} {_short(was)}, not {_short(value)}: go on with its "
                "own settings (run.json, `context`), or start a new run"
            )
    if left := sorted(begun.keys() - _FREE):
        raise EigenGraphError(
            f"the run in {folder.path} was begun with {left[0]} {_short(begun[left[0]])}, which is not set: go on with "
            "its own settings (run.json, `context`), or start a new run"
        )


def budget_of(folder: RunFolder) -> Budget | None:
    """What a run may spend, as it was begun."""
    text = folder.info.settings.get("budget")
    return Budget.parse(text) if text else None


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHORT else text[:_SHORT] + "…"


@asynccontextmanager
async def recorded(context: Context, folder: RunFolder, budget: Budget | None = None) -> AsyncIterator[Ledger]:
    """Record calls in a run's ledger and recall replies from it, within a budget; connections are closed at the end.

    Raises:
        EigenGraphError: The ledger cannot be written, or another process writes it.
    """
    async with await asyncio.to_thread(folder.ledger) as ledger:  # a server's loop must not wait for files
        await asyncio.to_thread(context.attach, ledger, budget)
        try:
            async with context.cast:
                yield ledger
        finally:
            context.attach(None)


def free_folder(domain: str) -> Path:
    """The first of runs/DOMAIN-1, runs/DOMAIN-2, ... that is not there yet."""
    number = 1
    while (folder := Path("runs") / f"{domain}-{number}").exists():
        number += 1
    return folder

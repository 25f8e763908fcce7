"""A run from the command line: followed to its end, drained by signals, summed up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from eigen_graph.cli.console import errors, out, print_json
from eigen_graph.cli.progress import RunProgress
from eigen_graph.core import EigenGraphError
from eigen_graph.graphs import Context, EvolutionSettings, Run, RunPausedError, RunRequest
from eigen_graph.models import Budget, BudgetExceededError, OutageError
from eigen_graph.runs import LedgerError, RunFolder


def is_pause(error: EigenGraphError) -> bool:
    """Whether an error ended a run that can simply be resumed."""
    return isinstance(error, RunPausedError | OutageError | BudgetExceededError)


def found(run: Path, base_url: str | None = None, concurrency: int | None = None) -> tuple[Context, str | None]:
    """The settings of a run that is there, and its budget.

    Args:
        run: The run folder.
        base_url: Another server than it was begun with.
        concurrency: Another number of instances at once.

    Raises:
        EigenGraphError: There is no run, or its settings cannot be used.
    """
    info = RunFolder.open(run).info
    settings = dict(info.settings.get("context") or {})
    settings |= {"base_url": base_url} if base_url else {}
    settings |= {"concurrency": concurrency} if concurrency else {}
    try:
        return Context.model_validate(settings), info.settings.get("budget")
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"]))
        raise EigenGraphError(
            f"{run / 'run.json'} cannot be used: setting {where}: {wrong['msg']}; start a new run"
        ) from error


async def follow(
    path: Path,
    context: Context,
    request: RunRequest | None,
    budget: str | None,
    *,
    as_json: bool,
    evolve: EvolutionSettings | None = None,
) -> None:
    """Run to the end and sum up, in words or as JSON.

    Args:
        path: The run folder.
        context: Domain, models, limits.
        request: What to make; None goes on with a run.
        budget: What may be spent.
        as_json: Print the summary as JSON, and no progress.
        evolve: Evolve the engine of the run that is there.

    Raises:
        typer.Exit: Fewer were accepted than asked for.
        EigenGraphError: It ended early, and can be resumed, or it cannot be run.
    """
    spend = Budget.parse(budget) if budget else None
    trials = evolve.budget if evolve else ((request or {}).get("evolve") or {}).get("budget")
    await context.preflight(spend, trials=Budget.parse(trials) if trials else None)
    async with Run.open(path, context, request, budget=spend) as run:
        progress = RunProgress(errors, run.request["count"], run.ledger.counts(), context.cast.meter, quiet=as_json)
        with drains(context, progress.note):
            await _follow(run, progress, evolve)
        summary = _summary(path, run)
    if as_json:
        print_json(summary)
    else:
        many = "1 accepted dialogue" if summary["accepted"] == 1 else f"{summary['accepted']:,} accepted dialogues"
        out.print(f"{many} in {path}", highlight=False, soft_wrap=True)
        for what in ("verify", "show", "export", *(["evolve log"] if "generation" in summary else [])):
            out.print(f"  eigen-graph {what} {path}", highlight=False, soft_wrap=True)
    if summary["accepted"] < summary["wanted"]:
        errors.print(
            f"{summary['wanted'] - summary['accepted']} fewer than asked for after {summary['tried']} tries; "
            f"`eigen-graph status {path}` says why",
            highlight=False,
            soft_wrap=True,
        )
        raise typer.Exit(1)


async def _follow(run: Run, progress: RunProgress, evolve: EvolutionSettings | None) -> None:
    """Run to the end; whatever stops it early says how to go on."""
    path = run.folder.path
    with resumable(f"eigen-graph {'resume' if evolve is None else 'evolve'} {path}", lambda: _best(run)):
        async with progress:
            progress.note(f"run folder: {path}")
            if judged_by := run.context.resolved_domain.judged_by:
                progress.note(f"judged by {judged_by}")
            async for event in run.events(evolve):
                progress.add(event)


@contextmanager
def resumable(again: str, best: Callable[[], str] = str) -> Iterator[None]:
    """Let whatever stops a run early say how to go on.

    Args:
        again: The command that goes on.
        best: Says what the run has come to; by default nothing.

    Raises:
        EigenGraphError: What stopped it.
    """
    try:
        yield
    except asyncio.CancelledError:
        raise RunPausedError(f"stopped at once; what is finished is kept: {again}{best()}") from None
    except RunPausedError:
        raise RunPausedError(f"stopped; what is finished is kept: {again}{best()}") from None
    except (OutageError, BudgetExceededError) as error:
        raise type(error)(f"{error} ({again}){best()}") from error
    except LedgerError as error:
        raise RunPausedError(f"{error} ({again})") from error


def _best(run: Run) -> str:
    """What an evolving run has come to when it stops early."""
    champion = run.ledger.champion()
    return f"; the best confirmed generation is {champion.number}" if champion else ""


def _summary(path: Path, run: Run) -> dict[str, Any]:
    counts, spent, champion = run.ledger.counts(), run.ledger.spent(), run.ledger.champion()
    evolved = {"generation": champion.number, "rounds": len(run.ledger.rounds())} if champion else {}
    return {
        "run": str(path),
        "wanted": run.request["count"],
        "accepted": counts.accepted,
        "rejected": counts.rejected,
        "dropped": counts.dropped,
        "by_blame": counts.by_blame,
        "tried": counts.total,
        "calls": spent.calls,
        "tokens": spent.input_tokens + spent.output_tokens,
        "cost_usd": spent.cost_usd,
        **evolved,
        **({"judged_by": judged_by} if (judged_by := run.context.resolved_domain.judged_by) else {}),
    }


@contextmanager
def drains(context: Context, say: Callable[[str], None]) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) lets what is in work finish; the second stops at once. Both can be resumed."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101  # called from a coroutine

    def on_signal() -> None:
        if context.stop.is_set():
            task.cancel()
        else:
            context.stop.set()
            say("stopping: what is in work is finished first (once more to stop at once)")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

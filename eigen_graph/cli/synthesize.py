"""`synthesize` and `resume`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from eigen_graph.cli.console import errors, out, print_json
from eigen_graph.cli.progress import RunProgress
from eigen_graph.core import EigenGraphError
from eigen_graph.graphs import Context, Run, RunPausedError, RunRequest
from eigen_graph.models import Budget, BudgetExceededError, OutageError
from eigen_graph.runs import RunFolder

_NOT_KEPT = {"workflow", "prompts"}

Model = Annotated[
    str,
    typer.Option(help="Model of every role: scripted, scripted?faults=0.3, openai:NAME.", show_default=True),
]
RoleModel = Annotated[str | None, typer.Option(help="Model of this role, if not --model.", show_default=False)]
BaseUrl = Annotated[
    str | None,
    typer.Option(envvar="OPENAI_BASE_URL", help="OpenAI-compatible server, ending in /v1.", show_default=False),
]
Concurrency = Annotated[int, typer.Option(min=1, max=1024, help="Dialogues in work at once.")]
BudgetText = Annotated[
    str | None, typer.Option("--budget", help="Stop at this: $5, 5usd or 2Mtokens.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, no progress.")]


def synthesize(  # noqa: PLR0917  # one parameter an option is how Typer works
    domain: Annotated[str, typer.Argument(help="hotel, broadband, package.module:attribute, or file.py:attribute.")],
    count: Annotated[int, typer.Option(min=1, help="Accepted dialogues wanted.")] = 20,
    model: Model = "scripted",
    planner_model: RoleModel = None,
    writer_model: RoleModel = None,
    user_model: RoleModel = None,
    agent_model: RoleModel = None,
    reviewer_model: RoleModel = None,
    base_url: BaseUrl = None,
    run_folder: Annotated[
        Path | None, typer.Option("--out", help="Run folder, new or empty. Default: runs/DOMAIN-N.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed and models, same run.")] = 0,
    concurrency: Concurrency = 16,
    budget: BudgetText = None,
    max_tries: Annotated[
        int | None,
        typer.Option(min=1, help="Dialogues begun at most. Default: twice --count, and 8.", show_default=False),
    ] = None,
    plans: Annotated[int, typer.Option(min=1, max=4096, help="Plan pairs a batch at most.")] = 64,
    timeout: Annotated[float, typer.Option(min=0.1, help="Longest wait for one model reply, in seconds.")] = 120.0,
    as_json: AsJson = False,
) -> None:
    """Write verified dialogues of a DOMAIN into a run folder.

    Offline by default: `scripted` plays every role from the domain's playbook. With `--model openai:NAME` and, for a
    server of your own, `--base-url URL`, the same graphs run on a real model (key in OPENAI_API_KEY).
    """
    context = Context(
        domain=domain,
        model=model,
        planner_model=planner_model,
        writer_model=writer_model,
        user_model=user_model,
        agent_model=agent_model,
        reviewer_model=reviewer_model,
        base_url=base_url,
        concurrency=concurrency,
        request_timeout=timeout,
    )
    request = RunRequest(count=count, plans=plans, seed=seed)
    if max_tries is not None:
        request["max_tries"] = max_tries
    context.resolved_domain  # noqa: B018  # an unknown domain is told before a folder is made
    asyncio.run(
        _run(run_folder or _next_folder(context.resolved_domain.name), context, request, budget, as_json=as_json)
    )


def resume(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    base_url: BaseUrl = None,
    concurrency: Annotated[int | None, typer.Option(min=1, max=1024, help="Dialogues in work at once.")] = None,
    budget: BudgetText = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a run that was stopped, killed, or ran out of budget. What is finished is not made again."""
    info = RunFolder.open(run).info
    settings = dict(info.settings.get("context", {}))
    settings |= {"base_url": base_url} if base_url else {}
    settings |= {"concurrency": concurrency} if concurrency else {}
    context = Context.model_validate(settings)
    asyncio.run(_run(run, context, None, budget or info.settings.get("budget"), as_json=as_json))


def is_pause(error: EigenGraphError) -> bool:
    """Whether an error ended a run that can simply be resumed."""
    return isinstance(error, RunPausedError | OutageError | BudgetExceededError)


async def _run(path: Path, context: Context, request: RunRequest | None, budget: str | None, *, as_json: bool) -> None:
    spend = Budget.parse(budget) if budget else None
    settings = {"context": context.model_dump(mode="json", exclude=_NOT_KEPT), "budget": budget}
    await context.preflight(spend)
    async with Run.open(path, context, request, budget=spend, settings=settings) as run:
        meter, accepted = context.cast.meter, run.ledger.counts().accepted
        progress = RunProgress(errors, run.request["count"], accepted, meter, quiet=as_json)
        with progress, _drains(context, progress):
            try:
                async for event in run.events():
                    progress.add(event)
            except asyncio.CancelledError:
                raise RunPausedError(f"stopped; what is finished is kept: eigen-graph resume {path}") from None
            except EigenGraphError as error:
                if is_pause(error):
                    raise type(error)(f"{error} (eigen-graph resume {path})") from error
                raise
        summary = _summary(path, run)
    if as_json:
        print_json(summary)
    else:
        out.print(f"{summary['accepted']} accepted dialogues in {path}", highlight=False)
        out.print(
            f"next: eigen-graph verify {path}; eigen-graph export {path}; eigen-graph show {path}", highlight=False
        )
    if summary["accepted"] < summary["wanted"]:
        errors.print(
            f"{summary['wanted'] - summary['accepted']} fewer than asked for after {summary['tried']} tries; "
            f"`eigen-graph status {path}` says why",
            highlight=False,
        )
        raise typer.Exit(1)


def _summary(path: Path, run: Run) -> dict[str, Any]:
    counts, spent = run.ledger.counts(), run.ledger.spent()
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
    }


@contextmanager
def _drains(context: Context, progress: RunProgress) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) lets what is in work finish; the second stops at once. Both can be resumed."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101  # called from a coroutine

    def on_signal() -> None:
        if context.stop.is_set():
            task.cancel()
        else:
            context.stop.set()
            progress.note("stopping: what is in work is finished first (again to stop at once)")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _next_folder(domain: str) -> Path:
    """The first free runs/DOMAIN-N."""
    number = 1
    while (folder := Path("runs") / f"{domain}-{number}").exists():
        number += 1
    return folder

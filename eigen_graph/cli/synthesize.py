"""`synthesize` and `resume`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from eigen_graph.cli.console import errors, out, print_json
from eigen_graph.cli.progress import RunProgress
from eigen_graph.core import EigenGraphError
from eigen_graph.graphs import Context, Run, RunPausedError, RunRequest
from eigen_graph.graphs.recording import free_folder
from eigen_graph.models import Budget, BudgetExceededError, OutageError
from eigen_graph.runs import LedgerError, RunFolder

Model = Annotated[
    str,
    typer.Option(
        metavar="MODEL", help="Who plays every role: scripted, scripted?faults=0.3, openai:NAME.", show_default=True
    ),
]


def _role(what: str) -> Any:
    return typer.Option(metavar="MODEL", help=f"Who {what}, if not --model.", show_default=False)


BaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="OPENAI_BASE_URL",
        help="Server of the openai: models, ending in /v1. Default: OpenAI's.",
        show_default=False,
    ),
]
BudgetText = Annotated[
    str | None,
    typer.Option(
        "--budget", metavar="AMOUNT", help="Stop when this is spent: $5, 5usd or 2Mtokens.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON and no progress.")]


def synthesize(  # noqa: PLR0917  # one parameter an option is how Typer works
    domain: Annotated[
        str,
        typer.Argument(metavar="DOMAIN", help="hotel, broadband, package.module:attribute, or file.py:attribute."),
    ],
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many accepted dialogues are wanted.")] = 20,
    model: Model = "scripted",
    planner_model: Annotated[str | None, _role("plans what to cover")] = None,
    writer_model: Annotated[str | None, _role("writes the tasks")] = None,
    verifier_model: Annotated[str | None, _role("checks the tasks, where the workflow has a verifier")] = None,
    user_model: Annotated[str | None, _role("plays the user")] = None,
    agent_model: Annotated[str | None, _role("plays the agent")] = None,
    reviewer_model: Annotated[str | None, _role("reviews the dialogues")] = None,
    reflector_model: Annotated[str | None, _role("proposes changes when a run evolves")] = None,
    base_url: BaseUrl = None,
    run_folder: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", help="Run folder, new or empty. Default: runs/DOMAIN-N.", show_default=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed and models give the same run.")] = 0,
    concurrency: Annotated[
        int, typer.Option(min=1, max=1024, metavar="N", help="How many dialogues are in work at once.")
    ] = 16,
    budget: BudgetText = None,
    max_tries: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Dialogues begun at most. Default: twice --count and 8 more.", show_default=False
        ),
    ] = None,
    plans: Annotated[int, typer.Option(min=1, max=4096, metavar="N", help="Plans made at a time, at most.")] = 64,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="Longest wait for one reply of a model.")
    ] = 120.0,
    as_json: AsJson = False,
) -> None:
    """Write verified dialogues of a DOMAIN into a run folder.

    Offline by default: `scripted` plays every role from the domain's playbook. With `--model openai:NAME`, a real
    model does; its key is read from OPENAI_API_KEY, a server of your own is named by `--base-url`.
    """
    context = Context(
        domain=domain,
        model=model,
        planner_model=planner_model,
        writer_model=writer_model,
        verifier_model=verifier_model,
        user_model=user_model,
        agent_model=agent_model,
        reviewer_model=reviewer_model,
        reflector_model=reflector_model,
        base_url=base_url,
        concurrency=concurrency,
        request_timeout=timeout,
    )
    request = RunRequest(count=count, plans=plans, seed=seed)
    if max_tries is not None:
        request["max_tries"] = max_tries
    path = run_folder or free_folder(context.resolved_domain.name)
    asyncio.run(_run(path, context, request, budget, as_json=as_json))


def resume(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    base_url: BaseUrl = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=1024, metavar="N", help="How many dialogues are in work at once.")
    ] = None,
    budget: BudgetText = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a run that was stopped, killed, or ran out of budget.

    What is finished is not made again, what was paid for is not paid twice. Models, seed and count are the run's own.
    """
    info = RunFolder.open(run).info
    settings = dict(info.settings.get("context") or {})
    settings |= {"base_url": base_url} if base_url else {}
    settings |= {"concurrency": concurrency} if concurrency else {}
    try:
        context = Context.model_validate(settings)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"]))
        raise EigenGraphError(
            f"{run / 'run.json'} cannot be used: setting {where}: {wrong['msg']}; start a new run"
        ) from error
    asyncio.run(_run(run, context, None, budget or info.settings.get("budget"), as_json=as_json))


def is_pause(error: EigenGraphError) -> bool:
    """Whether an error ended a run that can simply be resumed."""
    return isinstance(error, RunPausedError | OutageError | BudgetExceededError)


async def _run(path: Path, context: Context, request: RunRequest | None, budget: str | None, *, as_json: bool) -> None:
    spend = Budget.parse(budget) if budget else None
    await context.preflight(spend)
    async with Run.open(path, context, request, budget=spend) as run:
        progress = RunProgress(errors, run.request["count"], run.ledger.counts(), context.cast.meter, quiet=as_json)
        with _drains(context, progress.note):
            await _follow(run, progress)
        summary = _summary(path, run)
    if as_json:
        print_json(summary)
    else:
        many = "1 accepted dialogue" if summary["accepted"] == 1 else f"{summary['accepted']:,} accepted dialogues"
        out.print(f"{many} in {path}", highlight=False, soft_wrap=True)
        for what in ("verify", "show", "export"):
            out.print(f"  eigen-graph {what} {path}", highlight=False, soft_wrap=True)
    if summary["accepted"] < summary["wanted"]:
        errors.print(
            f"{summary['wanted'] - summary['accepted']} fewer than asked for after {summary['tried']} tries; "
            f"`eigen-graph status {path}` says why",
            highlight=False,
            soft_wrap=True,
        )
        raise typer.Exit(1)


async def _follow(run: Run, progress: RunProgress) -> None:
    """Run to the end; whatever stops it early says how to go on."""
    path = run.folder.path
    try:
        async with progress:
            progress.note(f"run folder: {path}")
            async for event in run.events():
                progress.add(event)
    except asyncio.CancelledError:
        raise RunPausedError(f"stopped at once; what is finished is kept: eigen-graph resume {path}") from None
    except RunPausedError:
        raise RunPausedError(f"stopped; what is finished is kept: eigen-graph resume {path}") from None
    except (OutageError, BudgetExceededError) as error:
        raise type(error)(f"{error} (eigen-graph resume {path})") from error
    except LedgerError as error:
        raise RunPausedError(f"{error} (eigen-graph resume {path})") from error


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
def _drains(context: Context, say: Callable[[str], None]) -> Iterator[None]:
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

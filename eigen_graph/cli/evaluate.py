"""`eval`: evaluate an agent on a domain's tasks."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from eigen_graph.cli.console import errors, out, print_json
from eigen_graph.cli.figures import figures
from eigen_graph.cli.progress import EpisodeProgress
from eigen_graph.cli.running import drains, resumable
from eigen_graph.cli.synthesize import AsJson, BaseUrl, BudgetText
from eigen_graph.evaluation.engine import Evaluation
from eigen_graph.evaluation.folder import context_for, free_folder, plays_cases
from eigen_graph.evaluation.settings import SEED, EvaluationSettings
from eigen_graph.graphs import Context
from eigen_graph.models import Budget
from eigen_graph.runs import Counts

_TASKS, _RULES, _LIMITS = "Tasks", "Rules", "Limits"


class Basis(StrEnum):
    """By what is judged."""

    TAU2 = "tau2"
    EIGEN = "eigen"
    OWN = "own"


class Briefing(StrEnum):
    """Whose wording."""

    BENCHMARK = "benchmark"
    EIGEN = "eigen"


def eval_(  # noqa: PLR0917  # one parameter an option is how Typer works
    domain: Annotated[
        str,
        typer.Argument(
            metavar="DOMAIN",
            help="tau2:airline, tau2:retail, tau2:telecom, hotel, broadband, package.module:attribute, or "
            "file.py:attribute.",
        ),
    ],
    agent: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="Who is evaluated: openai:NAME, hf:FOLDER, scripted, scripted?faults=0.3; or an agent of your own, a "
            "LangGraph graph or Runnable over messages: package.module:graph or path/to/file.py:graph.",
        ),
    ] = "scripted",
    user: Annotated[str, typer.Option(metavar="MODEL", help="Who plays the user.")] = "scripted",
    judge: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Who decides the statements that some tasks make about a dialogue. Default: nobody, such episodes "
            "stay unjudged.",
            show_default=False,
        ),
    ] = None,
    base_url: BaseUrl = None,
    trials: Annotated[int, typer.Option(min=1, max=1000, metavar="K", help="How often each task is played.")] = 4,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Which of the domain's tasks: train, test, base, ... Default: the domain's own default (tau2: base).",
            show_default=False,
            rich_help_panel=_TASKS,
        ),
    ] = None,
    tasks: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Only the first N of them. In a domain without tasks, how many its playbook acts out; default: 20.",
            show_default=False,
            rich_help_panel=_TASKS,
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID",
            help="Only this task; may be given more than once.",
            rich_help_panel=_TASKS,
            show_default=False,
        ),
    ] = None,
    task_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Tasks from a file instead: tau2's task JSON, or tasks.json or rl.jsonl of an export.",
            show_default=False,
            rich_help_panel=_TASKS,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="The trials' seeds are drawn from it as tau2 does; and so are tasks that a playbook acts out.",
            rich_help_panel=_TASKS,
        ),
    ] = SEED,
    basis: Annotated[
        Basis | None,
        typer.Option(
            help="tau2: judged as tau2 does, to the letter. eigen: the same criteria, by our rules. own: each task's "
            "own checker. Default: tau2 for its domains, else own.",
            show_default=False,
            rich_help_panel=_RULES,
        ),
    ] = None,
    briefing: Annotated[
        Briefing | None,
        typer.Option(
            help="Whose system messages both sides are given: the benchmark's, where there is one (the default), or "
            "ours.",
            show_default=False,
            rich_help_panel=_RULES,
        ),
    ] = None,
    max_steps: Annotated[
        int | None,
        typer.Option(
            min=4,
            max=1000,
            metavar="N",
            help="Longest dialogue. Default: 200 in tau2's domains, else 100.",
            show_default=False,
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    max_errors: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Failed calls of one dialogue, both sides.", rich_help_panel=_LIMITS),
    ] = 10,
    concurrency: Annotated[
        int,
        typer.Option(
            min=1, max=1024, metavar="N", help="How many dialogues are in work at once.", rich_help_panel=_LIMITS
        ),
    ] = 16,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.1, metavar="SECONDS", help="Longest wait for one reply of a model.", rich_help_panel=_LIMITS
        ),
    ] = 120.0,
    budget: BudgetText = None,
    run_folder: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", help="Run folder, new or empty. Default: runs/eval-DOMAIN-N.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate an agent on the tasks of a DOMAIN: every task, played some times with a simulated user, and judged.

    Prints pass^1 to pass^k, each with its 95 % interval over tasks, beside the floors: what agents that do nothing, or
    hand over at once, get on the same tasks. All episodes are in RUN/results.json.

    An episode that a failing server broke off counts apart, never as 0; `eigen-graph resume RUN` plays it again, and
    goes on with an evaluation that was stopped or killed.
    """
    settings = EvaluationSettings(
        split=split,
        task_file=str(task_file) if task_file else None,
        count=tasks,
        task_ids=tuple(task or ()),
        trials=trials,
        seed=seed,
        basis=basis.value if basis else None,
        briefing=briefing.value if briefing else None,
    )
    context = context_for(
        domain,
        agent=agent,
        user=user,
        judge=judge,
        base_url=base_url,
        concurrency=concurrency,
        request_timeout=timeout,
        max_steps=max_steps,
        max_errors=max_errors,
    )
    path = run_folder or free_folder(context.resolved_domain.name)
    asyncio.run(assess(path, context, settings, budget, as_json=as_json))


async def assess(
    path: Path, context: Context, settings: EvaluationSettings | None, budget: str | None, *, as_json: bool
) -> None:
    """Evaluate to the end and sum up, in words or as JSON.

    Args:
        path: The run folder.
        context: Who plays, within which limits.
        settings: Which tasks, how often, judged how; None goes on with what is there.
        budget: What may be spent.
        as_json: Print the summary as JSON, and no progress.

    Raises:
        typer.Exit: Episodes were lost to the infrastructure.
        EigenGraphError: It ended early, and can be resumed, or it cannot be run.
    """
    spend = Budget.parse(budget) if budget else None
    async with Evaluation.open(path, context, settings, budget=spend) as evaluation:
        standing = evaluation.standing()
        before = Counts(accepted=standing.total(), by_blame=dict(standing))
        progress = EpisodeProgress(errors, evaluation.total, before, context.cast.meter, quiet=as_json)
        with drains(context, progress.note), resumable(f"eigen-graph resume {path}"):
            async with progress:
                progress.note(f"run folder: {path}")
                if plays_cases(context.model) != plays_cases(context.user_model or context.model):
                    progress.note("note: `scripted` does not listen to the other side: such figures mean little")
                await evaluation.play(progress.add)
        results, summary = await asyncio.to_thread(evaluation.results)
        file = evaluation.save(results)
    if as_json:
        print_json(
            {"run": str(path), "results": str(file), "info": results.info.model_dump(mode="json")} | summary.to_json()
        )
    else:
        out.print(figures(results.info, summary), highlight=False)
        out.print(f"every episode: {file}", highlight=False, soft_wrap=True)
    if summary.infrastructure:
        errors.print(
            f"{summary.infrastructure} of {evaluation.total} episodes were broken off by the infrastructure and count "
            f"for nothing: eigen-graph resume {path}",
            highlight=False,
            soft_wrap=True,
        )
        raise typer.Exit(1)

"""`synthesize`."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from eigen_graph.cli import evolving
from eigen_graph.cli.running import follow
from eigen_graph.graphs import Context, RunRequest
from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.recording import free_folder


class Level(StrEnum):
    """How hard a task is."""

    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"


Model = Annotated[
    str,
    typer.Option(
        metavar="MODEL",
        help="Who plays every role: scripted, scripted?faults=0.3, openai:NAME, hf:FOLDER.",
        show_default=True,
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
Concurrency = Annotated[
    int | None, typer.Option(min=1, max=1024, metavar="N", help="How many dialogues are in work at once.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON and no progress.")]


def synthesize(  # noqa: PLR0917  # one parameter an option is how Typer works
    domain: Annotated[
        str,
        typer.Argument(
            metavar="DOMAIN",
            help="hotel, broadband, your own folder or domain.yaml, package.module:attr, file.py:attr.",
        ),
    ],
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many accepted dialogues are wanted.")] = 20,
    model: Model = "scripted",
    planner_model: Annotated[str | None, _role("plans what to cover")] = None,
    writer_model: Annotated[str | None, _role("writes the tasks")] = None,
    verifier_model: Annotated[str | None, _role("checks the tasks, where the workflow has a verifier")] = None,
    user_model: Annotated[str | None, _role("plays the user")] = None,
    agent_model: Annotated[str | None, _role("plays the agent, or an agent of your own (package.module:graph)")] = None,
    reviewer_model: Annotated[str | None, _role("reviews the dialogues")] = None,
    reflector_model: Annotated[str | None, _role("proposes changes when a run evolves")] = None,
    base_url: BaseUrl = None,
    clause: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER", help="Only for this policy clause; may be given more than once.", show_default=False
        ),
    ] = None,
    difficulty: Annotated[
        list[Level] | None, typer.Option(help="Only of this difficulty; may be given more than once.")
    ] = None,
    workflow: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Workflow, prompts, plan rules and limits that an evolution came to (RUN/workflow), of any domain.",
            show_default=False,
        ),
    ] = None,
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
    evolve: Annotated[
        bool,
        typer.Option(
            "--evolve", help="Let the engine improve itself first, then make the rest.", rich_help_panel=evolving.PANEL
        ),
    ] = False,
    rounds: evolving.Rounds = evolving.ROUNDS,
    proposals: evolving.Proposals = evolving.PROPOSALS,
    patience: evolving.Patience = evolving.PATIENCE,
    pilot: evolving.Pilot = evolving.PILOT,
    lineages: evolving.Lineages = evolving.LINEAGES,
    trial_budget: evolving.TrialBudget = None,
    level: evolving.Level = evolving.LEVEL,
    min_effect: evolving.MinEffect = evolving.MIN_EFFECT,
    looks: evolving.Looks = evolving.LOOKS,
    objective: evolving.Objective = evolving.OBJECTIVE,
) -> None:
    """Write verified dialogues of a DOMAIN into a run folder.

    Offline by default: `scripted` plays every role from the domain's playbook. With `--model openai:NAME`, a real
    model does; its key is read from OPENAI_API_KEY, a server of your own is named by `--base-url`.

    With `--evolve` it first reflects on its failures, patches its workflow and prompts, and keeps a patch only when a
    paired test on fresh tasks says that it helped. `eigen-graph evolve log RUN` explains what came of it.
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
        clauses=tuple(clause or ()),
        difficulties=tuple(level.value for level in difficulty or ()),
    )
    if workflow is not None:
        context = Blueprint.read(workflow).on(context)
    request = RunRequest(count=count, plans=plans, seed=seed)
    if max_tries is not None:
        request["max_tries"] = max_tries
    if evolve:
        chosen = evolving.settings(
            rounds=rounds,
            proposals=proposals,
            patience=patience,
            pilot=pilot,
            lineages=lineages,
            budget=trial_budget,
            level=level,
            min_effect=min_effect,
            looks=looks,
            objective=objective,
        )
        request["evolve"] = chosen.model_dump(mode="json")
    path = run_folder or free_folder(context.resolved_domain.name)
    asyncio.run(follow(path, context, request, budget, as_json=as_json))

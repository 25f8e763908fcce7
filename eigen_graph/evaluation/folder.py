"""An evaluation's run folder: what was asked for, so that it goes on as it was begun, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from pydantic import ValidationError

from eigen_graph.checkers import database_digest
from eigen_graph.core import Domain, EigenGraphError, TaskSet
from eigen_graph.domains import load_domain
from eigen_graph.evaluation.results import EvaluationInfo
from eigen_graph.evaluation.settings import EvaluationSettings
from eigen_graph.graphs import Context
from eigen_graph.graphs.recording import require_database
from eigen_graph.models import Budget, ModelLike, ModelSpec, OwnAgent, ScriptedChat
from eigen_graph.runs import RunFolder

KEY = "evaluation"
"""Where `run.json` says what was asked for; a run without it is none of ours."""
_FREE = frozenset({"created", "eigen_graph", "python"})
"""What may differ when an evaluation goes on."""
_TAU2_STEPS = 200


def context_for(
    domain: str | Domain,
    *,
    agent: ModelLike = "scripted",
    user: str | BaseChatModel = "scripted",
    judge: str | BaseChatModel | None = None,
    max_steps: int | None = None,
    **limits: Any,
) -> Context:
    """Who plays where, within which limits: tau2's for a domain that words its own benchmark.

    Args:
        domain: The domain, or its name.
        agent: Who is evaluated: a model, or an agent of one's own.
        user: Who plays the user.
        judge: Who decides statements about a dialogue; None: nobody.
        max_steps: Of one dialogue; 200 in a benchmark (tau2), else as in a synthesis.
        limits: Other settings of a `Context`, such as `concurrency`, `base_url` or `max_errors`; None: its default.

    Raises:
        EigenGraphError: There is no such domain, or a setting is out of bounds.
    """
    resolved = load_domain(domain) if isinstance(domain, str) else domain
    if resolved.briefing is not None:
        limits |= {"limits": "tau2", "max_steps": max_steps or _TAU2_STEPS}
    elif max_steps is not None:
        limits["max_steps"] = max_steps
    given = {name: value for name, value in limits.items() if value is not None}
    try:
        # Roles that nobody needs here are the agent's, so that they ask for no model of their own.
        return Context(domain=domain, model=agent, user_model=user, judge_model=judge, **given)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise EigenGraphError(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from error


def info_of(context: Context, settings: EvaluationSettings, tasks: TaskSet) -> EvaluationInfo:
    """What an evaluation will be one of."""
    domain = context.resolved_domain
    own = tasks is domain.tasks
    return EvaluationInfo(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        domain=domain.name,
        database=database_digest(domain),
        split=(settings.split or tasks.default or None) if own else None,
        task_digest=tasks.digest,
        task_source=tasks.source,
        basis=settings.basis_in(domain),
        briefing=settings.briefing_in(domain),
        agent=name_of(context.model),
        user=name_of(context.user_model or context.model),
        judge=name_of(context.judge_model) if context.judge_model else None,
        trials=settings.trials,
        seed=settings.seed,
        max_steps=context.max_steps,
        max_errors=context.max_errors,
    )


def begin(
    path: Path | str,
    context: Context,
    settings: EvaluationSettings,
    info: EvaluationInfo,
    *,
    episodes: int,
    budget: Budget | None,
) -> RunFolder:
    """Make the folder of a new evaluation.

    Args:
        path: The folder, new or empty.
        context: Who plays, within which limits.
        settings: What was asked for.
        info: What it will be one of.
        episodes: How many it will have.
        budget: What may be spent.

    Raises:
        EigenGraphError: The folder holds something, or cannot be written.
    """
    asked = {"settings": settings.model_dump(mode="json"), "info": info.model_dump(mode="json"), "episodes": episodes}
    kept = {"context": context.kept(), KEY: asked, "budget": str(budget) if budget else None}
    return RunFolder.create(path, kept, domain=info.domain, database=info.database)


def is_evaluation(folder: RunFolder) -> bool:
    """Whether a run is one."""
    return KEY in folder.info.settings


def find(path: Path | str) -> tuple[RunFolder, EvaluationSettings, EvaluationInfo]:
    """The evaluation that is in a folder, with what was asked for.

    Raises:
        EigenGraphError: There is none, or its settings cannot be used.
    """
    folder = RunFolder.open(path)
    if not is_evaluation(folder):
        raise EigenGraphError(f"the run in {path} is no evaluation: choose another folder")
    try:
        asked = folder.info.settings[KEY]
        return (
            folder,
            EvaluationSettings.model_validate(asked["settings"]),
            EvaluationInfo.model_validate(asked["info"]),
        )
    except (KeyError, TypeError, ValidationError) as error:
        raise EigenGraphError(f"{folder.path / 'run.json'} is damaged: start a new evaluation") from error


def go_on(path: Path | str, context: Context, settings: EvaluationSettings, info: EvaluationInfo) -> RunFolder:
    """The folder of an evaluation that goes on, where all is as it was.

    Raises:
        EigenGraphError: The tasks, the databases or a setting are others: results must not be mixed.
    """
    folder, was_asked, was = find(path)
    require_database(folder, context)
    if was.task_digest != info.task_digest:
        raise EigenGraphError(
            f"the evaluation in {path} was begun on tasks {was.task_digest} ({was.task_source}), which are now "
            f"{info.task_digest} ({info.task_source}): use the version that it was begun with, or start a new one"
        )
    for before, now in ((was_asked, settings), (was, info)):
        for name, value in before.model_dump(mode="json").items():
            if name not in _FREE and (other := now.model_dump(mode="json")[name]) != value:
                raise EigenGraphError(
                    f"the evaluation in {path} was begun with {name} {value!r}, not {other!r}: go on with what it was "
                    "begun with, or choose another folder"
                )
    return folder


def name_of(model: ModelLike) -> str:
    """A model's name in results."""
    if isinstance(model, str):
        return ModelSpec.parse(model).title
    if not isinstance(model, BaseChatModel):
        return OwnAgent.of(model).title
    params = model._get_ls_params()  # noqa: SLF001  # LangChain's own place for a model's name
    return str(params.get("ls_model_name") or type(model).__name__)


def plays_cases(model: ModelLike) -> bool:
    """Whether a model is `scripted`, here or behind a server, and so needs a playbook case."""
    if isinstance(model, str):
        spec = ModelSpec.parse(model)
        return spec.kind == "scripted" or spec.send_case
    return isinstance(model, ScriptedChat)


def free_folder(domain: str) -> Path:
    """The first of runs/eval-DOMAIN-1, runs/eval-DOMAIN-2, ... that is not there yet."""
    number, name = 1, domain.replace(":", "-")
    while (folder := Path("runs") / f"eval-{name}-{number}").exists():
        number += 1
    return folder

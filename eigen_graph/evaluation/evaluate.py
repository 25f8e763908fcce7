"""The door from Python: an agent, a domain, and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from pydantic import ValidationError

from eigen_graph.core import Domain, EigenGraphError, Task
from eigen_graph.evaluation.engine import Evaluation, Tell
from eigen_graph.evaluation.folder import context_for, free_folder
from eigen_graph.evaluation.results import Results
from eigen_graph.evaluation.settings import SEED, Basis, EvaluationSettings, Wording
from eigen_graph.models import Budget, ModelLike


async def evaluate(
    domain: str | Domain,
    *,
    agent: ModelLike = "scripted",
    user: str | BaseChatModel = "scripted",
    judge: str | BaseChatModel | None = None,
    split: str | None = None,
    tasks: Sequence[Task] | Sequence[str] | int | None = None,
    task_file: str | Path | None = None,
    trials: int = 4,
    seed: int = SEED,
    basis: Basis | None = None,
    briefing: Wording | None = None,
    out: str | Path | None = None,
    base_url: str | None = None,
    concurrency: int = 16,
    max_steps: int | None = None,
    max_errors: int | None = None,
    budget: Budget | str | None = None,
    tell: Tell | None = None,
) -> Results:
    """Evaluate an agent: play every task some times with a simulated user, judge each dialogue, sum up.

    `asyncio.run(evaluate("tau2:telecom", split="test", agent=my_chat_model, user="openai:gpt-5-mini"))`

    Args:
        domain: A domain or its name.
        agent: Who is evaluated: a LangChain chat model that can bind tools, `openai:NAME`, `hf:FOLDER`, `scripted`; or
            an agent of your own (`eigen_graph.agents`): a graph, a Runnable over messages, a function that makes one,
            or its reference, `package.module:graph`.
        user: Who plays the user, likewise.
        judge: Who decides the statements that some tasks make about a dialogue; None: those are not judged.
        split: A split of the domain's own tasks; None: its default one.
        tasks: Tasks, or ids of the domain's, or how many of them; a domain without tasks has so many acted out.
        task_file: A JSON file of tasks instead: tau2's, or an export of a run.
        trials: How often each task is played.
        seed: Of the trials' seeds, which servers are sent that take one.
        basis: By what is judged: `tau2`, `eigen` or `own`; None: as suits the domain.
        briefing: Whose wording both sides are given: `benchmark` or `eigen`; None: as suits the domain.
        out: The run folder. An evaluation that is there goes on, when all is as it was. Default: runs/eval-DOMAIN-N.
        base_url: Server of the `openai:` models.
        concurrency: Dialogues in work at once. It changes nothing of what comes out.
        max_steps: Of one dialogue; None: the domain's own bound.
        max_errors: Failed calls of one dialogue.
        budget: What may be spent, e.g. `"$5"`.
        tell: Gets an event for each episode that ends.

    Returns:
        The results, with their figures in `summary`; they are in `OUT/results.json` too.

    Raises:
        EigenGraphError: Something of the above cannot be used; or the evaluation was stopped early (the server is
            gone, the budget is spent), and the same call with the same `out` goes on.
    """
    given = _handed_over(tasks)
    settings = _settings(
        split=split,
        trials=trials,
        seed=seed,
        basis=basis,
        briefing=briefing,
        count=tasks if isinstance(tasks, int) else None,
        task_ids=tuple(map(str, tasks)) if given is None and not isinstance(tasks, int | None) else (),
        task_file=None if task_file is None else str(task_file),
    )
    context = context_for(
        domain,
        agent=agent,
        user=user,
        judge=judge,
        base_url=base_url,
        concurrency=concurrency,
        max_steps=max_steps,
        max_errors=max_errors,
    )
    path = out or free_folder(context.resolved_domain.name)
    spend = Budget.parse(budget) if isinstance(budget, str) else budget
    async with Evaluation.open(path, context, settings, tasks=given, budget=spend) as evaluation:
        await evaluation.play(tell or _silent)
        results, _ = evaluation.results()
        evaluation.save(results)
    return results


def _handed_over(tasks: Sequence[Task] | Sequence[str] | int | None) -> list[Task] | None:
    """The tasks themselves, where it is tasks that were given."""
    if isinstance(tasks, str):
        raise EigenGraphError(f"tasks are a list of ids, not the text {tasks!r:.80}")
    if tasks is None or isinstance(tasks, int):
        return None
    found = [task for task in tasks if isinstance(task, Task)]
    if found and len(found) < len(tasks):
        raise EigenGraphError("tasks are either all tasks or all ids")
    return found or None


def _settings(**asked: Any) -> EvaluationSettings:
    try:
        return EvaluationSettings(**asked)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise EigenGraphError(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from error


def _silent(_: dict[str, Any]) -> None:
    """Nobody listens."""

"""pass^1 of models on the tasks that nothing was trained on, with its interval and floors, before and after a stage."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from eigen_graph.core import EigenGraphError
from eigen_graph.evaluation.comparison import compare
from eigen_graph.evaluation.evaluate import evaluate
from eigen_graph.evaluation.results import Results
from eigen_graph.rl.data import TrainingData
from eigen_graph.rl.folder import TrainingFolder, write_json
from eigen_graph.rl.history import PASS1
from eigen_graph.rl.settings import Stage
from eigen_graph.rl.waiting import at_once

Tell = Callable[[str], None]
_TELL_EVERY_S = 10.0
USER_TOKENS = 512
"""Tokens of one turn of a trained user, at most."""


def local_spec(model: Path, **options: float) -> str:
    """The `hf:` spec of a model folder."""
    query = "&".join(f"{name}={value:g}" for name, value in options.items())
    return f"hf:{quote(str(model.resolve()), safe='/:')}?{query}" if query else f"hf:{model.resolve()}"


def user_spec(folder: TrainingFolder, user: str) -> str:
    """Who plays the user, as a model spec: `trained` is the training's own."""
    if user != "trained":
        return user
    model = folder.stage("user").model
    if not model.is_dir():
        raise EigenGraphError(
            f"the user is to be the trained one, but {folder.path} has none yet: eigen-graph train user first, or "
            "--set grpo.user=scripted (and evaluation.user)"
        )
    return local_spec(model, temperature=folder.recipe.user.fidelity.temperature, max_tokens=USER_TOKENS)


def evaluated(
    folder: TrainingFolder, name: str, model: Path, data: TrainingData, tell: Tell, *, user: str | None = None
) -> Results:
    """Evaluate a model on held-out tasks, or go on with that evaluation; one that is done is read.

    Args:
        folder: The training's.
        name: Of the model; its evaluation is in the folder `eval-NAME`.
        model: Its folder.
        data: Whose held-out tasks are played.
        tell: Gets lines for people.
        user: Who plays the user, as a model spec; None: as the recipe says.

    Raises:
        EigenGraphError: It cannot be evaluated, or was stopped: the same call goes on.
    """
    recipe, settings = folder.recipe, folder.recipe.evaluation
    tasks = list({task.id: task.task for task in data.held_out}.values())[: settings.tasks]
    if not tasks:
        raise EigenGraphError("no task is held out, so that nothing can be evaluated: raise data.holdout")
    bounds = {"temperature": settings.temperature, "max_tokens": recipe.grpo.max_turn_tokens}
    return at_once(
        evaluate(
            data.domain,
            agent=local_spec(model, **bounds),
            user=user or user_spec(folder, settings.user),
            tasks=tasks,
            trials=settings.trials,
            basis="own",
            briefing="eigen",
            base_url=recipe.grpo.user_base_url,
            concurrency=settings.concurrency,
            max_steps=recipe.grpo.max_steps,
            max_errors=recipe.grpo.max_errors,
            out=folder.path / f"eval-{name}",
            tell=_Progress(f"evaluating {name}", len(tasks) * settings.trials, tell),
        )
    )


def before_and_after(
    folder: TrainingFolder, stage: Stage, before: tuple[str, Results] | None, after: tuple[str, Results]
) -> dict[str, Any]:
    """Compare a stage's model with what it started from, on the same tasks; kept in the stage's `pass1.json`.

    Args:
        folder: The training's.
        stage: Of which.
        before: Name and results of the start; None: it was not evaluated.
        after: Of the model that came out.

    Returns:
        `before`, `after` (value, low, high, tasks, trials), `floors` by name, and with a start `difference` (value,
        low, high, p).
    """
    found: dict[str, Any] = {
        "before": _figure(*before) if before else None,
        "after": _figure(*after),
        "floors": {floor["name"]: floor["value"] for floor in (after[1].summary or {}).get("floors", ())},
        "user": after[1].info.user,
    }
    if before:
        change = compare(before[1], after[1]).pass_hat[0].difference
        found["difference"] = change.model_dump(mode="json", exclude={"tasks"})
    write_json(folder.stage(stage).path / PASS1, found)
    return found


def pass1_line(found: dict[str, Any]) -> str:
    """pass^1 before and after, in a line for people."""
    after = f"{_told(found['after'])}"
    if not found["before"]:
        return f"pass^1 {after}; {_floors(found)}"
    change = found["difference"]
    gap = f"{change['value']:+.3f}, {change['low']:+.3f} to {change['high']:+.3f}, p {change['p']:.2g}"
    return f"pass^1 {_told(found['before'])} -> {after} ({gap}); {_floors(found)}"


class _Progress:
    """Tells of episodes that have ended, now and then."""

    def __init__(self, what: str, total: int, tell: Tell) -> None:
        self._what, self._total, self._tell = what, total, tell
        self._counts = Counter[str]()
        self._told = time.monotonic()

    def __call__(self, event: dict[str, Any]) -> None:
        self._counts[event["outcome"]] += 1
        if (now := time.monotonic()) - self._told >= _TELL_EVERY_S:
            self._told = now
            done = self._counts.total()
            self._tell(f"{self._what}: {done} of {self._total} episodes, {self._counts['solved']} solved")


def _figure(name: str, results: Results) -> dict[str, Any]:
    """pass^1 of one model.

    Raises:
        EigenGraphError: No episode was judged.
    """
    summary = results.summary or {}
    if not summary.get("pass_hat"):
        raise EigenGraphError(f"no episode of {name} was judged: its server failed, or only a judge model could tell")
    hat = summary["pass_hat"][0]
    kept = {key: hat[key] for key in ("value", "low", "high", "tasks")}
    return {"name": name, **kept, "trials": results.info.trials}


def _told(figure: dict[str, Any]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _floors(found: dict[str, Any]) -> str:
    floors = ", ".join(f"{name} {value:.3f}" for name, value in found["floors"].items())
    return f"inert agents: {floors or 'none'}"

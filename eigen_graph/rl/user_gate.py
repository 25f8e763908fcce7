"""Who may play the user in GRPO: a user model that makes few enough faults on held-out tasks."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eigen_graph.core import EigenGraphError
from eigen_graph.models import ModelSpec
from eigen_graph.rl.data import TrainingData
from eigen_graph.rl.fidelity import FidelityReport, measure, recorded_references
from eigen_graph.rl.folder import TrainingFolder, write_json
from eigen_graph.rl.held_out import user_spec
from eigen_graph.rl.history import FIDELITY, read_json
from eigen_graph.rl.recipe import Recipe
from eigen_graph.rl.waiting import at_once

Tell = Callable[[str], None]


def measured(
    path: Path, recipe: Recipe, data: TrainingData, user: str, tell: Tell, *, base_url: str | None = None
) -> FidelityReport:
    """How faithful a user model is on held-out tasks; a report that is there is read.

    Args:
        path: Where the report is kept.
        recipe: Says on how many tasks.
        data: Whose held-out tasks, and their accepted dialogues as references.
        user: The user model's spec.
        tell: Gets lines for people.
        base_url: Server of an `openai:` model.

    Raises:
        EigenGraphError: It cannot be measured.
    """
    if (known := read_json(path)) is not None:
        return FidelityReport.from_json(known)
    tasks = list({task.id: task for task in data.held_out}.values())[: recipe.user.fidelity.tasks]
    names = {task.id for task in tasks}
    rows = [[row for row in side if row["task_id"] in names] for side in (data.held_user_rows, data.held_agent_rows)]
    tell(f"user: measuring its fidelity on {len(tasks)} held-out tasks")
    report = at_once(
        measure(
            data.domain,
            tasks,
            user,
            references=recorded_references(*rows),
            base_url=base_url,
            seed=recipe.seed,
        )
    )
    write_json(path, report.to_json())
    return report


def trained_user(folder: TrainingFolder, data: TrainingData, tell: Tell) -> FidelityReport:
    """The fidelity of the training's own user model, in `user/fidelity.json`; raises as `measured`."""
    recipe, stage = folder.recipe, folder.stage("user")
    began = time.monotonic()
    report = measured(stage.path / FIDELITY, recipe, data, user_spec(folder, "trained"), tell)
    stage.note(results={"passes": report.passes(recipe.user.fidelity), "faults_per_100": report.faults_per_100})
    tell(report.table())
    tell(f"user: {report.verdict(recipe.user.fidelity)} ({time.monotonic() - began:,.0f} s)")
    return report


def admitted(folder: TrainingFolder, data: TrainingData, tell: Tell, *, force: bool) -> tuple[str, dict[str, Any]]:
    """Let the recipe's user into GRPO, or refuse it.

    `scripted` without faults is the reference itself. Any other is let in by its fidelity: the trained one by the
    report of its own stage, others are measured now.

    Args:
        folder: The training's.
        data: Its data.
        tell: Gets lines for people.
        force: Let it in whatever it is like; that it was so is recorded.

    Returns:
        The user's model spec, and what to record.

    Raises:
        EigenGraphError: It has not passed, or cannot be measured.
    """
    recipe = folder.recipe
    spec = user_spec(folder, recipe.grpo.user)
    parsed = ModelSpec.parse(spec)
    if parsed.kind == "scripted" and not parsed.faults:
        return spec, {"user": spec, "passes": True, "forced": False}
    if recipe.grpo.user == "trained":
        report = measured(folder.stage("user").path / FIDELITY, recipe, data, spec, tell)
    else:
        path = folder.stage("grpo").path / FIDELITY
        report = measured(path, recipe, data, spec, tell, base_url=recipe.grpo.user_base_url)
    passes = report.passes(recipe.user.fidelity)
    verdict = report.verdict(recipe.user.fidelity)
    if not passes and not force:
        raise EigenGraphError(f"the user {recipe.grpo.user} {verdict}; or insist with --force")
    tell(f"user: {verdict}" + ("" if passes else "; let in by --force"))
    return spec, {"user": spec, "passes": passes, "forced": not passes, "faults_per_100": report.faults_per_100}

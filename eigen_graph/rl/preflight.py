"""What can be known of a training before it begins, in seconds: `--dry-run`.

Machine, libraries, data, models, users and room are looked at; nothing is written, no weights are loaded.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from eigen_graph.core import EigenGraphError
from eigen_graph.domains import load_domain
from eigen_graph.models import Cast
from eigen_graph.rl.data import SPLIT, TrainingData, prepare
from eigen_graph.rl.fidelity.interval import rate_interval
from eigen_graph.rl.findings import Finding, Findings, error, guarded, ok, warning
from eigen_graph.rl.folder import RECIPE, TrainingFolder
from eigen_graph.rl.preflight_machine import REPLY_S, check_libraries, check_machine
from eigen_graph.rl.preflight_models import Plan, check_models
from eigen_graph.rl.recipe import Recipe
from eigen_graph.rl.settings import Stage
from eigen_graph.rl.waiting import at_once


@dataclass
class Preflight:
    """What was found."""

    findings: list[Finding] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    """By side: the first row as text, with what is trained on between ⟦ and ⟧."""

    @property
    def passes(self) -> bool:
        """Whether nothing stands in the way."""
        return not any(finding.level == "error" for finding in self.findings)


def check(
    recipe: Recipe,
    stages: Sequence[Stage],
    *,
    folder: Path | None = None,
    runs: Sequence[Path] = (),
    synthesizes: bool = False,
) -> Preflight:
    """Look at everything that stages of a training need.

    Args:
        recipe: The recipe.
        stages: Which stages are to be run.
        folder: The training's folder; it need not be there.
        runs: What is to be trained on.
        synthesizes: What is to be trained on will be synthesized first, where there is nothing.
    """
    found = Preflight()
    found.findings += guarded("folder", lambda: _folder(recipe, folder))
    found.findings += check_libraries(recipe, stages)
    found.findings += guarded("machine", lambda: check_machine(recipe, stages))
    data: TrainingData | None = None
    try:
        data = _data_of(recipe, folder, runs)
    except EigenGraphError as problem:
        if not (synthesizes and not runs):
            found.findings.append(error("data", str(problem)))
    found.findings += guarded("data", lambda: _data(recipe, stages, data, synthesizes=synthesizes))
    plan = Plan(recipe, tuple(stages), folder, data)
    found.findings += guarded("model", lambda: check_models(plan, found.shown))
    found.findings += guarded("user", lambda: _users(recipe, stages, folder))
    return found


def _folder(recipe: Recipe, folder: Path | None) -> Findings:
    if folder is None or not (folder / RECIPE).exists():
        yield ok("folder", f"{folder or 'a new one'}: begins")
        return
    was = TrainingFolder.open(folder)
    was.require(recipe)
    states = [f"{name} {info.state}" for name in ("user", "agent", "grpo") if (info := was.stage(name).info)]
    yield ok("folder", f"{folder}: goes on ({', '.join(states) or 'nothing begun'})")


def _data_of(recipe: Recipe, folder: Path | None, runs: Sequence[Path]) -> TrainingData:
    if folder and (folder / "data" / SPLIT).exists():
        return prepare(folder / "data", recipe, runs)
    if not runs and folder and (folder / "run" / "ledger.sqlite").exists():
        runs = [folder / "run"]
    if not runs:
        raise EigenGraphError("there is nothing to train on: name a synthesis run or an export (--run)")
    with tempfile.TemporaryDirectory() as scratch:
        return prepare(Path(scratch) / "data", recipe, runs)


def _data(recipe: Recipe, stages: Sequence[Stage], data: TrainingData | None, *, synthesizes: bool) -> Findings:
    if data is None:
        if synthesizes:
            synthesis = recipe.data.synthesis
            yield ok("data", f"{synthesis.count} dialogues of {recipe.domain} will be synthesized by {synthesis.model}")
            yield from _reachable("synthesis", synthesis.model, synthesis.base_url, recipe)
        return
    manifest = data.manifest
    left_out = [f"{name} {count}" for name, count in manifest.left_out.items() if count]
    left_out += [f"near a held-out one {len(manifest.near)}"] if manifest.near else []
    yield ok(
        "data",
        f"{manifest.found} dialogues: {len(manifest.train)} to train on, {len(manifest.held_out)} held out and used"
        + (f"; left out: {', '.join(left_out)}" if left_out else ""),
    )
    held, settings = len(manifest.held_out), recipe.evaluation
    if held < settings.tasks and {"agent", "grpo"} & set(stages):
        yield warning("held out", f"{held} tasks, where evaluation.tasks asks for {settings.tasks}")
    if "user" in stages or (recipe.grpo.user == "trained" and "grpo" in stages):
        tried = min(held, recipe.user.fidelity.tasks)
        least = rate_interval([0] * tried).high * 100 if tried else 100.0
        if least > recipe.user.fidelity.max_faults:
            yield error(
                "fidelity",
                f"on {tried} held-out tasks even a user without a fault cannot show less than {least:.0f} per 100, and "
                f"user.fidelity.max_faults is {recipe.user.fidelity.max_faults:g}: hold out more, or raise it",
            )
    tasks = len({task.id for task in data.tasks})
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if "grpo" in stages and tasks < recipe.grpo.groups * processes:
        yield error(
            "grpo.groups",
            f"{recipe.grpo.groups * processes} tasks in a step, but there are {tasks} to train on: synthesize more, or "
            "lower it",
        )


def _users(recipe: Recipe, stages: Sequence[Stage], folder: Path | None) -> Findings:
    asked = {"grpo.user": recipe.grpo.user} if "grpo" in stages else {}
    if {"agent", "grpo"} & set(stages):
        asked["evaluation.user"] = recipe.evaluation.user
    for name, user in asked.items():
        if user != "trained":
            yield from guarded(name, partial(_reachable, name, user, recipe.grpo.user_base_url, recipe))
        elif "user" in stages or (folder and (folder / "user" / "model").is_dir()):
            yield ok(name, "this training's user model" + (", if its fidelity passes" if name == "grpo.user" else ""))
        else:
            yield error(
                name,
                f"the trained one, but there is none yet: eigen-graph train user first, or --set {name}=scripted",
            )


def _reachable(what: str, model: str, base_url: str | None, recipe: Recipe) -> Findings:
    cast = Cast.build(
        "scripted",
        overrides={"user": model},
        base_url=base_url,
        domain=load_domain(recipe.domain),
        request_timeout=REPLY_S,
        max_retries=0,
    )

    async def probe() -> None:
        async with cast:
            await cast.preflight()

    at_once(probe())
    yield ok(what, model)

"""All of it in one go: synthesize, train the user, the agent, then GRPO, each evaluated; resumable at any point."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from eigen_graph.rl.curves import draw
from eigen_graph.rl.data import SPLIT, TrainingData, prepare
from eigen_graph.rl.folder import TrainingFolder, write_json
from eigen_graph.rl.history import FIDELITY, PASS1, History, read_json
from eigen_graph.rl.recipe import Recipe
from eigen_graph.rl.stages import train_agent, train_grpo, train_user
from eigen_graph.rl.synthesis import synthesize
from eigen_graph.rl.waiting import at_once

OUTCOME = "pipeline.json"
Tell = Callable[[str], None]


class Outcome(BaseModel):
    """What a pipeline has come to."""

    model_config = ConfigDict(frozen=True)

    folder: str
    recipe: str
    domain: str
    model: str
    """The folder of the trained agent."""
    curves: str
    seconds: dict[str, float] = Field(default_factory=dict)
    """By step, evaluations included, over all processes that worked on it."""
    agent: dict[str, Any]
    """pass^1 of the agent before and after SFT, see `held_out.before_and_after`."""
    grpo: dict[str, Any]
    """pass^1 of the agent before and after GRPO."""
    fidelity: dict[str, Any] | None = None
    """Figures of the user model; None: none was trained."""


def run_pipeline(folder: TrainingFolder, tell: Tell, *, runs: Sequence[Path] = (), force: bool = False) -> Outcome:
    """Run every step that is not done yet.

    Args:
        folder: The training's; somebody holds its lock.
        tell: Gets lines for people.
        runs: Train on these runs instead of a new one.
        force: As for `stages.train_grpo`.

    Raises:
        EigenGraphError: A step cannot be done, or was stopped: the same call goes on there.
    """
    recipe, clock = folder.recipe, _Clock(folder.path / OUTCOME)
    with clock("synthesize"):
        data = _data(folder, runs, tell)
    if needs_user(recipe):
        with clock("user"):
            train_user(folder, data, tell)
    with clock("agent"):
        agent = train_agent(folder, data, tell)
    with clock("grpo"):
        grpo = train_grpo(folder, data, tell, force=force)
    curves = draw(History.of(folder.path), folder.path / "curves.svg")
    found = Outcome(
        folder=str(folder.path),
        recipe=recipe.name,
        domain=data.domain.name,
        model=str(folder.stage("grpo").model),
        curves=str(curves),
        seconds=clock.seconds,
        agent=agent or read_json(folder.stage("agent").path / PASS1),
        grpo=grpo or read_json(folder.stage("grpo").path / PASS1),
        fidelity=(read_json(folder.stage("user").path / FIDELITY) or {}).get("figures"),
    )
    write_json(folder.path / OUTCOME, found.model_dump(mode="json"))
    return found


def needs_user(recipe: Recipe) -> bool:
    """Whether a user model is trained at all."""
    return "trained" in {recipe.grpo.user, recipe.evaluation.user}


def _data(folder: TrainingFolder, runs: Sequence[Path], tell: Tell) -> TrainingData:
    if not runs and not (folder.data / SPLIT).exists():
        at_once(synthesize(folder, tell))
        runs = [folder.run]
    return prepare(folder.data, folder.recipe, runs)


class _Clock:
    """Seconds by step, kept so that a step that is interrupted counts whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seconds: dict[str, float] = dict((read_json(path) or {}).get("seconds") or {})

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[step] = round(self.seconds.get(step, 0.0) + time.monotonic() - began, 1)
            write_json(self._path, {**(read_json(self._path) or {}), "seconds": self.seconds})

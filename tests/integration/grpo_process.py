"""One process of a GRPO training that a test kills: everything real but the checkers, whose verdicts are planted.

python grpo_process.py RUN OUT CHANGE...
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from eigen_graph.rl.data import prepare
from eigen_graph.rl.folder import TrainingFolder
from eigen_graph.rl.grpo import train_grpo
from eigen_graph.rl.recipe import Recipe, load_recipe
from eigen_graph.rl.sft import train_sft

RECIPE = """
name: killed
domain: broadband
device: cpu
threads: 1
data: {holdout: 0.2}
model: {chat_template: short, max_tokens: 3000, tiny: {vocab: 400, hidden: 32, layers: 1}}
agent: {sft: {steps: 20, batch_size: 4, save_every: 100, optimizer: {learning_rate: 1.0e-2}}}
grpo:
  steps: 8
  groups: 2
  group_size: 4
  micro_batch: 4
  max_turn_tokens: 32
  max_steps: 12
  min_start: 0.0
  user: scripted
  save_every: 2
  filter: {max_rounds: 1}
  optimizer: {learning_rate: 3.0e-3}
"""


class Parity:
    """Judges by what the agent said, at random as it were: so groups are mixed, and every token matters."""

    def __init__(self, checker: Any) -> None:
        self.task, self.basis = checker.task, checker.basis

    def judge(self, trajectory: Any, _domain: Any) -> Any:
        said = "".join(message.content or "" for message in trajectory.messages[2:] if message.role == "assistant")
        reward = sum(map(ord, said)) % 2 if said else 0
        return SimpleNamespace(reward=float(reward), reason="", blame=None, unjudged=False)


def recipe_in(folder: Path, changes: list[str]) -> Recipe:
    path = folder / "killed.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return load_recipe(path, changes)


def train(run: Path, out: Path, changes: list[str]) -> Path:
    """Begin the training, or go on with it."""
    folder = TrainingFolder.enter(out, recipe_in(out.parent, changes))
    data = prepare(folder.data, folder.recipe, [run])
    # Long enough that its turns end and users answer; the rest of what it says is as good as random.
    start = train_sft("agent", folder.stage("agent"), folder.recipe, data, print)
    tasks = tuple(dataclasses.replace(task, checker=Parity(task.checker)) for task in data.tasks)
    data = dataclasses.replace(data, tasks=tasks)
    # Forced: with verdicts planted, what inert agents solve of these tasks says nothing about the start.
    return train_grpo(
        folder.stage("grpo"), folder.recipe, data, start=start, user_spec="scripted", tell=print, force=True
    )


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])

"""Generation inside training against the bare model's: the same batches of prompts, the same bounds, in one run.

Plays batches of episodes as GRPO does (the trainer's own generation, tools in their environments, a trained user), then
has the bare model generate from the very same prompts. Prints tokens a second of both, their ratio, and where the rest
of a rollout goes. Agent and user are trained first, by the recipe `cpu_tiny`, unless a training folder has them.

    python benchmarks/rollouts.py --folder runs/demo-train
"""

# ruff: noqa: PLC0415  # torch is imported after its environment is set

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eigen_graph.rl.quiet import prepare_process

RECIPE = "cpu_tiny"


class Recorder:
    """A policy that remembers what it was asked, how long that took, and how many tokens came of it."""

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self.asked: list[list[list[int]]] = []
        self.seconds = 0.0
        self.tokens = 0

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Any]:
        """As `Policy.generate`."""
        began = time.perf_counter()
        found: list[Any] = self.policy.generate(prompts)
        self.seconds += time.perf_counter() - began
        self.tokens += sum(len(sample.ids) for sample in found)
        self.asked.append([list(prompt) for prompt in prompts])
        return found


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="of a training that has an agent and a user")
    parser.add_argument("--rounds", type=int, default=5, help="batches of episodes")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    prepare_process(quiet=True)
    with tempfile.TemporaryDirectory() as scratch:
        measure(asked.folder or trained(Path(scratch)), asked.rounds, asked.threads, Path(scratch) / "checkpoints")


def trained(scratch: Path) -> Path:
    """A folder with an agent and a user."""
    from eigen_graph.rl import stages
    from eigen_graph.rl.data import prepare
    from eigen_graph.rl.folder import TrainingFolder
    from eigen_graph.rl.recipe import load_recipe
    from eigen_graph.rl.synthesis import synthesize
    from eigen_graph.rl.waiting import at_once

    folder = TrainingFolder.enter(scratch / "training", load_recipe(RECIPE))
    at_once(synthesize(folder, print))
    data = prepare(folder.data, folder.recipe, [folder.run])
    stages.train_user(folder, data, print)
    stages.train_agent(folder, data, print)
    return folder.path


def measure(path: Path, rounds: int, threads: int, scratch: Path) -> None:
    """Play the rounds, then generate from the same prompts."""
    import torch

    from eigen_graph.models import Cast
    from eigen_graph.models.local.chat_format import ChatFormat
    from eigen_graph.rl._trl import TrainerPolicy
    from eigen_graph.rl.data import TrainingData
    from eigen_graph.rl.episode import Episode
    from eigen_graph.rl.folder import TrainingFolder
    from eigen_graph.rl.grpo import grpo_trainer
    from eigen_graph.rl.grpo_config import grpo_config
    from eigen_graph.rl.held_out import user_spec
    from eigen_graph.rl.rollout import Rollouts
    from eigen_graph.rl.runner import EpisodeRunner
    from eigen_graph.rl.settings import ModelSettings
    from eigen_graph.rl.start import start_model

    torch.set_num_threads(threads)
    folder = TrainingFolder.open(path)
    recipe, grpo = folder.recipe, folder.recipe.grpo
    data = TrainingData.load(folder.data, recipe)
    start = ModelSettings(start=str(folder.stage("agent").model), max_tokens=recipe.model.max_tokens)
    model, chat = start_model(start, seed=1)
    assert isinstance(chat, ChatFormat)
    policy = TrainerPolicy()
    recorder = Recorder(policy)
    cast = Cast.build("scripted", overrides={"user": user_spec(folder, "trained")}, domain=data.domain)
    with EpisodeRunner(
        data.domain,
        chat,
        recorder,
        cast,
        max_steps=grpo.max_steps,
        max_tokens=recipe.model.max_tokens,
        max_turn_tokens=grpo.max_turn_tokens,
    ) as runner:
        rollouts = Rollouts(data.tasks, runner, grpo, stop_id=chat.stop_id, seed=1)
        trainer = grpo_trainer(grpo_config(recipe, scratch, cpu=True), model, chat, rollouts)
        policy.attach(trainer)
        tasks = data.tasks[: grpo.groups * rounds]
        runner.play([Episode(tasks[0])])  # what is loaded and compiled once
        recorder.asked, recorder.seconds, recorder.tokens = [], 0.0, 0
        users = runner.stats.user
        began = time.perf_counter()
        for number in range(rounds):
            batch = tasks[number * grpo.groups : (number + 1) * grpo.groups]
            runner.play([Episode(task, attempt=n) for task in batch for n in range(grpo.group_size)])
        whole = time.perf_counter() - began
        users = runner.stats.user - users
    bare_tokens, bare_seconds = bare(trainer.model, chat, recorder.asked, trainer.generation_config)
    inside, alone = recorder.tokens / recorder.seconds, bare_tokens / bare_seconds
    prompts = [len(prompt) for batch in recorder.asked for prompt in batch]
    print(
        f"{rounds * grpo.groups * grpo.group_size} episodes, {len(prompts)} turns, {threads} thread(s), "
        f"prompts of {statistics.median(prompts):.0f} tokens (median)\n"
        f"inside training      {inside:8,.0f} tokens/s\n"
        f"bare model.generate  {alone:8,.0f} tokens/s on the same prompts\n"
        f"ratio                {inside / alone:8.0%}\n"
        f"a rollout's time: policy {recorder.seconds / whole:.0%}, user model {users / whole:.0%}, "
        f"environment, checkers and the rest {1 - (recorder.seconds + users) / whole:.1%}"
    )


def bare(model: Any, chat: Any, batches: Sequence[Sequence[Sequence[int]]], config: Any) -> tuple[int, float]:
    """Tokens and seconds of transformers' own generation from the same prompts."""
    import torch

    tokens, seconds, pad = 0, 0.0, chat.tokenizer.pad_token_id
    model.eval()
    for batch in batches:
        began = time.perf_counter()
        width = max(map(len, batch))
        ids = torch.tensor([[pad] * (width - len(prompt)) + list(prompt) for prompt in batch])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in batch])
        with torch.no_grad():
            made = model.generate(input_ids=ids, attention_mask=mask, generation_config=config)[:, width:]
        seconds += time.perf_counter() - began
        for row in made.tolist():
            tokens += row.index(chat.stop_id) + 1 if chat.stop_id in row else len(row)
    return tokens, seconds


if __name__ == "__main__":
    main()

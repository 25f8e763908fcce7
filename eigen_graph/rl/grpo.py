"""GRPO on the checkers' rewards: the stock trainer, our rollouts, and a gate before the first step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from accelerate import PartialState
from accelerate.utils import gather_object
from datasets import Dataset
from transformers import TrainerCallback, set_seed

from eigen_graph.core import EigenGraphError
from eigen_graph.models.cast import Cast
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.rl._trl import GRPOConfig, GRPOTrainer, TrainerPolicy, new_trainer, push_weights, require_trl
from eigen_graph.rl.callbacks import Tell, cut_lines
from eigen_graph.rl.course import follow
from eigen_graph.rl.data import TrainingData
from eigen_graph.rl.device import on_cpu, require_device
from eigen_graph.rl.episode import Policy, RlTask
from eigen_graph.rl.folder import StageFolder, newest_checkpoint, step_of
from eigen_graph.rl.gate import Start, measure_start, require_start
from eigen_graph.rl.grpo_config import grpo_config
from eigen_graph.rl.policy import VllmPolicy
from eigen_graph.rl.recipe import Recipe
from eigen_graph.rl.rollout import Rollouts, seed_of
from eigen_graph.rl.runner import EpisodeRunner
from eigen_graph.rl.saving import save_trained
from eigen_graph.rl.settings import GrpoSettings
from eigen_graph.rl.sft import model_settings
from eigen_graph.rl.start import start_digest, start_model


class NoSignalCallback(TrainerCallback):
    """Leaves the weights alone in a step without any mixed group.

    The gradients are zero then, but the optimizer would still move the weights on by its momentum.
    """

    def __init__(self, rollouts: Rollouts) -> None:
        self._rollouts = rollouts

    def on_pre_optimizer_step(self, *_: Any, model: Any, **__: Any) -> None:
        """Take the gradients away, so that the optimizer finds nothing to do."""
        if not self._rollouts.signal:
            for parameter in model.parameters():
                parameter.grad = None


def train_grpo(
    stage: StageFolder,
    recipe: Recipe,
    data: TrainingData,
    *,
    start: Path,
    user_spec: str,
    tell: Tell,
    force: bool = False,
) -> Path:
    """Train the agent by GRPO, going on from the newest checkpoint where there is one.

    Args:
        stage: Its folder.
        recipe: The whole recipe.
        data: Whose tasks are played.
        start: The folder of the model that training starts from.
        user_spec: Who plays the user: `scripted`, `hf:PATH`, `openai:NAME`.
        tell: Gets lines for people.
        force: Go on although the start solves too little; that it was so is recorded.

    Returns:
        The folder of the trained model.

    Raises:
        RunPausedError: It was asked to stop; the same command goes on.
        OutageError: The user's server is gone; the same command goes on.
        EigenGraphError: It cannot be done, or not from this start.
    """
    if stage.done:
        tell(f"grpo: trained already, in {stage.model}")
        return stage.model
    require_trl()
    require_device(recipe)
    config = grpo_config(recipe, stage.checkpoints, cpu=on_cpu(recipe))
    tasks = share_of(data.tasks, recipe.grpo, config.process_index, config.world_size)
    settings = model_settings("agent", recipe, start)
    if config.process_index == 0:
        stage.begin(recipe, {"data": data.digest, "start": start_digest(settings), "user": user_spec})
    model, chat = start_model(settings, seed=recipe.seed)
    newest = newest_checkpoint(stage.checkpoints)
    step = step_of(newest) if newest else 0
    with (
        _policy(recipe, chat, seed_of(recipe.seed, "turns", config.process_index, step)) as policy,
        _runner(recipe, data, chat, policy, user_spec) as runner,
    ):
        rollouts = Rollouts(
            tasks,
            runner,
            recipe.grpo,
            stop_id=chat.stop_id,
            seed=recipe.seed,
            log=stage.path / rollouts_name(config.process_index),
            process=config.process_index,
            gather=gather_object,
            clock=runner.clock,
        )
        trainer = grpo_trainer(config, model, chat, rollouts)
        if isinstance(policy, TrainerPolicy):
            policy.attach(trainer)
        if newest is None:
            set_seed(seed_of(recipe.seed, "start", config.process_index))
            push_weights(trainer)
            found = measure_start(tasks, runner.play, data.domain, recipe.grpo, seed=recipe.seed, gather=gather_object)
            _judge_start(found, stage, recipe, str(start), tell, force=force)
        cut_lines(stage.path / rollouts_name(config.process_index), step)
        follow(trainer, stage, tell, [rollouts])
    main = trainer.is_world_process_zero()
    with stage.new_model() if main else nullcontext(stage.path) as draft:
        save_trained(trainer, chat, settings, draft, seed=recipe.seed)
    trainer.accelerator.wait_for_everyone()
    if main:
        stage.finish(results={"steps": trainer.state.global_step // config.num_iterations})
    return stage.model


def grpo_trainer(config: GRPOConfig, model: Any, chat: ChatFormat, rollouts: Rollouts) -> GRPOTrainer:
    """A stock trainer over our rollouts.

    Args:
        config: As `grpo_config` makes it.
        model: What is trained.
        chat: How it is spoken to.
        rollouts: Play its episodes.

    Raises:
        EigenGraphError: TRL is of another version, or would hang as the processes are set up.
    """
    # Slots without a meaning, as many as there will be: the rollouts say which tasks fill them.
    slots = config.generation_batch_size // config.num_generations * (config.max_steps // config.num_iterations)
    return new_trainer(
        config,
        model=model,
        processing_class=chat.tokenizer,
        train_dataset=Dataset.from_dict({"prompt": [f"slot {number}" for number in range(slots)]}),
        rollout_func=rollouts,
        reward_funcs=[rollouts.advantage, rollouts.checker],
        callbacks=[NoSignalCallback(rollouts)],
    )


def rollouts_name(process: int = 0) -> str:
    """The file in a stage's folder with a line for each rollout of a process."""
    return f"rollouts-{process}.jsonl" if process else "rollouts.jsonl"


def share_of(tasks: Sequence[RlTask], settings: GrpoSettings, process: int = 0, processes: int = 1) -> list[RlTask]:
    """The tasks that one of several processes draws from: no task is then twice in a batch.

    Raises:
        EigenGraphError: They do not fill a batch.
    """
    different = list({task.id: task for task in tasks}.values())
    mine = different[process::processes]
    if len(different) < settings.groups * processes:
        raise EigenGraphError(
            f"grpo.groups is {settings.groups}{f' in {processes} processes' if processes > 1 else ''}, but there are "
            f"only {len(different)} tasks to train on: synthesize more, select fewer out, or lower grpo.groups"
        )
    return mine


@contextmanager
def _policy(recipe: Recipe, chat: ChatFormat, seed: int) -> Iterator[Policy]:
    """Who draws the agent's turns."""
    grpo = recipe.grpo
    if grpo.vllm is None or grpo.vllm.mode != "server" or grpo.vllm.server is None:
        yield TrainerPolicy()
        return
    options: dict[str, Any] = {
        "temperature": grpo.temperature,
        "top_p": grpo.top_p,
        "max_turn_tokens": grpo.max_turn_tokens,
    }
    with VllmPolicy(grpo.vllm.server, chat.stop_id, seed=seed, **options) as policy:
        policy.preflight(recipe.model.max_tokens)
        yield policy


def _runner(recipe: Recipe, data: TrainingData, chat: ChatFormat, policy: Policy, user_spec: str) -> EpisodeRunner:
    grpo = recipe.grpo
    cast = Cast.build(
        "scripted",
        overrides={"user": user_spec},
        base_url=grpo.user_base_url,
        domain=data.domain,
        concurrency=grpo.groups * grpo.group_size,  # all whose turn it is are asked at once
    )
    return EpisodeRunner(
        data.domain,
        chat,
        policy,
        cast,
        max_steps=grpo.max_steps,
        max_errors=grpo.max_errors,
        max_tokens=recipe.model.max_tokens,
        max_turn_tokens=grpo.max_turn_tokens,
        overlong=grpo.overlong,
        seed=recipe.seed,
    )


def _judge_start(found: Start, stage: StageFolder, recipe: Recipe, name: str, tell: Tell, *, force: bool) -> None:
    """Record how a start does, and refuse one from which nothing would be learned."""
    if PartialState().is_main_process:
        stage.note(results={"start": {**found.to_json(), "forced": force and not found.passes}})
        best = max(found.inert.values(), default=0.0)
        tell(f"grpo: the start solves {found.solved:.1%} of {found.episodes} episodes, doing nothing {best:.1%}")
    if not force:
        require_start(found, name, recipe.grpo)

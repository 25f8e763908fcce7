"""Supervised fine-tuning of one side, the user's or the agent's: TRL's SFTTrainer on sequences of our own making."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import PartialState
from datasets import Dataset
from transformers.utils import is_flash_attn_2_available
from trl import SFTConfig, SFTTrainer

from eigen_graph.core import EigenGraphError
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.rl.callbacks import Tell
from eigen_graph.rl.course import follow
from eigen_graph.rl.data import TrainingData, per_turn
from eigen_graph.rl.device import on_cpu, require_device
from eigen_graph.rl.folder import StageFolder, newest_checkpoint
from eigen_graph.rl.gathering import Row
from eigen_graph.rl.order import training_order
from eigen_graph.rl.recipe import Recipe
from eigen_graph.rl.saving import save_trained
from eigen_graph.rl.sequences import Tokenized, shown, tokenized
from eigen_graph.rl.settings import ModelSettings, SftSettings
from eigen_graph.rl.start import start_digest, start_model

Side = Literal["user", "agent"]
_SHOWN_CHARS = 160
"""Of a stretch that is not trained on, in what is shown of a row."""


def train_sft(
    side: Side, folder: StageFolder, recipe: Recipe, data: TrainingData, tell: Tell, *, start: Path | None = None
) -> Path:
    """Train one side on its half of the dialogues, or go on where that was left.

    Only the side's own turns carry loss: its words, its calls, and the token that ends a turn.

    Args:
        side: Whose turns.
        folder: Of the stage.
        recipe: The settings.
        data: The dialogues.
        tell: Gets lines for people.
        start: Folder of the model to start from; None: the recipe's.

    Returns:
        The folder of the trained model.

    Raises:
        EigenGraphError: It cannot be trained so, or not gone on with; the message says why.
        RunPausedError: It was asked to stop; the same command goes on.
    """
    if folder.done:
        tell(f"{side}: trained already, in {folder.model}")
        return folder.model
    settings, sft = model_settings(side, recipe, start), sft_settings(side, recipe)
    require_device(recipe)
    rows = side_rows(side, recipe, data)
    main = int(os.environ.get("RANK", "0")) == 0
    if main:
        folder.begin(recipe, {"data": data.digest, "start": start_digest(settings)})
    with PartialState().local_main_process_first():  # a start that is made first and kept is made once
        model, chat = start_model(settings, rows=rows, seed=recipe.seed, attention=_attention(sft))
    train = tokenized(rows, chat, settings.max_tokens, what=f"{side}: the rows to train on")
    held = _held(side, recipe, data, chat, settings)
    if main:
        first = shown(train.rows[0], chat.tokenizer, limit=_SHOWN_CHARS)
        tell(f"{side}: {train}; held out {held or 'none'}")
        tell(f"{side}: what is trained on, in the first row:\n{first}")
    trainer = new_trainer(
        model, chat=chat, train=train, held=held, folder=folder, recipe=recipe, side=side, settings=settings
    )
    follow(trainer, folder, tell)
    with folder.new_model() if main else nullcontext(folder.path) as draft:
        save_trained(trainer, chat, settings, draft, rows=rows, seed=recipe.seed)
    trainer.accelerator.wait_for_everyone()
    if main:
        folder.finish(results=_results(trainer, train, held))
    return folder.model


def new_trainer(
    model: Any,
    *,
    chat: ChatFormat,
    train: Tokenized,
    held: Tokenized | None,
    folder: StageFolder,
    recipe: Recipe,
    side: Side,
    settings: ModelSettings,
) -> Any:
    """The trainer of a stage, which has not begun."""
    sft = sft_settings(side, recipe)
    batch = sft.batch_size * sft.accumulate * int(os.environ.get("WORLD_SIZE", "1"))
    steps = sft.steps or math.ceil(sft.epochs * len(train.rows) / batch)
    rows = Dataset.from_list(train.rows)
    if not sft.packing:
        rows = rows.select(training_order([len(row["input_ids"]) for row in train.rows], batch, steps, recipe.seed))
    optimizer, cpu = sft.optimizer, on_cpu(recipe)
    args = SFTConfig(
        output_dir=str(folder.checkpoints),
        run_name=f"{recipe.name}-{side}",
        # Packed rows are fewer than rows: how many, TRL decides.
        max_steps=sft.steps or -1 if sft.packing else steps,
        num_train_epochs=sft.epochs,
        per_device_train_batch_size=sft.batch_size,
        per_device_eval_batch_size=sft.batch_size,
        gradient_accumulation_steps=sft.accumulate,
        train_sampling_strategy="random" if sft.packing else "sequential",  # they are in order
        learning_rate=optimizer.learning_rate,
        lr_scheduler_type=optimizer.schedule,
        warmup_steps=optimizer.warmup_steps,
        weight_decay=optimizer.weight_decay,
        adam_beta1=optimizer.betas[0],
        adam_beta2=optimizer.betas[1],
        max_grad_norm=optimizer.max_grad_norm,
        optim="adamw_torch",
        seed=recipe.seed,
        data_seed=recipe.seed,
        bf16=settings.dtype == "bfloat16",
        gradient_checkpointing=settings.gradient_checkpointing,
        ddp_find_unused_parameters=False,
        use_cpu=cpu,
        dataloader_pin_memory=not cpu,
        logging_steps=sft.log_every,
        logging_first_step=True,
        save_steps=sft.save_every,
        eval_strategy="steps" if held else "no",
        eval_steps=sft.save_every,
        eval_on_start=held is not None and newest_checkpoint(folder.checkpoints) is None,
        prediction_loss_only=True,
        report_to=list(recipe.report_to) or "none",
        disable_tqdm=True,
        max_length=settings.max_tokens if sft.packing else None,  # none is longer
        packing=sft.packing,
        eval_packing=False,
        # Rows that are ready are left alone; where they are to be packed, TRL's preparation does no more than that.
        dataset_kwargs=None if sft.packing else {"skip_prepare_dataset": True},
    )
    return SFTTrainer(
        model=model,
        args=args,
        train_dataset=rows,
        eval_dataset=Dataset.from_list(held.rows) if held else None,
        processing_class=chat.tokenizer,
    )


def sft_settings(side: Side, recipe: Recipe) -> SftSettings:
    """How a side is trained."""
    return recipe.user.sft if side == "user" else recipe.agent.sft


def model_settings(side: Side, recipe: Recipe, start: Path | None = None) -> ModelSettings:
    """What a side starts from."""
    settings = recipe.user_model if side == "user" else recipe.model
    return settings.model_copy(update={"start": str(start), "chat_template": "own"}) if start else settings


def side_rows(side: Side, recipe: Recipe, data: TrainingData) -> tuple[Row, ...]:
    """The rows that a side is trained on, in the view and number that the recipe says."""
    sft = sft_settings(side, recipe)
    return _viewed(data.user_rows if side == "user" else data.agent_rows, sft)[: sft.rows]


def _viewed(rows: Sequence[Row], sft: SftSettings) -> tuple[Row, ...]:
    return tuple(per_turn(rows)) if sft.view == "turn" else tuple(rows)


def _held(
    side: Side, recipe: Recipe, data: TrainingData, chat: ChatFormat, settings: ModelSettings
) -> Tokenized | None:
    rows = data.held_user_rows if side == "user" else data.held_agent_rows
    if not rows:
        return None
    viewed = _viewed(rows, sft_settings(side, recipe))
    return tokenized(viewed, chat, settings.max_tokens, what=f"{side}: the held-out rows")


def _attention(sft: SftSettings) -> str | None:
    """What packing needs: without it, rows in one sequence would see each other.

    Raises:
        EigenGraphError: It is not installed.
    """
    if not sft.packing:
        return None
    if not (torch.cuda.is_available() and is_flash_attn_2_available()):
        raise EigenGraphError(
            "sft.packing puts several dialogues into one sequence, which only FlashAttention on a GPU keeps apart, and "
            "that is not here: set packing to false, or install flash-attn"
        )
    return "flash_attention_2"


def _results(trainer: Any, train: Tokenized, held: Tokenized | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "steps": trainer.state.global_step,
        "rows": len(train.rows),
        "too_long": train.too_long,
        "trained_tokens": train.trained,
    }
    losses = [entry["eval_loss"] for entry in trainer.state.log_history if "eval_loss" in entry]
    if held and losses:
        found |= {"held_out_rows": len(held.rows), "held_out_loss": {"before": losses[0], "after": losses[-1]}}
    return found

"""What can be known of a training's models before their weights are loaded: template, context, tokens, size, room."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.models.local.folder import load_tokenizer
from eigen_graph.rl.course import room
from eigen_graph.rl.data import TrainingData
from eigen_graph.rl.findings import Findings, error, guarded, ok, warning
from eigen_graph.rl.gathering import Row
from eigen_graph.rl.recipe import Recipe
from eigen_graph.rl.sequences import shown as as_text
from eigen_graph.rl.sequences import tokenized
from eigen_graph.rl.settings import ModelSettings, Stage
from eigen_graph.rl.sft import model_settings, sft_settings, side_rows
from eigen_graph.rl.sizes import Size, size_of_folder, size_of_tiny
from eigen_graph.rl.smollm2 import NAME, tokenizer_of, weights
from eigen_graph.rl.start import cache_folder, model_folder, template_of, tiny_tokenizer

_SAMPLE = 200
"""Rows whose tokens are counted."""
_SHOWN_CHARS = 160
_LONG_SHARE = 0.2
"""Share of rows left out as too long that deserves a warning."""
_MB, _GB = 1e6, 1e9
_SMOLLM2 = Size(134_515_008, hidden=576, layers=30, vocab=49_152, context=8192)


@dataclass(frozen=True)
class Plan:
    """What is to be trained, where, on what."""

    recipe: Recipe
    stages: tuple[Stage, ...]
    folder: Path | None
    data: TrainingData | None


def check_models(plan: Plan, shown: dict[str, str]) -> Findings:
    """Look at the model of each stage.

    Args:
        plan: What is to be trained.
        shown: Gets the first row of each side that is trained by SFT, as text.
    """
    sizes: dict[Stage, Size] = {}
    for stage in plan.stages:
        yield from guarded(stage, partial(_stage, plan, stage, sizes, shown))
    yield from _disk(plan, sizes)
    yield from _memory(plan, sizes)


def _stage(plan: Plan, stage: Stage, sizes: dict[Stage, Size], shown: dict[str, str]) -> Findings:
    settings, rows = _start(plan, stage)
    if stage == "grpo" and settings.start == "tiny":
        if "agent" not in plan.stages:
            yield error(
                "grpo",
                "a tiny model made on the spot is at chance, from where RL learns nothing: train the agent first",
            )
        return
    chat, size = _look(settings, rows)
    if chat is None or size is None:
        yield ok(stage, f"a tiny model, whose tokenizer is made of the dialogues, {settings.max_tokens} tokens")
        return
    sizes[stage] = size
    yield ok(stage, f"from {settings.start}: {size.parameters / _MB:,.3g} M parameters{_lora(settings)}")
    for problem in chat.problems():
        if _settings(plan, stage).chat_template != "short" or "tools section" not in problem:  # what that one is for
            yield warning(stage, problem)
    if size.context and settings.max_tokens > size.context:
        yield error(
            stage, f"model.max_tokens is {settings.max_tokens}, but the model's context {size.context}: lower it"
        )
    if rows and stage != "grpo":
        yield from _tokens(plan, stage, chat, rows, shown)


def _start(plan: Plan, stage: Stage) -> tuple[ModelSettings, tuple[Row, ...]]:
    """What a stage starts from, and what it is trained on."""
    side: Literal["user", "agent"] = "user" if stage == "user" else "agent"
    done = plan.folder / "agent" / "model" if plan.folder and stage == "grpo" else None
    settings = model_settings(side, plan.recipe, done if done and done.is_dir() else None)
    return settings, side_rows(side, plan.recipe, plan.data) if plan.data else ()


def _look(settings: ModelSettings, rows: tuple[Row, ...]) -> tuple[ChatFormat | None, Size | None]:
    """How a model is spoken to, and its size; None for one whose dialogues are not there yet."""
    if settings.start == "tiny":
        if not rows:
            return None, None
        tokenizer = tiny_tokenizer(settings, rows)
        return ChatFormat.of(tokenizer, "tiny"), size_of_tiny(settings.tiny, len(tokenizer), settings.max_tokens)
    if settings.start == "smollm2":
        tokenizer, size = copy.deepcopy(_smollm2()), _SMOLLM2
    else:
        folder = model_folder(settings.start)
        tokenizer, size = load_tokenizer(folder), size_of_folder(folder)
    if settings.chat_template != "own":
        tokenizer.chat_template = template_of(settings.chat_template)
    return ChatFormat.of(tokenizer, settings.start), size


@cache
def _smollm2() -> Any:
    """Read once: from its package, that takes seconds."""
    made = cache_folder() / NAME
    return load_tokenizer(made) if made.is_dir() else tokenizer_of(weights())


def _tokens(plan: Plan, stage: Stage, chat: ChatFormat, rows: tuple[Row, ...], shown: dict[str, str]) -> Findings:
    settings = model_settings("user" if stage == "user" else "agent", plan.recipe)
    sft = sft_settings("user" if stage == "user" else "agent", plan.recipe)
    sample = rows[:_SAMPLE]
    found = tokenized(sample, chat, settings.max_tokens, what=f"{stage}: the rows to train on")
    shown[stage] = as_text(found.rows[0], chat.tokenizer, limit=_SHOWN_CHARS)
    of = "" if len(sample) == len(rows) else f"first {len(sample)} of {len(rows)} rows: "
    yield (warning if found.too_long > _LONG_SHARE * len(sample) else ok)(f"{stage}.sft", f"{of}{found}")
    if sft.batch_size > len(rows):
        yield warning(f"{stage}.sft", f"batch_size {sft.batch_size} is more than the {len(rows)} rows there are")


def _disk(plan: Plan, sizes: dict[Stage, Size]) -> Findings:
    if not sizes:
        return
    needed = sum(size.on_disk(lora=_settings(plan, stage).lora is not None) for stage, size in sizes.items())
    free = room(plan.folder or Path("runs"))
    said = f"about {_gb(needed)} for checkpoints and models, {_gb(free)} free"
    yield error("disk", f"{said}: make room, or choose another --out") if needed > free else ok("disk", said)


def _memory(plan: Plan, sizes: dict[Stage, Size]) -> Findings:
    if not sizes:
        return
    needed = max(_needed(plan, stage, size) for stage, size in sizes.items())
    here, where = _memory_here(plan.recipe)
    if not here:
        return
    said = f"roughly {_gb(needed)} at least, {_gb(here)} {where}"
    advice = "a smaller batch_size or micro_batch, model.lora, or model.gradient_checkpointing=true"
    yield warning("memory", f"{said}: take {advice}") if needed > here else ok("memory", said)


def _needed(plan: Plan, stage: Stage, size: Size) -> float:
    settings, recipe = _settings(plan, stage), plan.recipe
    if stage == "grpo":
        rows = recipe.grpo.micro_batch or recipe.grpo.groups * recipe.grpo.group_size
    else:
        rows = sft_settings(stage, recipe).batch_size
    return size.in_memory(settings, rows)


def _settings(plan: Plan, stage: Stage) -> ModelSettings:
    return plan.recipe.user_model if stage == "user" else plan.recipe.model


def _memory_here(recipe: Recipe) -> tuple[int, str]:
    import torch  # noqa: PLC0415  # seconds

    if recipe.device != "cpu" and torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        vllm = recipe.grpo.vllm
        share = 1 - vllm.gpu_memory if vllm and vllm.mode == "colocate" else 1.0
        return int(free * share), "free on the GPU"
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), "of memory free"
    except (ValueError, OSError):
        return 0, ""


def _lora(settings: ModelSettings) -> str:
    return f", LoRA of rank {settings.lora.rank}" if settings.lora else ""


def _gb(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= _GB else f"{count / 1e6:,.0f} MB"

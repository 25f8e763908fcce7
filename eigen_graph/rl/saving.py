"""A trained model as a normal Hugging Face folder: any server loads it, and so does the next stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.rl.gathering import Row
from eigen_graph.rl.settings import ModelSettings
from eigen_graph.rl.start import start_model

ADAPTER = "adapter"


def save_trained(
    trainer: Any, chat: ChatFormat, settings: ModelSettings, folder: Path, *, rows: tuple[Row, ...] = (), seed: int = 0
) -> None:
    """Save what a trainer has trained: weights, tokenizer, and the chat template that dialogues were rendered by.

    An adapter is merged into the weights, and also saved by itself in `adapter/`. All processes that train together
    must call it; one of them writes.

    Args:
        trainer: A transformers Trainer.
        chat: How the model is spoken to.
        settings: What it started from (`start_model`).
        folder: Where to.
        rows: As for `start_model`.
        seed: As for `start_model`.
    """
    import torch  # noqa: PLC0415

    state = trainer.accelerator.get_state_dict(trainer.model_wrapped)  # gathers what is spread over processes
    if not trainer.is_world_process_zero():
        return
    model = trainer.accelerator.unwrap_model(trainer.model_wrapped)
    dtype = torch.bfloat16 if settings.dtype == "bfloat16" else torch.float32
    if settings.lora is not None:
        from peft import PeftModel  # noqa: PLC0415

        model.save_pretrained(str(folder / ADAPTER), state_dict=state, selected_adapters=["default"])
        # Merged into a fresh copy of the start: the trainer's own may be spread over processes, and stays as it is.
        model, _ = start_model(settings.model_copy(update={"lora": None, "dtype": "float32"}), rows=rows, seed=seed)
        model = PeftModel.from_pretrained(model, str(folder / ADAPTER)).merge_and_unload()
        state = None
    save_model(model, chat, folder, dtype=dtype, state=state)


def save_model(model: Any, chat: ChatFormat, folder: Path, *, dtype: Any = None, state: Any = None) -> None:
    """Save a model with its tokenizer and chat template.

    Args:
        model: Of transformers.
        chat: How it is spoken to.
        folder: Where to.
        dtype: Of the weights in the folder; None: as they are.
        state: The weights; None: the model's own.
    """
    state = model.state_dict() if state is None else state
    if dtype is not None:
        state = {name: value.to(dtype) if value.is_floating_point() else value for name, value in state.items()}
        model.config.dtype = dtype
    model.generation_config.do_sample = True  # some servers stay greedy otherwise, whatever temperature is asked for
    model.save_pretrained(str(folder), state_dict=state)
    chat.tokenizer.save_pretrained(str(folder))
    for path in folder.rglob("*.safetensors"):
        path.chmod(path.stat().st_mode | 0o044)  # written for the owner alone, but servers run as somebody else

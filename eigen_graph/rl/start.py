"""What a stage starts from: a model made on the spot, SmolLM2, or the folder of any Hugging Face model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from eigen_graph.core import EigenGraphError
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.models.local.templates import NAMES, template
from eigen_graph.rl.gathering import Row
from eigen_graph.rl.provenance import files_digest
from eigen_graph.rl.settings import LoraSettings, ModelSettings
from eigen_graph.rl.smollm2 import smollm2
from eigen_graph.rl.tiny import build_model, build_tokenizer

_ADAPTER, _CONFIG = "adapter_config.json", "config.json"


def cache_folder() -> Path:
    """Where model folders are kept that were made of packages."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eigen_graph" / "models"


def start_model(
    settings: ModelSettings,
    *,
    rows: Iterable[Row] = (),
    seed: int = 0,
    cache: Path | None = None,
    attention: str | None = None,
) -> tuple[Any, ChatFormat]:
    """The model that training starts from, ready to be trained, and how it is spoken to.

    Weights that are trained are float32, whatever `dtype` says: in bfloat16 small steps would be lost. `dtype` is that
    of frozen weights (below LoRA), of computation, and of the model that is saved in the end.

    Args:
        settings: Which model, and how it is to be trained.
        rows: Dialogues that the tokenizer of a `tiny` model is trained on.
        seed: Of what is drawn: a tiny model's weights, an adapter's.
        cache: Where `smollm2` is kept; None: `cache_folder()`.
        attention: The implementation of attention, e.g. `flash_attention_2`; None: the model's own choice.

    Raises:
        EigenGraphError: There is no such model or template, it cannot be loaded, or its context is too small.
    """
    _quiet()
    if settings.start == "tiny":
        tokenizer, model = _tiny(settings, rows, seed)
    else:
        folder = smollm2(cache or cache_folder()) if settings.start == "smollm2" else model_folder(settings.start)
        tokenizer, model = _loaded(folder, settings, attention)
        if settings.chat_template != "own":
            tokenizer.chat_template = template_of(settings.chat_template)
    chat = ChatFormat.of(tokenizer, settings.start)
    _settle(model, chat, settings)
    if settings.lora is not None:
        model = _with_lora(model, settings.lora, seed, settings.start)
    return model, chat


def start_digest(settings: ModelSettings) -> str:
    """Names the start for a record of what a stage was made from: for a folder, what is in it.

    Raises:
        EigenGraphError: There is no such folder.
    """
    if settings.start in {"tiny", "smollm2"}:
        return settings.start
    folder = model_folder(settings.start)
    return files_digest(folder / _ADAPTER if (folder / _ADAPTER).exists() else folder)


def _quiet() -> None:
    """Keep transformers' progress bars off the screen; they would come with every checkpoint."""
    from transformers.utils import logging  # noqa: PLC0415

    logging.disable_progress_bar()


def tiny_tokenizer(settings: ModelSettings, rows: Iterable[Row]) -> Any:
    """The tokenizer of a model made on the spot, trained on dialogues as they are rendered.

    Raises:
        EigenGraphError: There are no dialogues, there is no such template, or the sizes do not fit together.
    """
    if settings.tiny.hidden % settings.tiny.heads or settings.tiny.heads % settings.tiny.kv_heads:
        raise EigenGraphError("model.tiny: heads must divide hidden, and kv_heads must divide heads")
    text = template_of("hermes" if settings.chat_template == "own" else settings.chat_template)
    # Bytes alone make a tokenizer that renders as the final one will: what it is trained on is what it will see.
    rendering = ChatFormat.of(build_tokenizer((), 300, text), "tiny").rendering
    texts = [rendering.text(row["messages"], row.get("tools") or ()) for row in rows]
    if not texts:
        raise EigenGraphError("a tiny model needs dialogues to make its tokenizer of, and there are none")
    return build_tokenizer(texts, settings.tiny.vocab, text)


def _tiny(settings: ModelSettings, rows: Iterable[Row], seed: int) -> tuple[Any, Any]:
    tokenizer = tiny_tokenizer(settings, rows)
    return tokenizer, build_model(tokenizer, settings.tiny, settings.max_tokens, seed)


def model_folder(start: str) -> Path:
    """The folder that a recipe names as its start.

    Raises:
        EigenGraphError: There is no model in it.
    """
    folder = Path(start).expanduser()
    if not any((folder / name).is_file() for name in (_CONFIG, _ADAPTER)):
        raise EigenGraphError(
            f"model.start: there is no model in {start!r} (no {_CONFIG}): give `tiny`, `smollm2`, or the folder of a "
            "Hugging Face model; models are not downloaded"
        )
    return folder


def _loaded(folder: Path, settings: ModelSettings, attention: str | None) -> tuple[Any, Any]:
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    dtype = torch.bfloat16 if settings.lora and settings.dtype == "bfloat16" else torch.float32
    options: dict[str, Any] = {"dtype": dtype, "local_files_only": True}
    if attention:
        options["attn_implementation"] = attention
    try:
        if (folder / _CONFIG).is_file():
            model = AutoModelForCausalLM.from_pretrained(str(folder), **options)
            return AutoTokenizer.from_pretrained(str(folder), local_files_only=True), model
        return _merged(folder, options)
    except EigenGraphError:
        raise
    except Exception as error:  # whatever lies in the folder
        why = " ".join(str(error).split())[:300]
        raise EigenGraphError(f"cannot load the model in {folder}: {type(error).__name__}: {why}") from error


def _merged(folder: Path, options: dict[str, Any]) -> tuple[Any, Any]:
    """An adapter with the model that it is for."""
    from peft import PeftModel  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    base = json.loads((folder / _ADAPTER).read_text(encoding="utf-8")).get("base_model_name_or_path")
    if not base or not (Path(base) / _CONFIG).is_file():
        raise EigenGraphError(f"{folder} is an adapter for {base!r}, which is not there: put it there, or merge them")
    model = AutoModelForCausalLM.from_pretrained(str(base), **options)
    model = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    owner = folder if (folder / "tokenizer_config.json").is_file() else base
    return AutoTokenizer.from_pretrained(str(owner), local_files_only=True), model


def template_of(name: str) -> str:
    """The Jinja text of a template, by its name or path.

    Raises:
        EigenGraphError: There is none.
    """
    if name in NAMES:
        return template(name)
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EigenGraphError(
            f"model.chat_template: there is no template {name!r}: give `own`, {', '.join(NAMES)}, or the path of a "
            "Jinja file"
        ) from error


def _settle(model: Any, chat: ChatFormat, settings: ModelSettings) -> None:
    """Make model and tokenizer agree, and make sure that they can."""
    config = model.config.get_text_config()
    room = getattr(config, "max_position_embeddings", None)
    if room and settings.max_tokens > room:
        raise EigenGraphError(
            f"model.max_tokens is {settings.max_tokens}, but the context of {settings.start!r} has {room}: lower it"
        )
    rows = model.get_input_embeddings().num_embeddings
    if len(chat.tokenizer) > rows:
        raise EigenGraphError(
            f"{settings.start!r} has embeddings for {rows} tokens, its tokenizer {len(chat.tokenizer)}: they do not "
            "belong together"
        )
    tokenizer = chat.tokenizer
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id == chat.stop_id:
        # Padding that looks like the end of a turn would be taken for one.
        others = [name for name in ("<|endoftext|>", "<pad>", "[PAD]", "<unk>") if name in tokenizer.get_vocab()]
        tokenizer.pad_token = others[0] if others else tokenizer.eos_token
    config.pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    model.generation_config.eos_token_id = [chat.stop_id, *(end for end in ends if end not in {None, chat.stop_id})]


def _with_lora(model: Any, lora: LoraSettings, seed: int, name: str) -> Any:
    import torch  # noqa: PLC0415
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415

    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    config = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets, task_type="CAUSAL_LM"
    )
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return get_peft_model(model, config)
    except ValueError as error:
        why = " ".join(str(error).split())[:200]
        raise EigenGraphError(f"model.lora.targets {lora.targets!r} do not fit {name!r}: {why}") from error

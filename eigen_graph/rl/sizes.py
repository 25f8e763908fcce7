"""How large a model is, on disk and in memory, told roughly from its configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from eigen_graph.core import EigenGraphError
from eigen_graph.rl.settings import ModelSettings, TinySettings

_ADAPTER_SHARE = 0.02
"""Of the parameters that an adapter has, about."""
_ADAM = 3 * 4
"""Bytes of a checkpoint for each parameter: weights and both moments in float32."""
_TRAINED = 4 * 4
"""The same in memory, with the gradient."""
_CHECKPOINTS = 3
"""Two that stay, and the one that is being written."""
_PER_LAYER = 34
"""Bytes kept of a layer for each token and hidden unit without gradient checkpointing (Korthikanti et al. 2022)."""


class Size(NamedTuple):
    """What memory and room depend on."""

    parameters: float
    hidden: int
    layers: int
    vocab: int
    context: int | None
    """Tokens at most; None: it does not say."""

    def on_disk(self, *, lora: bool) -> float:
        """Bytes of a stage's checkpoints and final model."""
        trained = self.parameters * (_ADAPTER_SHARE if lora else 1.0)
        return trained * _ADAM * _CHECKPOINTS + self.parameters * 4

    def in_memory(self, settings: ModelSettings, rows: int) -> float:
        """Bytes that a training step takes at least, with rows of full length."""
        width = 2 if settings.dtype == "bfloat16" else 4
        each = width + _ADAPTER_SHARE * _TRAINED if settings.lora else _TRAINED
        tokens = rows * settings.max_tokens
        layers = 2 * width if settings.gradient_checkpointing else _PER_LAYER * width / 2
        return self.parameters * each + tokens * (self.hidden * self.layers * layers + 3 * self.vocab * width)


def size_of_tiny(tiny: TinySettings, vocab: int, context: int) -> Size:
    """Of a model made on the spot."""
    head = tiny.hidden // tiny.heads
    attention = 2 * tiny.hidden * head * (tiny.heads + tiny.kv_heads) + 2 * head
    layer = attention + 3 * tiny.hidden * 3 * tiny.hidden + 2 * tiny.hidden
    return Size(vocab * tiny.hidden + tiny.layers * layer + tiny.hidden, tiny.hidden, tiny.layers, vocab, context)


def size_of_folder(folder: Path) -> Size:
    """Of a model folder, by its configuration and the size of its files.

    Raises:
        EigenGraphError: The configuration cannot be read.
    """
    path = folder / "config.json"
    if not path.is_file():  # an adapter: its base has the configuration
        path = Path(str(_read(folder / "adapter_config.json").get("base_model_name_or_path"))) / "config.json"
    config = _read(path)
    text = config.get("text_config")
    config = {**config, **text} if isinstance(text, dict) else config
    width = 2 if str(config.get("dtype") or config.get("torch_dtype")) in {"bfloat16", "float16"} else 4
    files = [file for pattern in ("*.safetensors", "*.bin") for file in path.parent.glob(pattern)]
    total = sum(file.stat().st_size for file in files if not file.name.startswith("training"))
    return Size(
        total / width,
        _number(config, "hidden_size", path) or 0,
        _number(config, "num_hidden_layers", path) or 0,
        _number(config, "vocab_size", path) or 0,
        _number(config, "max_position_embeddings", path),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise EigenGraphError(f"cannot read {path}: {error}") from error
    if not isinstance(found, dict):
        raise EigenGraphError(f"{path} is no model's configuration")
    return found


def _number(config: dict[str, Any], name: str, path: Path) -> int | None:
    value = config.get(name)
    if value is not None and not (isinstance(value, int) and value > 0):
        raise EigenGraphError(f"{path}: {name} is {value!r:.40}, no positive number")
    return value

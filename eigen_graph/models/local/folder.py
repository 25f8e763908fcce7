"""A model's folder: looked into before anything is loaded, so that what is wrong with it is said at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eigen_graph.core import EigenGraphError

ADAPTER = "adapter_config.json"
"""Marks the folder of a PEFT adapter."""
_CONFIG = "config.json"
_WEIGHTS = ("*.safetensors", "*.bin")
_VOCABULARIES = ("tokenizer.json", "vocab.*", "*.model", "tekken.json")


def require_extra() -> None:
    """Make sure that models can be run here.

    Raises:
        EigenGraphError: torch or transformers is not installed.
    """
    if missing := [name for name in ("torch", "transformers") if find_spec(name) is None]:
        raise EigenGraphError(
            f"local models need {' and '.join(missing)}, which is not installed: pip install 'eigen-graph[rl]'"
        )


def check_folder(path: str | Path) -> Path:
    """The folder of a model, or of an adapter with its base model at hand.

    Raises:
        EigenGraphError: There is no folder, or no model in it; the message says what is missing.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise EigenGraphError(f"no model folder {folder}: give the path of a folder with config.json and weights")
    marks = [name for name in (_CONFIG, ADAPTER) if (folder / name).is_file()]
    if not marks:
        inner = sorted(entry.parent.name for entry in folder.glob(f"*/{_CONFIG}"))
        hint = f"; did you mean {folder / inner[0]}?" if inner else ""
        raise EigenGraphError(f"{folder} holds no model: neither {_CONFIG} nor {ADAPTER} is in it{hint}")
    if not any(entry.stat().st_size for pattern in _WEIGHTS for entry in folder.glob(pattern)):
        raise EigenGraphError(f"{folder} holds no weights (*.safetensors): is it still being written?")
    for name in marks:
        _read(folder / name)
    if _CONFIG not in marks:
        base_of(folder)
    return folder


def base_of(folder: Path) -> str:
    """The base model of an adapter's folder: a folder, or a model's name in the Hugging Face cache.

    Raises:
        EigenGraphError: It names none.
    """
    base = _read(folder / ADAPTER).get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise EigenGraphError(f"{folder / ADAPTER} names no base model (base_model_name_or_path)")
    return base


def stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes when a folder's files do."""
    entries = sorted(entry for entry in folder.iterdir() if entry.is_file())
    return tuple((entry.name, (stat := entry.stat()).st_mtime_ns, stat.st_size) for entry in entries)


def load_tokenizer(path: str | Path) -> Any:
    """The tokenizer of a folder; of an adapter's that has none, its base model's.

    Raises:
        EigenGraphError: There is none.
    """
    require_extra()
    from transformers import AutoTokenizer  # noqa: PLC0415  # seconds of imports, and an extra

    folder = Path(path)
    bare_adapter = (folder / ADAPTER).is_file() and not (folder / "tokenizer_config.json").is_file()
    where = base_of(folder) if bare_adapter else str(folder)
    if Path(where).is_dir() and not any(entry for name in _VOCABULARIES for entry in Path(where).glob(name)):
        raise EigenGraphError(f"{where} holds no tokenizer (tokenizer.json)")  # transformers would make an empty one
    try:
        return AutoTokenizer.from_pretrained(where, local_files_only=True)
    except Exception as error:  # whatever lies in the folder
        raise EigenGraphError(f"no tokenizer can be loaded from {where}: {_first(error)}") from error


def load_model(path: str | Path, device: str) -> Any:
    """The causal language model of a folder, on a device, ready to generate; an adapter's is merged into its base.

    Raises:
        EigenGraphError: It cannot be loaded, or there is no such device.
    """
    folder = check_folder(path)
    require_extra()
    import torch  # noqa: PLC0415  # as above

    where = resolve_device(device)
    try:
        with _no_progress_bar():
            return _loaded(folder).to(torch.device(where)).eval()
    except Exception as error:  # whatever lies in the folder, and whatever the device says
        raise EigenGraphError(f"no model can be loaded from {folder} onto {where}: {_first(error)}") from error


def _loaded(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM  # noqa: PLC0415  # as above

    options = {"dtype": "auto", "local_files_only": True}
    if (folder / _CONFIG).is_file():
        return AutoModelForCausalLM.from_pretrained(str(folder), **options)
    from peft import PeftModel  # noqa: PLC0415  # same

    base = AutoModelForCausalLM.from_pretrained(base_of(folder), **options)
    return PeftModel.from_pretrained(base, str(folder)).merge_and_unload()


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Without the bar that transformers draws for the weights: the terminal is somebody else's."""
    from transformers.utils import logging  # noqa: PLC0415  # same

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def resolve_device(device: str) -> str:
    """The device that is meant: `auto` is the GPU where there is one.

    Raises:
        EigenGraphError: It is a GPU, and there is none.
    """
    require_extra()
    import torch  # noqa: PLC0415  # as above

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise EigenGraphError(f"device {device}: torch finds no GPU here; use device=cpu")
    return device


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise EigenGraphError(f"cannot read {path}: {_first(error)}") from error
    if not isinstance(data, dict):
        raise EigenGraphError(f"{path} is no JSON object")
    return data


def _first(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:240]}"

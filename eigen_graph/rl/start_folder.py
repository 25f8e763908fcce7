"""What a training starts from, as a folder that `hf:` loads: weights as they are, with the recipe's chat template."""

from __future__ import annotations

import shutil
from pathlib import Path

from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.rl.folder import TrainingFolder, writing
from eigen_graph.rl.smollm2 import smollm2
from eigen_graph.rl.start import cache_folder, model_folder, template_of

_OF_THE_TOKENIZER = ("tokenizer", "special_tokens", "added_tokens", "chat_template", "vocab", "merges", "README")
"""How the names begin of what is written anew, or means another model."""


def start_folder(folder: TrainingFolder) -> Path | None:
    """The folder of a training's start; None where it is made on the spot.

    With a chat template other than its own, that is a folder of links to the weights in `OUT/start`.

    Raises:
        EigenGraphError: There is no such model, or its tokenizer will not do.
    """
    settings = folder.recipe.model
    if settings.start == "tiny":
        return None
    source = smollm2(cache_folder()) if settings.start == "smollm2" else model_folder(settings.start)
    if settings.chat_template == "own":
        return source
    target = folder.path / "start"
    if not target.exists():
        _link(source, target, template_of(settings.chat_template))
    return target


def _link(source: Path, target: Path, template: str) -> None:
    from transformers import AutoTokenizer  # noqa: PLC0415  # seconds

    tokenizer = AutoTokenizer.from_pretrained(str(source), local_files_only=True)
    tokenizer.chat_template = template
    ChatFormat.of(tokenizer, str(source))
    draft = target.with_name(f"{target.name}.part")
    with writing(target):
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for path in source.iterdir():
            if path.is_file() and not path.name.startswith(_OF_THE_TOKENIZER):
                (draft / path.name).symlink_to(path.resolve())
        tokenizer.save_pretrained(str(draft))
        draft.rename(target)

"""What a stage of a training is made from: the settings that decide what comes out, its inputs, the versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eigen_graph import __version__
from eigen_graph.core import EigenGraphError
from eigen_graph.rl.recipe import Recipe
from eigen_graph.rl.settings import Stage

LIBRARIES = ("torch", "transformers", "trl", "accelerate", "peft", "datasets", "vllm")
_SAMPLE = 1 << 20
"""Bytes read at either end of a large file for its digest."""
_SHOWN = 80
_FREE = {
    "sft": {"save_every", "log_every"},
    "grpo": {"save_every", "user_base_url", "vllm", "min_start"},
    "model": {"gradient_checkpointing"},
}
"""Settings that change nothing of what comes out, or (min_start) only whether anything does."""


class StageInfo(BaseModel):
    """The contents of `stage.json`."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    stage: Stage
    state: Literal["running", "done"] = "running"
    created: str
    """UTC, ISO 8601."""
    digest: str
    """Of settings and inputs: equal digests, equal training."""
    settings: dict[str, Any]
    """Those of the recipe that decide what comes out."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """What else does: the data, the start model, who plays the user."""
    versions: dict[str, str] = Field(default_factory=dict)
    seconds: float = 0.0
    """Over all processes that worked on it."""
    results: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, stage: Stage, recipe: Recipe, inputs: Mapping[str, Any]) -> Self:
        """The record of a stage that begins now."""
        settings = stage_settings(recipe, stage)
        given = json.loads(json.dumps(dict(inputs)))
        return cls(
            stage=stage,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            digest=digest({"settings": settings, "inputs": given}),
            settings=settings,
            inputs=given,
            versions=versions(),
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read `stage.json`.

        Raises:
            EigenGraphError: It is damaged.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            raise EigenGraphError(
                f"{path} cannot be read ({why}): bring it back from a copy, "
                f"or remove {path.parent} to do that stage again"
            ) from error


def data_settings(recipe: Recipe) -> dict[str, Any]:
    """What decides which dialogues are trained on and which are held out."""
    return {
        "domain": recipe.domain,
        "seed": recipe.seed,
        "data": recipe.data.model_dump(mode="json", exclude={"synthesis"}),
    }


def stage_settings(recipe: Recipe, stage: Stage) -> dict[str, Any]:
    """The settings that decide what comes out of a stage, under their names in the recipe."""
    found = data_settings(recipe)
    model = recipe.user_model if stage == "user" else recipe.model
    found["model"] = model.model_dump(mode="json", exclude=_FREE["model"])
    if stage == "grpo":
        found["grpo"] = recipe.grpo.model_dump(mode="json", exclude=_FREE["grpo"])
    else:
        sft = getattr(recipe, stage).sft
        found[stage] = {"sft": sft.model_dump(mode="json", exclude=_FREE["sft"])}
    return found


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What differs between two sections: dotted key, old value, new value."""
    return [
        (key, _told(before), _told(after))
        for key, before, after in _pairs("", dict(old), json.loads(json.dumps(dict(new))))
        if before != after
    ]


def versions() -> dict[str, str]:
    """Versions of what trains, as far as it is installed."""
    found = {"eigen_graph": __version__}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def digest(value: Any) -> str:
    """Of JSON values, whatever the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


def files_digest(path: Path) -> str:
    """Of a file, or of a folder's files with their names; of large ones only size and both ends are looked at.

    Raises:
        EigenGraphError: It cannot be read.
    """
    seen = hashlib.sha256()
    try:
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in files:
            size = file.stat().st_size
            seen.update(f"{file.relative_to(path).as_posix()}\0{size}\0".encode())
            with file.open("rb") as stream:
                seen.update(stream.read(_SAMPLE))
                if size > 2 * _SAMPLE:
                    stream.seek(-_SAMPLE, 2)
                seen.update(stream.read())
    except OSError as error:
        raise EigenGraphError(f"cannot read {path}: {error.strerror or error}") from error
    return seen.hexdigest()[:16]


def _pairs(prefix: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from _pairs(f"{prefix}.{key}" if prefix else key, old.get(key), new.get(key))
    else:
        yield prefix, old, new


def _told(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

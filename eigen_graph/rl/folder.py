"""A training's folder: its recipe, and for each stage what made it, its metrics, checkpoints and final model.

OUT/recipe.yaml             the recipe, every default written out
OUT/data/                   the dialogues that are trained on, and which are held out
OUT/STAGE/stage.json        what made the stage (user, agent or grpo): settings, inputs, versions; how far it is
OUT/STAGE/metrics.jsonl     one JSON object for each logged step
OUT/STAGE/checkpoints/      the trainer's own, with our state beside it
OUT/STAGE/model/            the result: a normal Hugging Face folder with its card
OUT/run/                    the synthesis that a pipeline begins with
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from eigen_graph.core import EigenGraphError
from eigen_graph.rl.provenance import StageInfo, changed, data_settings, stage_settings
from eigen_graph.rl.recipe import Recipe, read_recipe
from eigen_graph.rl.settings import STAGES, Stage
from eigen_graph.runs.lock import RunLock

RECIPE = "recipe.yaml"
LOCK = "training.lock"
WHOLE = "whole.json"
"""Written last into a checkpoint: one without it was cut off, and is not gone on from."""
_LEFT_BY_A_BAD_START = frozenset({LOCK, "training.pid", f"{RECIPE}.part"})


@dataclass(frozen=True)
class StageFolder:
    """One stage's part of a training folder."""

    path: Path
    name: Stage

    @property
    def metrics(self) -> Path:
        """One JSON object a line, for each logged step."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """The trainer's output folder."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """The final model; there only once the stage is done."""
        return self.path / "model"

    @property
    def info(self) -> StageInfo | None:
        """What made it; None before it has begun.

        Raises:
            EigenGraphError: `stage.json` cannot be read.
        """
        path = self.path / "stage.json"
        return StageInfo.load(path) if path.exists() else None

    @property
    def done(self) -> bool:
        """Whether it has come to its end."""
        return (info := self.info) is not None and info.state == "done"

    def begin(self, recipe: Recipe, inputs: Mapping[str, Any] | None = None) -> StageInfo:
        """Begin the stage, or go on with it where all is as it was.

        Args:
            recipe: Whose settings for this stage count.
            inputs: What else decides what comes out: digests of the data and of the start model, who plays the user.

        Raises:
            EigenGraphError: It was begun with other settings or inputs; the message says which.
        """
        now = StageInfo.of(self.name, recipe, inputs or {})
        if (was := self.info) is None:
            self._write(now)
            return now
        _refuse(changed(was.settings, now.settings), f"stage {self.name} in {self.path.parent}")
        _refuse(changed(was.inputs, now.inputs), f"stage {self.name} in {self.path.parent}")
        return was

    def finish(self, seconds: float = 0.0, results: Mapping[str, Any] | None = None) -> StageInfo:
        """Record that the stage has come to its end."""
        return self.note(state="done", seconds=seconds, results=results)

    def note(
        self, *, seconds: float = 0.0, results: Mapping[str, Any] | None = None, state: str | None = None
    ) -> StageInfo:
        """Add to what is recorded of a stage that has begun.

        Args:
            seconds: To be added to the time that it took.
            results: To be added to what is known of it.
            state: `running` or `done`.
        """
        info = self.info
        if info is None:
            raise EigenGraphError(f"stage {self.name} in {self.path.parent} has not begun")
        update = {"seconds": round(info.seconds + seconds, 3), "results": {**info.results, **(results or {})}}
        info = info.model_copy(update=update | ({"state": state} if state else {}))
        self._write(info)
        return info

    @contextmanager
    def new_model(self) -> Iterator[Path]:
        """A folder to save the final model in, which becomes `model` whole or not at all.

        Raises:
            EigenGraphError: It cannot be written.
        """
        draft = self.path / "model.part"
        with writing(draft):
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            yield draft
            shutil.rmtree(self.model, ignore_errors=True)
            draft.rename(self.model)

    def _write(self, info: StageInfo) -> None:
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            write_whole(self.path / "stage.json", info.model_dump_json(indent=2) + "\n")


@dataclass(frozen=True)
class TrainingFolder:
    """A training on disk. Make it with `create`, `open` or `enter`."""

    path: Path
    recipe: Recipe

    @classmethod
    def create(cls, path: str | os.PathLike[str], recipe: Recipe) -> Self:
        """Start a training in a folder that is new or empty.

        Raises:
            EigenGraphError: The folder holds a training or something else, or cannot be written.
        """
        root = Path(path)
        with writing(root):
            try:
                root.mkdir(parents=True, exist_ok=True)
            except FileExistsError:
                raise EigenGraphError(f"cannot train in {root}: it is no folder; choose another --out") from None
            present = sorted(entry.name for entry in root.iterdir() if entry.name not in _LEFT_BY_A_BAD_START)
            if RECIPE in present:
                raise EigenGraphError(f"{root} holds a training already: go on with it, or choose another --out")
            if present:
                raise EigenGraphError(f"{root} is no training folder but holds {present[0]!r}: choose another --out")
            write_whole(root / RECIPE, recipe.to_yaml())
        return cls(root, recipe)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Find the training in a folder.

        Raises:
            EigenGraphError: There is none, or its recipe cannot be read.
        """
        root = Path(path)
        try:
            data = yaml.safe_load((root / RECIPE).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise EigenGraphError(f"there is no training in {root} (no {RECIPE}): name the folder of one") from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
            raise EigenGraphError(f"cannot read {root / RECIPE}: {' '.join(str(error).split())[:300]}") from error
        if not isinstance(data, dict):
            raise EigenGraphError(f"{root / RECIPE} is no recipe: bring it back from a copy, or start a new training")
        return cls(root, read_recipe(data, str(root / RECIPE)))

    @classmethod
    def enter(cls, path: str | os.PathLike[str], recipe: Recipe) -> Self:
        """Start a training in a folder, or go on with the one that is there.

        Settings of stages that have not begun may be others than they were; what has begun goes on as it was.

        Raises:
            EigenGraphError: The folder cannot be used, or a setting differs on which something in it rests.
        """
        root = Path(path)
        if not (root / RECIPE).exists():
            return cls.create(root, recipe)
        was = cls.open(root)
        was.require(recipe)
        if was.recipe != recipe:
            with writing(root):
                write_whole(root / RECIPE, recipe.to_yaml())
        return cls(root, recipe)

    def require(self, recipe: Recipe) -> None:
        """Make sure that what has begun here can go on with a recipe.

        Raises:
            EigenGraphError: A setting differs on which something rests; the message says which.
        """
        if (self.data / "split.json").exists():
            _refuse(changed(data_settings(self.recipe), data_settings(recipe)), f"the data in {self.path}")
        for name in STAGES:
            if (info := self.stage(name).info) is not None:
                _refuse(changed(info.settings, stage_settings(recipe, name)), f"stage {name} in {self.path}")

    @property
    def data(self) -> Path:
        """What is trained on."""
        return self.path / "data"

    @property
    def run(self) -> Path:
        """The synthesis run of a pipeline."""
        return self.path / "run"

    def stage(self, name: Stage) -> StageFolder:
        """A stage's folder; it need not be there."""
        return StageFolder(self.path / name, name)

    def lock(self) -> RunLock:
        """Held by whoever trains: `with folder.lock(): ...`."""
        return RunLock(self.path / LOCK)


def free_folder(recipe: Recipe) -> Path:
    """The first of runs/train-RECIPE-1, runs/train-RECIPE-2, ... that is not there yet."""
    name, number = "".join(char if char.isalnum() or char in "-_." else "-" for char in recipe.name), 1
    while (folder := Path("runs") / f"train-{name}-{number}").exists():
        number += 1
    return folder


def newest_checkpoint(folder: Path) -> Path | None:
    """The latest whole checkpoint in a stage's `checkpoints`; None: there is none."""
    return max(whole_checkpoints(folder), key=step_of, default=None)


def whole_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints that were written to their end, in order of their steps."""
    found = [path for path in folder.glob("checkpoint-*") if (path / WHOLE).is_file() and step_of(path) >= 0]
    return sorted(found, key=step_of)


def step_of(checkpoint: Path) -> int:
    """The step that a checkpoint was made at; -1: its name does not say."""
    number = checkpoint.name.removeprefix("checkpoint-")
    return int(number) if number.isascii() and number.isdigit() else -1


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f"{path.name}.part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all, its folder too.

    Raises:
        EigenGraphError: It cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Let a failure to write be one clear line.

    Raises:
        EigenGraphError: It failed.
    """
    try:
        yield
    except OSError as error:
        raise EigenGraphError(
            f"cannot write to {place}: {error.strerror or error}; make room or choose another --out, "
            "then the same command goes on"
        ) from error


def _refuse(differing: list[tuple[str, str, str]], what: str) -> None:
    if not differing:
        return
    key, old, new = differing[0]
    more = f" (and {len(differing) - 1} more)" if len(differing) > 1 else ""
    raise EigenGraphError(
        f"{what} was begun with {key} {old}, not {new}{more}: "
        "go on with what it was begun with, or choose another --out"
    )

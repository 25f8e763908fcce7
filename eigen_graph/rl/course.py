"""A trainer run in a stage's folder: from the newest whole checkpoint to the end, or to a stop it can go on from."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import PrinterCallback, ProgressCallback

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs import RunPausedError
from eigen_graph.models import InfrastructureError, OutageError
from eigen_graph.rl.callbacks import (
    FiniteCallback,
    Kept,
    MetricsCallback,
    StateCallback,
    StopCallback,
    Tell,
    drop_torn,
)
from eigen_graph.rl.folder import StageFolder, newest_checkpoint, step_of

_NO_ROOM = (
    "No space left",
    "PytorchStreamWriter failed",
    "unexpected pos",
    "file write failed",
    "Disk quota exceeded",
    "File too large",
)
"""How torch and safetensors put it that a disk is full."""


def follow(trainer: Any, stage: StageFolder, tell: Tell, kept: Sequence[Kept] = ()) -> None:
    """Train to the end, going on from the newest whole checkpoint of the stage.

    Metrics go to `metrics.jsonl`. SIGTERM and SIGINT save a checkpoint and stop; so does a user model's server that
    is gone.

    Args:
        trainer: A transformers Trainer whose `output_dir` is the stage's `checkpoints`. What it does about saving is
            its `args`'; how many checkpoints stay is decided here.
        stage: The stage's folder.
        tell: Gets lines for people.
        kept: State of ours that belongs into the checkpoints.

    Raises:
        RunPausedError: It was asked to stop; the same command goes on.
        OutageError: A server that it needs is gone; the same command goes on.
        EigenGraphError: It cannot go on: the disk is full, or the loss is no number any more.
    """
    stop, checkpoints = StopCallback(tell), StateCallback(stage, kept)
    for given in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(given)
    for callback in (MetricsCallback(stage.metrics, tell), FiniteCallback(), checkpoints, stop):
        trainer.add_callback(callback)
    trainer.args.logging_nan_inf_filter = False  # it would hide a NaN behind the mean of the losses before
    trainer.args.save_total_limit = None  # it would delete a whole checkpoint before the next one is
    drop_torn(stage.checkpoints)
    newest = newest_checkpoint(stage.checkpoints)
    if newest is not None:
        tell(f"going on from step {step_of(newest)}")
        checkpoints.load(newest)
    began = time.monotonic()
    try:
        with stop.listening(), _clearly(stage, trainer):
            trainer.train(resume_from_checkpoint=str(newest) if newest else None)
    finally:
        if trainer.is_world_process_zero() and stage.info is not None:
            stage.note(seconds=time.monotonic() - began)
    if stop.asked and trainer.state.global_step < trainer.state.max_steps:
        raise RunPausedError(f"stopped at step {trainer.state.global_step} with a checkpoint; the same command goes on")


@contextmanager
def _clearly(stage: StageFolder, trainer: Any) -> Iterator[None]:
    """Say in one line what ended a training, and what is left of it."""
    try:
        yield
    except KeyboardInterrupt:
        raise RunPausedError(f"stopped at once; {_left(stage)}; the same command goes on") from None
    except (OutageError, InfrastructureError) as error:
        _save_now(trainer)
        raise OutageError(f"{error}; {_left(stage)}: put it right, then the same command goes on") from error
    except EigenGraphError:
        raise
    except Exception as error:
        if not _is_no_room(error):
            raise
        _drop_torn_of(stage, trainer)
        raise EigenGraphError(
            f"no room in {stage.checkpoints} for the checkpoint of step {trainer.state.global_step} ({error}); "
            f"{_left(stage)}: make room, then the same command goes on"
        ) from error


def _save_now(trainer: Any) -> None:
    """A checkpoint of the last whole step: what broke off since was no more than a rollout."""
    newest = newest_checkpoint(Path(trainer.args.output_dir))
    # One that is whole stays as it is: written over, a kill in between would leave it torn and marked whole.
    if trainer.state.global_step > 0 and (newest is None or step_of(newest) < trainer.state.global_step):
        trainer._save_checkpoint(trainer.model, None)  # noqa: SLF001  # the trainer's one way to save between steps
        trainer.control = trainer.callback_handler.on_save(trainer.args, trainer.state, trainer.control)


def _drop_torn_of(stage: StageFolder, trainer: Any) -> None:
    if trainer.is_world_process_zero():
        drop_torn(stage.checkpoints)


def _left(stage: StageFolder) -> str:
    newest = newest_checkpoint(stage.checkpoints)
    return f"the checkpoint of step {step_of(newest)} is kept" if newest else "there was no checkpoint yet"


def _is_no_room(error: Exception) -> bool:
    full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    return full or any(sign in str(error) for sign in _NO_ROOM)


def room(folder: Path) -> int:
    """Bytes that are free where a folder is, or will be."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free

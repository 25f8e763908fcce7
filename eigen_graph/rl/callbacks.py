"""What watches a trainer at work: metrics, progress, signals, losses gone wrong, checkpoints that are whole or nothing.

`course.follow` puts all of them on a trainer and runs it.
"""
# ruff: noqa: ARG002  # transformers calls every event with all that there is

from __future__ import annotations

import json
import math
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from eigen_graph.core import EigenGraphError
from eigen_graph.rl.folder import WHOLE, StageFolder, step_of, whole_checkpoints, write_whole
from eigen_graph.rl.telling import progress_line

Tell = Callable[[str], None]
"""Gets a line for people."""
_SUMMARY = "train_runtime"
"""In the log entry that sums a training up, which is no step of it."""
_TELL_EVERY_S = 5.0


class DivergedError(EigenGraphError):
    """Loss or gradients are no numbers any more: going on would only spoil the model."""


class Kept(Protocol):
    """State of ours that goes into a checkpoint beside the trainer's: what a sampler has drawn, what a filter knows."""

    def save(self, folder: Path) -> None:
        """Write it into a checkpoint's folder."""

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""


class MetricsCallback(TrainerCallback):
    """Writes every logged step to `metrics.jsonl`, flushed, and tells of it in a line now and then.

    Args:
        path: The file. When a training goes on, what this and the JSON lines files beside it hold of steps after the
            checkpoint's is cut off, so that none is double.
        tell: Gets the lines.
    """

    def __init__(self, path: Path, tell: Tell) -> None:
        self._path, self._tell = path, tell
        self._told = self._began = 0.0
        self._first = 0
        self._tokens: tuple[float, float] | None = None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Cut off what is to be done again."""
        self._began, self._first, self._tokens = time.monotonic(), state.global_step, None
        if state.is_world_process_zero:
            for path in self._path.parent.glob("*.jsonl"):
                cut_lines(path, state.global_step)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Write one step."""
        if not logs or _SUMMARY in logs or not state.is_world_process_zero:
            return
        row = {"step": state.global_step, "time": round(time.time(), 3), **_plain(logs)}
        if "groups/rolled" not in row and (rate := self._rate(row)) is not None:  # rollouts have their own
            row["tokens_per_second"] = round(rate, 1)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY_S or state.global_step == state.max_steps:
            self._told = now
            done = state.global_step - self._first
            left = (now - self._began) / done * (state.max_steps - state.global_step) if done else None
            self._tell(progress_line(row, state.max_steps, left))

    def _rate(self, row: Mapping[str, Any]) -> float | None:
        """Tokens a second since the last step that was logged."""
        tokens, now = row.get("num_tokens"), time.monotonic()
        if tokens is None:
            return None
        before, self._tokens = self._tokens, (tokens, now)
        return (tokens - before[0]) / (now - before[1]) if before and now > before[1] else None


class StopCallback(TrainerCallback):
    """Stops at the end of a step, with a checkpoint, when SIGTERM or SIGINT asks for it; the second stops at once.

    Use it as `with callback.listening(): trainer.train()`.
    """

    def __init__(self, tell: Tell) -> None:
        self.asked = False
        """Whether a stop was asked for."""
        self._tell = tell

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals; elsewhere than in the main thread Python lets nobody, and a stop is the caller's."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Save and stop, all processes together."""
        if anywhere(self.asked):
            self.asked = True
            control.should_save = control.should_training_stop = True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self._tell("stopping: this step is finished and a checkpoint saved (once more to stop at once)")


class FiniteCallback(TrainerCallback):
    """Stops before an optimizer step that would fill the weights with NaN, so that the last checkpoint stays good."""

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any
    ) -> None:
        """Look at the gradients, which the trainer has clipped by now."""
        grads = [parameter.grad for parameter in model.parameters() if parameter.grad is not None] if model else []
        if grads and not all(bool(torch.isfinite(norm)) for norm in torch._foreach_norm(grads)):  # noqa: SLF001  # torch's own clipping uses it
            raise _diverged(state.global_step, "the gradients are")

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss")
        if isinstance(loss, float) and not math.isfinite(loss):
            raise _diverged(state.global_step, "the loss is")


class StateCallback(TrainerCallback):
    """Completes each checkpoint: our own state, then the file that says it is whole; then older ones go.

    Args:
        stage: Whose checkpoints.
        kept: State of ours.
        keep: How many checkpoints stay.
    """

    def __init__(self, stage: StageFolder, kept: Sequence[Kept] = (), keep: int = 2) -> None:
        self._stage, self._kept, self._keep = stage, tuple(kept), keep

    def load(self, checkpoint: Path) -> None:
        """Take our own state up from a checkpoint."""
        for part in self._kept:
            part.load(checkpoint)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Complete the checkpoint that the trainer has just written."""
        together()  # every process has written its own part
        if not state.is_world_process_zero:
            return
        folder = self._stage.checkpoints / f"checkpoint-{state.global_step}"
        for part in self._kept:
            part.save(folder)
        write_whole(folder / WHOLE, json.dumps({"step": state.global_step, "time": round(time.time(), 3)}) + "\n")
        whole = whole_checkpoints(self._stage.checkpoints)
        for old in whole[: -self._keep]:
            (old / WHOLE).unlink()  # first, so that what is left of a deletion that is cut off counts for nothing
            shutil.rmtree(old, ignore_errors=True)


def drop_torn(checkpoints: Path, *, after: int = -1) -> None:
    """Remove checkpoints that were cut off while they were written, and whole ones of later steps than wanted."""
    for path in checkpoints.glob("checkpoint-*"):
        if not (path / WHOLE).is_file() or (0 <= after < step_of(path)):
            shutil.rmtree(path, ignore_errors=True)


def cut_lines(path: Path, step: int) -> None:
    """Cut what lies after a step off a JSON lines file whose objects have a `step`, and a torn last line."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        kept = [line for line in file if line.endswith("\n") and 0 <= _step(line) <= step]
    write_whole(path, "".join(kept))


def anywhere(flag: bool) -> bool:  # noqa: FBT001  # the one thing it is about
    """Whether it is so in any of the processes that train together."""
    if not _many():
        return flag
    device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
    seen = torch.tensor(int(flag), device=device)
    torch.distributed.all_reduce(seen, op=torch.distributed.ReduceOp.MAX)
    return bool(seen.item())


def together() -> None:
    """Wait for all the processes that train together."""
    if _many():
        torch.distributed.barrier()


def _many() -> bool:
    distributed = torch.distributed
    return bool(distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1)


def _plain(logs: Mapping[str, Any]) -> dict[str, Any]:
    """Values that JSON can hold: NaN and infinity are null."""
    found: dict[str, Any] = {}
    for name, value in logs.items():
        plain = value.item() if hasattr(value, "item") else value
        found[name] = None if isinstance(plain, float) and not math.isfinite(plain) else plain
    return found


def _step(line: str) -> int:
    try:
        step = json.loads(line)["step"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return -1
    return step if isinstance(step, int) else -1


def _diverged(step: int, what: str) -> DivergedError:
    return DivergedError(
        f"{what} no finite numbers after step {step}; the last checkpoint was saved before: "
        "train with a lower learning_rate or max_grad_norm, or in float32, into another --out"
    )

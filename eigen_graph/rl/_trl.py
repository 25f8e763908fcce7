"""All that this package uses of TRL beyond its documented interface, behind a check of its version.

Generation by the trainer itself is private in TRL: `rollout_func` is given the trainer and no public way to draw from
its model. Here and nowhere else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from importlib import metadata
from typing import Any

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # before TRL is imported: a training tells nobody of itself

from trl import GRPOConfig, GRPOTrainer

from eigen_graph.core import EigenGraphError
from eigen_graph.models import InfrastructureError
from eigen_graph.rl.episode import Sample

__all__ = ["GRPOConfig", "GRPOTrainer", "TrainerPolicy", "new_trainer", "push_weights", "require_trl"]
TESTED = "1.16.0"
_NEEDED = ("_generate_single_turn", "_prepare_inputs", "compute_loss")


def require_trl() -> None:
    """Make sure that the installed TRL is one whose insides are as they are used here.

    Raises:
        EigenGraphError: It is another.
    """
    found = metadata.version("trl")
    if found.split(".")[:2] != TESTED.split(".")[:2]:
        raise EigenGraphError(
            f"trl {found} is installed, but GRPO uses parts of trl {TESTED} that change without notice: "
            f"install trl=={TESTED} (`pip install 'eigen-graph[rl]'`)"
        )
    if missing := [name for name in _NEEDED if not hasattr(GRPOTrainer, name)]:
        raise EigenGraphError(
            f"GRPOTrainer of trl {found} has no {missing[0]}: it is no unchanged trl {TESTED}; install that one again"
        )


def new_trainer(config: GRPOConfig, **parts: Any) -> GRPOTrainer:
    """A stock GRPOTrainer; `parts` are its other arguments.

    Raises:
        EigenGraphError: TRL is of another version, or the processes are set up in a way that would hang.
    """
    require_trl()
    silence = os.environ.get("TRL_EXPERIMENTAL_SILENCE")
    os.environ["TRL_EXPERIMENTAL_SILENCE"] = (
        "1"  # `rollout_func` is experimental: that is what the version check is for
    )
    try:
        trainer = GRPOTrainer(args=config, **parts)
    finally:
        if silence is None:
            del os.environ["TRL_EXPERIMENTAL_SILENCE"]
        else:
            os.environ["TRL_EXPERIMENTAL_SILENCE"] = silence
    if problem := _hangs(trainer):
        raise EigenGraphError(problem)
    return trainer


def push_weights(trainer: GRPOTrainer) -> None:
    """Give vLLM the trainer's weights now; TRL does it before each rollout, but not before training begins."""
    if trainer.use_vllm and trainer.state.global_step != trainer._last_loaded_step:  # noqa: SLF001
        trainer.vllm_generation.sync_weights()
        trainer._last_loaded_step = trainer.state.global_step  # noqa: SLF001


class TrainerPolicy:
    """A policy over the trainer's own generation: transformers, or vLLM in the same process.

    Not for vLLM in server mode: there TRL 1.16 collects the prompts of all processes and gives each the share that it
    would have if all had as many, which in a rollout they have not; a process then gets another's turns.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        """Spent generating so far."""
        self._trainer: GRPOTrainer | None = None

    def attach(self, trainer: GRPOTrainer) -> None:
        """Say whose model it is: a trainer is made with its rollouts, and they with their policy."""
        if trainer.use_vllm and trainer.vllm_mode == "server":
            raise EigenGraphError("with vLLM in server mode, turns are drawn from the server itself, not by TRL")
        self._trainer = trainer

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Sample]:
        """One turn for each prompt, as `Policy.generate`.

        Raises:
            InfrastructureError: The backend gave no turn, or not one for each prompt.
        """
        if self._trainer is None:
            raise EigenGraphError("the policy has no trainer yet")
        if not prompts:
            return []
        began = time.perf_counter()
        ids, logprobs = self._trainer._generate_single_turn([list(prompt) for prompt in prompts], None, {}, 1)  # noqa: SLF001
        self.seconds += time.perf_counter() - began
        if len(ids) != len(prompts) or not all(ids):
            raise InfrastructureError(f"the policy gave {len(ids)} turns for {len(prompts)} prompts, or an empty one")
        if logprobs is None:
            return [Sample(list(turn)) for turn in ids]
        # A token that vLLM could not score comes as None: no correction for it, as TRL does.
        return [Sample(list(turn), [_number(value) for value in row]) for turn, row in zip(ids, logprobs, strict=True)]


def _number(logprob: float | None) -> float:
    return float("nan") if logprob is None else float(logprob)


def _hangs(trainer: GRPOTrainer) -> str:
    """Why processes would wait for each other for ever: in a rollout each generates as often as its episodes need."""
    if trainer.accelerator.num_processes == 1:
        return ""
    vllm = trainer.use_vllm
    if not vllm and (trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled):
        return (
            "with FSDP or DeepSpeed, processes cannot generate each for itself with transformers: "
            "set grpo.vllm.mode to server (or colocate), or train without sharding"
        )
    if vllm and trainer.vllm_mode == "colocate" and trainer.args.vllm_tensor_parallel_size > 1:
        return (
            "several processes cannot share a colocated vLLM (grpo.vllm.tensor_parallel above 1), because each "
            "generates for itself: set tensor_parallel to 1, or grpo.vllm.mode to server"
        )
    return ""

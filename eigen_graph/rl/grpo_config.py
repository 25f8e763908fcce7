"""A recipe's GRPO settings as TRL has them."""

from __future__ import annotations

from pathlib import Path

from eigen_graph.core import EigenGraphError
from eigen_graph.rl._trl import GRPOConfig
from eigen_graph.rl.recipe import Recipe


def grpo_config(recipe: Recipe, output: Path, *, cpu: bool) -> GRPOConfig:
    """The trainer's configuration.

    A step of the recipe is one batch of episodes. The trainer splits it into micro batches that it accumulates into
    one optimizer step, or `iterations` of them over the same episodes; checkpoints lie between batches, never within.

    Args:
        recipe: The whole recipe.
        output: Where checkpoints go.
        cpu: Train on the CPU even where there is a GPU.

    Raises:
        EigenGraphError: TRL refuses a setting.
    """
    grpo, optimizer = recipe.grpo, recipe.grpo.optimizer
    episodes = grpo.groups * grpo.group_size
    micro_batch = grpo.micro_batch or episodes
    options = {
        "output_dir": str(output),
        "seed": recipe.seed,
        "max_steps": grpo.steps * grpo.iterations,
        "per_device_train_batch_size": micro_batch,
        "gradient_accumulation_steps": episodes // micro_batch,
        "num_iterations": grpo.iterations,
        "num_generations": grpo.group_size,
        "max_completion_length": grpo.max_turn_tokens,  # of one generation: a turn; episodes are bounded by the runner
        "temperature": grpo.temperature,
        "top_p": grpo.top_p,
        "loss_type": "dapo",
        "scale_rewards": "none",  # the advantage is ours
        "reward_weights": [1.0, 0.0],
        "epsilon": grpo.clip_low,
        "epsilon_high": grpo.clip_high,
        "beta": grpo.kl,
        "disable_dropout": True,  # the policy that draws and the one that learns are to be the same
        "learning_rate": optimizer.learning_rate,
        "lr_scheduler_type": optimizer.schedule,
        "warmup_steps": optimizer.warmup_steps,
        "weight_decay": optimizer.weight_decay,
        "adam_beta1": optimizer.betas[0],
        "adam_beta2": optimizer.betas[1],
        "max_grad_norm": optimizer.max_grad_norm,
        "gradient_checkpointing": recipe.model.gradient_checkpointing,
        "use_cpu": cpu,
        "bf16": not cpu and recipe.model.dtype == "bfloat16",
        "save_strategy": "steps",
        "save_steps": grpo.save_every * grpo.iterations,
        "logging_steps": 1,
        "report_to": list(recipe.report_to) or "none",
        "remove_unused_columns": False,
        "shuffle_dataset": False,
        "disable_tqdm": True,
        "dataloader_pin_memory": not cpu,
        "ddp_find_unused_parameters": False,
    }
    if vllm := grpo.vllm:
        options |= {
            "use_vllm": True,
            "vllm_mode": vllm.mode,
            "vllm_server_base_url": vllm.server,
            "vllm_gpu_memory_utilization": vllm.gpu_memory,
            "vllm_tensor_parallel_size": vllm.tensor_parallel,
            "vllm_max_model_length": recipe.model.max_tokens,
            # Over a whole dialogue the ratio of a sequence strays beyond any bound; that of a token does not.
            "vllm_importance_sampling_mode": "token_truncate",
        }
    try:
        return GRPOConfig(**options)
    except ValueError as error:
        raise EigenGraphError(f"TRL refuses the recipe's settings for GRPO: {error}") from error

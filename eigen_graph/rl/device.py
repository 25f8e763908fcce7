"""What a training runs on."""

from __future__ import annotations

import torch

from eigen_graph.core import EigenGraphError
from eigen_graph.rl.recipe import Recipe


def require_device(recipe: Recipe) -> None:
    """Make sure that what a recipe runs on is there, and take as many threads as it says.

    Raises:
        EigenGraphError: It wants a GPU, and there is none.
    """
    if recipe.device == "gpu" and not torch.cuda.is_available():
        raise EigenGraphError(
            f"recipe {recipe.name!r} wants a GPU, and torch finds none here: take a recipe for a CPU (cpu_tiny, "
            "cpu_smollm2), or --set device=cpu"
        )
    if recipe.threads is not None:
        torch.set_num_threads(recipe.threads)


def on_cpu(recipe: Recipe) -> bool:
    """Whether a recipe trains on the CPU."""
    return recipe.device == "cpu" or not torch.cuda.is_available()

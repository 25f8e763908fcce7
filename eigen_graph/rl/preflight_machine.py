"""Whether a machine has what a recipe needs: libraries, a GPU, a server that generates."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Sequence
from importlib import util

from eigen_graph.rl.findings import Findings, error, ok, warning
from eigen_graph.rl.provenance import versions
from eigen_graph.rl.recipe import Recipe
from eigen_graph.rl.settings import Stage

TRIED = {
    "torch": "2.13.0",
    "transformers": "5.17.0",
    "trl": "1.16.0",
    "accelerate": "1.15.0",
    "peft": "0.21.2",
    "datasets": "5.2.0",
}
"""The versions that all of this was tried with."""
VLLM = "0.31.0"
"""The one that fits them."""
REPLY_S = 3.0
"""Longest wait for a server to say that it is there."""
_TRACKERS = ("trackio", "wandb", "mlflow", "tensorboard")


def check_libraries(recipe: Recipe, stages: Sequence[Stage]) -> Findings:
    """Look at what is installed."""
    known = versions()
    missing = [name for name in TRIED if name not in known]
    others = [
        f"{name} {known[name]} (tried: {version})"
        for name, version in TRIED.items()
        if name in known and known[name].partition("+")[0] != version
    ]
    if missing:
        yield error("libraries", f"{', '.join(missing)} not installed: pip install 'eigen-graph[rl]'")
    elif others:
        yield warning("libraries", f"other versions than were tried: {', '.join(others)}")
    else:
        yield ok("libraries", ", ".join(f"{name} {known[name]}" for name in ("torch", "transformers", "trl")))
    if recipe.grpo.vllm and "grpo" in stages:
        if "vllm" not in known:
            yield error("vLLM", "not installed: pip install 'eigen-graph[vllm]', or --set grpo.vllm=null")
        elif known["vllm"] != VLLM:
            yield warning("vLLM", f"{known['vllm']}; {VLLM} is the one that fits these libraries")
    yield from _trackers(recipe)
    for name in ("user", "agent"):
        if name in stages and getattr(recipe, name).sft.packing and util.find_spec("flash_attn") is None:
            yield error(
                f"{name}.sft",
                f"packing needs FlashAttention: pip install flash-attn, or --set {name}.sft.packing=false",
            )


def _trackers(recipe: Recipe) -> Findings:
    for name in recipe.report_to:
        if name not in _TRACKERS:
            yield error("report_to", f"no tracker {name!r}: there are {', '.join(_TRACKERS)}")
        elif util.find_spec(name) is None:
            yield error("report_to", f"{name} is not installed: pip install {name}, or --set report_to=[]")


def check_machine(recipe: Recipe, stages: Sequence[Stage]) -> Findings:
    """Look at the machine, and at the server that is to generate."""
    import torch  # noqa: PLC0415  # seconds

    gpus, cores = torch.cuda.device_count() if torch.cuda.is_available() else 0, os.cpu_count() or 1
    here = f"{gpus} GPU{'s' * (gpus != 1)}, {cores} CPU cores"
    if recipe.device == "gpu" and not gpus:
        yield error("machine", f"recipe {recipe.name} wants a GPU, here are {here}: take cpu_tiny, or --set device=cpu")
    elif recipe.device == "cpu" and gpus:
        yield warning("machine", f"{here}; recipe {recipe.name} does not use the GPU (--set device=auto)")
    else:
        yield ok("machine", here)
    cpu = recipe.device == "cpu" or not gpus
    if cpu and recipe.grpo.vllm and "grpo" in stages:
        yield error("vLLM", "needs a GPU: --set grpo.vllm=null lets transformers generate")
    if recipe.threads is not None and recipe.threads > cores:
        yield warning("threads", f"{recipe.threads} threads on {cores} cores wait for each other: lower threads")
    vllm = recipe.grpo.vllm
    if vllm and vllm.server and "grpo" in stages and not _answers(vllm.server):
        yield error(
            "vLLM", f"no server answers at {vllm.server}: trl vllm-serve --model AGENT, or set grpo.vllm.server"
        )
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not vllm and "grpo" in stages:
        yield warning("vLLM", "several processes without vLLM generate slowly: set grpo.vllm")


def _answers(url: str) -> bool:
    """Whether a vLLM server of TRL's is there."""
    if not url.startswith(("http://", "https://")):
        return False
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health/", timeout=REPLY_S):  # noqa: S310  # http, as was seen
            return True
    except (OSError, ValueError):
        return False

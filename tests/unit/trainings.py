"""Runs to train on, really synthesized (offline, by the scripted model), and recipes for very small trainings."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from eigen_graph.graphs import Context, Run, RunRequest
from eigen_graph.rl.recipe import Recipe, read_recipe

DIALOGUES = 24


def synthesize(path: Path, count: int = DIALOGUES, *, domain: str = "broadband", seed: int = 5) -> Path:
    """Synthesize a run; its folder."""

    async def run() -> None:
        request = RunRequest(count=count, seed=seed)
        async with Run.open(path, Context(domain=domain, model="scripted"), request) as opened:
            async for _ in opened.events():
                pass

    asyncio.run(run())
    return path


def recipe(**changes: Any) -> Recipe:
    """A recipe whose trainings take a second; `changes` are sections, merged into it."""
    sections: dict[str, Any] = {
        "name": "small",
        "domain": "broadband",
        "device": "cpu",
        "threads": 1,
        "data": {"holdout": 0.3},
        "model": {"chat_template": "short", "max_tokens": 4096, "tiny": {"vocab": 600, "hidden": 32, "layers": 1}},
        "agent": {"sft": sft()},
        "user": {"sft": sft()},
    }
    for name, change in changes.items():
        old = sections.get(name)
        sections[name] = {**old, **change} if isinstance(old, dict) and isinstance(change, dict) else change
    return read_recipe(sections, "test")


def sft(**changes: Any) -> dict[str, Any]:
    """Settings of a short SFT."""
    return {
        "steps": 6,
        "batch_size": 2,
        "log_every": 1,
        "save_every": 2,
        "optimizer": {"learning_rate": 3e-3},
        **changes,
    }

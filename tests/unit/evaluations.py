"""Results of evaluations that were never run, from nothing but what came of each trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eigen_graph.evaluation import Episode, EvaluationInfo, Results

INFO: dict[str, Any] = {
    "created": "2025-01-01T00:00:00Z",
    "domain": "hotel",
    "database": "d0",
    "task_digest": "t0",
    "basis": "own",
    "agent": "scripted",
    "user": "scripted",
    "seed": 0,
    "max_steps": 60,
    "max_errors": 10,
}


def episode(task: str, trial: int, came: str, **more: Any) -> Episode:
    """One trial. What came of it: `+` solved, `-` failed by the agent, `?` unjudged, `!` infrastructure."""
    if came == "!":
        return Episode(task_id=task, trial=trial, status="infrastructure", **more)
    verdict = {"reward": float(came == "+"), "blame": None if came == "+" else "agent"}
    trajectory = {"messages": [], "termination": "user_stop", "usage": {"agent_in": 10, "user_out": 1}}
    status = "unjudged" if came == "?" else "judged"
    return Episode(
        **{"task_id": task, "trial": trial, "status": status, "trajectory": trajectory, "verdict": verdict, **more}
    )


def results(came: Mapping[str, str | Sequence[bool]], **info: Any) -> Results:
    """A whole evaluation: for each task a text like `"+-?"` (a blank: a trial that was not played), or truth values."""
    texts = {
        task: some if isinstance(some, str) else "".join("-+"[solved] for solved in some) for task, some in came.items()
    }
    return Results(
        info=EvaluationInfo(**{**INFO, "trials": max([1, *map(len, texts.values())]), **info}),
        tasks=tuple({"id": task} for task in texts),
        episodes=tuple(
            episode(task, trial, mark) for task, text in texts.items() for trial, mark in enumerate(text) if mark != " "
        ),
    )

"""Stored results of the shop and the home (`errands`): dialogues played for real, and what a file says of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from errands import OPEN, dialogue

from eigen_graph.checkers import build_checker, database_digest
from eigen_graph.core import Domain, Task, TaskSet, Trajectory
from eigen_graph.evaluation import Episode, EvaluationInfo, Results


def info(domain: str = "shop", **given: Any) -> EvaluationInfo:
    values: dict[str, Any] = {
        "created": "2025-06-02T09:00:00Z",
        "database": "",
        "task_digest": "",
        "basis": "tau2",
        "agent": "openai:one",
        "user": "openai:two",
        "trials": 1,
        "seed": 7,
        "max_steps": 60,
        "max_errors": 10,
    }
    return EvaluationInfo(domain=domain, **{**values, **given})


def acted(domain: Domain, task: Task, *moves: Any, trial: int = 0, stated: float | None = None) -> Episode:
    """An episode of these moves, with the verdict of tau2's rules, or another reward."""
    trajectory = dialogue(domain, task, OPEN, *moves)
    verdict = build_checker(task, domain, basis="tau2").judge(trajectory, domain)
    if stated is not None:
        verdict = verdict.model_copy(update={"reward": stated})
    return episode(task.id, trajectory, trial=trial, verdict=verdict.to_json())


def episode(task_id: str, trajectory: Trajectory | None, **given: Any) -> Episode:
    values = {"trial": 0, "status": "judged", "verdict": {"reward": 1.0}}
    return Episode(task_id=task_id, trajectory=trajectory.to_json() if trajectory else None, **{**values, **given})


def stored(domain: Domain, tasks: list[Task], *episodes: Episode, **given: Any) -> Results:
    return Results(
        info=info(domain.name, **{"database": database_digest(domain), **given}),
        tasks=tuple(task.to_json() for task in tasks),
        episodes=episodes,
    )


def with_tasks(domain: Domain, *tasks: Task) -> Domain:
    """A domain that brings tasks."""
    return replace(domain, tasks=TaskSet(lambda: {task.id: task for task in tasks}, {}, "d" * 40))

"""Tasks as data: for reinforcement learning with their checkers, and for tools that speak tau2's task JSON."""

from __future__ import annotations

from typing import Any

from eigen_graph.core import Domain, Task
from eigen_graph.runs.rows import InstanceRow


def rl_task(row: InstanceRow, domain: Domain, database: str) -> dict[str, Any]:
    """A task with the checker that judges it and the database that both mean.

    Args:
        row: An accepted instance.
        domain: The domain it belongs to.
        database: Digest of the domain's databases, for a checker that does not say.
    """
    tags = Task.from_json(row.task).tags
    checker = row.checker or {}
    return {
        "id": row.id,
        "task": row.task,
        "checker": row.checker,
        "domain": domain.name,
        "database": checker.get("database") or database,
        "difficulty": tags.difficulty,
        "persona": tags.persona,
        "clauses": list(tags.clauses),
        "tools": list(tags.tools),
        "kill_rate": row.kill_rate,
    }


def tau2_task(row: InstanceRow, *, keep_eigen: bool = False) -> dict[str, Any]:
    """A task in tau2's own JSON; our `eigen` block stays only when asked for."""
    task = dict(row.task or {})
    if not keep_eigen:
        task.pop("eigen", None)
    return task

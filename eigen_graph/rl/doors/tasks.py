"""The tasks of an exported package: `tasks.jsonl`, rows of `rl.jsonl` with both sides' instructions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eigen_graph.checkers import Checker, database_digest
from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.domains import load_domain
from eigen_graph.rl.episode import RlTask


def read_tasks(path: Path | str, domain: str | Domain | None = None) -> tuple[Domain, tuple[RlTask, ...]]:
    """Read the tasks of a package, or of an export's `rl.jsonl`.

    Args:
        path: The file.
        domain: The domain, or how to load it; None: as the rows name it.

    Returns:
        The domain, and its tasks in the order of the file.

    Raises:
        EigenGraphError: The file cannot be read, holds no task, or was made for other databases.
    """
    path = Path(path)
    try:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError, RecursionError) as error:
        raise EigenGraphError(f"cannot read tasks from {path}: {error}") from error
    if not rows or not all(isinstance(row, dict) and isinstance(row.get("checker"), dict) for row in rows):
        raise EigenGraphError(f"{path} holds no tasks with checkers: give rl.jsonl of an export, or a package's own")
    resolved = domain if isinstance(domain, Domain) else load_domain(domain or str(rows[0].get("domain")))
    digest = database_digest(resolved)
    tasks = []
    for number, row in enumerate(rows, 1):
        made_for = row.get("database")
        if made_for and made_for != digest:
            raise EigenGraphError(
                f"{path}, task {number}: made for databases {made_for!s:.80} of domain {str(row.get('domain'))!r:.80}, "
                f"but {resolved.name!r} has {digest}: use the version that made it"
            )
        try:
            tasks.append(task_of(row))
        except EigenGraphError as error:
            raise EigenGraphError(f"{path}, task {number}: {error}") from error
    return resolved, tuple(tasks)


def task_of(row: dict[str, Any]) -> RlTask:
    """The task of a row, ready to be played.

    Raises:
        EigenGraphError: Its checker is none.
    """
    checker = Checker.from_json(row["checker"])
    return RlTask(
        checker.task,
        checker,
        agent_system=str(row.get("agent_system") or ""),
        user_system=str(row.get("user_system") or ""),
    )

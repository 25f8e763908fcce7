"""tau2's task files: read lazily (telecom's is 14 MB), with their splits and their fingerprint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eigen_graph.core import EigenGraphError, Task, TaskSet
from eigen_graph.domains.tau2 import package

_TASKS = "tasks.json"
_SPLITS = "split_tasks.json"
BASE = "base"
"""The split that leaderboards are measured on."""


class LazyTasks(Mapping[str, Task]):
    """Tasks by id, each read when it is first asked for.

    Raises:
        EigenGraphError: When one is asked for that is no task.
    """

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = {str(row["id"]): row for row in rows}
        self._read: dict[str, Task] = {}

    def __getitem__(self, task_id: str) -> Task:
        if task_id not in self._read:
            self._read[task_id] = Task.from_json(self._rows[task_id])
        return self._read[task_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def task_set(name: str) -> TaskSet:
    """The tasks of a tau2 domain.

    Args:
        name: tau2's own name for it, e.g. `telecom`.

    Raises:
        EigenGraphError: The files are not there, or not what they should be.
    """
    path = package.data_file("domains", name, _TASKS)
    digest = package.sha1(path)
    return TaskSet(
        read=lambda: _read(path),
        splits=_splits(path.with_name(_SPLITS)),
        digest=digest,
        source=f"tau2 {name}, {package.release()}",
        default=BASE,
    )


def _read(path: Path) -> LazyTasks:
    rows = _json(path)
    rows = rows.get("tasks") if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "id" in row for row in rows):
        raise EigenGraphError(f"{path} is no list of tasks, each with an id")
    return LazyTasks(rows)


def _splits(path: Path) -> dict[str, tuple[str, ...]]:
    data = _json(path)
    if not isinstance(data, dict) or not isinstance(data.get(BASE), list):
        raise EigenGraphError(f"{path} names no split {BASE!r}")
    if odd := [split for split, ids in data.items() if not isinstance(ids, list)]:
        raise EigenGraphError(f"{path}: split {odd[0]!r} is no list of task ids")
    return {str(split): tuple(str(task_id) for task_id in ids) for split, ids in data.items()}


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise EigenGraphError(f"cannot read {path}: {error}") from error

"""Named tasks that come with a domain, in splits: a benchmark's, say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from eigen_graph.core.errors import UnknownNameError
from eigen_graph.core.task import Task


@dataclass(frozen=True, eq=False)
class TaskSet:
    """A domain's own tasks. They are read when first asked for: a file of them may be large."""

    read: Callable[[], Mapping[str, Task]]
    """Gives every task by its id."""
    splits: Mapping[str, tuple[str, ...]]
    """Ids of each split. A split `train`, where there is one, is what may be synthesized from."""
    digest: str
    """Fingerprint of the task file: results are only comparable where it is the same."""
    source: str = ""
    """Where they come from, with its version."""
    default: str = ""
    """The split meant when none is named; empty: every task."""

    @cached_property
    def tasks(self) -> Mapping[str, Task]:
        """Every task by its id."""
        return self.read()

    def split(self, name: str | None = None) -> tuple[Task, ...]:
        """The tasks of a split, in the order of the task file, as tau2 has them.

        Args:
            name: The split; left out: the default one.

        Raises:
            UnknownNameError: There is no such split, or it names a task that there is not.
        """
        name = self.default if name is None else name
        if not name:
            return tuple(self.tasks.values())
        if name not in self.splits:
            raise UnknownNameError(f"no split {name!r}; there are {', '.join(self.splits) or 'none'}")
        wanted = set(self.splits[name])
        if missing := sorted(wanted.difference(self.tasks)):
            raise UnknownNameError(f"split {name!r} names task {missing[0]!r:.120}, which {self.source} does not have")
        return tuple(self.tasks[task_id] for task_id in self.tasks if task_id in wanted)

    def split_of(self, task_id: str) -> tuple[str, ...]:
        """The splits that hold a task."""
        return tuple(name for name, ids in self.splits.items() if task_id in ids)

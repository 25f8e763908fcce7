"""Worlds as tasks find them, kept: a telecom task begins with 3 to 14 calls, the same ones every time it is played."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from eigen_graph.core import Database, Domain, Task

_KEPT = 1024
"""Starts of a domain; one holds what its task changes, some ten kilobytes."""


class Start(NamedTuple):
    """Both sides' databases before the first word: only ever forked."""

    agent: Database
    user: Database | None

    def fork(self) -> Start:
        """The same, for one episode to change."""
        return Start(self.agent.fork(), self.user.fork() if self.user is not None else None)


_starts: WeakKeyDictionary[Domain, OrderedDict[str, Start]] = WeakKeyDictionary()


def recall(domain: Domain, task: Task | None) -> Start | None:
    """The start of a task whose initial state was brought about before; None when it was not."""
    kept = _starts.get(domain)
    start = kept.get(_key(task)) if kept else None
    return start.fork() if start else None


def keep(domain: Domain, task: Task | None, start: Start) -> None:
    """Remember the start of a task."""
    kept = _starts.setdefault(domain, OrderedDict())
    kept[_key(task)] = start.fork()
    if len(kept) > _KEPT:
        kept.popitem(last=False)


def _key(task: Task | None) -> str:
    initial = task.initial_state if task else None
    return initial.model_dump_json(exclude={"message_history"}) if initial else ""

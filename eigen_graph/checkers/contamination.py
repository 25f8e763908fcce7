"""Keeps the tasks that a domain's benchmark tests by out of what is synthesized.

A domain may bring tasks of its own (`Domain.tasks`). What is written must not come close to those that models are
evaluated on; `reserved_of(domain).near(task)` names the one that it comes close to (`likeness.py` says what close is).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Hashable, Iterable
from functools import lru_cache
from typing import NamedTuple

from eigen_graph.checkers.likeness import Outline, Similarity, Who
from eigen_graph.core import NOTHING_KNOWN, Actor, Domain, EigenGraphError, Task, TaskSet, ToolError, environment_of

TRAIN = "train"
"""The split that may be synthesized from."""
RESERVED = "reserved:"
"""How the reason of an instance begins that was dropped because its task came too close to a reserved one."""
TOO_CLOSE = (
    "this task is too close to one that is reserved for testing: choose other records and another wish "
    "(where the starting conditions make the task, other ones)"
)
"""What its writer is told, who must not learn what the reserved task is."""


class Match(NamedTuple):
    """A task of the domain's own, and how alike another is to it."""

    task: str
    """Its id."""
    similarity: Similarity


class Neighbours:
    """Finds, among some of a domain's own tasks, the one that another comes closest to.

    Args:
        domain: Says which tools only read, and what the starting conditions do.
        tasks: The domain's own.
    """

    def __init__(self, domain: Domain, tasks: Iterable[Task]) -> None:
        self._domain = domain
        self._reads = _read_tools(domain)
        self._outlines = {task.id: self._outline(task) for task in tasks}
        self._by_start: defaultdict[Hashable, list[str]] = defaultdict(list)
        for name, outline in self._outlines.items():
            for start in outline.starts:
                self._by_start[start].append(name)

    def __len__(self) -> int:
        """How many tasks it knows."""
        return len(self._outlines)

    def near(self, task: Task) -> Match | None:
        """The closest of those that the task equals or nearly equals."""
        outline = self._outline(task)
        names = {name for start in outline.starts for name in self._by_start.get(start, ())}
        return _best(match for match in self._matches(outline, names) if match.similarity.near)

    def closest(self, task: Task) -> Match | None:
        """The closest of all, near or not."""
        return _best(self._matches(self._outline(task), self._outlines))

    def _matches(self, outline: Outline, names: Iterable[str]) -> Iterable[Match]:
        return (Match(name, outline.compare(self._outlines[name])) for name in names)

    def _outline(self, task: Task) -> Outline:
        return Outline.of(task, reads=self._reads, world=_world(self._domain, task))


@lru_cache(maxsize=16)
def reserved_of(domain: Domain) -> Neighbours | None:
    """The tasks of a domain that nothing may be synthesized from; None when it brings no tasks.

    Made once for each domain: it reads the task file.
    """
    tasks = domain.tasks
    return Neighbours(domain, (tasks.tasks[name] for name in reserved(tasks))) if tasks else None


@lru_cache(maxsize=16)
def train_of(domain: Domain) -> Neighbours | None:
    """The tasks of a domain that may be synthesized from; None when it has no split for that."""
    tasks = domain.tasks
    return Neighbours(domain, tasks.split(TRAIN)) if tasks and tasks.splits.get(TRAIN) else None


def reserved(tasks: TaskSet) -> tuple[str, ...]:
    """Ids of the tasks that models are evaluated on.

    Without a split `train` that is every task. Else it is the default split less `train`, and every split that shares
    no task with `train`. A larger pool that all of these were drawn from is not reserved as such: tau2's `full` holds
    every combination of telecom's faults, so that nothing at all could be written there.
    """
    train = frozenset(tasks.splits.get(TRAIN, ()))
    if not train or not tasks.default:
        return tuple(name for name in tasks.tasks if name not in train)
    held = [ids for name, ids in tasks.splits.items() if name == tasks.default or train.isdisjoint(ids)]
    return tuple(name for name in dict.fromkeys(name for ids in held for name in ids) if name not in train)


def too_close(task: Task, domain: Domain) -> str:
    """Why a task is dropped, for the record; empty when it comes close to no reserved one."""
    known = reserved_of(domain)
    match = known.near(task) if known else None
    if match is None or domain.tasks is None:
        return ""
    return f"{RESERVED} too close to task {match.task!r} of task file {domain.tasks.digest[:12]} ({match.similarity})"


def withheld(reason: str) -> str:
    """A reason without what it says of a reserved task, for models to read."""
    return f"{RESERVED} {TOO_CLOSE}" if reason.startswith(RESERVED) else reason


def _read_tools(domain: Domain) -> frozenset[Who]:
    parties: tuple[Actor, ...] = ("assistant", "user") if domain.user else ("assistant",)
    boxes = ((actor, domain.side(actor).toolbox) for actor in parties)
    return frozenset((actor, name) for actor, box in boxes for name, tool in box.items() if not tool.traits.writes)


def _best(matches: Iterable[Match]) -> Match | None:
    return max(matches, key=lambda match: (match.similarity.near, match.similarity.overall, match.task), default=None)


def _world(domain: Domain, task: Task) -> str | None:
    """Fingerprint of what the starting conditions change; None when they cannot be had."""
    initial = task.initial_state
    if initial is None or not (initial.initialization_actions or initial.initialization_data):
        return ""
    try:
        world = environment_of(domain, task)
    except NOTHING_KNOWN:
        raise
    except (EigenGraphError, ToolError):
        return None
    changes = [[change.model_dump() for change in db.diff()] for db in (world.agent_db, world.user_db) if db]
    if not any(changes):
        return ""
    return hashlib.sha256(json.dumps(changes, sort_keys=True, default=str).encode()).hexdigest()

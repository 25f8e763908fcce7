"""Tasks that were written twice: the same ones by what they do, nearly the same ones by how they read."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from eigen_graph.core import Task

if TYPE_CHECKING:
    from datasketch import LeanMinHash

_PERMUTATIONS = 128
_WORDS = re.compile(r"\w+|[^\w\s]")
_SHINGLE = 3
_RECALL = (0.1, 0.9)
"""The index may propose too much, which the sketches put right; what it misses nobody finds."""


class Duplicate(NamedTuple):
    """An accepted instance that is left out of an export."""

    id: str
    of: str
    """The earlier instance that stays."""
    kind: Literal["exact", "near"]
    similarity: float
    """Estimated Jaccard similarity of the two texts' word triples; 1 when exact."""


class Duplicates:
    """Finds duplicates among tasks that come one after another; the first of each stays. Deterministic.

    Keeps about 6 kB for each task that stays.

    Args:
        threshold: Similarity in 0..1 from which two tasks are nearly the same; above 1 only exact ones count.
        reads: Tools that change nothing. A task whose gold calls only read is told apart by what its user wants:
            two refusals may well look up the same booking.
    """

    def __init__(self, threshold: float = 0.9, *, reads: Collection[str] = ()) -> None:
        from datasketch import LeanMinHash, MinHash, MinHashLSH  # noqa: PLC0415  # half a second: it imports SciPy

        self._threshold = threshold
        self._reads = frozenset(reads)
        self._first: dict[str, str] = {}
        self._near = (
            MinHashLSH(threshold=threshold, num_perm=_PERMUTATIONS, weights=_RECALL) if threshold <= 1 else None
        )
        self._empty = MinHash(num_perm=_PERMUTATIONS, seed=1)
        self._lean = LeanMinHash
        self._sketches: dict[str, LeanMinHash] = {}
        self._starts: dict[str, str] = {}

    def find(self, instance: str, task: Task) -> Duplicate | None:
        """Whether a task repeats an earlier one. One that does not is remembered."""
        deed = self._deed(task)
        if (first := self._first.get(deed)) is not None:
            return Duplicate(instance, first, "exact", 1.0)
        if self._near is not None:
            full = self._empty.copy()
            full.update_batch(_shingles(task))
            sketch = self._lean(full)  # the values alone, without 128 permutations for each task
            start = _start(task)
            alike = [
                (sketch.jaccard(self._sketches[name]), name)
                for name in self._near.query(sketch)
                if self._starts[name] == start  # the same words about another fault are another task
            ]
            if alike and (best := max(alike, key=lambda pair: (pair[0], pair[1])))[0] >= self._threshold:
                return Duplicate(instance, best[1], "near", round(best[0], 4))
            self._near.insert(instance, sketch)
            self._sketches[instance] = sketch
            self._starts[instance] = start
        self._first[deed] = instance
        return None

    def _deed(self, task: Task) -> str:
        """Names what a task is: its start, its gold calls, what must be said and hold, and else what its user wants."""
        writes = any(action.name not in self._reads for action in task.actions)
        criteria = task.criteria.model_dump(mode="json", include={"communicate_info", "env_assertions"})
        start = _start(task)
        actions = [[action.requestor, action.name, action.arguments] for action in task.actions]
        wish = None if writes else _words(str(task.user_scenario))
        return hashlib.sha256(json.dumps([actions, criteria, start, wish], sort_keys=True).encode()).hexdigest()


def _start(task: Task) -> str:
    """How the world of a task differs from the domain's, as text."""
    state = task.initial_state.model_dump(mode="json", exclude_unset=True) if task.initial_state else None
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest() if state else ""


def _shingles(task: Task) -> list[bytes]:
    parts: list[Any] = [str(task.user_scenario)]
    parts += [f"{action.name} {json.dumps(action.arguments, sort_keys=True)}" for action in task.actions]
    words = _words("\n".join(parts))
    last = max(1, len(words) - _SHINGLE + 1)
    shingles = {" ".join(words[at : at + _SHINGLE]) for at in range(last)}
    return [shingle.encode("utf-8", "replace") for shingle in sorted(shingles)]


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.lower())

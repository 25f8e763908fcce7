"""Which tasks to play next: those likely to come out differently from one episode to the next.

A group in which every episode comes to the same teaches nothing, so a task's weight is the probability that a group of
it is mixed, 1 - p^G - (1-p)^G, averaged over what its episodes so far say about its pass rate p (a Beta distribution,
older counts fading because the policy changes). An unseen task counts as the best there is, so it gets its turn soon;
a hopeless or solved one keeps a floor, because it may not stay so.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eigen_graph.core import EigenGraphError
from eigen_graph.rl.settings import DrawSettings


@dataclass
class Standing:
    """How a task has gone."""

    passes: float = 0.0
    """Episodes that passed, older ones for less."""
    fails: float = 0.0
    groups: int = 0
    """Times that it has been drawn and came to something."""


class TaskMemory:
    """Remembers how tasks went, draws by it, and numbers each task's episodes. Same seed, same history: same draws."""

    def __init__(self, task_ids: Sequence[str], settings: DrawSettings, *, group_size: int, seed: int | str) -> None:
        self.standings = {task_id: Standing() for task_id in task_ids}
        self._settings = settings
        self._group_size = group_size
        self._best = _mixed_at_half(group_size)
        self._attempts = dict.fromkeys(task_ids, 0)
        self._rng = random.Random(seed)

    def weight(self, task_id: str) -> float:
        """How readily a task is drawn: 1 the most, the recipe's floor the least."""
        standing = self.standings[task_id]
        if not self._settings.remember or not standing.groups:
            return 1.0
        share = probability_mixed(standing.passes, standing.fails, self._group_size) / self._best
        return max(self._settings.floor, min(share, 1.0))

    def draw(self, count: int, without: Collection[str] = ()) -> list[str]:
        """Different tasks, drawn by weight.

        Args:
            count: How many.
            without: Tasks that are not to be drawn.

        Returns:
            Their ids in the order drawn; fewer when there are not so many.
        """
        # A race of exponential clocks is a weighted draw without replacement; log1p keeps the u = 0 in it.
        finish = {}
        for task_id in self.standings:
            if task_id not in without:
                weight = self.weight(task_id)
                ticks = -math.log1p(-self._rng.random())
                finish[task_id] = ticks / weight if weight else math.inf
        return sorted(finish, key=finish.__getitem__)[:count]

    def record(self, task_id: str, *, passes: int, fails: int) -> None:
        """Remember how a group went; one without a valid episode says nothing."""
        if not passes + fails:
            return
        standing, decay = self.standings[task_id], self._settings.decay
        standing.passes = standing.passes * decay + passes
        standing.fails = standing.fails * decay + fails
        standing.groups += 1

    def next_attempt(self, task_id: str) -> int:
        """A number for a new episode of a task that no earlier one had."""
        self._attempts[task_id] += 1
        return self._attempts[task_id] - 1

    def state(self) -> dict[str, Any]:
        """Everything that decides the next draws, as JSON."""
        version, words, gauss = self._rng.getstate()
        return {
            "tasks": {
                task_id: [standing.passes, standing.fails, standing.groups, self._attempts[task_id]]
                for task_id, standing in self.standings.items()
            },
            "rng": [version, list(words), gauss],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state.

        Raises:
            EigenGraphError: It is of other tasks, or no state.
        """
        try:
            tasks, (version, words, gauss) = state["tasks"], state["rng"]
            if set(tasks) != set(self.standings):
                raise EigenGraphError(
                    "the checkpoint remembers other tasks than this training has: it belongs to another recipe or run"
                )
            # In the tasks' own order, which the draws depend on.
            self.standings = {task_id: Standing(*tasks[task_id][:3]) for task_id in self.standings}
            self._attempts = {task_id: int(tasks[task_id][3]) for task_id in self.standings}
            self._rng.setstate((version, tuple(words), gauss))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise EigenGraphError(f"the checkpoint's memory of tasks cannot be read: {error}") from error


def probability_mixed(passes: float, fails: float, group_size: int) -> float:
    """The probability that a group has both a pass and a failure, given counts of both so far (uniform prior)."""
    alpha, beta = 1 + passes, 1 + fails
    return 1 - _moment(alpha, beta, group_size) - _moment(beta, alpha, group_size)


def _moment(alpha: float, beta: float, power: int) -> float:
    """E[p^power] for p ~ Beta(alpha, beta)."""
    return math.prod((alpha + i) / (alpha + beta + i) for i in range(power))


def _mixed_at_half(group_size: int) -> float:
    """The largest probability of a mixed group, at a pass rate of one half."""
    return 1 - 2.0 ** (1 - group_size)

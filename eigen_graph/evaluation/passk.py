"""pass^k: the chance that an agent solves a task k times out of k, averaged over tasks (Yao et al., arXiv 2406.12045).

Counted as tau2 counts it (`metrics/agent_metrics.py`): trials that nothing is known of are left out, every task weighs
the same, and k goes up to the smallest number of trials that any task has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb, fsum
from typing import NamedTuple


def pass_hat(trials: int, solved: int, k: int) -> float:
    """pass^k of one task: of all choices of k of its trials, the share with all solved: C(solved, k) / C(trials, k).

    It is unbiased: its expectation is p^k where each trial is solved with the same chance p, independently.

    Raises:
        ValueError: Not 1 <= k <= trials, or not 0 <= solved <= trials.
    """
    if not (1 <= k <= trials and 0 <= solved <= trials):
        raise ValueError(f"no pass^{k} of {solved} solved in {trials} trials")
    return comb(solved, k) / comb(trials, k)


def mean(values: Sequence[float]) -> float:
    """The mean, the same in whatever order the values come.

    Raises:
        ValueError: There are none.
    """
    if not values:
        raise ValueError("no values to average")
    return fsum(values) / len(values)


class PassHats(NamedTuple):
    """pass^k of every task, for every k that all of them allow."""

    tasks: tuple[str, ...]
    """Tasks with at least one judged trial, in the order given."""
    values: tuple[tuple[float, ...], ...]
    """`values[k - 1][i]` is pass^k of `tasks[i]`."""
    fewer: dict[str, int]
    """Tasks with fewer judged trials than expected, and how many they have: they keep k low."""
    unknown: tuple[str, ...]
    """Tasks without a judged trial. Nothing is known of them; they are not in any mean."""

    @property
    def max_k(self) -> int:
        """The highest k there is: the smallest number of judged trials; 0 where no task has one."""
        return len(self.values)

    def value(self, k: int) -> float:
        """pass^k, averaged over tasks."""
        return mean(self.values[k - 1])


def pass_hats(outcomes: Mapping[str, Sequence[bool]], *, expected: int | None = None) -> PassHats:
    """pass^1 to pass^k of every task.

    Args:
        outcomes: For each task id, whether its judged trials were solved.
        expected: Trials that each task should have; by default, as many as the task with most has.
    """
    counts = {task: (len(trials), sum(map(bool, trials))) for task, trials in outcomes.items() if trials}
    numbers = [trials for trials, _ in counts.values()]
    most = max(numbers, default=0) if expected is None else expected
    return PassHats(
        tasks=tuple(counts),
        values=tuple(
            tuple(pass_hat(trials, solved, k) for trials, solved in counts.values())
            for k in range(1, min(numbers, default=0) + 1)
        ),
        fewer={task: trials for task, (trials, _) in counts.items() if trials < most},
        unknown=tuple(task for task, trials in outcomes.items() if not trials),
    )

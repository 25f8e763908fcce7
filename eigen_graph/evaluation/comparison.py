"""Whether one evaluation came out higher than another on the same tasks, task against task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from eigen_graph.core import EigenGraphError
from eigen_graph.evaluation.intervals import difference_interval
from eigen_graph.evaluation.outcomes import outcomes_of, solved_by_task
from eigen_graph.evaluation.passk import mean, pass_hats
from eigen_graph.evaluation.results import EvaluationInfo, Results
from eigen_graph.graphs.evolving.permutation import Arrangements, Vector, generator, p_value

PERMUTATIONS = 9999
"""Drawn for a p-value where more than 16 tasks differ; with fewer, all are gone through."""

_SAME = {
    "domain": "they are of different domains",
    "task_digest": "their task files differ; evaluate both on one version of the tasks",
    "database": "their databases differ; evaluate both on one version of the domain",
    "basis": "they were judged by different rules; judge both under one basis",
}
"""What makes figures comparable, and what to say where it differs."""
_SETTINGS = ("agent", "user", "judge", "briefing", "split", "trials", "seed", "max_steps", "max_errors", "eigen_graph")


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Difference(_Value):
    """A mean difference over tasks."""

    value: float
    """In -1..1."""
    low: float
    """Lower end of its 95 % interval, clustered by task (`intervals.difference_interval`)."""
    high: float
    p: float
    """Two-sided: how often as large a difference, either way, comes out when the two results of each task are swapped
    at random; in (0, 1]. 1 where no task differs."""
    tasks: int
    """Tasks in the mean."""

    @property
    def above(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.low > 0

    @property
    def below(self) -> bool:
        """Whether the whole interval is below 0."""
        return self.high < 0


class Change(_Value):
    """pass^k of two results on the tasks that both have."""

    k: int
    baseline: float
    candidate: float
    difference: Difference
    """The candidate's minus the baseline's."""


class Comparison(_Value):
    """Two results on the same tasks."""

    pass_hat: tuple[Change, ...]
    """pass^1, pass^2, ... up to the smallest number of judged trials of a task on either side. Decide by one k chosen
    beforehand, as a rule pass^1: the p-values are not corrected for there being several."""
    better: int
    """Tasks with a higher pass^1 in the candidate."""
    worse: int
    equal: int
    unpaired: tuple[str, ...]
    """Tasks with a judged trial in only one of the results; left out."""
    settings: dict[str, tuple[Any, Any]]
    """What was set differently, baseline's first: besides the agent, all of it may be what made the difference."""

    @property
    def tasks(self) -> int:
        """Tasks compared."""
        return self.better + self.worse + self.equal

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return self.model_dump(mode="json")


def compare(baseline: Results, candidate: Results) -> Comparison:
    """Compare two results by the tasks that both have judged trials of.

    Neither the order of tasks nor of trials matters, and the numbers of trials may differ.

    Raises:
        EigenGraphError: They are not of the same tasks, judged by the same rules, or have no task in common.
    """
    _require_same(baseline.info, candidate.info)
    old, new = (solved_by_task(outcomes_of(results)) for results in (baseline, candidate))
    both = sorted(task for task in old if old[task] and new.get(task))
    if not both:
        raise EigenGraphError("the two results cannot be compared: no task has a judged trial in both of them")
    befores, afters = (pass_hats({task: side[task] for task in both}) for side in (old, new))
    changes = tuple(
        Change(
            k=k,
            baseline=befores.value(k),
            candidate=afters.value(k),
            difference=paired_difference(befores.values[k - 1], afters.values[k - 1]),
        )
        for k in range(1, min(befores.max_k, afters.max_k) + 1)
    )
    pairs = list(zip(befores.values[0], afters.values[0], strict=True))
    judged = {task for side in (old, new) for task, trials in side.items() if trials}
    return Comparison(
        pass_hat=changes,
        better=sum(after > before for before, after in pairs),
        worse=sum(after < before for before, after in pairs),
        equal=sum(after == before for before, after in pairs),
        unpaired=tuple(sorted(judged.difference(both))),
        settings=_differing(baseline.info, candidate.info),
    )


def paired_difference(baseline: Sequence[float], candidate: Sequence[float]) -> Difference:
    """The mean of the candidate's values minus the baseline's, task by task.

    Args:
        baseline: One value in 0..1 for each task.
        candidate: The same tasks in the same order.

    Raises:
        ValueError: They are not equally many, there are none, or one is outside 0..1.
    """
    differences = [after - before for before, after in zip(baseline, candidate, strict=True)]
    low, high = difference_interval(differences)
    return Difference(value=mean(differences), low=low, high=high, p=_two_sided(differences), tasks=len(differences))


def _two_sided(differences: Sequence[float]) -> float:
    # In one order and direction, so that drawn arrangements give one p-value whichever way it is asked.
    seen = np.sort(np.array(differences) * (-1 if mean(differences) < 0 else 1))
    total = np.sum(seen)

    def statistic(swaps: Arrangements) -> Vector:
        # Rounded, because what comes to 0 must not exceed another 0 by the error of a sum.
        gap: Vector = np.round(np.abs(total - 2 * (swaps @ seen)), 9)
        return gap

    return p_value(statistic, seen != 0, generator(0, "evaluation"), permutations=PERMUTATIONS)


def _require_same(one: EvaluationInfo, other: EvaluationInfo) -> None:
    for field, why in _SAME.items():
        ours, theirs = getattr(one, field), getattr(other, field)
        if ours != theirs:
            raise EigenGraphError(f"the two results cannot be compared: {why} ({field} {ours} and {theirs})")


def _differing(one: EvaluationInfo, other: EvaluationInfo) -> dict[str, tuple[Any, Any]]:
    pairs = {field: (getattr(one, field), getattr(other, field)) for field in _SETTINGS}
    return {field: pair for field, pair in pairs.items() if pair[0] != pair[1]}

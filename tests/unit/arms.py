"""Two arms at work on the same tasks, with the numbers that runs have: what the gate's tests throw its coins with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from eigen_graph.graphs.evolving.outcome import Features, Outcome

TOKENS = 36_000
SHARE = 0.84
Arm = list[Outcome]
ANY = Features(kill_rate=1.0, mutants=20, work=8, difficulty="easy")


def twins(
    rng: np.random.Generator, tasks: int, *, share: float = SHARE, cost: float = 1.0, likeness: float = 0.9
) -> tuple[Arm, Arm]:
    """A parent with 84 % accepted at 36k tokens +- 30 %, and a candidate that differs by what is given.

    Args:
        rng: Source of both.
        tasks: How many both work.
        share: Of tasks that the candidate accepts.
        cost: Of the candidate, relative to the parent.
        likeness: Share of the variance that comes with the task and is the same in both arms.
    """
    luck, size = _correlated(rng, tasks, likeness), _correlated(rng, tasks, likeness)
    accepted = [luck[arm] < NormalDist().inv_cdf(part) for arm, part in enumerate((SHARE, share))]
    tokens = [TOKENS * np.exp(0.3 * size[arm]) * factor for arm, factor in enumerate((1.0, cost))]
    return told(accepted[0], tokens[0]), told(accepted[1], tokens[1])


def retrying(
    rng: np.random.Generator, tasks: int, *, cured: float, cost: float, failing: float = 1 - SHARE, spread: float = 0.2
) -> tuple[Arm, Arm]:
    """A parent, and a candidate that works its failures once more: a share is cured, for so many times the tokens.

    At `cost` = `cured` / (1 - `failing`) * exp(-`spread`**2 / 2) both have the same yield.
    """
    failed = rng.random(tasks) < failing
    tokens = TOKENS * np.exp(0.3 * rng.standard_normal(tasks))
    again = np.where(failed, 1 + cost * np.exp(spread * rng.standard_normal(tasks)), 1.0)
    return told(~failed, tokens), told(~failed | (rng.random(tasks) < cured), tokens * again)


def told(accepted: Sequence[bool] | np.ndarray, tokens: Sequence[float] | np.ndarray, *, start: int = 0) -> Arm:
    """Outcomes of tasks in a row."""
    return [
        Outcome(seed=start + at, accepted=bool(was), cost=float(cost), features=ANY if was else None)
        for at, (was, cost) in enumerate(zip(accepted, tokens, strict=True))
    ]


def changed(arm: Arm, change: Callable[[Outcome], dict[str, object]]) -> Arm:
    """The arm with other features where it accepts."""
    return [
        replace(one, features=replace(one.features, **change(one))) if one.features else one  # type: ignore[arg-type]
        for one in arm
    ]


def _correlated(rng: np.random.Generator, tasks: int, likeness: float) -> np.ndarray:
    shared, own = rng.standard_normal(tasks), rng.standard_normal((2, tasks))
    return np.sqrt(likeness) * shared + np.sqrt(1 - likeness) * own

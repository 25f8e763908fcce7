"""Whether a candidate does better than its parent: both worked the same tasks, and the pairs are compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from eigen_graph.graphs.evolving.outcome import Outcome, paired
from eigen_graph.graphs.evolving.permutation import Vector, generator, p_value, relative_gap, yield_gap

Objective = Literal["per_cost", "acceptance"]
_CONFIDENCE = 0.95


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tolerances(_Frozen):
    """How much worse a guarded quantity may get. Shares in points, the others relative to the parent."""

    defects: float = Field(0.02, ge=0, description="Rise of the share of accepted dialogues with defects, in points.")
    kill_rate: float = Field(0.02, ge=0, description="Fall of the mean kill rate, in points.")
    mutants: float = Field(0.1, ge=0, description="Fall of the mutants a checker is tried on, relative.")
    difficulty: float = Field(
        0.1, ge=0, description="Fall of the work of tasks and of their planned difficulty, relative."
    )
    coverage: float = Field(0.1, ge=0, description="Fall of the number of (clause, tool) pairs exercised, relative.")
    diversity: float = Field(0.05, ge=0, description="Fall of the share that repeats no earlier dialogue, in points.")
    acceptance: float = Field(0.05, ge=0, description="Fall of the share of tasks accepted, in points.")


class GateSettings(_Frozen):
    """What a patch must show to be kept."""

    objective: Objective = Field("per_cost", description="What must rise: accepted dialogues per cost, or per task.")
    level: float = Field(0.05, gt=0, lt=1, description="Chance per round of keeping a patch that does not help.")
    min_effect: float = Field(0.02, ge=0, description="Least gain worth keeping, relative to the parent.")
    screen_level: float = Field(0.2, gt=0, lt=1, description="Level of the screening, over all candidates of a round.")
    screen_size: int = Field(96, ge=8, description="Tasks that every candidate works in the screening.")
    looks: tuple[int, ...] = Field(
        (64, 128, 256), min_length=1, description="Fresh tasks after which the confirmation may stop."
    )
    guard_level: float = Field(0.2, gt=0, lt=1, description="Level at which a fall beyond its tolerance stops a patch.")
    tolerances: Tolerances = Tolerances()
    permutations: int = Field(9999, ge=99, description="Arrangements drawn for a p-value.")
    resamples: int = Field(1999, ge=99, description="Bootstrap samples for an interval.")

    @model_validator(mode="after")
    def _can_decide(self) -> Self:
        if self.looks[0] < 8 or any(later <= sooner for sooner, later in pairwise(self.looks)):  # noqa: PLR2004  # as in screen_size
            raise ValueError("looks must rise, from 8 tasks or more")
        if self.level * (self.looks[0] / self.looks[-1]) ** 1.5 * (self.permutations + 1) < 1:
            raise ValueError("too few permutations: no p-value could be small enough for the first look")
        return self


class Effect(_Frozen):
    """One quantity in both arms, and whether the candidate's is higher."""

    parent: float
    candidate: float
    gain: float | None
    """Relative to the parent's; None where that is 0 and the candidate's is not."""
    interval: tuple[float | None, float | None]
    """The gain's 95 % interval, by a bootstrap of pairs; None as in `gain`. Not corrected for looking repeatedly."""
    p: float
    """One-sided: the chance of as much in the candidate's favour if it were its parent's twin; in (0, 1]."""

    def reaches(self, least: float) -> bool:
        """Whether the candidate's quantity is higher, and by this much relative to the parent's."""
        return self.candidate > self.parent and self.candidate >= (1 + least) * self.parent


class Comparison(_Frozen):
    """A candidate and its parent on the same tasks."""

    pairs: int
    """Tasks that both worked."""
    unpaired: int
    """Outcomes left out, because the other arm has none of that task."""
    accepted: tuple[int, int]
    """Dialogues that count, of parent and candidate."""
    cost: tuple[float, float]
    """Of all pairs, in the outcomes' unit."""
    per_cost: Effect
    """Accepted dialogues per unit of cost."""
    acceptance: Effect
    """Share of tasks accepted."""

    def on(self, objective: Objective) -> Effect:
        """What the gate decides by."""
        return self.per_cost if objective == "per_cost" else self.acceptance

    def said(self, unit: str = "tokens") -> str:
        """In one line.

        Args:
            unit: Of the costs. Tokens are counted in millions.
        """
        scale, per = (1e6, "1M tokens") if unit == "tokens" else (1.0, unit)
        rates, shares = self.per_cost, self.acceptance
        low, high = map(_percent, rates.interval)
        return (
            f"{self.pairs} tasks: accepted {shares.parent:.1%} -> {shares.candidate:.1%} (p {shares.p:.2g}), "
            f"{rates.parent * scale:.3g} -> {rates.candidate * scale:.3g} per {per} "
            f"({_percent(rates.gain)}, 95% {low} to {high}, p {rates.p:.2g})"
        )


def compare(
    parent: Sequence[Outcome], candidate: Sequence[Outcome], settings: GateSettings, *, seed: int
) -> Comparison:
    """Compare two arms by the tasks that both worked.

    Accepted per cost is tested by swapping the arms within pairs (`permutation.yield_gap`), acceptance by the exact
    sign test on the tasks that only one arm got accepted (McNemar). Outcomes with defects count as not accepted.
    Neither the order of the outcomes nor the unit of their costs matters.

    Raises:
        ValueError: An arm has two outcomes of one task.
    """
    from scipy.stats import binomtest  # noqa: PLC0415  # SciPy takes most of a second

    pairs, unpaired = paired(parent, candidate)
    a, b = (np.array([pair[arm].good for pair in pairs], dtype=np.float64) for arm in (0, 1))
    c, d = (np.array([pair[arm].cost for pair in pairs], dtype=np.float64) for arm in (0, 1))
    cost = (float(c.sum()), float(d.sum()))
    unit = sum(cost) / max(1, 2 * len(pairs)) or 1.0
    c, d = c / unit, d / unit
    won, lost = int(np.sum(b > a)), int(np.sum(a > b))
    differing = (a != b) | (c != d)
    p = p_value(yield_gap(a, c, b, d), differing, generator(seed, "per cost"), permutations=settings.permutations)
    sign = float(binomtest(won, won + lost, alternative="greater").pvalue) if won + lost else 1.0
    one = np.ones(len(pairs))
    interval = _interval((a, c, b, d), settings, seed), _interval((a, one, b, one), settings, seed)
    good = (int(a.sum()), int(b.sum()))
    rates = tuple(accepted / spent if spent else 0.0 for accepted, spent in zip(good, cost, strict=True))
    shares = tuple(accepted / max(1, len(pairs)) for accepted in good)
    return Comparison(
        pairs=len(pairs),
        unpaired=unpaired,
        accepted=good,
        cost=cost,
        per_cost=_effect(*rates, interval=interval[0], p=p),
        acceptance=_effect(*shares, interval=interval[1], p=sign),
    )


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """P-values of a family, corrected so that each may be held against the level of the whole (Holm 1979)."""
    corrected, highest = {}, 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, p * (len(p_values) - rank)))
        corrected[name] = highest
    return corrected


def screen(comparisons: Mapping[str, Comparison], settings: GateSettings) -> list[str]:
    """The candidates of one round that are worth a confirmation, best first.

    Best is the one whose gain has the highest lower bound: neither a small gain that is sure nor a large one that may
    be luck. How many pass has no bearing on the round's level as long as the first alone is confirmed, on fresh tasks.
    """
    effects = {name: comparison.on(settings.objective) for name, comparison in comparisons.items()}
    corrected = holm({name: effect.p for name, effect in effects.items()})
    passed = [
        name
        for name, effect in effects.items()
        if corrected[name] <= settings.screen_level and effect.reaches(settings.min_effect)
    ]
    lowest = {name: math.inf if (low := effects[name].interval[0]) is None else low for name in passed}
    return sorted(passed, key=lambda name: (-lowest[name], effects[name].p, name))


def _effect(parent: float, candidate: float, *, interval: tuple[float | None, float | None], p: float) -> Effect:
    gain = candidate / parent - 1 if parent else None if candidate else 0.0
    return Effect(parent=parent, candidate=candidate, gain=gain, interval=interval, p=p)


def _interval(
    samples: tuple[Vector, Vector, Vector, Vector], settings: GateSettings, seed: int
) -> tuple[float | None, float | None]:
    """Percentile interval of the relative gain."""
    from scipy.stats import bootstrap  # noqa: PLC0415  # see above

    if len(samples[0]) < 2:  # noqa: PLR2004  # nothing to resample
        return -1.0, None
    found = bootstrap(
        samples,
        relative_gap,
        paired=True,
        vectorized=True,
        n_resamples=settings.resamples,
        confidence_level=_CONFIDENCE,
        method="percentile",
        rng=generator(seed, "interval"),
    ).confidence_interval
    low, high = (2 * float(q) / (1 - float(q)) if q < 1 else None for q in found)
    return low, high


def _percent(share: float | None) -> str:
    return "unbounded" if share is None else f"{share:+.1%}"

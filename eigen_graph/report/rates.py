"""How sure a generation's accepted dialogues per cost are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eigen_graph.graphs.evolving.permutation import generator

_CONFIDENCE = 0.95
_RESAMPLES = 1999
_LEAST = 8


def rate_interval(outcomes: Sequence[tuple[bool, float]]) -> tuple[float, float] | None:
    """The 95 % interval of accepted dialogues per unit of cost, by a bootstrap of instances (percentiles).

    As the gate has it for gains: what an instance cost stays with what came of it. The same outcomes give the same.

    Args:
        outcomes: Of each instance, whether it was accepted and what it cost.

    Returns:
        None where there is nothing to resample: few instances, none accepted, or none that cost anything.
    """
    from scipy.stats import bootstrap  # noqa: PLC0415  # SciPy takes most of a second

    accepted = np.array([good for good, _ in outcomes], dtype=np.float64)
    costs = np.array([cost for _, cost in outcomes], dtype=np.float64)
    if len(outcomes) < _LEAST or not accepted.any() or not costs.any():
        return None
    found = bootstrap(
        (accepted, costs),
        lambda a, c, axis=-1: np.sum(a, axis) / np.maximum(np.sum(c, axis), 1e-12),
        paired=True,
        vectorized=True,
        n_resamples=_RESAMPLES,
        batch=200,
        confidence_level=_CONFIDENCE,
        method="percentile",
        rng=generator(0, "report"),
    ).confidence_interval
    return float(found.low), float(found.high)

"""How sure a mean over tasks is, where tasks are few and many of them are always or never solved.

The tasks are the sample. Trials of one task resemble each other, so each task enters once, by its own mean, and the
intervals below see nothing else: however alike its trials are, the interval is right. What is unusual is that the
values lie between known ends and mostly on them. There, Student's t and the bootstrap fail: over 40 tasks with
pass^1 = 0.05 they cover it 86 to 89 times in 100 instead of 95, and where no task was solved their width is zero.

Instead, the tasks get random weights, uniform over all ways to share out 1 (Dirichlet), and beside them stands one
pseudo-task at an end of the scale: what the next task might be, at worst. The quantiles of the weighted mean are the
limits:

- Of a mean of values in 0..1: the lower limit has the pseudo-task at 0, the upper limit at 1. This is the bound of
  Gaffke (2005, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative variable"),
  studied by Learned-Miller & Thomas (2019, arXiv 1905.06208). On zeros and ones it is the exact interval of Clopper and
  Pearson; on all other values it is conjectured never to cover less than it says, and covers somewhat more.
- Of a mean of differences in -1..1: half a pseudo-task at either end, for both limits (where only the ends occur, the
  interval of Jeffreys). By a whole one, the intervals would be a third wider over 40 tasks, and cover 99 times in 100.

The distribution of the weighted mean is computed, not drawn: no seed, the same limits everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eigen_graph.evaluation.passk import mean

CONFIDENCE = 0.95
"""Share of the intervals that hold what they are about."""

_TAIL = (1 - CONFIDENCE) / 2
_STEP = 0.05
"""Of the integral, in the logarithm of its argument: there the trapezoidal rule converges exponentially."""
_ENDS = 30
"""Of the integral, likewise: beyond, nothing is left of it."""
_FAR = 10
"""Standard deviations from its mean beyond which a sum is on one side of 0, but for a chance of 1/101 (Cantelli)."""
_TOLERANCE = 1e-10
_DIGITS = 12
"""Values that differ by less are one: fewer points, the same mean."""


class Interval(NamedTuple):
    """An interval, its ends included."""

    low: float
    high: float


def mean_interval(values: Sequence[float]) -> Interval:
    """Of the mean over all tasks like these.

    Args:
        values: One for each task, each in 0..1. Their order does not matter.

    Returns:
        An interval in 0..1 that holds the mean of the values.

    Raises:
        ValueError: There is no value, or one outside 0..1.
    """
    centre = _checked(values, 0)
    low = _quantile(values, {0.0: 1.0}, _TAIL)
    high = _quantile(values, {1.0: 1.0}, 1 - _TAIL)
    return Interval(min(low, centre), max(high, centre))


def difference_interval(differences: Sequence[float]) -> Interval:
    """Of the mean difference over all tasks like these.

    Args:
        differences: One for each task, each in -1..1. Their order does not matter.

    Returns:
        An interval in -1..1 that holds the mean of the differences.

    Raises:
        ValueError: There is no difference, or one outside -1..1.
    """
    centre = _checked(differences, -1)
    ends = {-1.0: 0.5, 1.0: 0.5}
    low, high = (_quantile(differences, ends, share) for share in (_TAIL, 1 - _TAIL))
    return Interval(min(low, centre), max(high, centre))


def _checked(values: Sequence[float], least: float) -> float:
    if not all(least <= value <= 1 for value in values):
        raise ValueError(f"an interval is of values in {least:g}..1")
    return mean(values)


def _quantile(values: Sequence[float], ends: Mapping[float, float], share: float) -> float:
    """Where the weighted mean of values and ends lies below with a chance of `share`.

    Args:
        values: Each with a weight of shape 1.
        ends: The pseudo-tasks: value -> shape of its weight.
        share: In (0, 1).
    """
    from scipy.optimize import brentq  # noqa: PLC0415  # SciPy takes most of a second

    shapes = Counter({round(end, _DIGITS): shape for end, shape in ends.items()})
    for value in values:
        shapes[round(value, _DIGITS)] += 1
    points = np.array(sorted(shapes))
    if len(points) == 1:
        return float(points[0])
    weights = np.array([shapes[point] for point in points.tolist()])
    return float(brentq(lambda limit: _below(limit, points, weights) - share, points[0], points[-1], xtol=_TOLERANCE))


def _below(limit: float, points: NDArray[np.float64], shapes: NDArray[np.float64]) -> float:
    """Chance that the mean of some points, with weights G/sum(G), G ~ Gamma(shape), is at most a limit.

    It is when the sum of (point - limit) G is at most 0; the chance of that follows from the sum's characteristic
    function (Gil-Pelaez 1951, Imhof 1961).
    """
    gaps = points - limit
    middle, scale = gaps @ shapes, np.sqrt(gaps**2 @ shapes)
    if abs(middle) > _FAR * scale:  # the integrand swings too fast to follow, and need not be followed
        return float(middle < 0)
    step = min(_STEP, 0.4 / np.sqrt(np.sum(shapes)))
    turns = np.multiply.outer(np.exp(np.arange(-_ENDS, _ENDS, step)) / scale, gaps)
    modulus = np.exp(-0.5 * np.log1p(turns**2) @ shapes)
    return float(0.5 - step / np.pi * np.sum(modulus * np.sin(np.arctan(turns) @ shapes)))

"""Swapping the arms within pairs: what would be seen if the candidate were no other than its parent.

If a patch changes nothing, then which outcome of a pair is whose is a coin's throw, and every arrangement that swaps
the two within some of the pairs is as likely as the one seen. A p-value is the share of arrangements that speak for
the alternative at least as much; it is exact in any sample size and for any statistic.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]
Arrangements: TypeAlias = NDArray[np.bool_]
"""One arrangement a row, one pair a column: whether the pair is swapped."""

_ROWS = 1024
_SMALLEST = 1e-12


def generator(seed: int, what: str) -> np.random.Generator:
    """Random numbers of their own for each use of a seed."""
    return np.random.default_rng(random.Random(f"gate/{what}/{seed}").getrandbits(64))


def p_value(
    statistic: Callable[[Arrangements], Vector],
    differing: NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    permutations: int,
    exact: int = 16,
) -> float:
    """Share of arrangements whose statistic is at least the one seen, in (0, 1].

    Args:
        statistic: Gives each arrangement's value; not a number counts as less than any.
        differing: Which pairs change anything when swapped. The others stay as they are.
        rng: Draws arrangements.
        permutations: How many are drawn where there are too many to go through. The one seen is added to them: without
            it the p-value could be 0 and would be too small.
        exact: Go through all 2^m where at most so many pairs differ.
    """
    places = np.flatnonzero(differing)
    rows = _every(places.size) if places.size <= exact else _drawn(places.size, permutations, rng)
    values = []
    for some in rows:
        swaps = np.zeros((len(some), differing.size), dtype=np.bool_)
        swaps[:, places] = some
        values.append(statistic(swaps))
    found = np.concatenate(values)
    # Equal sums that were added in another order must count as equal.
    return float(np.mean(found >= found[0] - 1e-9 * abs(found[0])))


def _every(pairs: int) -> Iterator[Arrangements]:
    for first in range(0, 2**pairs, _ROWS):
        numbers = np.arange(first, min(first + _ROWS, 2**pairs))
        yield (numbers[:, None] >> np.arange(pairs)) & 1 == 1


def _drawn(pairs: int, permutations: int, rng: np.random.Generator) -> Iterator[Arrangements]:
    yield np.zeros((1, pairs), dtype=np.bool_)
    for first in range(0, permutations, _ROWS):
        yield rng.random((min(_ROWS, permutations - first), pairs), dtype=np.float32) < 0.5  # noqa: PLR2004  # a coin


def yield_gap(a: Vector, c: Vector, b: Vector, d: Vector) -> Callable[[Arrangements], Vector]:
    """How far the candidate's yield per cost lies above the parent's, in standard errors.

    With A, C the parent's and B, D the candidate's sums, the gap is B/D - A/C. Its sign is that of the sum of
    (b - L d) - (a - L c) with the pooled yield L = (A + B) / (C + D), because that sum is B - A - L (D - C)
    = 2 C D / (C + D) * (B/D - A/C), and L does not change when pairs are swapped.

    That sum itself is a poor statistic, though. A retry edge rescues failed tasks and pays for it: where yield only
    breaks even, the rescued pairs all lean the same way by a little, no other pair differs, and swapping finds the
    little significant several times more often than the level says. Divided by its standard error (by linearisation:
    z = (b - B/D d)/D - (a - A/C c)/C for each pair, their squares summed) the gap keeps an exact test of "the
    candidate is its parent" and gets, in large samples, a valid one of "its yield is no higher".

    Args:
        a: 1 where the parent's outcome is good.
        c: The parent's costs, scaled to a mean near 1.
        b: The candidate's outcomes.
        d: The candidate's costs.
    """
    own = np.stack([a, c, a * c, c * c, b * c], axis=1)
    other = np.stack([b, d, b * d, d * d, a * d], axis=1)
    both, total = float(np.sum(a * b)), np.sum(own + other, axis=0)
    costs = float(np.sum(c * d))
    moved = np.flatnonzero(np.any(own != other, axis=1))
    move = (other - own)[moved]

    def statistic(swaps: Arrangements) -> Vector:
        sums = np.sum(own, axis=0) + swaps[:, moved] @ move
        a_, c_, ac, cc, bc = sums.T
        b_, d_, bd, dd, ad = (total - sums).T
        c_, d_ = np.maximum(c_, _SMALLEST), np.maximum(d_, _SMALLEST)
        parent, candidate = a_ / c_, b_ / d_
        variance = (a_ - 2 * parent * ac + parent**2 * cc) / c_**2
        variance += (b_ - 2 * candidate * bd + candidate**2 * dd) / d_**2
        variance -= 2 * (both - parent * bc - candidate * ad + parent * candidate * costs) / (c_ * d_)
        gap: Vector = (candidate - parent) / np.sqrt(np.maximum(variance, _SMALLEST))
        return gap

    return statistic


def relative_gap(a: Vector, c: Vector, b: Vector, d: Vector, axis: int = -1) -> Vector:
    """(q - r) / (q + r) for the yields r = A/C and q = B/D: -1..1, rising with q/r, 0 where neither accepts anything.

    An interval of it is one of q/r, and no resample divides by zero.
    """
    up, down = np.sum(b, axis) * np.sum(c, axis), np.sum(a, axis) * np.sum(d, axis)
    gap: Vector = (up - down) / np.maximum(up + down, _SMALLEST)
    return gap

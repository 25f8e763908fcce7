"""The order in which rows are trained on: a pure function of their lengths and a seed, so that it can be resumed."""

from __future__ import annotations

import random
from collections.abc import Sequence

_BATCHES = 16
"""Batches whose rows are sorted together: enough for batches of even length, few enough to stay mixed."""


def training_order(lengths: Sequence[int], batch: int, steps: int, seed: int) -> list[int]:
    """Numbers of rows, `batch` of them for each step. Every row comes up once before any comes up again.

    Rows of a step are of about one length, which saves padding; which steps come first is left to chance.

    Args:
        lengths: Of the rows, in tokens.
        batch: Rows of one step.
        steps: How many.
        seed: Another one orders otherwise.
    """
    rng = random.Random(f"rows/{seed}")
    order: list[int] = []
    left: list[int] = []
    while len(order) < batch * steps:
        fresh = list(range(len(lengths)))
        rng.shuffle(fresh)
        left += fresh
        whole = len(left) // batch * batch
        batches = []
        for at in range(0, whole, batch * _BATCHES):
            near = sorted(left[at : min(whole, at + batch * _BATCHES)], key=lambda row: lengths[row])
            batches += [near[start : start + batch] for start in range(0, len(near), batch)]
        rng.shuffle(batches)
        order += [row for rows in batches for row in rows]
        left = left[whole:]
    return order[: batch * steps]

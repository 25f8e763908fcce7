"""Near-duplicates within an arm: tasks whose words an earlier task of the same arm has already used."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from eigen_graph.graphs.evolving.permutation import Arrangements, Vector

NEAR = 0.8
"""Jaccard similarity of word triples from which a task repeats another. Of independently written tasks of one
domain's playbook 3 % come so near to an earlier one."""


def alike(texts: Sequence[Sequence[frozenset[int] | None]]) -> NDArray[np.bool_]:
    """Which texts repeat which earlier ones.

    Args:
        texts: Shingles of every task, one row an arm; None where there is no text to speak of.

    Returns:
        Shape (arm, task, arm, earlier task). Never of a task with itself in the other arm: those two are a pair, and
        in every arrangement one of them is in each arm.
    """
    from scipy.sparse import csr_array  # noqa: PLC0415  # SciPy takes most of a second

    arms, tasks = len(texts), len(texts[0]) if texts else 0
    every = [text or frozenset[int]() for text in chain.from_iterable(texts)]
    words = np.array([word for text in every for word in sorted(text)], dtype=np.int64)
    _, columns = np.unique(words, return_inverse=True)
    sizes = np.array([len(text) for text in every], dtype=np.int64)
    ends = np.concatenate([[0], np.cumsum(sizes)])
    shape = (len(every), int(columns.max(initial=0)) + 1)
    used = csr_array((np.ones(len(words)), columns, ends), shape=shape)
    shared = (used @ used.T).toarray()
    near = (shared > 0) & (shared >= NEAR * (sizes[:, None] + sizes[None, :] - shared))
    earlier = np.tril(np.ones((tasks, tasks), dtype=np.bool_), -1)
    found: NDArray[np.bool_] = near.reshape(arms, tasks, arms, tasks) & earlier[None, :, None, :]
    return found


def repeated(near: NDArray[np.bool_], swaps: Arrangements) -> Vector:
    """How many tasks of one arm repeat an earlier one of it, in each arrangement.

    Args:
        near: From `alike`.
        swaps: Which tasks come from the second row, one arrangement a row.
    """
    # Only tasks that repeat or are repeated matter; mostly they are few.
    some = np.flatnonzero(near.any(axis=(0, 2, 3)) | near.any(axis=(0, 1, 2)))
    links = near[:, some][:, :, :, some]
    places = np.arange(len(some))
    rows = swaps[:, some].astype(np.intp)
    return np.array([links[row, places][:, row, places].any(axis=1).sum() for row in rows], dtype=np.float64)

"""What came of one task under one blueprint: the unit of every comparison between a patch and its parent."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

_WORD = re.compile(r"\w+")
_SHINGLE = 3


@dataclass(frozen=True, slots=True)
class Features:
    """What the guards look at in one accepted dialogue."""

    kill_rate: float
    """Share of mutants that its checker fails, 0..1."""
    mutants: int
    """Wrong dialogues that its checker was tried on: ways to fail."""
    work: int
    """Structural difficulty: calls of the reference solution plus user turns."""
    difficulty: str
    """What its plan asked for: easy, medium or hard."""
    pairs: frozenset[tuple[str, str]] = frozenset()
    """(clause, tool) that it exercises."""
    words: frozenset[int] = frozenset()
    """Its task's text, as `shingles` gives it."""
    defects: tuple[str, ...] = ()
    """Held-back checks that it fails; with any it does not count as accepted in the statistic."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One task, worked by one arm.

    Raises:
        ValueError: The cost is negative or no number, or an accepted dialogue has no features.
    """

    seed: int
    """Index of the task; the same index in two arms is a pair."""
    accepted: bool
    """By the workflow."""
    cost: float
    """What it took, accepted or not, in tokens or USD; one unit within a comparison."""
    features: Features | None = None
    """Of the accepted dialogue; None when there is none."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.cost) and self.cost >= 0):
            raise ValueError(f"outcome {self.seed}: a cost of {self.cost}")
        if self.accepted and self.features is None:
            raise ValueError(f"outcome {self.seed}: accepted, without features")

    @property
    def good(self) -> bool:
        """Accepted by the workflow and by the held-back checks: what the statistic counts."""
        return self.accepted and not (self.features and self.features.defects)


def shingles(text: str) -> frozenset[int]:
    """Hashes of a text's word triples, the same in every process; two texts are as alike as these sets overlap."""
    words = _WORD.findall(text.lower())
    return frozenset(
        zlib.crc32(" ".join(words[at : at + _SHINGLE]).encode("utf-8", "replace"))
        for at in range(max(1, len(words) - _SHINGLE + 1))
    )


def paired(parent: Sequence[Outcome], candidate: Sequence[Outcome]) -> tuple[list[tuple[Outcome, Outcome]], int]:
    """The tasks that both arms have worked, in order of index, and how many outcomes have no counterpart.

    Raises:
        ValueError: An arm has worked a task twice.
    """
    one, other = ({outcome.seed: outcome for outcome in arm} for arm in (parent, candidate))
    if len(one) < len(parent) or len(other) < len(candidate):
        raise ValueError("an arm has two outcomes of one task")
    both = sorted(one.keys() & other.keys())
    return [(one[seed], other[seed]) for seed in both], len(one) + len(other) - 2 * len(both)

"""The confirmation: fresh tasks in stages, so that a clear winner or a clear loser stops early."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from eigen_graph.graphs.evolving.gate import Comparison, GateSettings

RISE = 1.5
"""Exponent of the share of the tasks by which the level is spent (Kim and DeMets 1987): later looks get more."""

Ruling = Literal["confirmed", "refuted", "go on"]


def spending(settings: GateSettings) -> tuple[float, ...]:
    """The level spent at each look; together it is the level.

    Each look sees all pairs so far and tests them at its part alone. The parts add up, so whatever the looks have in
    common, a candidate that does not help is confirmed at any of them with at most the level's chance.
    """
    shares = [0.0, *((size / settings.looks[-1]) ** RISE for size in settings.looks)]
    return tuple(settings.level * (later - sooner) for sooner, later in pairwise(shares))


def look(comparison: Comparison, number: int, settings: GateSettings) -> Ruling:
    """What the confirmation says after a look.

    It is refuted when nothing is left to look at, or when from the second look on the candidate does no better. That
    stop is not binding: to go on after all would leave the level as it is, since nothing was won back by stopping.

    Args:
        comparison: All pairs of the confirmation so far, and none of the screening's.
        number: Index of the look in `settings.looks`.
        settings: The gate's.

    Raises:
        IndexError: There is no such look.
    """
    effect = comparison.on(settings.objective)
    if effect.p <= spending(settings)[number] and effect.reaches(settings.min_effect):
        return "confirmed"
    if number == len(settings.looks) - 1 or (number > 0 and not effect.reaches(0)):
        return "refuted"
    return "go on"

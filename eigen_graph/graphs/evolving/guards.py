"""Guards: a patch must not raise the yield by laxer checkers, easier tasks, or more of the same.

Each guarded quantity is seen over the tasks where a fall can only mean that it was gamed:

- *Over the tasks that both arms accept*, the same task is held against itself. There mutants, work and difficulty must
  not fall: what the candidate rescues besides is not in it, so a patch is not blamed for rescuing small tasks.
- *Over all that each arm accepts* where a bar holds for every dialogue, rescued or not: defects, kill rate, repetition.
  Mutants and work are seen in this way too, each task held against the usual one of its difficulty and with twice the
  tolerance: rescued tasks may be easier than the rest where easy ones were asked for, but not hardly tasks at all.
- *Over all tasks* where something may be given up: covered pairs, accepted tasks, and harder tasks among them. A patch
  that turns hard tasks down early saves their cost, and the tasks that both accept do not show it.

A fall beyond its tolerance stops a patch unless it may well be chance, by swapping the arms within pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from eigen_graph.graphs.evolving.gate import GateSettings
from eigen_graph.graphs.evolving.outcome import Features, Outcome, paired
from eigen_graph.graphs.evolving.permutation import Arrangements, Vector, generator, p_value
from eigen_graph.graphs.evolving.repetition import alike, repeated

GuardName = Literal["defects", "kill_rate", "mutants", "difficulty", "coverage", "diversity", "acceptance"]

_PERMUTATIONS = 999
_EXACT = 9
_LEAST = 1e-9
_HARDNESS = {"medium": 1.0, "hard": 2.0}


class Guard(BaseModel):
    """One guarded quantity in both arms. Of several views on it, the one that looks worst."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: GuardName
    parent: float | None
    """None where there was nothing to compare."""
    candidate: float | None
    drop: float
    """How much worse the candidate is: in the quantity's points, or relative to the parent where that is its scale."""
    tolerance: float
    """Largest drop that is let pass in any case."""
    p: float | None
    """Chance of such a drop between twins; None when the drop is within the tolerance: then it does not matter."""
    stopped: bool
    said: str
    """In one line."""


Values: TypeAlias = Callable[[Arrangements], tuple[Vector, Vector]]
"""A quantity of parent and candidate in each arrangement of the pairs; not a number where it has no value."""


class _View(NamedTuple):
    """One way to see a quantity."""

    what: str
    values: Values
    tolerance: float
    relative: bool = False
    rising: bool = False
    """Whether it is a rise that is bad."""

    def drop(self, swaps: Arrangements) -> Vector:
        parent, candidate = self.values(swaps)
        fall = candidate - parent if self.rising else parent - candidate
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(parent > 0, fall / parent, np.nan) if self.relative else fall


def guards(
    parent: Sequence[Outcome], candidate: Sequence[Outcome], settings: GateSettings, *, seed: int
) -> list[Guard]:
    """What each guard says of a candidate, by the tasks that both arms worked. Always all of them, in one order.

    Raises:
        ValueError: An arm has two outcomes of one task.
    """
    pairs, _ = paired(parent, candidate)
    # A pair whose outcomes are equal but for their cost changes nothing when swapped.
    differing = np.array([(x.accepted, x.features) != (y.accepted, y.features) for x, y in pairs], dtype=np.bool_)
    found: dict[GuardName, list[Guard]] = {}
    for name, view in _views(pairs, settings):
        guard = _guard(name, view, differing, settings, seed)
        found.setdefault(name, []).append(guard)
    return [max(views, key=lambda guard: (guard.stopped, guard.drop - guard.tolerance)) for views in found.values()]


def _guard(name: GuardName, view: _View, differing: NDArray[np.bool_], settings: GateSettings, seed: int) -> Guard:
    seen = np.zeros((1, len(differing)), dtype=np.bool_)
    (parent,), (candidate,) = view.values(seen)
    (drop,) = view.drop(seen)
    if not np.isfinite(drop):
        said = f"{view.what}: nothing to compare"
        return Guard(
            name=name, parent=None, candidate=None, drop=0, tolerance=view.tolerance, p=None, stopped=False, said=said
        )
    p = None
    if drop > view.tolerance:
        rng = generator(seed, f"guard {name} {view.what}")
        many = min(settings.permutations, _PERMUTATIONS)
        p = p_value(view.drop, differing, rng, permutations=many, exact=_EXACT)
    stopped = p is not None and p <= settings.guard_level
    return Guard(
        name=name,
        parent=float(parent),
        candidate=float(candidate),
        drop=float(drop),
        tolerance=view.tolerance,
        p=p,
        stopped=stopped,
        said=_said(view, float(parent), float(candidate), float(drop), p, stopped=stopped),
    )


def _said(view: _View, parent: float, candidate: float, drop: float, p: float | None, *, stopped: bool) -> str:
    if view.relative:
        change = f"{view.what}: {parent:.3g} -> {candidate:.3g}"
        far, allowed = f"{drop:.0%}", f"{view.tolerance:.0%}"
    else:
        change = f"{view.what}: {parent:.1%} -> {candidate:.1%}"
        far, allowed = f"{100 * drop:.1f} points", f"{100 * view.tolerance:.1f}"
    if drop <= 0:
        return change
    ruling = "stopped" if stopped else "within tolerance" if p is None else "may be chance"
    chance = "" if p is None else f", p {p:.2g}"
    return f"{change}, {far} {'more' if view.rising else 'less'} ({allowed} allowed{chance}): {ruling}"


def _views(pairs: list[tuple[Outcome, Outcome]], settings: GateSettings) -> Iterator[tuple[GuardName, _View]]:
    allowed = settings.tolerances
    good = _each(pairs, lambda outcome: outcome.good)
    one, accepted = np.ones_like(good), _each(pairs, lambda outcome: outcome.accepted)
    both = np.broadcast_to(good.prod(axis=0), good.shape)
    kill_rate = _each(pairs, _of(lambda features: features.kill_rate))
    mutants = _each(pairs, _of(lambda features: features.mutants))
    work = _each(pairs, _of(lambda features: features.work))
    harder = _each(pairs, _of(lambda features: _HARDNESS.get(features.difficulty, 0.0)))
    defective = _ratio(accepted - good, accepted)
    yield "defects", _View("share of accepted dialogues with defects", defective, allowed.defects, rising=True)
    yield "kill_rate", _View("kill rate of accepted checkers", _ratio(kill_rate, good), allowed.kill_rate)
    level = np.array([[_level(pair[arm]) for pair in pairs] for arm in (0, 1)])
    same, all_ = "of tasks that both accept", "of all accepted tasks, over what is usual for their difficulty"
    relative: list[tuple[GuardName, str, Values, float]] = [
        ("mutants", f"mutants {same}", _ratio(mutants * both, both), allowed.mutants),
        ("mutants", f"mutants {all_}", _ratio(_over_usual(mutants, level, good), good), 2 * allowed.mutants),
        ("difficulty", f"work {same}", _ratio(work * both, both), allowed.difficulty),
        ("difficulty", f"work {all_}", _ratio(_over_usual(work, level, good), good), 2 * allowed.difficulty),
        ("difficulty", f"difficulty (medium 1, hard 2) {same}", _ratio(harder * both, both), allowed.difficulty),
        ("difficulty", "difficulty accepted (medium 1, hard 2) of all tasks", _ratio(harder, one), allowed.difficulty),
        ("coverage", "(clause, tool) pairs exercised", _distinct(pairs), allowed.coverage),
    ]
    for name, what, values, tolerance in relative:
        yield name, _View(what, values, tolerance, relative=True)
    yield "diversity", _View("share that repeats no earlier dialogue", _diversity(pairs, good), allowed.diversity)
    yield "acceptance", _View("share of tasks accepted", _ratio(good, one), allowed.acceptance)


def _of(quantity: Callable[[Features], float]) -> Callable[[Outcome], float]:
    """A feature of a dialogue that counts, 0 of any other."""
    return lambda outcome: quantity(outcome.features) if outcome.good and outcome.features else 0.0


def _level(outcome: Outcome) -> str:
    return outcome.features.difficulty if outcome.good and outcome.features else ""


def _over_usual(quantity: Vector, level: NDArray[np.str_], good: Vector) -> Vector:
    """A quantity in multiples of its mean over the dialogues of either arm with the same difficulty."""
    found = quantity.copy()
    for name in np.unique(level):
        there = level == name
        found[there] /= max(quantity[there].sum() / max(1, good[there].sum()), _LEAST)
    return found


def _each(pairs: list[tuple[Outcome, Outcome]], quantity: Callable[[Outcome], float]) -> Vector:
    """A quantity of every outcome, one row an arm."""
    return np.array([[quantity(pair[arm]) for pair in pairs] for arm in (0, 1)], dtype=np.float64)


def _ratio(above: Vector, below: Vector) -> Values:
    """The sum of one thing over the sum of another."""

    def values(swaps: Arrangements) -> tuple[Vector, Vector]:
        top, bottom = (x[0].sum() + swaps @ (x[1] - x[0]) for x in (above, below))
        with np.errstate(divide="ignore", invalid="ignore"):
            return top / bottom, (above.sum() - top) / (below.sum() - bottom)

    return values


def _distinct(pairs: list[tuple[Outcome, Outcome]]) -> Values:
    """How many (clause, tool) pairs the dialogues that count exercise."""
    exercised = [[pair[arm].features.pairs if pair[arm].good else frozenset() for pair in pairs] for arm in (0, 1)]  # type: ignore[union-attr]  # what is good has features
    index = {pair: at for at, pair in enumerate(sorted(set().union(*exercised[0], *exercised[1])))}
    hits = np.zeros((2, len(pairs), len(index)))
    for arm, dialogues in enumerate(exercised):
        for at, dialogue in enumerate(dialogues):
            hits[arm, at, [index[pair] for pair in dialogue]] = 1

    def values(swaps: Arrangements) -> tuple[Vector, Vector]:
        parent = hits[0].sum(axis=0) + swaps @ (hits[1] - hits[0])
        candidate = hits.sum(axis=(0, 1)) - parent
        return (parent > 0.5).sum(axis=1).astype(np.float64), (candidate > 0.5).sum(axis=1).astype(np.float64)  # noqa: PLR2004  # counts, as floats

    return values


def _diversity(pairs: list[tuple[Outcome, Outcome]], good: Vector) -> Values:
    """The share of dialogues that count and are no near-duplicate of an earlier one of their arm."""
    near = alike([[pair[arm].features.words if pair[arm].good else None for pair in pairs] for arm in (0, 1)])  # type: ignore[union-attr]  # as above

    def values(swaps: Arrangements) -> tuple[Vector, Vector]:
        shares = []
        for swapped in (swaps, ~swaps):
            count = good[0].sum() + swapped @ (good[1] - good[0])
            with np.errstate(divide="ignore", invalid="ignore"):
                shares.append(1 - repeated(near, swapped) / count)
        return shares[0], shares[1]

    return values

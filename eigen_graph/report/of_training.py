"""A training: each stage's curves, its pass^1 before and after, and what its user model is like."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from eigen_graph.report.data import Estimate, Figure, Series, StageSection
from eigen_graph.rl.history import History, StageHistory

_FIRST = (
    "loss", "eval_loss", "reward/raw", "groups/mixed_share", "episodes/user_fault_rate", "rollout/tokens",
    "episodes/played", "entropy", "grad_norm", "learning_rate",
)  # fmt: skip
"""Curves that are looked at first; the others follow by name."""
_NO_CURVES = frozenset({"step", "time", "epoch"})
_MOST_POINTS = 1000


def stages_of(history: History) -> tuple[StageSection, ...]:
    """Every stage that has begun."""
    return tuple(map(_stage, history.stages))


def figures_of(stages: tuple[StageSection, ...]) -> Iterator[Figure]:
    """pass^1 of the last model, beside what it started from."""
    for stage in reversed(stages):
        if stage.after:
            yield Figure(
                label=f"pass^1 after {stage.stage}", value=f"{stage.after.value:.3f}", note=_bounds(stage.after)
            )
            if stage.before:
                note = _bounds(stage.before)
                yield Figure(label=f"pass^1 before {stage.stage}", value=f"{stage.before.value:.3f}", note=note)
            return


def notes_of(history: History) -> Iterator[str]:
    """What the reader should know of a training that is not over."""
    for stage in history.stages:
        if stage.state != "done":
            yield f"Stage {stage.stage} is under way, or was stopped: the command that began it goes on."
    if not history.stages:
        yield "No stage has begun yet."


def _stage(stage: StageHistory) -> StageSection:
    pass1 = stage.pass1 if isinstance(stage.pass1, dict) else {}
    floors = pass1.get("floors")
    return StageSection(
        stage=stage.stage,
        state=stage.state,
        seconds=stage.seconds,
        series=tuple(_series(stage)),
        before=_estimate(pass1.get("before")),
        after=_estimate(pass1.get("after")),
        difference=_estimate(pass1.get("difference")),
        floors=tuple(
            Figure(label=str(name), value=f"{value:.3f}", note="pass^1 of an inert agent on the same tasks")
            for name, value in (floors if isinstance(floors, dict) else {}).items()
            if _is_number(value)
        ),
        fidelity=stage.fidelity if isinstance(stage.fidelity, dict) else None,
    )


def _series(stage: StageHistory) -> Iterator[Series]:
    names = {name for row in stage.metrics for name, value in row.items() if _is_number(value)} - _NO_CURVES
    ordered = [name for name in _FIRST if name in names] + sorted(names - set(_FIRST))
    for name in ordered:
        points = [(float(step), value) for step, value in stage.series(name) if math.isfinite(value)]
        if points:
            yield Series(name=name, points=tuple(_thinned(points)))


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """As many as can be told apart, evenly, the last among them."""
    stride = -(-len(points) // _MOST_POINTS)
    return points[::-1][::stride][::-1]


def _estimate(figure: Any) -> Estimate | None:
    if not isinstance(figure, Mapping) or not _is_number(figure.get("value")):
        return None
    low, high = (value if _is_number(value) else None for value in (figure.get("low"), figure.get("high")))
    return Estimate(value=figure["value"], low=low, high=high)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _bounds(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f"95 %: {estimate.low:.3f} to {estimate.high:.3f}"

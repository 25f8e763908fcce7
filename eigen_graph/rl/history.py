"""What a training has come to so far, read back from its folder: for `report`, also while it trains."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from eigen_graph.core import EigenGraphError
from eigen_graph.rl.folder import StageFolder, TrainingFolder
from eigen_graph.rl.settings import STAGES, Stage

FIDELITY, PASS1, ROLLOUTS = "fidelity.json", "pass1.json", "rollouts.jsonl"
"""Files of a stage: what its user model is like, pass^1 before and after, every rollout."""

Series = list[tuple[int, float]]
"""Values by step."""


class StageHistory(BaseModel):
    """One stage."""

    model_config = ConfigDict(frozen=True)

    stage: Stage
    state: str
    seconds: float
    results: dict[str, Any]
    metrics: list[dict[str, Any]]
    """As they were logged, in order."""
    pass1: dict[str, Any] | None = None
    """pass^1 on held-out tasks before and after, see `stages`."""
    fidelity: dict[str, Any] | None = None

    @classmethod
    def of(cls, folder: StageFolder) -> Self | None:
        """Read a stage; None: it has not begun."""
        if (info := folder.info) is None:
            return None
        return cls(
            stage=folder.name,
            state=info.state,
            seconds=info.seconds,
            results=info.results,
            metrics=list(_lines(folder.metrics)),
            pass1=read_json(folder.path / PASS1),
            fidelity=read_json(folder.path / FIDELITY),
        )

    def series(self, name: str) -> Series:
        """The values of one metric; steps without it are left out."""
        found = ((_number(row.get("step")), _number(row.get(name))) for row in self.metrics)
        return [(int(step), value) for step, value in found if step is not None and value is not None]


class History(BaseModel):
    """All of a training that has begun."""

    model_config = ConfigDict(frozen=True)

    folder: str
    recipe: str
    domain: str
    stages: list[StageHistory]

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read a training's folder.

        Raises:
            EigenGraphError: There is no training, or one of its files is damaged.
        """
        folder = TrainingFolder.open(path)
        stages = [StageHistory.of(folder.stage(name)) for name in STAGES]
        return cls(
            folder=str(path),
            recipe=folder.recipe.name,
            domain=folder.recipe.domain,
            stages=[stage for stage in stages if stage],
        )

    def stage(self, name: Stage) -> StageHistory | None:
        """One of them, if it has begun."""
        return next((stage for stage in self.stages if stage.stage == name), None)


def read_json(path: Path) -> Any:
    """A JSON file of a training; None: there is none.

    Raises:
        EigenGraphError: It is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise EigenGraphError(
            f"{path} cannot be read ({error}): remove it, and the same command makes it anew"
        ) from error


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON lines file; a torn line, as it is while it is written, is left out."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict):
                yield row


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

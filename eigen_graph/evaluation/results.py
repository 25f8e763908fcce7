"""What an evaluation came to: settings, tasks and every episode, as one JSON file that can be judged again."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eigen_graph import __version__
from eigen_graph.core import EigenGraphError

FORMAT = 1
"""Version of the results file."""
SUCCESS = 1 - 1e-6
"""Reward from which an episode counts as solved (tau2, `metrics/agent_metrics.py`)."""

Status = Literal["judged", "unjudged", "infrastructure"]
"""What is known of an episode. `unjudged`: a part of its verdict needs a judge that was not there, and all others
passed. `infrastructure`: it was never finished, because a server failed. Neither is a 0."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Episode(_Value):
    """One trial of one task."""

    task_id: str
    trial: int = Field(ge=0)
    seed: int = 0
    """What its models were seeded with, where they can be."""
    status: Status
    trajectory: dict[str, Any] | None = None
    """Trajectory JSON; None only where the infrastructure failed."""
    verdict: dict[str, Any] | None = None
    """Verdict JSON; None where the infrastructure failed."""
    opinions: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """What a judge model thought of each statement that it was asked about, as JSON of `Opinion`."""
    reason: str = ""
    """Why it was not judged."""
    cost_usd: float | None = None
    """Of both sides' model calls; None when a price is not known."""
    seconds: float = 0.0

    @property
    def reward(self) -> float | None:
        """The reward, or None when nothing is known."""
        return float(self.verdict["reward"]) if self.status == "judged" and self.verdict else None

    @property
    def solved(self) -> bool | None:
        """Whether it was solved, or None when nothing is known."""
        return None if self.reward is None else self.reward >= SUCCESS


class EvaluationInfo(_Value):
    """What was asked for, and of what."""

    format: Literal[1] = 1
    created: str
    """UTC, ISO 8601."""
    eigen_graph: str = __version__
    python: str = Field(default_factory=platform.python_version)
    domain: str
    database: str
    """Digest of the domain's databases."""
    split: str | None = None
    task_digest: str
    """Fingerprint of the task file: figures are comparable only where it is the same."""
    task_source: str = ""
    """Where the tasks come from, with its version."""
    basis: Literal["tau2", "eigen", "own"]
    """Judged by tau2's rules, by ours for the same criteria, or by each task's own checker."""
    briefing: Literal["benchmark", "eigen"] = "eigen"
    """Whose wording both sides were given."""
    agent: str
    user: str
    judge: str | None = None
    """Model that judged natural-language assertions."""
    trials: int = Field(ge=1)
    seed: int
    max_steps: int
    max_errors: int


class Results(_Value):
    """A whole evaluation."""

    info: EvaluationInfo
    tasks: tuple[dict[str, Any], ...]
    """Task JSON, each once, in the order of the split."""
    episodes: tuple[Episode, ...]
    summary: dict[str, Any] | None = None
    """Figures worked out from the episodes; never read back, always recomputed."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Inverse of `to_json`.

        Raises:
            EigenGraphError: It is no results file, or one of another format; the message says where.
        """
        info = data.get("info") if isinstance(data, dict) else None
        if not isinstance(info, dict) or "format" not in info:
            raise EigenGraphError("a results file is a JSON object with `info`, `tasks` and `episodes`")
        if info["format"] != FORMAT:
            raise EigenGraphError(f"the results have format {info['format']!r}; this version reads {FORMAT}")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise EigenGraphError(f"not a results file: {where}: {first['msg']}") from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, whole or not at all."""
        target = Path(path)
        draft = target.with_name(f"{target.name}.part")
        draft.write_text(json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        draft.replace(target)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file that `save` wrote.

        Raises:
            EigenGraphError: There is none, it is no JSON, or no results file.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise EigenGraphError(f"cannot read {path}: {error}") from error
        return cls.from_json(data)

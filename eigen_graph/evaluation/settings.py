"""What an evaluation is asked for, and the seeds of its trials."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from eigen_graph.checkers import Rules
from eigen_graph.core import Domain

Basis = Rules | Literal["own"]
"""By what is judged: tau2's rules, ours for the same criteria, or each task's own checker."""
Wording = Literal["benchmark", "eigen"]
"""Whose system messages both sides are given: the benchmark's own, or ours."""
SEED = 300
"""tau2's default."""
_MAX_SEED = 1_000_000


class EvaluationSettings(BaseModel):
    """Which tasks, how often, and judged how. Who plays, and within which limits, is a `graphs.Context`'s to say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    split: str | None = None
    """A split of the domain's own tasks; None: its default one."""
    task_file: str | None = None
    """A file of tasks instead."""
    given: bool = False
    """The tasks were handed over in Python."""
    count: int | None = Field(default=None, ge=1, le=100_000)
    """How many of the tasks, the first ones; without tasks, how many the playbook acts out."""
    task_ids: tuple[str, ...] = ()
    """Only these of the tasks."""
    trials: int = Field(default=4, ge=1, le=1000)
    """How often each task is played."""
    seed: int = SEED
    """Of the trials' seeds, and of tasks that the playbook acts out."""
    basis: Basis | None = None
    """None: tau2's rules for a domain that words its own benchmark, else the tasks' own checkers."""
    briefing: Wording | None = None
    """None: the benchmark's, where there is one."""

    @field_validator("task_file")
    @classmethod
    def _is_found_again(cls, path: str | None) -> str | None:
        """Whatever folder it goes on from."""
        return None if path is None else str(Path(path).absolute())

    def basis_in(self, domain: Domain) -> Basis:
        """By what a domain's tasks are judged."""
        return self.basis or ("tau2" if domain.briefing else "own")

    def briefing_in(self, domain: Domain) -> Wording:
        """Whose system messages are given in a domain."""
        return self.briefing or ("benchmark" if domain.briefing else "eigen")

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each trial, the same for all tasks, drawn as tau2 draws them (`run.py`): 300 begins 626729."""
        rng = random.Random(self.seed)
        return tuple(rng.randint(0, _MAX_SEED) for _ in range(self.trials))

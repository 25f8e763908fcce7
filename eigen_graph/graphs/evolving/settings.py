"""How far evolution may go, and what it must show."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.evolving.gate import GateSettings
from eigen_graph.models import Budget


class EvolutionSettings(BaseModel):
    """Settings of an evolution."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rounds: int = Field(6, ge=0, le=1000, description="Times of reflecting and testing at most.")
    proposals: int = Field(3, ge=1, le=16, description="Patches a round at most.")
    tries: int = Field(
        3, ge=1, le=10, description="Times that the reflector is asked in a round, invalid patches mended."
    )
    patience: int = Field(2, ge=1, description="Rounds in a row without an accepted patch after which it ends.")
    pilot: int = Field(96, ge=8, le=100_000, description="Tasks that a generation works before it is reflected upon.")
    lineages: int = Field(1, ge=1, le=16, description="Generations that may be patched further at a time.")
    budget: str | None = Field(None, description="What trials may cost in all: $5 or 2Mtokens. None: as the run.")
    gated: bool = Field(default=True, description="False keeps the first valid patch untested: a baseline, no setting.")
    gate: GateSettings = GateSettings()

    @field_validator("budget")
    @classmethod
    def _can_be_read(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                Budget.parse(text)
            except EigenGraphError as error:
                raise ValueError(str(error)) from error
        return text

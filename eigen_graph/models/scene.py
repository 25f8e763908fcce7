"""Which dialogue a model call is for, and in which role."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from eigen_graph.core import Cue

Role = Literal["planner", "writer", "verifier", "user", "agent", "reviewer", "reflector", "judge"]
"""Who a model plays."""
ROLES: tuple[Role, ...] = get_args(Role)


class Scene(BaseModel):
    """What a call belongs to: accounting, the reply cache and a scripted role all go by it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    """Names the instance (or the batch of plans) that the call is for."""
    cue: Cue | None = None
    """The playbook case that a scripted role plays; a real model never sees it."""
    attempt: int = 0
    """Which try at this scene; a new one asks the models afresh."""
    seed: int | None = None
    """Sent to a server with each request, if its model's spec names no seed; None: nothing is sent."""

    def metadata(self, role: Role) -> dict[str, Any]:
        """What travels beside the messages as `metadata["eigen"]`."""
        return {
            "role": role,
            "cue": self.cue.model_dump(mode="json") if self.cue else None,
            "attempt": self.attempt,
            "scene": self.id,
        }

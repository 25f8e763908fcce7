"""What can go wrong with a model call, told apart by what should follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eigen_graph.core import EigenGraphError
from eigen_graph.core.errors import InfrastructureError, OutageError

if TYPE_CHECKING:
    from eigen_graph.models.scene import Role


__all__ = [
    "AccessError",
    "BudgetExceededError",
    "ContextLengthError",
    "InfrastructureError",
    "OutageError",
    "ReplyError",
    "RequestError",
]


class ReplyError(EigenGraphError):
    """A model's reply cannot be used, not even after it was asked to repair it: blame the role that gave it."""

    def __init__(self, role: Role, reason: str) -> None:
        super().__init__(f"the {role}'s reply cannot be used: {reason}")
        self.role = role
        self.reason = reason


class RequestError(EigenGraphError):
    """The server refuses this request as it stands, so asking again is useless; another scene may do."""


class ContextLengthError(RequestError):
    """The messages are longer than the model's context."""


class AccessError(EigenGraphError):
    """The server is there but will not serve: wrong key, no permission, or no such model. Ends the run."""


class BudgetExceededError(EigenGraphError):
    """The budget is spent. Ends the run, which can be resumed with a larger one."""

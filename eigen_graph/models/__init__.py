"""How a role gets its chat model: specs, the cast with accounting and reply cache, and the offline `scripted` model."""

from eigen_graph.models.accounting import Budget, CallRecord, CallStore, MemoryStore, Meter, NullStore, Usage
from eigen_graph.models.cast import Cast
from eigen_graph.models.casting import ModelLike
from eigen_graph.models.errors import (
    AccessError,
    BudgetExceededError,
    ContextLengthError,
    InfrastructureError,
    OutageError,
    ReplyError,
    RequestError,
)
from eigen_graph.models.own_agent.agent import OwnAgent, is_own_agent
from eigen_graph.models.reply import calls_of
from eigen_graph.models.scene import ROLES, Role, Scene
from eigen_graph.models.scripted import Fault, ScriptedChat, planned_faults
from eigen_graph.models.seat import Seat
from eigen_graph.models.spec import ModelSpec

__all__ = [
    "ROLES",
    "AccessError",
    "Budget",
    "BudgetExceededError",
    "CallRecord",
    "CallStore",
    "Cast",
    "ContextLengthError",
    "Fault",
    "InfrastructureError",
    "MemoryStore",
    "Meter",
    "ModelLike",
    "ModelSpec",
    "NullStore",
    "OutageError",
    "OwnAgent",
    "ReplyError",
    "RequestError",
    "Role",
    "Scene",
    "ScriptedChat",
    "Seat",
    "Usage",
    "calls_of",
    "is_own_agent",
    "planned_faults",
]

"""Who plays which role: players made of specs, chat models, and agents of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable
from langgraph.graph import StateGraph

from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.models.openai import Servers
from eigen_graph.models.own_agent.agent import OwnAgent, is_own_agent
from eigen_graph.models.own_agent.chair import Chair
from eigen_graph.models.player import Player
from eigen_graph.models.scene import ROLES, Role
from eigen_graph.models.scripted import require_playbook
from eigen_graph.models.seat import Seat
from eigen_graph.models.spec import ModelSpec

ModelLike = (
    str
    | ModelSpec
    | BaseChatModel
    | Runnable[Any, Any]
    | StateGraph[Any, Any, Any, Any]
    | Callable[..., Any]
    | OwnAgent
)
"""A spec, a chat model, or, for the agent alone, an agent of one's own."""
_OPTIONAL: tuple[Role, ...] = ("verifier", "reflector", "judge")
"""Roles that not every run has: left scripted, they need no playbook before they are asked."""


def players_of(
    model: ModelLike,
    overrides: Mapping[Role, ModelLike],
    *,
    servers: Servers,
    domain: Domain | None,
    concurrency: int,
    timeout: float,
) -> dict[Role, Player | Seat]:
    """The player of each role; roles that are given the same share one.

    Args:
        model: Who plays the roles.
        overrides: Other models for single roles.
        servers: Where models are.
        domain: What `scripted` plays, and whose tools an agent of one's own is given.
        concurrency: Dialogues at once.
        timeout: Seconds for one message of an agent of one's own that does not say.

    Raises:
        EigenGraphError: A spec is wrong, a key or a playbook is missing, or an agent of one's own cannot be found or is
            given another role.
    """
    if unknown := sorted(set(overrides) - set(ROLES)):
        raise EigenGraphError(f"no role {', '.join(unknown)}: the roles are {', '.join(ROLES)}")
    made: dict[Any, Player | Seat] = {}
    players: dict[Role, Player | Seat] = {}
    for role in ROLES:
        given = overrides.get(role, model)
        like = ModelSpec.parse(given) if isinstance(given, str) else given
        if is_own_agent(like) and role != "agent" and role in overrides:
            raise EigenGraphError(
                f"{OwnAgent.of(like).title} is an agent of your own, which takes the agent's chair only: name a model "
                f"for the {role}"
            )
        if domain and isinstance(like, ModelSpec) and like.kind == "scripted" and role not in _OPTIONAL:
            require_playbook(domain)
        key = like if isinstance(like, ModelSpec) else id(like)
        if key not in made:
            made[key] = _player(like, servers, domain, concurrency, timeout)
        players[role] = made[key]
    return players


def _player(like: Any, servers: Servers, domain: Domain | None, concurrency: int, timeout: float) -> Player | Seat:
    if is_own_agent(like):
        own = OwnAgent.of(like)
        if domain is None:
            raise EigenGraphError(f"the agent {own.title} needs a domain, whose tools it uses")
        return Chair(own, domain, timeout=timeout, concurrency=concurrency)
    if isinstance(like, BaseChatModel):
        return Player.from_chat(like)
    return Player.from_spec(like, domain=domain, endpoint=servers.of(like))

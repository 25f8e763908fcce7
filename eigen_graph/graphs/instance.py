"""What a pipeline makes: an order for one instance, and the instance as it goes from node to node."""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal

from typing_extensions import TypedDict

from eigen_graph.graphs.described import described
from eigen_graph.graphs.workflow import Kind


@described
class Order(TypedDict, total=False):
    """What to make."""

    id: str
    """Name of the instance and of its task."""
    seed: int
    """Draws the playbook's case and the mutants."""
    plan: dict[str, Any]
    """A plan of the planner; without one the writer is free."""


@described
class Instance(Order, total=False):
    """One instance, from plan to fate."""

    visits: Annotated[dict[str, int], operator.or_]
    """How often each node has been entered."""
    outcome: str
    """How the last node came out."""
    stage: Kind
    """The kind of the last node."""
    problem: str
    """What is wrong with the task, for its writer."""
    task: dict[str, Any]
    """The task, as JSON."""
    verification: dict[str, Any]
    """What the verifier said of the task."""
    checker: dict[str, Any]
    """The checker with its proof, as JSON."""
    kill_rate: float
    """Share of the mutants that the checker failed."""
    plays: int
    """How often a dialogue was played, from its start or from a repair."""
    trajectory: dict[str, Any]
    """The dialogue, as JSON."""
    agent_system: str
    """The agent's instructions."""
    user_system: str
    """The user's instructions."""
    verdict: dict[str, Any]
    """The checker's verdict, as JSON."""
    attribution: dict[str, Any]
    """Whose fault a failure is by the checker: blame, evidence, reason."""
    review: dict[str, Any]
    """The reviewer's decision, as JSON."""
    attempts: Annotated[list[dict[str, Any]], operator.add]
    """Earlier dialogues that were done over: stage, blame, reason, trajectory, verdict, review."""
    fate: Literal["accepted", "rejected", "dropped"]
    """What became of it; dropped: a model server failed."""
    blame: str | None
    """Whose fault it is that it was not accepted."""
    reason: str
    """Why, in words."""
    evidence: list[int]
    """Indices of the telling messages."""
    began: float
    """When it began, in seconds of the epoch."""
    seconds: float
    """How long it took."""

"""What a run remembers of each instance and each plan: one row each, JSON both ways."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fate = Literal["accepted", "rejected", "dropped"]
"""What became of an instance; `dropped`: the infrastructure failed, so nothing is known of it."""


def arm_instance_id(arm: str, index: int) -> str:
    """Name of the instance that an arm makes at one task index; an arm's sort in the order of that (to 1,000,000)."""
    return f"{arm}-{index:06d}"


def instance_id(generation: int, index: int) -> str:
    """Name of the instance at one task index of one generation."""
    return arm_instance_id(f"g{generation}", index)


def episode_id(index: int, trial: int) -> str:
    """Name of one trial of the task at one index; they sort by task, then by trial."""
    return f"e{index:06d}-{trial:03d}"


class Row(BaseModel):
    """A row of the ledger, as a value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Inverse of `to_json`."""
        return cls.model_validate(data)


class _Made(Row):
    """What somebody made, for the data set or for a trial."""

    id: str
    generation: int
    """The generation it belongs to."""
    index: int
    """Task index."""
    arm: str = ""
    """Who made it: a generation (`g0`) or a candidate (`c3`); when not given, its generation."""
    trial: str = ""
    """The trial it was made for (`r2`); empty: it belongs to the data set."""

    @model_validator(mode="before")
    @classmethod
    def _name_the_arm(cls, data: Any) -> Any:
        # Named at once, because a row that is adopted changes its generation and not who made it.
        if isinstance(data, dict) and not data.get("arm") and "generation" in data:
            return {**data, "arm": f"g{data['generation']}"}
        return data


class PlanRow(_Made):
    """A pair of plans: what a task is to exercise, and what an evaluator must watch for."""

    clause: str
    """Number of the policy clause it exercises."""
    tools: tuple[str, ...]
    difficulty: str
    persona: str
    title: str = ""
    synthesis: str = ""
    """What the writer of the task is told."""
    evaluation: str = ""
    """What the reviewer of the dialogue is told."""


class Attempt(Row):
    """An earlier dialogue of an instance, one that was done over."""

    stage: str
    """Where it failed: scenario, checker, dialogue, judge or reviewer."""
    blame: str | None = None
    reason: str = ""
    trajectory: dict[str, Any] | None = None
    verdict: dict[str, Any] | None = None
    review: dict[str, Any] | None = None


class InstanceRow(_Made):
    """All that became of one task index."""

    plan_id: str
    fate: Fate
    stage: str
    """Where it ended: scenario, checker, dialogue, judge or reviewer."""
    blame: str | None = None
    """task, user, agent, tool, checker or infrastructure; None when accepted."""
    reason: str = ""
    """Why it was not accepted, in words."""
    evidence: list[int] = Field(default_factory=list)
    """Positions of the messages that show it."""
    task: dict[str, Any] | None = None
    """Task JSON; None when none was ever valid."""
    checker: dict[str, Any] | None = None
    """Checker JSON with its proof."""
    trajectory: dict[str, Any] | None = None
    verdict: dict[str, Any] | None = None
    review: dict[str, Any] | None = None
    kill_rate: float | None = None
    """Share of the checker's mutants that it failed, 0 to 1."""
    attempts: list[Attempt] = Field(default_factory=list)
    """Earlier dialogues of this instance, oldest first."""
    agent_system: str = ""
    """The system prompt that the agent was given."""
    user_system: str = ""
    """The system prompt that the user was given."""
    workflow: str = ""
    """Digest of the workflow that made it."""
    seconds: float = 0.0
    """Wall time, seconds."""

    def comparable(self) -> dict[str, Any]:
        """All that a resumed run must share with an uninterrupted one: everything but the times."""
        data = self.to_json()
        del data["seconds"]
        for part in (data, *data["attempts"]):
            if part["trajectory"]:
                part["trajectory"].pop("seconds", None)
        return data


class EpisodeRow(Row):
    """All that became of one trial of one task in an evaluation."""

    id: str
    index: int
    """The task's place in the evaluation."""
    trial: int
    task_id: str
    seed: int
    """What its models were seeded with."""
    status: Literal["judged", "unjudged", "infrastructure"]
    """`unjudged`: a part of the verdict could not be judged. `infrastructure`: a server failed, nothing is known."""
    reason: str = ""
    """Why it was not judged."""
    trajectory: dict[str, Any] | None = None
    verdict: dict[str, Any] | None = None
    opinions: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """What a judge model thought of each statement it was asked about."""
    seconds: float = 0.0
    """Wall time, seconds."""

    def comparable(self) -> dict[str, Any]:
        """All that a resumed evaluation must share with an uninterrupted one: everything but the times."""
        data = self.to_json()
        del data["seconds"]
        if data["trajectory"]:
            data["trajectory"].pop("seconds", None)
        return data

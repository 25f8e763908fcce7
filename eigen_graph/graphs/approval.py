"""Asking a person before a costly step: an interrupt whose answer has a type.

A graph asks only for the steps in `Context.approve`, and only where it is saved by a checkpointer can it be answered:
`Command(resume={"decision": "go on"})` in Python, a form in LangGraph Studio. Commands never ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from langgraph.types import interrupt
from pydantic import BaseModel, ConfigDict, Field, field_validator

from eigen_graph.core import EigenGraphError
from eigen_graph.models import Budget

Step = Literal["dialogue", "batch", "evolve"]
"""A dialogue of a pipeline that runs by itself; a batch of a run, an evolution's pilot too; a round of evolution."""


class Approval(BaseModel):
    """The answer before a step: whether a run goes on."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["go on", "stop"] = Field("go on", description="Stop ends the run; what is finished is kept.")


class BatchApproval(Approval):
    """The answer before a batch."""

    count: int | None = Field(None, ge=1, description="Make at most so many in this batch; empty: as many as planned.")


class DialogueApproval(BaseModel):
    """The answer before a dialogue."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["go on", "skip"] = Field("go on", description="Skip drops this instance without a dialogue.")


class RoundApproval(BaseModel):
    """The answer before a round of evolution."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["go on", "skip", "stop"] = Field(
        "go on", description="Skip ends the evolution and makes the rest with the best generation; stop ends the run."
    )
    budget: str | None = Field(
        None, description="From now on, what trials may cost in all: $5 or 2Mtokens; empty: as before."
    )

    @field_validator("budget")
    @classmethod
    def _can_be_read(cls, text: str | None) -> str | None:
        try:
            return str(Budget.parse(text)) if text else None
        except EigenGraphError as error:
            raise ValueError(str(error)) from error


A = TypeVar("A", Approval, BatchApproval, DialogueApproval, RoundApproval)


def ask(steps: tuple[Step, ...], step: Step, told: Mapping[str, Any], answer: type[A]) -> A:
    """Interrupt before a step, if it is one of those to be asked for.

    Args:
        steps: `Context.approve`.
        step: The step that comes.
        told: What a person should know, as JSON values.
        answer: The type of the answer.

    Returns:
        What was answered; without having asked, to go on.

    Raises:
        pydantic.ValidationError: The answer is not of that type; the question stands.
    """
    if step not in steps:
        return answer()
    return interrupt({"before": step, **told}, response_schema=answer)

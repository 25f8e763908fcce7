"""One instance, in tau2's task JSON plus our own `eigen` block.

Field names and meanings are tau2's (Task, UserScenario, InitialState, EvaluationCriteria). What a file leaves out is
left out again when written, and what we do not know is carried along, so reading and writing a task is the identity.
"""

from __future__ import annotations

import json
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from eigen_graph.core.errors import EigenGraphError

Actor = Literal["assistant", "user"]
"""Who acts: tau2's `requestor` and `env_type`."""


class _Loose(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class Action(_Loose):
    """A tool call of the reference solution (`evaluation_criteria.actions`)."""

    action_id: str = ""
    requestor: Actor = "assistant"
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    info: str | None = None
    compare_args: list[str] | None = None
    """Arguments that the ACTION basis compares; None: those that the call gave; []: the name alone."""


class Setup(_Loose):
    """A call that prepares the world (`initial_state.initialization_actions`): a setup function or a tool."""

    env_type: Actor
    func_name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class Assertion(_Loose):
    """A named predicate over one side's final state (`evaluation_criteria.env_assertions`)."""

    env_type: Actor
    func_name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    assert_value: bool = True
    message: str | None = None


class Instructions(_Loose):
    """What the simulated user is told."""

    domain: str = ""
    reason_for_call: str = ""
    known_info: str | None = None
    unknown_info: str | None = None
    task_instructions: str = ""


class UserScenario(_Loose):
    """Who the user is and what they want."""

    persona: str | None = None
    instructions: Instructions | str = ""

    def __str__(self) -> str:
        """The scenario as the user's prompt shows it."""
        parts = [f"Persona: {self.persona}"] if self.persona else []
        if isinstance(self.instructions, str):
            return "\n".join([*parts, self.instructions])
        told = self.instructions
        parts += [f"Why you are in touch: {told.reason_for_call}"]
        parts += [f"What you know: {told.known_info}"] if told.known_info else []
        parts += [f"What you do not know: {told.unknown_info}"] if told.unknown_info else []
        parts += [f"How to behave: {told.task_instructions}"] if told.task_instructions else []
        return "\n".join(parts)


class InitialState(_Loose):
    """How the world of this task differs from the domain's."""

    initialization_data: dict[str, Any] | None = None
    initialization_actions: tuple[Setup, ...] | None = None
    message_history: list[dict[str, Any]] | None = None


class EvaluationCriteria(_Loose):
    """What the outcome is judged by."""

    actions: tuple[Action, ...] | None = None
    env_assertions: tuple[Assertion, ...] | None = None
    communicate_info: tuple[str, ...] | None = None
    nl_assertions: tuple[str, ...] | None = None
    reward_basis: tuple[str, ...] = ("DB", "COMMUNICATE")
    """tau2's default when a file names none."""


class Tags(_Loose):
    """Our own block: where a task comes from and what it exercises."""

    domain: str = ""
    plan: str = ""
    generation: int = 0
    clauses: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    difficulty: str = ""
    persona: str = ""
    cue: dict[str, Any] | None = None
    """The playbook case (`core.case.Cue`) a scripted user or agent plays it from; None: written freely."""
    basis: tuple[str, ...] | None = None
    """What our own checker judges by, when not by tau2's `reward_basis`."""
    checker_code: str | None = None
    """Python source of the `code` criterion, if the task has one."""
    alternatives: tuple[tuple[Action, ...], ...] = ()
    """Other action lists that solve the task as well."""
    hidden: tuple[str, ...] = ()
    """Facts the user must not bring up by themselves."""
    forbidden: tuple[Action, ...] = ()
    """Calls that a careless agent might make here and the policy does not allow: the checker must fail them."""


class Task(_Loose):
    """One task."""

    id: str
    description: dict[str, Any] | str | None = None
    user_scenario: UserScenario = Field(default_factory=UserScenario)
    ticket: str | None = None
    initial_state: InitialState | None = None
    evaluation_criteria: EvaluationCriteria | None = None
    eigen: Tags | None = None

    @field_validator("id", mode="before")
    @classmethod
    def _id_is_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value

    @field_validator("evaluation_criteria", "user_scenario", "initial_state", mode="before")
    @classmethod
    def _from_string(cls, value: Any, info: ValidationInfo) -> Any:
        """Published data sets ship these blocks as JSON text. Only a scenario may also be told in plain words."""
        if isinstance(value, str):
            try:
                return json.loads(value)
            except (ValueError, RecursionError):
                if info.field_name == "user_scenario":
                    return {"instructions": value}
                raise ValueError("it is text, but not JSON") from None
        return value

    @property
    def criteria(self) -> EvaluationCriteria:
        """The evaluation criteria, tau2's defaults when there are none."""
        return self.evaluation_criteria or EvaluationCriteria()

    @property
    def actions(self) -> tuple[Action, ...]:
        """The reference solution."""
        return self.criteria.actions or ()

    @property
    def tags(self) -> Tags:
        """Our block, empty when there is none."""
        return self.eigen or Tags()

    def to_json(self) -> dict[str, Any]:
        """The task as JSON values, holding just what was set."""
        return self.model_dump(mode="json", exclude_unset=True)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read tau2 task JSON as it is found: criteria as JSON text, extra fields, a missing `reward_basis`.

        Raises:
            EigenGraphError: It is no task; the message says which field.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the top level"
            name = data.get("id", "?") if isinstance(data, dict) else "?"
            raise EigenGraphError(f"task {name!r} is not tau2 task JSON: {where}: {first['msg']}") from error

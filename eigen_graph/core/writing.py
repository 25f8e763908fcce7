"""From what a writer submits, or a playbook case holds, to a Task."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from eigen_graph.core.case import Case, Cue
from eigen_graph.core.task import (
    Action,
    Actor,
    Assertion,
    EvaluationCriteria,
    InitialState,
    Instructions,
    Setup,
    Tags,
    Task,
    UserScenario,
)

Basis = Literal["DB", "COMMUNICATE", "ENV_ASSERTION", "ACTION", "NL_ASSERTION"]
"""What tau2's `reward_basis` may hold."""

_MAX_ITEMS = 40
_MAX_CHARS = 4000


class _Draft(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class DraftCall(_Draft):
    """A tool call."""

    requestor: Actor = Field("assistant", description="Who calls it: the agent (assistant) or the user.")
    name: str = Field(description="Name of one of that party's tools.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Its arguments, exact and complete.")
    compare_args: list[str] | None = Field(
        None, description="Where ACTION counts: the arguments that must agree, all if left out; []: only the name."
    )


class DraftSetup(_Draft):
    """A starting condition."""

    env_type: Actor = Field(description="Whose side it changes.")
    func_name: str = Field(description="Name of a setup function.")
    arguments: dict[str, Any] = Field(default_factory=dict)


class DraftAssertion(_Draft):
    """Something that holds once all is done."""

    env_type: Actor = Field(description="Whose side is looked at.")
    func_name: str = Field(description="Name of an assertion.")
    arguments: dict[str, Any] = Field(default_factory=dict)
    assert_value: bool = Field(default=True, description="The answer it must give.")
    message: str | None = Field(None, description="What it means when it fails.")


class TaskDraft(_Draft):
    """A task as its writer submits it."""

    reason_for_call: str = Field(description="Why the user is in touch: 'You want ...'.", max_length=_MAX_CHARS)
    known_info: str = Field(description="What the user knows: names, ids, dates. 'You are ...'.", max_length=_MAX_CHARS)
    unknown_info: str = Field("", description="What the user does not know or remember.", max_length=_MAX_CHARS)
    task_instructions: str = Field(
        "", description="How the user behaves, and what they do if refused.", max_length=_MAX_CHARS
    )
    clauses: tuple[str, ...] = Field(
        (), description="Numbers of the policy clauses that decide this task.", max_length=_MAX_ITEMS
    )
    setups: tuple[DraftSetup, ...] = Field((), description="Starting conditions, in order.", max_length=_MAX_ITEMS)
    actions: tuple[DraftCall, ...] = Field(
        (),
        description="The reference solution: every call of a correct dialogue, look-ups too, in order.",
        max_length=_MAX_ITEMS,
    )
    communicate_info: tuple[str, ...] = Field(
        (), description="Short facts (an amount, a date, a number) the agent must tell the user.", max_length=_MAX_ITEMS
    )
    env_assertions: tuple[DraftAssertion, ...] = Field((), max_length=_MAX_ITEMS)
    forbidden: tuple[DraftCall, ...] = Field(
        (), description="Calls a careless agent might make here that would be wrong.", max_length=_MAX_ITEMS
    )
    hidden: tuple[str, ...] = Field(
        (), description="Facts the user cannot know before the agent tells them.", max_length=_MAX_ITEMS
    )
    nl_assertions: tuple[str, ...] = Field(
        (),
        description="Statements about the dialogue for somebody to read; no program judges them.",
        max_length=_MAX_ITEMS,
    )
    reward_basis: tuple[Basis, ...] = Field(
        (),
        description=(
            "What decides (tau2): DB the records, COMMUNICATE the facts, ENV_ASSERTION the assertions, ACTION that "
            "each action was called. Leave it out, unless a call that changes nothing (a transfer) must be made."
        ),
    )
    ticket: str = Field("", description="The case as a colleague would note it down.", max_length=_MAX_CHARS)
    purpose: str = Field("", description="What the task tests, in a sentence.", max_length=_MAX_CHARS)
    checker_code: str | None = Field(
        None,
        description=(
            "Only when several end states are right: Python `def check(changes, calls, said)`, "
            "returning (bool, reason)."
        ),
        max_length=20_000,
    )
    alternatives: tuple[tuple[DraftCall, ...], ...] = Field(
        (),
        description="Other solutions, with checker_code: for each, the calls that differ from `actions`.",
        max_length=_MAX_ITEMS,
    )

    @classmethod
    def from_case(cls, case: Case) -> TaskDraft:
        """The draft that states a playbook case."""
        return cls.model_validate(
            {
                "reason_for_call": case.reason_for_call,
                "known_info": case.known_info,
                "unknown_info": case.unknown_info,
                "task_instructions": case.task_instructions,
                "clauses": case.clauses,
                "setups": [setup.model_dump() for setup in case.setups],
                "actions": [action.model_dump() for action in case.actions],
                "communicate_info": case.facts,
                "env_assertions": [assertion.model_dump() for assertion in case.assertions],
                "forbidden": [action.model_dump() for action in case.forbidden],
                "hidden": case.hidden,
                "nl_assertions": case.terms.statements,
                "reward_basis": case.terms.reward_basis,
                "ticket": case.terms.ticket,
                "purpose": case.terms.purpose,
                "checker_code": case.checker_code,
                "alternatives": [[action.model_dump() for action in actions] for actions in case.alternatives],
            }
        )

    def to_task(self, task_id: str, tags: Tags, *, persona: str | None = None) -> Task:
        """The task in tau2's form; `tags` gains what only our own checker uses.

        Args:
            task_id: Its id.
            tags: Where it comes from; must name the domain.
            persona: How the user speaks, in words.
        """
        basis = ["DB"] + ["COMMUNICATE"] * bool(self.communicate_info) + ["ENV_ASSERTION"] * bool(self.env_assertions)
        criteria: dict[str, Any] = {"nl_assertions": self.nl_assertions} if self.nl_assertions else {}
        about: dict[str, Any] = {"ticket": self.ticket} if self.ticket else {}
        if self.purpose:
            about["description"] = {"purpose": self.purpose}
        return Task(
            id=task_id,
            **about,
            user_scenario=UserScenario(
                persona=persona,
                instructions=Instructions(
                    domain=tags.domain.rpartition(":")[2],  # tau2:telecom is called telecom there
                    reason_for_call=self.reason_for_call,
                    known_info=self.known_info,
                    unknown_info=self.unknown_info,
                    task_instructions=self.task_instructions,
                ),
            ),
            initial_state=InitialState(
                initialization_actions=tuple(Setup.model_validate(s.model_dump()) for s in self.setups)
            ),
            evaluation_criteria=EvaluationCriteria(
                actions=_numbered(self.actions),
                env_assertions=tuple(Assertion.model_validate(_given(a)) for a in self.env_assertions),
                communicate_info=self.communicate_info,
                reward_basis=self.reward_basis or tuple(basis),
                **criteria,
            ),
            eigen=tags.model_copy(
                update={
                    "clauses": self.clauses or tags.clauses,
                    "tools": tuple(dict.fromkeys(action.name for action in self.actions)),
                    "hidden": self.hidden,
                    "forbidden": _numbered(self.forbidden),
                    "checker_code": self.checker_code,
                    "alternatives": tuple(_numbered(actions) for actions in self.alternatives),
                }
            ),
        )


def task_from_case(case: Case, task_id: str = "case", *, plan: str = "") -> Task:
    """A playbook case as a Task, straight, without a writer."""
    tags = case_tags(case.cue, plan=plan)
    return TaskDraft.from_case(case).to_task(task_id, tags)


def case_tags(cue: Cue, *, plan: str = "", generation: int = 0) -> Tags:
    """The tags of a task that a scripted user and agent can play."""
    return Tags(
        domain=cue.domain,
        plan=plan,
        generation=generation,
        clauses=(cue.clause,) if cue.clause else (),
        difficulty=cue.difficulty,
        persona=cue.persona,
        cue=cue.model_dump(mode="json"),
    )


def _numbered(calls: tuple[DraftCall, ...]) -> tuple[Action, ...]:
    return tuple(Action(action_id=f"a{number}", **_given(call)) for number, call in enumerate(calls))


def _given(draft: _Draft) -> dict[str, Any]:
    """What a draft says; what it leaves open is left open (`exclude_none` would reach into the arguments)."""
    return {name: value for name, value in draft.model_dump().items() if value is not None}

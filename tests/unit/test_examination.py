"""A draft that is no task is sent back with what is wrong, in words."""

from __future__ import annotations

from typing import Any

import pytest

from eigen_graph.core import Case, Cue, Tags, TaskDraft
from eigen_graph.domains import load_domain
from eigen_graph.graphs.examination import faults

HOTEL, BROADBAND = load_domain("hotel"), load_domain("broadband")
assert BROADBAND.playbook is not None
INTENTS = list(BROADBAND.playbook.intents)


def a_case(domain: Any, intent: str, seed: int = 3) -> Case:
    case: Case = domain.playbook.case(domain, Cue(domain=domain.name, seed=seed, intent=intent))
    return case


def found(draft: TaskDraft, domain: Any = HOTEL) -> list[str]:
    return list(faults(draft, draft.to_task("t", Tags(domain=domain.name)), domain))


def edited(draft: TaskDraft, **fields: Any) -> TaskDraft:
    return TaskDraft.model_validate({**draft.model_dump(mode="json"), **fields})


@pytest.mark.parametrize("domain", [HOTEL, BROADBAND], ids=["hotel", "broadband"])
def test_what_the_playbook_submits_is_a_task(domain: Any) -> None:
    for intent in domain.playbook.intents:
        assert found(TaskDraft.from_case(a_case(domain, intent)), domain) == [], intent


CANCEL = TaskDraft.from_case(a_case(HOTEL, "cancel_in_time"))
LAST = CANCEL.actions[-1].model_dump(mode="json")
REST = [action.model_dump(mode="json") for action in CANCEL.actions[:-1]]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"actions": [*REST, {**LAST, "name": "destroy_hotel"}]}, "the agent has no tool 'destroy_hotel'"),
        ({"actions": [*REST, {**LAST, "requestor": "user"}]}, "the user has no tool 'cancel_booking'"),
        ({"forbidden": [{"name": "fly"}]}, "the agent has no tool 'fly'"),
        ({"setups": [{"env_type": "assistant", "func_name": "flood"}]}, "no starting condition 'flood'"),
        ({"env_assertions": [{"env_type": "user", "func_name": "dry"}]}, "no assertion 'dry' on the user side"),
        ({"actions": [LAST]}, "cancel_booking must come after identify_guest"),
        ({"actions": [*REST, {**LAST, "arguments": {}}]}, "cancel_booking({}), fails"),
        ({"actions": REST, "communicate_info": []}, "an agent that does nothing would pass"),
        ({"reason_for_call": " "}, "reason_for_call is empty"),
        ({"communicate_info": ["x" * 500]}, "communicate_info holds short facts"),
        ({"clauses": ["99"]}, "the policy has no clause '99'"),
        (
            {"known_info": "The fee is 12.50.", "hidden": ["12.50"]},
            "the user is told '12.50', which is listed as hidden",
        ),
    ],
)
def test_a_fault_is_told_in_words(fields: dict[str, Any], fault: str) -> None:
    assert any(fault in problem for problem in found(edited(CANCEL, **fields)))


def test_a_likeness_gives_nothing_away() -> None:
    told = {"known_info": "Room 302 from 2026-06-25, postcode N4 0LQ.", "hidden": ["302.00", "25", "0"]}
    assert found(edited(CANCEL, **told)) == []


def test_a_write_that_changes_nothing_is_a_fault() -> None:
    draft = next(
        draft
        for intent in INTENTS
        if "reprovision_line" in str((draft := TaskDraft.from_case(a_case(BROADBAND, intent))).actions)
    )
    actions = [action.model_dump(mode="json") for action in draft.actions]
    again = [action for action in actions if action["name"] == "reprovision_line"]
    problems = found(edited(draft, actions=[*actions, *again, *again]), BROADBAND)
    assert any("is meant to change something and changes nothing" in problem for problem in problems)


def test_an_assertion_must_not_hold_from_the_start() -> None:
    case = next(c for i in INTENTS if (c := a_case(BROADBAND, i)).assertions and c.setups)
    draft = TaskDraft.from_case(case)
    kept = [a.model_dump(mode="json") for a in draft.env_assertions]
    upside_down = [{**a, "assert_value": not a["assert_value"]} for a in kept]
    assert any("does not hold after" in p for p in found(edited(draft, env_assertions=upside_down), BROADBAND))

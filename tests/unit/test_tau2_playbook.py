"""tau2's own tasks as a playbook: plain dialogues that tau2's rules, and ours, find right."""

from __future__ import annotations

from typing import Any

import pytest

from eigen_graph.checkers import Proof, build_checker, prove
from eigen_graph.checkers.gold import perform
from eigen_graph.core import (
    PERSONAS,
    STOP_MARKERS,
    Case,
    Cue,
    Domain,
    Tags,
    Task,
    TaskDraft,
    Trajectory,
    UnknownNameError,
    task_from_case,
)
from eigen_graph.domains import load_domain
from eigen_graph.domains.tau2.speech import deed, first_person
from eigen_graph.graphs import wording
from eigen_graph.graphs.examination import faults, fitted

NAMES = ("airline", "retail", "telecom")
FAILING_WRITES = {"12", "13", "64", "105"}
"""Retail tasks whose reference solution holds a write that is refused; our own `state` wants none."""


def domain_of(name: str) -> Domain:
    return load_domain(f"tau2:{name}")


def tasks_of(domain: Domain) -> dict[str, Task]:
    assert domain.tasks is not None
    return dict(domain.tasks.tasks)


def case_of(domain: Domain, task_id: str, **cue: Any) -> Case:
    assert domain.playbook is not None
    return domain.playbook.case(domain, Cue(domain=domain.name, seed=3, intent=task_id, **cue))


def dialogue(domain: Domain, task: Task, case: Case) -> Trajectory:
    return perform(build_checker(task, domain).bench(domain), case.beats)


@pytest.fixture(params=NAMES)
def domain(request: pytest.FixtureRequest) -> Domain:
    return domain_of(request.param)


def drawn(domain: Domain, seeds: int = 40) -> list[Case]:
    """Cases as plans draw them, without naming a task."""
    assert domain.playbook is not None
    personas = list(PERSONAS)
    return [
        domain.playbook.case(domain, Cue(domain=domain.name, seed=seed, persona=personas[seed % len(personas)]))
        for seed in range(seeds)
    ]


def test_every_task_played_by_the_book_is_solved_by_tau2s_rules(domain: Domain) -> None:
    tasks = tasks_of(domain)
    for task_id in [*tasks][:: 1 + len(tasks) // 120]:
        task, case = tasks[task_id], case_of(domain, task_id)
        verdict = build_checker(task, domain, basis="tau2").judge(dialogue(domain, task, case), domain)
        assert verdict.reward == 1, (task_id, verdict.reason)
        if task_id not in FAILING_WRITES:
            assert build_checker(task, domain, basis="eigen").judge(dialogue(domain, task, case), domain).reward == 1


def test_nothing_is_drawn_from_another_split_than_train(domain: Domain) -> None:
    assert domain.playbook is not None
    assert domain.tasks is not None
    train = set(domain.tasks.splits["train"])
    assert set(domain.playbook.intents) <= train
    assert {case.intent for case in drawn(domain)} <= train
    submission = wording.example(domain)
    reasons = [str(task.user_scenario) for task in tasks_of(domain).values() if task.id not in train]
    assert "A submission that was accepted" in submission
    assert not any(reason in submission for reason in reasons)


def test_a_task_that_doing_nothing_solves_is_no_intent() -> None:
    airline = domain_of("airline")
    assert airline.playbook is not None
    assert "0" not in airline.playbook.intents  # a refusal
    assert case_of(airline, "0").ending == "refusal"


def test_an_unknown_task_is_refused_in_few_words(domain: Domain) -> None:
    with pytest.raises(UnknownNameError, match="has no task 'nowhere'"):
        case_of(domain, "nowhere")


def test_what_is_drawn_makes_a_task_that_holds_everything(domain: Domain) -> None:
    tasks = tasks_of(domain)
    for case in drawn(domain):
        source, made = tasks[case.intent], task_from_case(case, "new")
        draft = TaskDraft.from_case(case)
        assert draft == TaskDraft.model_validate(draft.model_dump(mode="json"))
        assert list(faults(draft, made, domain)) == [], case.intent
        ours, theirs = made.criteria, source.criteria
        assert ours.reward_basis == theirs.reward_basis
        assert ours.env_assertions == (theirs.env_assertions or ())
        assert ours.communicate_info == (theirs.communicate_info or ())
        assert (ours.nl_assertions or ()) == (theirs.nl_assertions or ())
        assert made.ticket == source.ticket
        setups = source.initial_state.initialization_actions if source.initial_state else None
        assert made.initial_state is not None
        assert made.initial_state.initialization_actions == (setups or ())
        kept = [(a.requestor, a.name, a.arguments, a.compare_args) for a in ours.actions or ()]
        gold = [(a.requestor, a.name, a.arguments, a.compare_args) for a in theirs.actions or ()]
        assert [action for action in gold if action in kept] == kept
        told = made.user_scenario.instructions
        assert not isinstance(told, str)
        assert told.domain == domain.name.removeprefix("tau2:")


def test_a_look_up_that_fails_is_tried_and_no_part_of_the_solution() -> None:
    retail = domain_of("retail")
    case = case_of(retail, "35")
    tried = [beat.call for beat in case.beats if beat.kind == "try" and beat.call]
    assert [(call.name, call.arguments) for call in tried] == [
        ("find_user_id_by_email", {"email": "aarav.santos8321@example.com"})
    ]
    assert tried[0] not in case.actions
    assert "exchange_delivered_order_items" not in [b.call.name for b in case_of(retail, "105").beats if b.call]


def test_a_transfer_ends_as_tau2_wants_it() -> None:
    telecom = domain_of("telecom")
    task = next(task for task in tasks_of(telecom).values() if "ACTION" in task.criteria.reward_basis)
    case = case_of(telecom, task.id)
    assert case.ending == "transfer"
    call, told, left = case.beats[-3:]
    assert call.call is not None
    assert call.call.name == "transfer_to_human_agents"
    assert "PLEASE HOLD ON" in told.text
    assert left.text == STOP_MARKERS[1]
    assert task_from_case(case).actions[-1].compare_args == []


def test_both_sides_speak_in_turn_and_the_agent_asks_first(domain: Domain) -> None:
    for case in drawn(domain, 10):
        for before, after in zip(case.beats, case.beats[1:], strict=False):
            assert not (before.text and before.actor == after.actor), case.intent
            if after.call and after.actor == "user":
                assert deed(after.call.name, after.call.arguments) in before.text
            writes = after.call and domain.side(after.actor).toolbox[after.call.name].traits.writes
            if after.actor == "assistant" and writes:
                assert before.kind == "agree"


def test_the_user_speaks_of_themselves() -> None:
    told = "You are Mei.\nYour name is on it, you're in a hurry. If the agent asks, say no. They told you so."
    assert first_person(told) == "I am Mei. My name is on it, I'm in a hurry. They told me so."
    assert first_person(None) == ""


def proven(task: Task, domain: Domain, *basis: str) -> Proof:
    return prove(build_checker(task, domain, basis=basis or None), domain, seed=1)


def test_a_phone_may_end_otherwise_and_the_account_may_not() -> None:
    telecom = domain_of("telecom")
    assert telecom.tasks is not None
    unseen, strict = set(), set()
    for task in telecom.tasks.split("train")[::9]:
        assert build_checker(task, telecom).basis[:2] == ("agent_state", "assertions")
        ours = proven(task, telecom)
        assert (ours.sound, ours.survivors, ours.rejected_variants) == (True, (), ()), task.id
        unseen |= {mutant.kind for mutant in proven(task, telecom, "assertions", "actions").survivors}
        strict |= {variant.kind for variant in proven(task, telecom, "state", "assertions").rejected_variants}
    assert unseen == {"unrelated_write"}  # by assertions alone, whatever else is done to an account
    assert strict == {"own_device"}  # by `state`, a phone that works with another setting


def test_a_call_that_must_be_made_is_missed() -> None:
    telecom = domain_of("telecom")
    task = next(task for task in tasks_of(telecom).values() if "ACTION" in task.criteria.reward_basis)
    assert build_checker(task, telecom).basis == ("agent_state", "assertions", "actions")
    blind = proven(task, telecom, "agent_state", "assertions")
    assert {mutant.kind for mutant in blind.survivors} == {"drop_call"}


def test_a_writers_basis_is_one_that_tau2_can_judge() -> None:
    telecom = domain_of("telecom")
    case = next(case for case in drawn(telecom) if case.assertions and case.ending == "done")
    left_open = TaskDraft.from_case(case).model_copy(update={"reward_basis": ()})
    assert fitted(left_open, telecom).reward_basis == ("ENV_ASSERTION",)
    hotel = load_domain("hotel")
    assert fitted(left_open, hotel) is left_open
    task_id = next(task_id for task_id in tasks_of(telecom) if "user_abroad_roaming_disabled_off" in task_id)
    draft = TaskDraft.from_case(case_of(telecom, task_id)).model_copy(update={"reward_basis": ("DB",)})
    (problem,) = faults(draft, draft.to_task("t", Tags(domain=telecom.name)), telecom)
    assert "by its reward_basis DB the solution fails: DB: the user's surroundings" in problem


def test_a_domain_in_words_stays_within_bounds(domain: Domain) -> None:
    parts = (wording.tool_list, wording.setup_list, wording.assertion_list, wording.example)
    words = [part(domain) for part in parts]
    assert all(len(text) < 16_000 for text in words)
    if domain.user is not None:
        assert "break_apn_settings" in words[1]
        assert "assert_can_send_mms" in words[2]

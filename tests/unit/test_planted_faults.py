"""Faults planted in the bundled domains: real checkers fail what they spoil, and the review blames who made them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from lending import Talk, talk

from eigen_graph.checkers import Verdict, build_checker
from eigen_graph.core import DIFFICULTIES, Case, Cue, Domain, TaskDraft, Trajectory, case_tags, task_from_case
from eigen_graph.domains import load_domain
from eigen_graph.models import Cast, Scene, planned_faults
from eigen_graph.models.scripted import reviewer, writer

CASES = 60


def cases(domain: Domain) -> list[Case]:
    assert domain.playbook
    clauses = list(domain.policy.clauses)
    cues = (
        Cue(domain=domain.name, seed=n, clause=clauses[n % len(clauses)], difficulty=DIFFICULTIES[n % 3])
        for n in range(CASES)
    )
    return [domain.playbook.case(domain, cue) for cue in cues]


def reviewed(domain: Domain, case: Case, talked: Talk, verdict: Verdict) -> dict[str, Any]:
    shown = verdict.model_dump(mode="json") | {"termination": "user_stop" if talked.stopped else "max_steps"}
    return reviewer.judge(domain, case, talked.transcript(), shown)


def trajectory(talked: Talk) -> Trajectory:
    return Trajectory(messages=tuple(talked.messages), termination="user_stop" if talked.stopped else "max_steps")


@pytest.mark.parametrize("name", ["hotel", "broadband"])
@pytest.mark.parametrize("faults", [0, 1])
async def test_dialogues_are_blamed_on_whoever_was_made_to_err(name: str, faults: int) -> None:
    domain = load_domain(name)
    cast = Cast.build(f"scripted?faults={faults}", domain=domain)
    kinds: Counter[str] = Counter()
    for case in cases(domain):
        fault = planned_faults(domain, case, faults, attempt=0)
        talked = await talk(cast, domain, Scene(id="s", cue=case.cue))
        verdict = build_checker(task_from_case(case), domain).judge(trajectory(talked), domain)
        blame = fault.blame if fault else None
        review = reviewed(domain, case, talked, verdict)
        assert (None if review["decision"] == "accept" else review["blame"]) == blame, (case.cue, fault, review)
        if fault and fault.kind != "leak":
            assert verdict.reward == (0 if blame else 1), (case.cue, fault, verdict)
        kinds[fault.kind if fault else "none"] += 1
    assert len(kinds) >= (5 if faults else 1)


@pytest.mark.parametrize("name", ["hotel", "broadband"])
async def test_a_good_dialogue_of_a_bad_task_is_blamed_on_the_task(name: str) -> None:
    domain = load_domain(name)
    cast = Cast.build("scripted", domain=domain)
    spoilt = 0
    for case in cases(domain):
        fault = planned_faults(domain, case, 1.0, attempt=0, family="writing")
        if fault is None or fault.blame is None:
            continue
        draft = TaskDraft.model_validate(writer.submission(case, fault))
        task = draft.to_task("t", case_tags(case.cue))
        talked = await talk(cast, domain, Scene(id="s", cue=case.cue))
        verdict = build_checker(task, domain).judge(trajectory(talked), domain)
        review = reviewed(domain, case, talked, verdict)
        assert (verdict.reward, review["decision"], review["blame"]) == (0, "reject", "task"), (case.cue, fault)
        spoilt += 1
    assert spoilt > CASES // 5

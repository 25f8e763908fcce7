"""The verifier: what it is shown of a task, what becomes of its answer, and that the scripted one is never wrong."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from told import TASK, context, says, texts, told
from workflows import gated

from eigen_graph.core import DIFFICULTIES, Action, Case, Cue, Domain, EigenGraphError, Setup, TaskDraft, case_tags
from eigen_graph.core.task import InitialState
from eigen_graph.domains import load_domain
from eigen_graph.graphs import Context, pipeline_for, verifier
from eigen_graph.models import Budget, Fault, planned_faults
from eigen_graph.models.scripted import writer
from eigen_graph.models.scripted.part import block

FLAWED = '{"decision": "flawed", "reason": "the fee is not said"}'
SOUND = '{"decision": "sound", "reason": ""}'
CASES = 150


async def shown(task: Any, **fields: Any) -> list[BaseMessage]:
    chat = told(verifier=[says(SOUND)])
    await verifier.ainvoke({"task": task.to_json(), **fields}, context=context(chat))
    return chat.asked["verifier"][0]


def cases(domain: Domain, count: int = CASES) -> list[Case]:
    assert domain.playbook
    clauses = list(domain.policy.clauses)
    cues = (
        Cue(domain=domain.name, seed=n, clause=clauses[n % len(clauses)], difficulty=DIFFICULTIES[n % 3])
        for n in range(count)
    )
    return [domain.playbook.case(domain, cue) for cue in cues]


# What it is shown


async def test_it_is_shown_the_task_with_what_its_solution_returns() -> None:
    messages = await shown(TASK, plan={"synthesis": "Somebody borrows a book."})
    task = block(messages, "task")
    assert [call["name"] for call in task["solution"]] == [action.name for action in TASK.actions]
    assert "Volume" in task["solution"][0]["result"]
    assert task["solution"][-1]["by"] == "user"
    assert [call["arguments"] for call in task["would_be_wrong"]] == [call.arguments for call in TASK.tags.forbidden]
    fee = task["agent_must_say"][0]
    assert (fee["fact"], fee["shown_by"]) == ((TASK.criteria.communicate_info or ())[0], ["find_book", "lend_book"])
    said = texts(messages)
    assert "Somebody borrows a book." in said
    assert TASK.user_scenario.instructions.known_info in said  # type: ignore[union-attr]


async def test_a_long_result_is_cut_and_a_failed_call_shown_as_such() -> None:
    lost = Action(action_id="a9", name="find_book", arguments={"book_id": "none"})
    criteria = TASK.criteria.model_copy(update={"actions": (*TASK.actions, lost)})
    solution = block(await shown(TASK.model_copy(update={"evaluation_criteria": criteria})), "task")["solution"]
    assert solution[-1]["result"].startswith("Error: ")
    assert all(len(call["result"]) <= 121 for call in solution)


async def test_only_clauses_that_bear_on_the_task_are_shown() -> None:
    hotel = load_domain("hotel")
    chat = told(verifier=[says(SOUND)])
    case = cases(hotel, 8)[7]
    task = TaskDraft.from_case(case).to_task("t", case_tags(case.cue))
    await verifier.ainvoke({"task": task.to_json()}, context=Context(domain=hotel, verifier_model=chat))
    said = texts(chat.asked["verifier"][0])
    tools = {action.name for action in (*task.actions, *task.tags.forbidden)}
    stand = [number for number, text in hotel.policy.clauses.items() if f"{number}. {text}" in said]
    assert set(task.tags.clauses) <= set(stand)
    assert all(number in task.tags.clauses or tools & set(hotel.policy.tools_named_in(number)) for number in stand)
    assert len(task.tags.clauses) < len(stand) < len(hotel.policy.clauses) // 2


@pytest.mark.parametrize(("name", "limit"), [("hotel", 1150), ("broadband", 1250)])
async def test_it_costs_a_fraction_of_what_it_spares(name: str, limit: int) -> None:
    """A dialogue and its review are well over 10,000 tokens."""
    shared = Context(domain=name)
    for case in cases(shared.resolved_domain, 60):
        task = TaskDraft.from_case(case).to_task("t", case_tags(case.cue))
        await verifier.ainvoke({"task": task.to_json()}, context=shared)
    used = shared.cast.meter.by_role["verifier"]
    assert used.calls == 60
    assert (used.input_tokens + used.output_tokens) / 60 < limit


# What becomes of its answer


async def test_a_verifier_that_cannot_be_read_lets_the_task_through() -> None:
    chat = told(verifier=[says("It looks fine to me.")])
    done = await verifier.ainvoke({"task": TASK.to_json()}, context=context(chat))
    assert (done["outcome"], len(chat.asked["verifier"])) == ("sound", 2)
    assert done["verification"]["reason"].startswith("nobody has checked it: ")


async def test_a_task_that_cannot_begin_is_flawed_without_asking() -> None:
    chat = told(verifier=[says(SOUND)])
    impossible = InitialState(initialization_actions=(Setup(env_type="assistant", func_name="no_setup", arguments={}),))
    task = TASK.model_copy(update={"initial_state": impossible})
    done = await verifier.ainvoke({"task": task.to_json()}, context=context(chat))
    assert done["outcome"] == "flawed"
    assert done["verification"]["reason"].startswith("the starting conditions fail: ")
    assert not chat.asked


async def test_the_writer_is_told_what_was_found_and_a_second_flaw_ends_it() -> None:
    chat = told(verifier=[says(FLAWED)])
    shared = context(chat, workflow=gated())
    done = await pipeline_for(gated()).ainvoke({"id": "i", "seed": 1}, context=shared)
    assert (done["fate"], done["stage"], done["blame"]) == ("rejected", "verifier", "task")
    assert done["reason"] == done["problem"] == "the fee is not said"
    assert done["visits"] == {"scenario": 2, "verifier": 2}
    mended = told(verifier=[says(FLAWED), says(SOUND)])
    done = await pipeline_for(gated()).ainvoke({"id": "i", "seed": 1}, context=context(mended, workflow=gated()))
    assert (done["fate"], done["blame"], done["reason"], done["evidence"]) == ("accepted", None, "", [])


async def test_a_scripted_verifier_is_refused_where_it_has_no_case() -> None:
    others: Any = dict.fromkeys(("writer_model", "user_model", "agent_model", "reviewer_model"), told())
    with pytest.raises(EigenGraphError, match="a scripted verifier can play only what the scripted writer wrote"):
        await Context(domain="hotel", workflow=gated(), **others).preflight(Budget())
    await Context(domain="hotel", **others).preflight(Budget())  # nobody asks it there


# The scripted verifier


@pytest.mark.parametrize("name", ["hotel", "broadband"])
async def test_it_flags_what_a_writer_was_made_to_get_wrong_and_nothing_else(name: str) -> None:
    shared = Context(domain=name, verifier_model="scripted?faults=1")  # its answers break off now and then
    domain, found = shared.resolved_domain, Counter[str]()
    for number, case in enumerate(cases(domain)):
        lost = [Fault("missing_action", "writer", at=at) for at in range(len(case.actions))]
        for fault in (None, *lost, planned_faults(domain, case, 1.0, number, "writing")):
            draft = TaskDraft.model_validate(writer.submission(case, fault))
            task = draft.to_task(f"t{number}", case_tags(case.cue), persona="Curt.")
            done = await verifier.ainvoke({"task": json.loads(json.dumps(task.to_json()))}, context=shared)
            kind = fault.kind if fault else "none"
            flawed = kind in {"missing_action", "invented_fact", "wrong_gold"}
            assert (done["outcome"] == "flawed") == flawed, (case.cue, fault, done)
            if fault and kind == "invented_fact":
                assert fault.text in done["verification"]["reason"]
            if fault and kind == "missing_action":
                assert case.actions[fault.at].name in done["verification"]["reason"]
            found[kind] += 1
    assert min(found[kind] for kind in ("missing_action", "invented_fact", "wrong_gold", "malformed_json")) > 20, found
    assert shared.cast.meter.by_role["verifier"].calls > found.total()


@pytest.mark.parametrize("name", ["hotel", "broadband"])
async def test_a_workflow_with_a_verifier_and_repairs_runs_offline(name: str) -> None:
    spec = gated()
    drawn = pipeline_for(spec).get_graph().draw_mermaid()
    assert "verifier -. &nbsp;flawed&nbsp; .-> scenario" in drawn
    assert "reviewer -.-> repair" in drawn or "reviewer -. &nbsp;repair&nbsp; .-> repair" in drawn
    blames: Counter[str] = Counter()
    for workflow in (None, spec):
        shared = Context(domain=name, model="scripted?faults=0.4", **({"workflow": workflow} if workflow else {}))
        for number in range(60):
            done = await pipeline_for(shared.workflow).ainvoke({"id": f"i{number}", "seed": number}, context=shared)
            blames[f"{done['blame']} {bool(workflow)}"] += 1
            if workflow and done["fate"] == "accepted":
                assert done["verification"]["decision"] == "sound"
    assert blames["None True"] > blames["None False"], blames
    assert blames["task True"] < blames["task False"], blames

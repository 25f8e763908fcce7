"""The scripted reflector: each rule answers its own kind of failure with a patch that is valid alone."""

from __future__ import annotations

import json
import random
from itertools import product
from typing import Any

import pytest
from generations import generation
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage
from lending import make
from pydantic import BaseModel
from random_patches import random_patch

from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.evolving.patch import MAX_PROPOSED, Patch
from eigen_graph.models import Cast, Scene
from eigen_graph.models.scripted.reflector import answers

DOMAIN = make()


def engine(blueprint: Blueprint) -> dict[str, Any]:
    return {**blueprint.workflow.model_dump(mode="json"), "settings": blueprint.to_json()["settings"]}


def lost(place: str, leads_to: str, *, spent: bool = False, blame: str = "agent", count: int = 10) -> dict[str, Any]:
    node, outcome = place.split(".")
    return {
        "blame": blame,
        "stage": node,
        "node": node,
        "outcome": outcome,
        "leads_to": leads_to,
        "spent": spent,
        "count": count,
        "played": count * (node in {"judge", "reviewer", "repair"}),
        "failed": count * (node in {"judge", "reviewer", "repair"}),
    }


def redone(place: str, leads_to: str, count: int = 20) -> dict[str, Any]:
    node, outcome = place.split(".")
    return {
        "blame": "agent",
        "node": node,
        "outcome": outcome,
        "leads_to": leads_to,
        "count": count,
        "cured": count // 2,
        "failed": count,
        "kept": 0.5,
    }


def evidence(*entries: dict[str, Any], tried: int = 100) -> dict[str, Any]:
    accepted = 80
    return {
        "tried": tried,
        "accepted": accepted,
        "cost": 4e6,
        "cost_per_accepted": 4e6 / accepted,
        "cost_by_role": {"agent": 0.47, "reviewer": 0.13, "user": 0.06, "writer": 0.34},
        "plays": 130,
        "groups": [entry for entry in entries if "played" in entry],
        "redone": [entry for entry in entries if "cured" in entry],
    }


def first(*entries: dict[str, Any], blueprint: Blueprint | None = None) -> tuple[str, Blueprint]:
    """The most promising answer, in words, and what comes of it."""
    blueprint = blueprint or Blueprint()
    best = answers(engine(blueprint), evidence(*entries))[0]
    patch = Patch.from_json({"why": best.why, "ops": best.ops})
    return str(patch), patch.apply(blueprint)


MEND = (
    "add repair node 'repair' after reviewer.repair (finished to judge); "
    "set judge.visits to 3; set reviewer.visits to 3"
)
VERIFY = (
    "add verifier node 'verifier' after checker.proven (sound to dialogue, flawed to scenario); "
    "set scenario.visits to 3; set checker.visits to 3"
)
FLAWED = lost("reviewer.reject", "reject", blame="task")
AGAIN = redone("reviewer.repair", "dialogue")
SPENT = lost("reviewer.repair", "dialogue", spent=True)
MENDING = first(AGAIN)[1]


# Each rule


@pytest.mark.parametrize("failures", [[AGAIN], [SPENT], [AGAIN, SPENT]])
def test_dialogues_played_again_from_the_start_are_mended(failures: list[dict[str, Any]]) -> None:
    assert first(*failures)[0] == MEND


def test_a_repair_node_that_is_there_is_used() -> None:
    words, changed = first(redone("judge.fail", "dialogue"), blueprint=replaying(MENDING))
    assert words == "lead judge.fail to repair"
    assert changed.workflow.targets("judge")["fail"] == "repair"


def replaying(blueprint: Blueprint) -> Blueprint:
    op = {"op": "reroute", "source": "judge", "outcome": "fail", "target": "dialogue"}
    return Patch.from_json({"ops": [op]}).apply(blueprint)


def test_flawed_tasks_are_read_before_a_dialogue_is_played_on_them() -> None:
    assert first(FLAWED)[0] == VERIFY


def test_where_there_is_a_verifier_flawed_tasks_are_written_again() -> None:
    words, changed = first(FLAWED, blueprint=first(FLAWED)[1])
    assert words.startswith("lead reviewer.reject to scenario; set judge.visits to 3; set reviewer.visits to 3")
    assert changed.workflow.targets("reviewer")["reject"] == "scenario"


def test_few_flawed_tasks_are_not_worth_reading_them_all() -> None:
    rare = lost("reviewer.reject", "reject", blame="task", count=1)
    assert all(answer.ops[0]["op"] != "add_node" for answer in answers(engine(Blueprint()), evidence(rare)))


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (
            lost("reviewer.repair", "repair", spent=True),
            "set repair.visits to 3; set judge.visits to 4; set reviewer.visits to 4",
        ),
        (
            lost("checker.unproven", "scenario", spent=True, blame="task"),
            "set scenario.visits to 3; set checker.visits to 3",
        ),
        (lost("repair.finished", "judge", spent=True), None),
    ],
)
def test_spent_visits_are_raised_all_the_way_round(failure: dict[str, Any], words: str | None) -> None:
    told, changed = first(failure, blueprint=MENDING)
    if words is not None:
        assert told == words
    target = failure["leads_to"]
    assert changed.workflow.nodes[target].visits == MENDING.workflow.nodes[target].visits + 1


def test_reviews_that_only_send_back_are_left_out() -> None:
    again = redone("reviewer.repair", "repair", count=40)
    assert first(again, blueprint=MENDING)[0] == "lead judge.fail to repair"
    # Unless many are read that are then given up: those would be played in vain.
    given_up = lost("reviewer.reject", "reject", count=30)
    found = answers(engine(MENDING), evidence(again, given_up))
    assert all(answer.ops[0].get("source") != "judge" for answer in found)


def test_writers_that_give_up_may_submit_more_often() -> None:
    failure = lost("scenario.failed", "reject", blame="task")
    words, changed = first(failure)
    assert words == "set max_submissions to 6"
    assert first(failure, blueprint=changed)[0] == "set max_submissions to 8"
    most = Blueprint.from_json({"settings": {"max_submissions": 20}})
    assert answers(engine(most), evidence(failure)) == []


def test_where_nothing_fails_nothing_is_proposed() -> None:
    assert answers(engine(Blueprint()), evidence()) == []
    assert answers(engine(Blueprint()), {}) == []
    cured = lost("dialogue.", "reject", blame="infrastructure")
    assert answers(engine(Blueprint()), evidence(cured)) == []


# All rules together


FAILURES = [
    *(
        lost(f"reviewer.{o}", to, spent=to != "reject", blame=b)
        for (o, to), b in product(
            [("repair", "dialogue"), ("repair", "repair"), ("reject", "reject"), ("reject", "scenario")],
            ["agent", "task"],
        )
    ),
    *(redone(f"reviewer.{o}", to) for o, to in [("repair", "dialogue"), ("repair", "repair"), ("reject", "scenario")]),
    *(redone("judge.fail", to) for to in ["dialogue", "repair"]),
    *(lost("judge.fail", to, spent=True) for to in ["reviewer", "dialogue", "repair", "scenario"]),
    lost("checker.unproven", "scenario", spent=True, blame="task"),
    lost("verifier.flawed", "scenario", spent=True, blame="task"),
    lost("scenario.failed", "reject", blame="task"),
    lost("repair.finished", "judge", spent=True),
    lost("dialogue.finished", "judge", spent=True),
]


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_every_patch_is_valid_alone_on_whatever_earlier_ones_made(data: st.DataObject) -> None:
    """Whatever fails, at edges that need not even be there; visits at their limit included."""
    blueprint = Blueprint()
    for _ in range(8):
        shown = data.draw(st.lists(st.sampled_from(FAILURES), min_size=1, max_size=5, unique_by=id))
        found = answers(engine(blueprint), evidence(*shown))
        assert [answer.worth for answer in found] == sorted((answer.worth for answer in found), reverse=True)
        made = []
        for answer in found:
            patch = Patch.from_json({"why": answer.why, "ops": answer.ops})
            assert len(patch.ops) <= MAX_PROPOSED
            made.append(patch.apply(blueprint))
            assert made[-1] != blueprint
        if made:
            blueprint = data.draw(st.sampled_from(made))


@settings(deadline=None, max_examples=60)
@given(st.integers(), st.lists(st.sampled_from(FAILURES), max_size=6))
def test_no_workflow_is_too_odd_for_the_rules(seed: int, shown: list[dict[str, Any]]) -> None:
    """Whatever patches others have had accepted, the rules answer; what does not fit is the validator's to refuse."""
    rng = random.Random(seed)
    blueprint = Blueprint()
    for _ in range(4):
        blueprint = random_patch(blueprint, rng).apply(blueprint)
    places = [(edge.source, edge.outcome, edge.target) for edge in blueprint.workflow.edges if edge.outcome]
    own = [lost(f"{source}.{outcome}", target, spent=True) for source, outcome, target in rng.sample(places, 3)]
    for answer in answers(engine(blueprint), evidence(*shown, *own)):
        assert 1 <= len(Patch.from_json({"ops": answer.ops}).ops) <= MAX_PROPOSED


@pytest.mark.parametrize("name", ["hotel", "broadband"])
def test_every_rule_that_a_real_generation_calls_for_is_valid_in_any_order(name: str) -> None:
    real = generation(name, {"hotel": 100, "broadband": 60}[name])
    report = real.evidence().to_json()
    rules = answers(engine(Blueprint()), report)
    assert len(rules) >= 3
    assert {str(Patch.from_json({"ops": rule.ops})) for rule in rules} >= {MEND, VERIFY}
    for one, other in product(rules, rules):
        changed = Patch.from_json({"ops": one.ops}).apply(Blueprint())
        for after in answers(engine(changed), report):
            assert Patch.from_json({"ops": after.ops}).apply(changed) != changed
        assert one is other or one.ops != other.ops


# Played


class Reflection(BaseModel):
    diagnosis: str
    patches: list[dict[str, Any]]


async def reflect(
    report: dict[str, Any],
    *,
    history: list[dict[str, Any]] | None = None,
    round_: dict[str, Any] | None = None,
    model: str = "scripted",
    scene: str = "reflect-r1",
) -> tuple[list[str], Cast]:
    blocks = {
        "workflow": {"digest": "d1", **engine(Blueprint())},
        "evidence": report,
        "history": history or [],
        "round": {"wanted": 3, "proposed": [], **(round_ or {})},
    }
    prompt = "\n".join(f"```json {name}\n{json.dumps(value)}\n```" for name, value in blocks.items())
    cast = Cast.build(model, domain=DOMAIN)
    found = await cast.structured("reflector", [HumanMessage(prompt)], Reflection, scene=Scene(id=scene))
    assert found.diagnosis
    return [str(Patch.from_json(patch)) for patch in found.patches], cast


ALL = evidence(AGAIN, SPENT, FLAWED)


async def test_the_best_answers_come_first_and_no_more_than_are_wanted() -> None:
    every, _ = await reflect(ALL, round_={"wanted": 9})
    assert every[:2] == [MEND, VERIFY]
    assert len(every) == 4
    assert (await reflect(ALL, round_={"wanted": 2}))[0] == every[:2]
    assert (await reflect(evidence()))[0] == []


async def test_what_was_tried_on_this_engine_is_not_proposed_again() -> None:
    recorded = Patch.from_json({"why": "so", "ops": answers(engine(Blueprint()), ALL)[0].ops}).to_json()["ops"]
    tried = {"round": 1, "ops": recorded, "fate": "rejected", "reason": "it cost too much"}
    assert MEND not in (await reflect(ALL, history=[tried]))[0]
    assert MEND not in (await reflect(ALL, history=[{**tried, "on": "d1"}]))[0]
    assert MEND not in (await reflect(ALL, round_={"proposed": [{"ops": recorded, "taken": True}]}))[0]
    # On another engine it may have failed for reasons that are gone.
    assert MEND in (await reflect(ALL, history=[{**tried, "on": "d0"}]))[0]


async def test_an_answer_that_breaks_off_is_right_when_asked_again() -> None:
    calls = set()
    for number in range(12):
        words, cast = await reflect(ALL, model="scripted?faults=0.5", scene=f"reflect-r{number}")
        assert words[0] == MEND
        calls.add(cast.meter.by_role["reflector"].calls)
    assert calls == {1, 2}

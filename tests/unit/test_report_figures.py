"""What a report counts: the funnel adds up, listings have columns of one length, kills are told by kind."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eigen_graph.report.data import Listing
from eigen_graph.report.funnel import NOT_TRIED, STEPS, UNREADABLE, Funnel
from eigen_graph.report.listing import Rows
from eigen_graph.report.proofs import ANY, Proofs
from eigen_graph.report.rates import rate_interval
from eigen_graph.runs import InstanceRow, PlanRow

SOUND = {"gold_passes": True, "sound": True}
TASK = {
    "id": "t",
    "user_scenario": {"instructions": {"reason_for_call": "You want  to\ncancel."}},
    "evaluation_criteria": {"actions": [{"name": "cancel"}, {"name": "look up"}, {"name": "cancel"}]},
    "eigen": {"clauses": ["2", "7"], "difficulty": "hard", "persona": "terse"},
}


def instance(index: int = 0, **given: Any) -> InstanceRow:
    values: dict[str, Any] = {"fate": "rejected", "stage": "reviewer", "plan_id": f"p{index}", "generation": 0}
    return InstanceRow(id=f"g0-{index:06d}", index=index, **{**values, **given})


def checker(**proof: Any) -> dict[str, Any]:
    return {"proof": {**SOUND, "mutants": 4, "killed": 4, "kill_rate": 1.0, **proof}}


instances = st.builds(
    instance,
    st.integers(0, 40),
    fate=st.sampled_from(["accepted", "rejected", "dropped"]),
    stage=st.sampled_from(["scenario", "verifier", "checker", "dialogue", "repair", "judge", "reviewer", "elsewhere"]),
    blame=st.sampled_from([None, "task", "agent", "user", "infrastructure"]),
    task=st.sampled_from([None, TASK]),
    checker=st.sampled_from([None, {}, checker(), checker(sound=False)]),
    trajectory=st.sampled_from([None, {"messages": []}]),
    verdict=st.sampled_from([None, {"reward": 1.0}, {"reward": 0.0}]),
)


@given(st.lists(instances, max_size=30), st.integers(0, 5), st.integers(0, 3))
def test_what_was_lost_and_what_went_on_is_all_that_came(rows: list[InstanceRow], unworked: int, damaged: int) -> None:
    funnel = Funnel()
    for row in rows:
        funnel.add(row)
    for number in range(damaged):
        funnel.add_unreadable(f"x{number}")
    funnel.add_plans([*(row.plan_id for row in rows), *(f"new{number}" for number in range(unworked + damaged))])
    steps = funnel.steps()
    assert [step.label for step in steps] == list(STEPS)
    assert steps[0].count == len(rows) + unworked + damaged
    assert steps[0].lost.get(NOT_TRIED, 0) == unworked
    assert steps[0].lost.get(UNREADABLE, 0) == damaged
    for step, following in pairwise(steps):
        assert step.count == sum(step.lost.values()) + following.count
    assert not steps[-1].lost
    assert steps[-1].count == sum(row.fate == "accepted" for row in rows)
    lost = sum(sum(step.lost.values()) for step in steps) - unworked
    assert sum(reason.count for reason in funnel.listed()) == lost


def test_an_instance_is_lost_where_it_ended_not_where_an_earlier_try_had_come_to() -> None:
    played: dict[str, Any] = {"task": TASK, "checker": checker(), "trajectory": {"messages": []}}
    places = {
        "planned": instance(stage="scenario", **played, verdict={"reward": 0}),  # written anew, in vain
        "written": instance(stage="checker", task=TASK, checker=checker(sound=False)),
        "proven": instance(stage="dialogue", task=TASK, checker=checker(), fate="dropped"),
        "played": instance(stage="reviewer", **played, verdict={"reward": 0.0}),
        "passed": instance(stage="reviewer", **played, verdict={"reward": 1.0}),
    }
    for label, row in places.items():
        funnel = Funnel()
        funnel.add(row)
        assert [step.label for step in funnel.steps() if step.lost] == [label]


def test_reasons_name_a_few_and_say_one() -> None:
    funnel = Funnel()
    for index in range(9):
        funnel.add(instance(index, blame="agent", reason="it  refunded\ntwice"))
    funnel.add(instance(9, blame="user", stage="judge", reason="left"))
    first, second = funnel.listed()
    assert (first.stage, first.blame, first.count, first.reason) == ("reviewer", "agent", 9, "it refunded twice")
    assert first.examples == tuple(f"g0-{index:06d}" for index in range(5))
    assert (second.blame, second.count) == ("user", 1)


@given(st.lists(instances, max_size=12))
def test_every_column_of_a_listing_has_an_entry_for_every_dialogue(rows: list[InstanceRow]) -> None:
    listed = Rows()
    for row in rows:
        listed.add_instance(row, None)
    listed.add(id="damaged", source="run", fate="unreadable")
    columns = listed.done().model_dump()
    assert columns.keys() == Listing.model_fields.keys()
    assert {len(column) for column in columns.values()} == {len(rows) + 1}


def test_a_listing_says_what_a_task_exercises_or_what_its_plan_asked_for() -> None:
    plan = PlanRow(
        id="p", generation=0, index=0, clause="5", tools=("pay",), difficulty="easy", persona="chatty", title="A bill"
    )
    rows = Rows()
    rows.add_instance(instance(task=TASK, trajectory={"messages": [{}, {}]}, kill_rate=0.5), plan)
    rows.add_instance(instance(task=None), plan)
    rows.add_instance(
        instance(task={"eigen": [1], "evaluation_criteria": "x", "user_scenario": {"instructions": 5}}), None
    )
    found = rows.done()
    assert found.clauses == ("2 7", "5", "")
    assert found.tools == ("cancel look_up", "pay", "")
    assert found.title == ("You want to cancel.", "A bill", "5")
    assert found.difficulty == ("hard", "easy", "")
    assert found.messages == (2, 0, 0)
    assert found.kill_rate == (0.5, None, None)


def test_kills_are_told_by_kind_and_survivors_by_name() -> None:
    survivor = {"kind": "omitted", "description": "leaves the refund out"}
    proofs = Proofs()
    proofs.add(
        instance(1, checker=checker(kinds={"omitted": [3, 2], "altered": [1, 1]}, killed=3, survivors=[survivor]))
    )
    proofs.add(instance(2, checker=checker()))
    proofs.add(instance(3, checker=checker(sound=False)))
    proofs.add(instance(4, checker={"proof": {"nonsense": True}}))
    proofs.add(instance(5))
    kills = {one.kind: (one.mutants, one.killed) for one in proofs.kills()}
    assert kills == {"omitted": (3, 2), ANY: (4, 4), "altered": (1, 1)}
    assert proofs.kills()[0].kind == "omitted"  # what is let pass comes first
    assert [(one.instance, one.kind) for one in proofs.survivors] == [("g0-000001", "omitted")]
    assert (len(proofs.rates), proofs.survived) == (2, 1)


def test_a_rate_has_an_interval_only_where_there_is_something_to_resample() -> None:
    outcomes = [(index % 3 > 0, 100.0 + index) for index in range(60)]
    low, high = rate_interval(outcomes) or (0, 0)
    rate = sum(good for good, _ in outcomes) / sum(cost for _, cost in outcomes)
    assert 0 < low < rate < high
    assert rate_interval(outcomes) == (low, high)
    assert rate_interval(outcomes[:5]) is None
    assert rate_interval([(False, 1.0)] * 20) is None
    assert rate_interval([(True, 0.0)] * 20) is None

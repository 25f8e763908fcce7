"""Dialogues for the browser: what each call changed, who is pointed at, and whatever is damaged told, not fatal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from errands import CANCEL, CREDIT, FIND, OPEN, PROPOSE, YES, dialogue, does, home, repair, shop, task
from langchain_core.tools import BaseTool, StructuredTool
from replayed import task_of

from eigen_graph.checkers import build_checker
from eigen_graph.checkers.gold import gold_trajectory
from eigen_graph.core import Domain, Environment, Task, Trajectory
from eigen_graph.domains import load_domain
from eigen_graph.domains.foreign import domain_of_tools
from eigen_graph.report.data import Change, Dialogue
from eigen_graph.report.dialogues import Material, Setting, dialogue_of
from eigen_graph.report.pieces import packed, to_json, unpacked
from eigen_graph.report.replays import replay
from eigen_graph.report.settings import recorded_only

SHOP, HOME = Setting(shop()), Setting(home())
ABOUT = task(FIND, CANCEL)


def shown(setting: Setting, about: Task, played: Trajectory, **given: Any) -> Dialogue:
    found = {"id": "d", "fate": "accepted", "task": about.to_json(), "trajectory": played.to_json()}
    return dialogue_of(Material(**{**found, **given}), setting)


def apply(env: Environment, found: Change) -> None:
    """Do what a change says."""
    database = env.agent_db if found.side == "agent" else env.user_db
    assert database is not None
    table = database[found.table]
    if found.field:
        assert table[found.key].model_dump(mode="json")[found.field] == found.before
        table.update(found.key, **{found.field: found.after})
    elif found.after is None:
        table.remove(found.key)
    else:
        assert found.key not in table
        table.put(found.key, table.record_type.model_validate(found.after))


@pytest.mark.parametrize("domain", ["hotel", "broadband"])
def test_the_changes_of_all_calls_lead_from_the_start_to_the_end(domain: str) -> None:
    world, changed = load_domain(domain), 0
    assert world.playbook
    for name in list(world.playbook.intents)[::3]:
        about = task_of(world, name)
        bench = build_checker(about, world).bench(world)
        found = replay(about, gold_trajectory(bench), world)
        assert not found.untrue
        env = bench.start.fork()
        for place in sorted(found.changes):
            for change in found.changes[place]:
                apply(env, change)
        assert env.same_as(bench.gold.env)
        assert env.agent_db.diff() == bench.gold.env.agent_db.diff()
        changed += len(found.changes)
    assert changed > 5


def test_a_call_shows_what_it_did_on_both_sides() -> None:
    moves = (OPEN, does("test_line", line_id="L1"), does("reset_profile", line_id="L1"), does("plug_in", by="user"))
    found = shown(HOME, repair(), dialogue(home(), repair(), *moves))
    changed = {place: said.changes for place, said in enumerate(found.said) if said.changes}
    (reset, plugged) = (changed[place] for place in sorted(changed))
    assert {(one.side, one.table, one.field, one.before, one.after) for one in reset} == {
        ("agent", "lines", "profile", "lost", "ok"),
        ("agent", "lines", "resets", 0, 1),
    }
    assert {(one.side, one.field, one.before, one.after) for one in plugged} == {
        ("user", "plugged", False, True),
        ("user", "light", "off", "green"),  # the sync's, on the side of who called
    }
    assert all(found.said[place].role == "tool" for place in changed)
    calls = [call for said in found.said for call in said.calls]
    assert [(call["name"], call["writes"]) for call in calls] == [
        ("test_line", False),
        ("reset_profile", True),
        ("plug_in", True),
    ]
    assert found.note == ""
    assert found.solution[2] == "the user: plug_in()"
    assert found.solution[3] == 'afterwards light_is(colour="green") holds'


def test_a_failed_call_changes_nothing() -> None:
    failed = does("cancel_order", order_id="nope", reason="late")
    found = shown(SHOP, ABOUT, dialogue(shop(), ABOUT, OPEN, FIND, failed))
    assert not any(said.changes for said in found.said)
    assert [said.error for said in found.said if said.role == "tool"] == [False, True]


def test_evidence_stands_at_the_message_it_points_at() -> None:
    trajectory = dialogue(shop(), ABOUT, OPEN, FIND, PROPOSE, YES, CREDIT)
    at = next(place for place, message in enumerate(trajectory.messages) if message.tool_calls and place > 3)
    review = {"decision": "reject", "blame": "agent", "evidence": [at, 999, "x", True], "reason": "it gave money away"}
    found = shown(SHOP, ABOUT, trajectory, review=review, blame="agent", reason="it gave money away", evidence=[at, 0])
    pointed = {place: said.evidence for place, said in enumerate(found.said) if said.evidence}
    assert pointed == {at: ("agent: it gave money away",), 0: ("agent: it gave money away",)}
    assert found.review == review


def test_the_fault_of_a_failed_episode_is_looked_for() -> None:
    trajectory = dialogue(shop(), ABOUT, OPEN, FIND, CREDIT)
    verdict = build_checker(ABOUT, shop()).judge(trajectory, shop()).to_json()
    opinions = {"it was polite": {"met": False, "reason": "it was not"}}
    found = shown(
        SHOP, ABOUT, trajectory, fate="failed", verdict=verdict, blame=verdict["blame"], reason=verdict["reason"],
        attributed=False, opinions=opinions,
    )  # fmt: skip
    assert any(said.evidence and said.calls and said.calls[0]["name"] == "add_credit" for said in found.said)
    assert found.reward == 0
    assert [(part.name, part.passed) for part in found.parts][-1] == ("statement: it was polite", False)


def test_without_its_domain_a_dialogue_is_shown_without_changes() -> None:
    trajectory = dialogue(shop(), ABOUT, OPEN, FIND, CANCEL)
    found = shown(Setting(why_not="domain 'shop' cannot be loaded"), ABOUT, trajectory)
    assert "domain 'shop' cannot be loaded" in found.note
    assert not any(said.changes for said in found.said)
    assert {call["writes"] for said in found.said for call in said.calls} == {None}
    assert not shown(Setting(why_not="gone"), ABOUT, dialogue(shop(), ABOUT, OPEN)).note  # nothing is missing


def test_a_record_that_is_not_true_is_told() -> None:
    data = dialogue(shop(), ABOUT, OPEN, FIND, CANCEL).to_json()
    data["messages"][-2]["content"] = "something else"
    found = dialogue_of(Material(id="d", fate="accepted", task=ABOUT.to_json(), trajectory=data), SHOP)
    assert f"message {len(data['messages']) - 2} is not what its call gives" in found.note


DAMAGED: list[dict[str, Any]] = [
    {"task": {"id": []}},
    {"task": {"id": "t", "initial_state": {"initialization_data": {"agent_data": {"nowhere": {"x": 1}}}}}},
    {"trajectory": {"messages": [{"role": "nobody"}]}},
    {"trajectory": {"messages": 5}},
    {"verdict": {"reward": "much", "parts": [7, {"passed": "yes"}]}},
    {"review": {"evidence": 5, "reason": None}},
    {"proof": [1]},
    {"opinions": {"s": 5}},
]


@pytest.mark.parametrize("damage", DAMAGED)
def test_what_is_damaged_does_not_hide_the_rest(damage: dict[str, Any]) -> None:
    found = shown(SHOP, ABOUT, dialogue(shop(), ABOUT, OPEN, FIND, CANCEL), **damage)
    assert found.id == "d"
    (piece,) = packed([found], 50)
    assert unpacked(piece)[0].note == found.note
    if "task" in damage or "trajectory" in damage:
        assert found.note


def test_a_broken_domain_costs_only_the_changes() -> None:
    def explode(*_: object) -> None:
        raise ZeroDivisionError("the domain's own fault")

    world = home()
    broken = Domain(world.name, world.policy, world.agent, world.user, sync=explode)
    moves = (OPEN, does("reset_profile", line_id="L1"))
    found = shown(Setting(broken), repair(), dialogue(home(), repair(), *moves))
    assert "the calls cannot be run again" in found.note
    assert "the domain's own fault" in found.note
    assert [call["name"] for said in found.said for call in said.calls] == ["reset_profile"]


def test_foreign_tools_are_answered_by_the_recording_alone() -> None:
    asked: list[str] = []

    def tools() -> list[BaseTool]:
        def put(name: str) -> str:
            """Put it there."""
            asked.append(name)
            return f"{name} is there"

        return [StructuredTool.from_function(put)]

    world = domain_of_tools("shelf", "1. Be kind.", agent=tools(), writes=["put"], anew=tools)
    about = Task(id="t")
    played = dialogue(world, about, OPEN, does("put", name="a"))
    assert asked == ["a"]
    found = shown(Setting(recorded_only(world)), about, played)
    (changed,) = [said.changes for said in found.said if said.changes]
    assert (changed[0].table, changed[0].after) == ("writes", {"tool": "put", "arguments": {"name": "a"}, "times": 1})
    never = played.to_json()
    never["messages"][2]["tool_calls"][0]["function"]["arguments"] = '{"name": "never recorded"}'
    found = dialogue_of(Material("d", "accepted", about.to_json(), never), Setting(recorded_only(world)))
    assert "holds no answer" in found.note
    assert asked == ["a"]


def test_pieces_hold_all_dialogues_in_order_and_are_the_same_every_time() -> None:
    found = [Dialogue(id=f"d{number}", title="é€𝄞" * number) for number in range(7)]
    pieces = list(packed(iter(found), 3))
    assert [len(unpacked(piece)) for piece in pieces] == [3, 3, 1]
    assert [one for piece in pieces for one in unpacked(piece)] == found
    assert pieces == list(packed(found, 3))
    assert not list(packed([], 3))


def test_no_more_than_a_piece_is_taken_at_a_time() -> None:
    taken = 0

    def endless() -> Iterator[Dialogue]:
        nonlocal taken
        while True:
            taken += 1
            yield Dialogue(id=str(taken))

    pieces = packed(endless(), 5)
    next(pieces)
    next(pieces)
    assert taken == 10


def test_json_can_be_read_by_a_browser_whatever_a_model_wrote() -> None:
    strange = {"x": float("nan"), "y": [float("inf"), {"z": -float("inf")}], "lone \ud800": "\udfff</script>"}
    found = Dialogue(id="d\ud800", title="</script>", review=strange)
    data = json.loads(to_json(found), parse_constant=pytest.fail)
    assert data["review"]["x"] == "NaN"
    assert data["review"]["y"] == ["Infinity", {"z": "-Infinity"}]
    to_json(found).encode("utf-8")
    list(packed([found], 1))

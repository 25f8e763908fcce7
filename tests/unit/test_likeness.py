"""When two tasks are nearly one, and when they are not."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eigen_graph.checkers.likeness import Outline, Similarity, Who
from eigen_graph.core import Task

READS: set[Who] = {("assistant", name) for name in ("get_booking", "get_guest", "get_room", "transfer")}
WISH = "You want to cancel your booking because your sister has fallen ill. Ask for the full price back, be polite."
REWORDED = "As a relative is unwell, ring up and get rid of the stay; insist on a refund, in a friendly manner."
OTHER = "You would like a room with a view of the harbour, for the same nights, provided that it costs no more."


def call(name: str, /, who: str = "assistant", **arguments: Any) -> dict[str, Any]:
    return {"requestor": who, "name": name, "arguments": arguments}


def setup(name: str, /, **arguments: Any) -> dict[str, Any]:
    return {"env_type": "user", "func_name": name, "arguments": arguments}


def task(wish: str, *actions: dict[str, Any], known: str = "You are G7.", **fields: Any) -> Task:
    told = {"reason_for_call": wish, "known_info": known, "task_instructions": ""}
    return Task.from_json(
        {
            "id": fields.get("id", "t"),
            "user_scenario": {"persona": fields.get("persona"), "instructions": told},
            "initial_state": {"initialization_actions": list(fields.get("setups", ()))},
            "evaluation_criteria": {"actions": list(actions), "communicate_info": list(fields.get("facts", ()))},
        }
    )


def alike(one: Task, other: Task) -> Similarity:
    return Outline.of(one, reads=READS).compare(Outline.of(other, reads=READS))


LOOK, CANCEL = call("get_booking", booking_id="B12"), call("cancel", booking_id="B12", reason="illness")
HELD = task(WISH, LOOK, CANCEL)
REFUSED = task(WISH, LOOK)
FAULTS = [setup("set_name", name="John"), setup("unseat_sim"), setup("airplane_mode", on=True), setup("lose_apn")]
TOGGLE = call("toggle_airplane_mode", who="user")


@pytest.mark.parametrize(
    ("held", "other"),
    [
        (HELD, task(WISH, LOOK, CANCEL, id="another", persona="Impatient.")),
        (HELD, task(WISH, CANCEL)),
        (HELD, task(REWORDED, CANCEL, call("get_guest", guest_id="G7"), LOOK)),
        (HELD, task(WISH, LOOK)),
        (REFUSED, task(REWORDED, LOOK)),
        (task("You ask for the way.", facts=("left",)), task("You ask for the way.", facts=("right",))),
        (task(WISH, TOGGLE, setups=FAULTS), task(REWORDED, TOGGLE, setups=FAULTS[::-1], persona="Terse.")),
        (task(WISH, setups=FAULTS), task(WISH, setups=[*FAULTS, FAULTS[1]])),
        (task(WISH, call("transfer", summary="I cannot do this at all.")), task(WISH, call("transfer", summary="no"))),
    ],
    ids=[
        "another persona and id",
        "fewer look-ups",
        "reworded",
        "the same wish, refused",
        "a refusal reworded",
        "the same wish alone",
        "the same faults",
        "the same faults, one twice",
        "another summary",
    ],
)
def test_nearly_one(held: Task, other: Task) -> None:
    assert alike(held, other).near


@pytest.mark.parametrize(
    ("held", "other"),
    [
        (HELD, task(WISH, call("get_booking", booking_id="B99"), call("cancel", booking_id="B99", reason="illness"))),
        (HELD, task(OTHER, LOOK, call("upgrade", booking_id="B12", room="harbour"))),
        (REFUSED, task(WISH, call("get_booking", booking_id="B99"), known="You are G8.")),
        (REFUSED, task(OTHER, LOOK, call("get_room", room="R4"), facts=("120",))),
        (task("Where are you?", facts=("left",)), task("Who pays for the breakfast?", facts=("right",))),
        (task(WISH, TOGGLE, setups=FAULTS), task(WISH, TOGGLE, setups=FAULTS[:3])),
        (
            task(WISH, TOGGLE),
            task(REWORDED, TOGGLE, known="You are Z1, at home in D5 of 90210."),
        ),
        (task(WISH, setups=[setup("lock", mode="pin")]), task(WISH, setups=[setup("lock", mode="puk")])),
    ],
    ids=[
        "the same wish of other records",
        "another wish of the same records",
        "the same refusal of other records",
        "another question about one record",
        "questions about nothing in particular",
        "one fault less",
        "the same bare deed of another customer",
        "another kind of fault",
    ],
)
def test_different(held: Task, other: Task) -> None:
    assert not alike(held, other).near


def test_the_same_world_is_the_same_start_whatever_led_to_it() -> None:
    one, other = task(WISH, setups=FAULTS), task(WISH, setups=FAULTS[1:])
    assert alike(one, other).start < 1
    assert Outline.of(one, world="w").compare(Outline.of(other, world="w")).near
    assert not Outline.of(one, world="w").compare(Outline.of(other, world="v")).near


def test_numbers_lists_and_marks_are_compared_as_what_they_mean() -> None:
    one = task("", call("pay", items=["a", "b"], amount=2), known="Order #W1, please.")
    other = task("", call("pay", amount=2.0, items=["b", "a"]), known="please: (w1)")
    assert alike(one, other)[1:] == (1, 1, 1)


def test_what_a_hostile_writer_sends_is_compared_too() -> None:
    deep: Any = "x"
    for _ in range(400):
        deep = [deep, {"\ud800": deep}] if isinstance(deep, str) else {"k": deep}
    odd = task("!" * 50_000, call("cancel", value=deep, number=1e308, nothing=None), known="1" * 9000)
    assert alike(odd, odd).near
    assert not alike(odd, HELD).near


texts = st.sampled_from(["", "?", "One two three, 4.", "One two three four", "B12 again, at 9:30", "ß İ \ud800"])
values = st.one_of(st.sampled_from(["B12", "B13", "", True, None, 3, 3.0, 2.5]), st.lists(st.integers(0, 3)))
bags = st.dictionaries(st.sampled_from("abc"), values, max_size=3)
calls = st.builds(
    lambda name, who, given: {"requestor": who, "name": name, "arguments": given},
    st.sampled_from(["get_booking", "cancel", "pay"]),
    st.sampled_from(["assistant", "user"]),
    bags,
)
setups = st.builds(lambda name, given: setup(name, **given), st.sampled_from(["lock", "break"]), bags)


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    return task(
        draw(texts),
        *draw(st.lists(calls, max_size=4)),
        known=draw(texts),
        setups=draw(st.lists(setups, max_size=3)),
        facts=draw(st.lists(texts, max_size=2)),
    )


def shuffled(one: Task, seed: int) -> Task:
    """The same task by another name, told by somebody else, in another order."""
    rng, data = random.Random(seed), one.to_json()
    criteria = data["evaluation_criteria"]
    for listed in (criteria["actions"], criteria["communicate_info"], data["initial_state"]["initialization_actions"]):
        rng.shuffle(listed)
    for number, action in enumerate(criteria["actions"]):
        action["action_id"] = f"x{number}"
        action["arguments"] = dict(rng.sample(sorted(action["arguments"].items()), len(action["arguments"])))
    data |= {"id": f"x{seed}", "description": {"purpose": str(seed)}}
    data["user_scenario"]["persona"] = f"Somebody else, {seed}."
    return Task.from_json(data)


@given(tasks(), tasks(), st.integers(0, 99))
def test_the_laws_of_likeness(one: Task, other: Task, seed: int) -> None:
    assert alike(one, other) == alike(other, one)
    itself = alike(one, one)
    assert itself.near
    assert itself.overall == 1
    assert alike(one, shuffled(one, seed)) == itself
    assert alike(shuffled(one, seed), other) == alike(one, other)
    assert all(part is None or 0 <= part <= 1 for part in alike(one, other))

"""Which tasks count as written twice."""

from __future__ import annotations

from typing import Any

from eigen_graph.core import Task
from eigen_graph.runs.datasets import Duplicate
from eigen_graph.runs.datasets.duplicates import Duplicates

STORY = (
    "You booked a double room with a view of the harbour for three nights in the second week of June, and now your "
    "sister cannot come along, so that you would rather have a single room on the same nights, provided that it does "
    "not cost more than what you have paid already, because the summer has been expensive for you so far this year. "
    "If the agent offers another room, ask for its price, then for its floor, then think about it and say yes."
)


def task(story: str, *actions: tuple[str, dict[str, Any]], facts: tuple[str, ...] = (), start: Any = None) -> Task:
    return Task.from_json(
        {
            "id": "t",
            "user_scenario": {"instructions": story},
            "initial_state": start,
            "evaluation_criteria": {
                "actions": [{"name": name, "arguments": arguments} for name, arguments in actions],
                "communicate_info": list(facts),
            },
        }
    )


CANCEL = ("cancel", {"booking_id": "B1"})
LOOK = ("get_booking", {"booking_id": "B1"})


def test_the_same_deed_told_otherwise_is_an_exact_duplicate():
    found = Duplicates()
    assert found.find("a", task("Cancel it.", CANCEL)) is None
    assert found.find("b", task("Something else altogether.", CANCEL)) == Duplicate("b", "a", "exact", 1.0)
    assert found.find("c", task("Cancel it.", ("cancel", {"booking_id": "B2"}))) is None
    start = {"initialization_actions": [{"env_type": "assistant", "func_name": "close", "arguments": {}}]}
    assert found.find("d", task("x y z", CANCEL, start=start)) is None
    assert found.find("e", task("u v w", CANCEL, facts=("120",))) is None


def test_tasks_that_change_nothing_are_told_apart_by_the_users_wish():
    found = Duplicates(reads={"get_booking"})
    assert found.find("a", task("You want to cancel although it is too late.", LOOK)) is None
    assert found.find("b", task("Your aim is a bigger room for nothing.", LOOK)) is None
    assert found.find("c", task("Your  aim is a BIGGER room for nothing.", LOOK)) == Duplicate("c", "b", "exact", 1.0)
    assert found.find("d", task("Chat about the weather.")) is None
    assert found.find("e", task("Complain about the noise.")) is None


def test_nearly_the_same_text_is_a_near_duplicate():
    found = Duplicates(0.9)
    assert found.find("a", task(STORY, CANCEL)) is None
    near = found.find("b", task(STORY, ("cancel", {"booking_id": "B2"})))
    assert near is not None
    assert (near.of, near.kind) == ("a", "near")
    assert 0.9 <= near.similarity < 1
    assert found.find("c", task(STORY[: len(STORY) // 2], ("cancel", {"booking_id": "B3"}))) is None


def test_the_same_words_from_another_start_are_another_task():
    found = Duplicates(0.9)
    assert found.find("a", task(STORY, CANCEL)) is None
    start = {"initialization_actions": [{"env_type": "user", "func_name": "unplug", "arguments": {}}]}
    assert found.find("b", task(STORY, ("cancel", {"booking_id": "B2"}), start=start)) is None
    near = found.find("c", task(STORY, ("cancel", {"booking_id": "B3"}), start=start))
    assert near is not None
    assert (near.of, near.kind) == ("b", "near")


def test_a_threshold_above_one_leaves_near_duplicates_in():
    found = Duplicates(1.1)
    assert found.find("a", task(STORY, CANCEL)) is None
    assert found.find("b", task(STORY, ("cancel", {"booking_id": "B2"}))) is None
    assert found.find("c", task(STORY, CANCEL)) == Duplicate("c", "a", "exact", 1.0)


def test_texts_no_file_can_hold_and_empty_ones_pass_through():
    found = Duplicates()
    assert found.find("a", task("\ud800 half a character")) is None
    assert found.find("b", task("")) is None
    assert found.find("c", task("")) == Duplicate("c", "b", "exact", 1.0)

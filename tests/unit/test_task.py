"""Task JSON: what is read is written again, in tau2's form as it is found."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eigen_graph.core import EigenGraphError, Task

TAU2 = {
    "id": "[mobile_data]airplane_mode_on[PERSONA:None]",
    "description": {"purpose": "Test something.", "relevant_policies": None, "notes": None},
    "user_scenario": {
        "persona": None,
        "instructions": {
            "task_instructions": "If asked, say yes.",
            "domain": "telecom",
            "reason_for_call": "No data.",
            "known_info": "You are John.",
            "unknown_info": None,
        },
    },
    "ticket": "The user has no data.",
    "initial_state": {
        "initialization_data": None,
        "initialization_actions": [{"env_type": "user", "func_name": "turn_airplane_mode_on", "arguments": {}}],
        "message_history": None,
    },
    "evaluation_criteria": {
        "actions": [
            {
                "action_id": "a_0",
                "requestor": "user",
                "name": "toggle_airplane_mode",
                "arguments": {"n": 1, "x": 1.0, "deep": [{"k": None}]},
                "info": None,
                "compare_args": [],
            }
        ],
        "env_assertions": [
            {
                "env_type": "user",
                "func_name": "assert_mobile_data_status",
                "arguments": {"expected_status": True},
                "assert_value": True,
                "message": None,
            }
        ],
        "communicate_info": [],
        "nl_assertions": None,
        "reward_basis": ["ENV_ASSERTION"],
    },
}


def exactly(value: Any) -> str:
    """JSON text tells 1 from 1.0 and from true, where equality does not."""
    return json.dumps(value, sort_keys=True)


def test_a_tau2_task_comes_out_as_it_went_in():
    assert exactly(Task.from_json(TAU2).to_json()) == exactly(TAU2)


@pytest.mark.parametrize("path", [["ticket"], ["user_scenario"], ["evaluation_criteria", "reward_basis"]])
def test_what_a_file_leaves_out_is_left_out_again(path: list[str]):
    data = json.loads(json.dumps(TAU2))
    inner = data
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    assert exactly(Task.from_json(data).to_json()) == exactly(data)


names = st.sampled_from(["issues", "db_path", "op", "required_documents", "x"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
actions = st.fixed_dictionaries(
    {"name": st.text(max_size=5)},
    optional={
        "action_id": st.text(max_size=3),
        "requestor": st.sampled_from(["assistant", "user"]),
        "arguments": st.dictionaries(st.text(max_size=5), values, max_size=3),
        "info": st.none() | st.text(max_size=3),
        "compare_args": st.none() | st.lists(st.text(max_size=3), max_size=2),
        "extra": values,
    },
)
criteria = st.fixed_dictionaries(
    {},
    optional={
        "actions": st.none() | st.lists(actions, max_size=3),
        "communicate_info": st.none() | st.lists(st.text(max_size=5), max_size=2),
        "reward_basis": st.lists(st.sampled_from(["DB", "COMMUNICATE", "ACTION"]), max_size=2),
        "extra": values,
    },
)
tags = st.fixed_dictionaries(
    {},
    optional={
        "plan": st.text(max_size=3),
        "clauses": st.lists(st.text(max_size=3), max_size=2),
        "alternatives": st.lists(st.lists(actions, max_size=2), max_size=2),
        "cue": st.none() | st.dictionaries(st.text(max_size=3), values, max_size=2),
        "extra": values,
    },
)
scenarios = st.fixed_dictionaries(
    {},
    optional={
        "persona": st.none() | st.text(max_size=5),
        "instructions": st.text(max_size=9)
        | st.fixed_dictionaries(
            {"reason_for_call": st.text(max_size=5)}, optional={"known_info": st.none(), "x": values}
        ),
    },
)
tasks = st.builds(
    lambda task, extras: {**extras, **task},
    st.fixed_dictionaries(
        {"id": st.text(max_size=5)},
        optional={
            "description": st.none() | st.text(max_size=5) | st.dictionaries(st.text(max_size=3), values, max_size=2),
            "user_scenario": scenarios,
            "evaluation_criteria": st.none() | criteria,
            "eigen": st.none() | tags,
        },
    ),
    st.dictionaries(names, values, max_size=2),
)


@given(tasks)
def test_json_round_trip_is_the_identity(data: dict[str, Any]):
    task = Task.from_json(data)
    assert exactly(task.to_json()) == exactly(data)
    assert Task.from_json(json.loads(json.dumps(task.to_json()))) == task


@given(st.dictionaries(st.sampled_from([*TAU2, "eigen"]), values | st.just("[" * 3000)) | values)
def test_whatever_is_read_gives_a_task_or_one_clear_line(data: Any):
    said = ""
    try:
        task = Task.from_json(data)
    except EigenGraphError as error:
        said = str(error)
    else:
        assert Task.from_json(task.to_json()) == task
    assert "\n" not in said


def test_published_sets_hold_blocks_as_json_text():
    data = {**TAU2, **{name: json.dumps(TAU2[name]) for name in ("evaluation_criteria", "user_scenario")}}
    assert Task.from_json(data) == Task.from_json(TAU2)
    assert Task.from_json({"id": "a", "user_scenario": "You want tea."}).user_scenario.instructions == "You want tea."


@pytest.mark.parametrize("name", ["evaluation_criteria", "initial_state"])
@pytest.mark.parametrize("text", ["garbage", "{", "[1]", "[" * 100_000], ids=["words", "half", "list", "deep"])
def test_broken_json_text_is_no_criteria(name: str, text: str):
    """Taken for empty criteria, it would reward doing nothing."""
    with pytest.raises(EigenGraphError, match=f"task 'a' is not tau2 task JSON: {name}: "):
        Task.from_json({"id": "a", name: text})


def test_numbers_serve_as_ids_and_defaults_are_tau2s():
    task = Task.from_json({"id": 7})
    assert task.id == "7"
    assert task.criteria.reward_basis == ("DB", "COMMUNICATE")
    assert task.actions == ()
    assert task.tags.clauses == ()
    assert Task.from_json({"id": "a", "evaluation_criteria": {}}).criteria.reward_basis == ("DB", "COMMUNICATE")


def test_an_error_names_the_task_and_the_field():
    with pytest.raises(EigenGraphError, match=r"task 'a' is not tau2 task JSON: evaluation_criteria\.actions\.0\.name"):
        Task.from_json({"id": "a", "evaluation_criteria": {"actions": [{"arguments": {}}]}})
    with pytest.raises(EigenGraphError, match=r"task '\?' is not tau2 task JSON: the top level"):
        Task.from_json([])


def test_the_scenario_reads_as_a_prompt():
    assert str(Task.from_json(TAU2).user_scenario).splitlines() == [
        "Why you are in touch: No data.",
        "What you know: You are John.",
        "How to behave: If asked, say yes.",
    ]
    plain = Task.from_json({"id": "a", "user_scenario": {"persona": "calm", "instructions": "You want tea."}})
    assert str(plain.user_scenario) == "Persona: calm\nYou want tea."

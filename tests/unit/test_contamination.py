"""Tasks that a domain reserves for testing stay out of what is synthesized, and nobody tells a writer what they are."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from household import DOMAIN as BROADBAND
from told import DOMAIN, calls, says, texts, told

from eigen_graph.checkers.contamination import RESERVED, TOO_CLOSE, reserved, reserved_of, too_close, train_of
from eigen_graph.core import Cue, Domain, Task, TaskDraft, TaskSet, task_from_case
from eigen_graph.graphs import Context, pipeline, scenario
from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.evolving.evidence import gather
from eigen_graph.runs import InstanceRow

WISH = "The reader is keen on a certain tome and asks whether it may be had for a while."


def draft(seed: int) -> dict[str, Any]:
    assert DOMAIN.playbook
    case = DOMAIN.playbook.case(DOMAIN, Cue(domain="lending", seed=seed, clause="2"))
    return TaskDraft.from_case(case).model_dump(mode="json")


def book_of(seed: int) -> str:
    return str(draft(seed)["actions"][0]["arguments"]["book_id"])


def case(seed: int, name: str) -> Task:
    assert DOMAIN.playbook
    return task_from_case(DOMAIN.playbook.case(DOMAIN, Cue(domain="lending", seed=seed, clause="2")), name)


def task_set(tasks: dict[str, Task], splits: dict[str, tuple[str, ...]], default: str = "") -> TaskSet:
    return TaskSet(read=lambda: tasks, splits=splits, digest="0123456789abcdef", source="a benchmark", default=default)


FIRST = 1
SECOND = next(seed for seed in range(2, 99) if book_of(seed) != book_of(FIRST))
TASKS = {"secret-one": case(FIRST, "secret-one"), "open-one": case(SECOND, "open-one")}
LIBRARY = dataclasses.replace(DOMAIN, tasks=task_set(TASKS, {"train": ("open-one",), "test": ("secret-one",)}))


def context(**lines: Any) -> tuple[Any, Context]:
    chat = told(**lines)
    return chat, Context(domain=LIBRARY, **{f"{role}_model": chat for role in lines})


def submits(seed: int, **fields: Any) -> Any:
    return calls(("submit_task", {**draft(seed), **fields}))


@pytest.mark.parametrize(
    ("splits", "default", "held"),
    [
        ({}, "", "abcd"),
        ({"train": "ab"}, "", "cd"),
        ({"train": "ab", "test": "c"}, "", "cd"),
        ({"train": "ab", "base": "abc"}, "base", "c"),
        ({"train": "a", "test": "b", "small": "c", "base": "ab", "full": "abcd"}, "base", "bc"),
        ({"test": "b", "base": "ab"}, "base", "abcd"),
    ],
)
def test_what_is_reserved(splits: dict[str, str], default: str, held: str) -> None:
    found = task_set(
        {name: Task(id=name) for name in "abcd"}, {name: tuple(ids) for name, ids in splits.items()}, default
    )
    assert sorted(reserved(found)) == list(held)


def test_a_domain_without_tasks_reserves_nothing() -> None:
    assert reserved_of(DOMAIN) is None
    assert train_of(DOMAIN) is None
    assert too_close(TASKS["secret-one"], DOMAIN) == ""


def test_tasks_are_read_once_and_only_when_asked_for() -> None:
    read: list[int] = []

    def slowly() -> dict[str, Task]:
        read.append(1)
        return TASKS

    splits = {"train": ("open-one",)}
    library = dataclasses.replace(DOMAIN, tasks=TaskSet(slowly, splits, digest="0123456789abcdef"))
    assert not read
    for _ in range(3):
        assert too_close(TASKS["secret-one"], library).startswith(f"{RESERVED} too close to task 'secret-one' of task")
        assert too_close(TASKS["open-one"], library) == ""
    assert read == [1]


def test_the_world_that_a_task_begins_in_is_looked_at() -> None:
    def fault(*setups: tuple[str, dict[str, Any]], persona: str = "") -> Task:
        done = [{"env_type": "user", "func_name": name, "arguments": given} for name, given in setups]
        told = {"reason_for_call": "Nothing works at home.", "known_info": "You are C1001."}
        return Task.from_json(
            {
                "id": "one",
                "user_scenario": {"persona": persona, "instructions": told},
                "initial_state": {"initialization_actions": done},
            }
        )

    setups = sorted(BROADBAND.user.setups) if BROADBAND.user else []
    bare: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in setups if _runs(fault((name, {})), BROADBAND)]
    one, other = bare[:2]
    home = dataclasses.replace(BROADBAND, tasks=task_set({"one": fault(one)}, {}))
    assert too_close(fault(one, persona="Impatient."), home)
    assert too_close(fault(one, one), home)
    assert not too_close(fault(other), home)
    assert not too_close(fault(one, other), home)
    assert not too_close(fault(("no such setup", {})), home)


def _runs(task: Task, domain: Domain) -> bool:
    known = dataclasses.replace(domain, tasks=task_set({"x": task}, {}))
    empty = Task.from_json({**task.to_json(), "initial_state": None})
    return not too_close(empty, known)  # what it does can be had, and is something


async def test_a_writer_is_told_that_it_is_too_close_and_not_to_what() -> None:
    chat, settings = context(writer=[submits(FIRST, reason_for_call=WISH), submits(SECOND)])
    done = await scenario.ainvoke({"id": "t", "seed": 1}, context=settings)
    assert (done["outcome"], done["submissions"]) == ("written", 2)
    told_back = chat.asked["writer"][1][-1].text
    assert told_back == f"Error: {TOO_CLOSE}"
    assert "secret" not in texts(chat.asked["writer"][1])


async def test_an_instance_too_close_to_a_reserved_task_is_rejected_and_says_so() -> None:
    chat, settings = context(writer=[submits(FIRST)])
    done = await pipeline.ainvoke({"id": "i", "seed": 1}, context=settings)
    assert (done["fate"], done["stage"], done["blame"]) == ("rejected", "scenario", "task")
    assert done["reason"].startswith(f"{RESERVED} too close to task 'secret-one' of task file 0123456789ab (goal 1.00")
    assert len(chat.asked["writer"]) == settings.max_submissions
    assert "task" not in done


async def test_the_reserved_words_are_not_the_last_ones_when_the_last_fault_is_another() -> None:
    _, settings = context(writer=[submits(FIRST), submits(SECOND, reason_for_call=""), says("I give up.")])
    done = await scenario.ainvoke({"id": "t", "seed": 1}, context=settings)
    assert done["outcome"] == "failed"
    assert not done["reason"].startswith(RESERVED)


def test_what_evolution_reads_does_not_name_a_reserved_task() -> None:
    reason = too_close(TASKS["secret-one"], LIBRARY)
    row = InstanceRow(id="g0-000000", generation=0, index=0, plan_id="p", fate="rejected", stage="scenario",
                      blame="task", reason=reason)  # fmt: skip
    report = gather([row], blueprint=Blueprint(), domain=LIBRARY)
    assert RESERVED in str(report.to_json())
    assert "secret" not in str(report.to_json())

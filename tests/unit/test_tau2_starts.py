"""Starts that are kept: a task's second world is as its first was, whatever was done there."""

from __future__ import annotations

import pytest

from eigen_graph.core import InitialState, Setup, Task, ToolError, environment_of
from eigen_graph.domains import load_domain
from eigen_graph.domains.tau2.starts import recall

DOMAIN = load_domain("tau2:telecom")
NAMES = {"name": "John Smith", "phone_number": "555-123-2002"}


def told(*actions: tuple[str, dict[str, object]]) -> Task:
    setups = tuple(Setup(env_type="user", func_name=name, arguments=arguments) for name, arguments in actions)
    return Task(id="mine", initial_state=InitialState(initialization_actions=setups))


def test_what_was_done_in_one_world_is_not_in_the_next() -> None:
    assert DOMAIN.tasks
    for task in DOMAIN.tasks.split("base")[::6]:
        first = environment_of(DOMAIN, task)
        begun = first.fork()
        for action in task.actions:
            first.run(action.name, action.arguments, action.requestor)
        second = environment_of(DOMAIN, task)
        assert second.same_as(begun)
        for action in task.actions:
            second.run(action.name, action.arguments, action.requestor)
        assert second.same_as(first)
        assert environment_of(DOMAIN, task).same_as(begun)


def test_another_initial_state_is_another_start() -> None:
    on, off = told(("set_user_info", NAMES)), told(("set_user_info", NAMES), ("turn_airplane_mode_on", {}))
    assert recall(DOMAIN, off) is None
    worlds = [environment_of(DOMAIN, task) for task in (on, off, on, off)]
    assert recall(DOMAIN, off) is not None
    assert worlds[0].same_as(worlds[2])
    assert worlds[1].same_as(worlds[3])
    assert not worlds[0].same_as(worlds[1])


def test_one_that_fails_fails_every_time() -> None:
    nobody = told(("set_user_info", {"name": "Nobody", "phone_number": "000"}))
    for _ in range(2):
        with pytest.raises(ToolError, match="not found"):
            environment_of(DOMAIN, nobody)
        assert recall(DOMAIN, nobody) is None

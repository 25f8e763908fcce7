"""The memory of tasks: what it prefers, how it draws, and that its state is all of it."""

import json
from collections import Counter

import pytest

from eigen_graph.core import EigenGraphError
from eigen_graph.rl.difficulty import TaskMemory, probability_mixed
from eigen_graph.rl.settings import DrawSettings

TASKS = ["solved", "even", "hopeless", "unseen"]


def memory(seed: int | str = 1, tasks: list[str] = TASKS, **settings: float) -> TaskMemory:
    return TaskMemory(tasks, DrawSettings(**settings), group_size=4, seed=seed)  # type: ignore[arg-type]


def played(**settings: float) -> TaskMemory:
    found = memory(**settings)
    for _ in range(20):
        found.record("solved", passes=4, fails=0)
        found.record("even", passes=2, fails=2)
        found.record("hopeless", passes=0, fails=4)
    return found


def test_probability_of_a_mixed_group_by_hand() -> None:
    # Uniform p, G = 2: the integral of 2p(1-p) is 1/3. One pass seen, p ~ Beta(2, 1): E[p^2] = 1/2, E[(1-p)^2] = 1/6.
    assert probability_mixed(0, 0, 2) == pytest.approx(1 / 3)
    assert probability_mixed(1, 0, 2) == pytest.approx(1 / 3)
    assert probability_mixed(500, 500, 2) == pytest.approx(0.5, abs=1e-3)


def test_tasks_that_are_neither_solved_nor_hopeless_are_preferred() -> None:
    found = played()
    weights = {task: found.weight(task) for task in TASKS}
    assert weights["unseen"] == 1
    assert 0.9 < weights["even"] < 1
    assert weights["solved"] == weights["hopeless"] < 0.4
    drawn = Counter(found.draw(1)[0] for _ in range(2000))
    assert drawn["even"] / 2000 == pytest.approx(weights["even"] / sum(weights.values()), abs=0.04)
    assert drawn["solved"] > 100


def test_the_floor_keeps_hopeless_tasks_in_the_draw() -> None:
    found = memory(floor=0.25)
    for _ in range(10):
        found.record("hopeless", passes=0, fails=1000)
    assert found.weight("hopeless") == 0.25


def test_old_counts_fade() -> None:
    found = played()
    before = found.weight("hopeless")
    for _ in range(5):
        found.record("hopeless", passes=2, fails=2)
    assert found.weight("hopeless") > 2 * before


def test_a_group_without_a_valid_episode_says_nothing() -> None:
    found = memory()
    found.record("unseen", passes=0, fails=0)
    assert found.weight("unseen") == 1
    assert found.standings["unseen"].groups == 0


def test_without_memory_all_tasks_are_drawn_alike() -> None:
    found = played(remember=False)
    drawn = Counter(found.draw(1)[0] for _ in range(2000))
    assert all(400 < drawn[task] < 600 for task in TASKS)


def test_draws_are_different_tasks_without_the_used_ones() -> None:
    found = played()
    assert sorted(found.draw(10)) == sorted(TASKS)
    assert sorted(found.draw(10, without={"even", "solved"})) == ["hopeless", "unseen"]
    assert found.draw(1, without=TASKS) == []


def test_a_state_goes_on_exactly_where_it_was() -> None:
    found = played()
    found.draw(2)
    found.next_attempt("even")
    state = json.loads(json.dumps(found.state()))
    other = memory(seed="another")
    other.restore(state)
    for one in (found, other):
        one.record("even", passes=1, fails=3)
    assert [found.draw(2) for _ in range(20)] == [other.draw(2) for _ in range(20)]
    assert found.next_attempt("even") == other.next_attempt("even") == 1
    assert json.dumps(found.state()) == json.dumps(other.state())


def test_seeds_differ() -> None:
    tasks = [f"t{i}" for i in range(50)]
    assert memory(1, tasks).draw(10) == memory(1, tasks).draw(10)
    assert memory(1, tasks).draw(10) != memory(2, tasks).draw(10)


@pytest.mark.parametrize("damage", [{"tasks": {}}, {"rng": [3, [1, 2], None]}, {"rng": None}, {"tasks": {"even": 1}}])
def test_a_foreign_or_damaged_state_is_refused(damage: dict[str, object]) -> None:
    found = memory()
    with pytest.raises(EigenGraphError, match="checkpoint"):
        found.restore({**found.state(), **damage})

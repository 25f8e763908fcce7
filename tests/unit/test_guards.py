"""Every way to raise the yield by lowering the bar is stopped by the guard that it is named after; help is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from arms import Arm, changed, told, twins
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from eigen_graph.graphs.evolving.gate import GateSettings, Tolerances, compare
from eigen_graph.graphs.evolving.guards import Guard, guards
from eigen_graph.graphs.evolving.outcome import Features, Outcome, shingles
from eigen_graph.graphs.evolving.repetition import alike, repeated

SETTINGS = GateSettings(permutations=399, resamples=99)
TASKS = 160
NAMES = ["defects", "kill_rate", "mutants", "difficulty", "coverage", "diversity", "acceptance"]
PLANNED = ("easy", "medium", "hard")


def written(rng: np.random.Generator, seed: int) -> Features:
    """A dialogue as one plan of twelve clauses, five tools and three difficulties may give it."""
    level = seed % 3
    clause, tool = seed % 12, seed % 5
    text = " ".join(f"w{word}" for word in rng.integers(0, 400, 60))
    return Features(
        kill_rate=float(rng.choice([1.0, 0.98, 0.96], p=[0.8, 0.1, 0.1])),
        mutants=int(8 + 6 * level + rng.poisson(8)),
        work=int(5 + 2 * level + rng.poisson(2)),
        difficulty=PLANNED[level],
        pairs=frozenset({(f"{clause}", f"t{tool}"), (f"{clause}", ""), ("", f"t{tool}")}),
        words=shingles(text),
    )


def arms(
    seed: int, *, share: float = 0.84, cost: float = 1.0, same: float = 0.5, tasks: int = TASKS
) -> tuple[Arm, Arm]:
    """A parent and an honest candidate: of the tasks that both accept, some come out the same, the others anew."""
    rng = np.random.default_rng(seed)
    parent, candidate = twins(rng, tasks, share=share, cost=cost)
    parent = [replace(one, features=written(rng, one.seed)) if one.accepted else one for one in parent]
    for at, one in enumerate(candidate):
        if one.accepted:
            again = parent[at].features if rng.random() < same else None
            candidate[at] = replace(one, features=again or written(rng, one.seed))
    return parent, candidate


def stopped(parent: Arm, candidate: Arm, settings: GateSettings = SETTINGS) -> list[str]:
    return [guard.name for guard in guards(parent, candidate, settings, seed=1) if guard.stopped]


def rescued(parent: Arm, change: Callable[[Outcome], dict[str, object]], *, tokens: float = 9_000) -> Arm:
    """The parent's failures, accepted after all, each as a dialogue of its plan with something changed."""
    rng = np.random.default_rng(77)
    saved = []
    for one in parent:
        features = one.features or replace(written(rng, one.seed), **change(one))  # type: ignore[arg-type]
        saved.append(Outcome(one.seed, accepted=True, cost=one.cost + tokens * (not one.accepted), features=features))
    return saved


PARENT, TWIN = arms(3)


def drops_the_reviewer() -> Arm:
    """Cheaper, and accepts all: what failed comes with defects."""
    arm = rescued(PARENT, lambda _: {"defects": ("breaks a clause",)})
    return [replace(one, cost=0.8 * one.cost) for one in arm]


def loosens_the_proof() -> Arm:
    """What had no sound checker is accepted with one that lets a third of the mutants pass."""
    return rescued(PARENT, lambda _: {"kill_rate": 0.65})


def checks_little() -> Arm:
    return changed(TWIN, lambda one: {"mutants": one.features.mutants // 2 if one.features else 0})


def asks_only_easy_tasks() -> Arm:
    easy = changed(TWIN, lambda _: {"work": 4, "difficulty": "easy"})
    return [replace(one, cost=0.6 * one.cost) for one in easy]


def calls_them_hard_and_makes_them_easy() -> Arm:
    return changed(TWIN, lambda one: {"work": one.features.work * 2 // 3 if one.features else 0})


def turns_hard_tasks_down_for_easy_ones() -> Arm:
    """As many accepted as before: half of the hard ones given up at once, all the others rescued."""
    easier = rescued(PARENT, lambda _: {})
    return [
        Outcome(one.seed, accepted=False, cost=3_000) if PLANNED[one.seed % 3] == "hard" and one.seed // 12 % 2 else one
        for one in easier
    ]


def rescues_with_tasks_that_are_none() -> Arm:
    parent = weak_parent()
    return rescued(parent, lambda _: {"work": 1, "mutants": 2})


def weak_parent() -> Arm:
    return [one if one.seed % 2 else Outcome(one.seed, accepted=False, cost=one.cost) for one in PARENT]


def asks_about_one_clause() -> Arm:
    return changed(TWIN, lambda _: {"pairs": frozenset({("1", "t1")})})


def writes_one_task_again_and_again() -> Arm:
    text = " ".join(f"word{at}" for at in range(60))
    return changed(TWIN, lambda one: {"words": shingles(f"{text} {one.seed}")})


def rescues_with_one_task() -> Arm:
    text = shingles(" ".join(f"word{at}" for at in range(60)))
    return rescued(PARENT, lambda _: {"words": text})


def gives_up_soon() -> Arm:
    """Calls it a day where the parent works on, and tries its luck with a cheap agent elsewhere."""
    return [
        Outcome(one.seed, accepted=False, cost=500) if one.seed % 7 == 0 else replace(one, cost=0.8 * one.cost)
        for one in PARENT
    ]


@pytest.mark.parametrize(
    ("game", "by"),
    [
        (drops_the_reviewer, ["defects"]),
        (loosens_the_proof, ["kill_rate"]),
        (checks_little, ["mutants"]),
        (asks_only_easy_tasks, ["difficulty"]),
        (calls_them_hard_and_makes_them_easy, ["difficulty"]),
        (turns_hard_tasks_down_for_easy_ones, ["difficulty"]),
        (asks_about_one_clause, ["coverage"]),
        (writes_one_task_again_and_again, ["diversity"]),
        (rescues_with_one_task, ["diversity"]),
        (gives_up_soon, ["difficulty", "acceptance"]),  # hard tasks are among what it gives up
    ],
)
def test_a_game_is_stopped_by_the_guard_that_sees_it(game: Callable[[], Arm], by: list[str]) -> None:
    assert stopped(PARENT, game()) == by


@pytest.mark.parametrize("game", [loosens_the_proof, asks_only_easy_tasks, gives_up_soon])
def test_though_the_statistic_alone_would_take_it(game: Callable[[], Arm]) -> None:
    comparison = compare(PARENT, game(), SETTINGS, seed=0)
    assert comparison.per_cost.reaches(SETTINGS.min_effect)
    assert comparison.per_cost.p < 0.01


def test_tasks_that_are_hardly_any_are_no_rescue() -> None:
    assert stopped(weak_parent(), rescues_with_tasks_that_are_none()) == ["mutants", "difficulty"]


def test_rescuing_everything_is_no_game() -> None:
    assert stopped(PARENT, rescued(PARENT, lambda _: {})) == []
    assert stopped(weak_parent(), rescued(weak_parent(), lambda _: {})) == []


def test_rescuing_what_is_somewhat_smaller_is_none_either() -> None:
    """The failures were the small tasks; a mean over all accepted would blame the patch for them."""
    saved = rescued(weak_parent(), lambda one: {"work": 5 + one.seed % 2, "difficulty": "easy", "mutants": 13})
    assert stopped(weak_parent(), saved) == []


def test_rescuing_only_the_hard_ones_is_welcome() -> None:
    parent = [one if PLANNED[one.seed % 3] != "hard" else Outcome(one.seed, accepted=False, cost=9e4) for one in PARENT]
    assert stopped(parent, PARENT) == []


@pytest.mark.parametrize(
    "kind",
    [
        {"same": 0.5},
        {"same": 0.0},
        {"same": 0.5, "share": 0.92, "cost": 0.95},
        {"same": 0.0, "share": 0.92, "cost": 0.95, "tasks": 64},
    ],
)
def test_what_is_honest_is_hardly_ever_stopped(kind: dict[str, float]) -> None:
    """A twin that writes every task anew may look worse by chance now and then, but seldom."""
    found = [stopped(*arms(seed, **kind)) for seed in range(100)]  # type: ignore[arg-type]
    assert sum(bool(names) for names in found) <= 5


def test_identical_arms_stop_nowhere() -> None:
    strict = SETTINGS.model_copy(update={"tolerances": Tolerances(**dict.fromkeys(Tolerances.model_fields, 0.0))})
    for seed in range(20):
        parent, _ = arms(seed, tasks=64)
        assert stopped(parent, parent, strict) == []


# Odd arms.


def test_there_is_one_verdict_for_each_guard() -> None:
    assert [guard.name for guard in guards(PARENT, TWIN, SETTINGS, seed=0)] == NAMES
    assert [guard.name for guard in guards([], [], SETTINGS, seed=0)] == NAMES


def test_a_candidate_that_accepts_nothing_is_stopped_in_words() -> None:
    nothing = told([False] * TASKS, [1_000.0] * TASKS)
    found = {guard.name: guard for guard in guards(PARENT, nothing, SETTINGS, seed=0)}
    assert [name for name, guard in found.items() if guard.stopped] == ["difficulty", "coverage", "acceptance"]
    assert found["kill_rate"].said == "kill rate of accepted checkers: nothing to compare"
    assert (found["defects"].parent, found["defects"].p) == (None, None)
    assert found["acceptance"].said.startswith(
        "share of tasks accepted: 84.4% -> 0.0%, 84.4 points less (5.0 allowed, p "
    )
    assert found["acceptance"].said.endswith("): stopped")


@pytest.mark.parametrize("tasks", [0, 1, 5])
def test_a_parent_that_accepts_nothing_loses_nothing(tasks: int) -> None:
    nothing = told([False] * tasks, [1_000.0] * tasks)
    assert stopped(nothing, PARENT[:tasks]) == []
    assert stopped(nothing, nothing) == []


def test_a_fall_that_may_be_chance_is_let_pass() -> None:
    """One of four tasks is lost: a fall of 25 points that a coin throws half of the time."""
    four = [one for one in PARENT if one.accepted][:4]
    lost = [Outcome(four[0].seed, accepted=False, cost=four[0].cost), *four[1:]]
    found = guards(four, lost, SETTINGS, seed=0)[-1]
    assert (found.stopped, found.p) == (False, 0.5)
    assert "may be chance" in found.said


def test_guards_are_json() -> None:
    found = guards(PARENT, told([False] * TASKS, [1.0] * TASKS), SETTINGS, seed=0)
    kind = TypeAdapter(list[Guard])
    assert kind.validate_json(kind.dump_json(found)) == found


@given(st.randoms(use_true_random=False))
def test_order_does_not_matter(random: object) -> None:
    parent, candidate = PARENT[:30], checks_little()[:30]
    before = guards(parent, candidate, SETTINGS, seed=2)
    for arm in (parent, candidate):
        random.shuffle(arm)  # type: ignore[attr-defined]
    assert guards(parent, candidate, SETTINGS, seed=2) == before


# Repetition, against what it says in words.

TEXTS = st.lists(st.none() | st.frozensets(st.integers(0, 4), min_size=1, max_size=5), min_size=1, max_size=6)


@given(st.data())
def test_repetition_is_counted_as_said(data: st.DataObject) -> None:
    one = data.draw(TEXTS)
    other = data.draw(
        st.lists(st.none() | st.frozensets(st.integers(0, 4), min_size=1), min_size=len(one), max_size=len(one))
    )
    swaps = data.draw(st.lists(st.booleans(), min_size=len(one), max_size=len(one)))
    arm = [(other if swap else one)[at] for at, swap in enumerate(swaps)]
    expected = sum(
        any(text and past and len(text & past) >= 0.8 * len(text | past) for past in arm[:at])
        for at, text in enumerate(arm)
    )
    assert repeated(alike([one, other]), np.array([swaps])) == [expected]

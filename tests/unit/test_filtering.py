"""Dynamic filtering over planted groups: what is kept, dropped, refilled and left empty."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from eigen_graph.rl.episode import Episode, RlTask
from eigen_graph.rl.filtering import Batch, fill
from eigen_graph.rl.settings import FilterSettings

ON = FilterSettings(max_rounds=2)
PLANTED: dict[str, list[float | None]] = {
    "pass": [1.0, 1.0, 1.0],
    "fail": [0.0, 0.0, 0.0],
    "mixed": [0.0, 1.0, 0.0],
    "gone": [None, None, None],
    "shaky": [None, 1.0, 0.0],
    "lonely": [None, None, 1.0],
}


@dataclass
class Stage:
    """Tasks whose episodes end as their names say; a `None` is an episode that infrastructure spoils every time."""

    order: list[str]
    heals: bool = False
    """Spoiled episodes come out as failures when they are played again."""
    overlong: bool = False
    rounds: list[int] = field(default_factory=list)
    begun: dict[str, int] = field(default_factory=dict)

    def draw(self, count: int, without: Collection[str]) -> list[RlTask]:
        free = [task for task in self.order if task not in without]
        return [_task(name) for name in free[:count]]

    def begin(self, task: RlTask) -> Episode:
        number = self.begun[task.id] = self.begun.get(task.id, 0) + 1
        return Episode(task, attempt=number - 1)

    def play(self, episodes: Sequence[Episode]) -> None:
        self.rounds.append(len(episodes))
        for episode in episodes:
            planted = PLANTED[episode.task.id.partition("-")[0]]
            again = episode.attempt >= len(planted)
            episode.reward = planted[episode.attempt] if not again else (0.0 if self.heals else None)
            episode.overlong = self.overlong and episode.reward is None

    def fill(self, wanted: int, settings: FilterSettings | None = ON) -> Batch:
        return fill(wanted, draw=self.draw, begin=self.begin, play=self.play, group_size=3, settings=settings)


def _task(name: str) -> RlTask:
    return RlTask(SimpleNamespace(id=name), None, "", "")  # type: ignore[arg-type]


def names(groups: Sequence[Any]) -> list[str]:
    return [group.task.id for group in groups]


def test_equal_groups_are_dropped_and_refilled_with_fresh_tasks() -> None:
    stage = Stage(["pass-1", "mixed-1", "fail-1", "mixed-2", "mixed-3", "mixed-4"])
    batch = stage.fill(3)
    assert names(batch.kept) == ["mixed-1", "mixed-2", "mixed-3"]
    assert names(batch.dropped) == ["pass-1", "fail-1"]
    assert [group.round for group in batch.groups] == [0, 0, 0, 1, 1]
    assert [group.outcome for group in batch.groups] == [
        "mixed" if g.kept else f"all {g.task.id[:4]}ed" for g in batch.groups
    ]
    assert stage.rounds == [9, 6], "all the groups of a round are played together"
    assert (batch.missing, batch.rounds, batch.ran_out) == (0, 2, False)


def test_rounds_are_bounded_and_what_is_missing_stays_empty() -> None:
    stage = Stage([f"fail-{i}" for i in range(20)])
    batch = stage.fill(2)
    assert (batch.missing, batch.rounds, batch.ran_out) == (2, 3, False)
    assert batch.count("all failed") == 6
    assert not batch.kept


def test_tasks_run_out() -> None:
    batch = Stage(["pass-1", "mixed-1", "fail-1"]).fill(3)
    assert names(batch.kept) == ["mixed-1"]
    assert (batch.missing, batch.rounds, batch.ran_out) == (2, 1, True)


def test_without_filtering_equal_groups_stay_in_the_batch() -> None:
    batch = Stage(["pass-1", "mixed-1", "gone-1", "mixed-2"]).fill(3, None)
    assert names(batch.kept) == ["pass-1", "mixed-1"]
    assert (batch.missing, batch.rounds) == (1, 1)


@pytest.mark.parametrize("name", ["gone-1", "lonely-1"])
def test_a_group_with_fewer_than_two_valid_episodes_is_dropped_after_retries(name: str) -> None:
    stage = Stage([name, "mixed-1"])
    batch = stage.fill(1)
    group = batch.dropped[0]
    assert (group.task.id, group.outcome) == (name, "invalid")
    spoiled = PLANTED[name.partition("-")[0]].count(None)
    assert stage.rounds == [3, spoiled, spoiled, 3]
    assert len(group.spoiled) == 2 * spoiled
    assert names(batch.kept) == ["mixed-1"]


def test_an_episode_that_stays_invalid_leaves_its_group() -> None:
    batch = Stage(["shaky-1"]).fill(1)
    assert [episode.reward for episode in batch.kept[0].episodes] == [None, 1.0, 0.0]
    assert len(batch.kept[0].valid) == 2


def test_an_episode_that_is_played_again_is_a_new_attempt_and_counts() -> None:
    batch = Stage(["lonely-1"], heals=True).fill(1)
    group = batch.kept[0]
    assert group.rewards == [0.0, 0.0, 1.0]
    assert len({episode.attempt for episode in [*group.episodes, *group.spoiled]}) == 5


def test_an_episode_masked_for_its_length_is_not_played_again() -> None:
    stage = Stage(["shaky-1"], overlong=True)
    batch = stage.fill(1)
    assert stage.rounds == [3]
    assert batch.kept[0].rewards == [None, 1.0, 0.0]

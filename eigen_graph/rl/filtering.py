"""Dynamic filtering: groups in which every episode came to the same are dropped, and fresh tasks played instead.

Such a group has no advantage to give. Left in the batch it would only thin out the others, so it is dropped and
refilled, for a bounded number of rounds; what is missing then stays empty and carries no weight.

An episode that infrastructure spoiled is not a failure: it is played again, and if it fails again it leaves its group.
Each round draws exactly as many tasks as are missing, so there is never a surplus of mixed groups: kept for the next
batch, they would have been played by an older policy than the one that learns from them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from eigen_graph.rl.advantage import mixed
from eigen_graph.rl.episode import Episode, RlTask
from eigen_graph.rl.settings import FilterSettings

Outcome = Literal["mixed", "all passed", "all failed", "invalid"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

_TOLERANCE = 1e-6
_RETRIES = 2
"""Times that an episode spoiled by infrastructure is played again."""
_FEWEST = 2
"""Valid episodes that a group needs: one alone has no others to be compared with."""

Draw = Callable[[int, Collection[str]], Sequence[RlTask]]
"""(count, ids of tasks already used in this batch) -> different tasks, fewer when there are not so many."""
Begin = Callable[[RlTask], Episode]
"""A new episode of a task, not played yet."""
Play = Callable[[Sequence[Episode]], None]
"""Plays episodes to their end, in place."""


@dataclass
class Group:
    """The episodes of one task in one round."""

    task: RlTask
    episodes: list[Episode]
    round: int
    """From 0."""
    outcome: Outcome = "invalid"
    kept: bool = False
    """It is part of the batch."""
    spoiled: list[Episode] = field(default_factory=list)
    """Episodes that infrastructure spoiled and that were played again."""

    @property
    def rewards(self) -> list[float | None]:
        """Of each episode; None where it is invalid."""
        return [episode.reward for episode in self.episodes]

    @property
    def valid(self) -> list[Episode]:
        """The episodes that count."""
        return [episode for episode in self.episodes if episode.valid]


@dataclass
class Batch:
    """What a step learns from, and what was dropped on the way to it."""

    groups: list[Group]
    """All that were played, in order."""
    wanted: int
    """Groups that the batch has room for."""
    rounds: int
    """Times that tasks were drawn."""
    ran_out: bool
    """There was no unused task left to draw."""

    @property
    def kept(self) -> list[Group]:
        """The groups that carry weight, at most as many as wanted."""
        return [group for group in self.groups if group.kept]

    @property
    def dropped(self) -> list[Group]:
        """The groups that do not."""
        return [group for group in self.groups if not group.kept]

    @property
    def missing(self) -> int:
        """Places in the batch that no group fills."""
        return self.wanted - len(self.kept)

    def count(self, outcome: Outcome) -> int:
        """Groups that came to this, kept or not."""
        return sum(group.outcome == outcome for group in self.groups)


def fill(
    wanted: int, *, draw: Draw, begin: Begin, play: Play, group_size: int, settings: FilterSettings | None
) -> Batch:
    """Play groups until a batch is full of mixed ones, tasks run out, or the rounds do.

    Args:
        wanted: Groups in the batch.
        draw: Draws tasks.
        begin: Begins an episode.
        play: Plays all the episodes of a round together.
        group_size: Episodes of a task.
        settings: None: one round, in which equal groups are kept too (their advantages are zero) and only those
            without two valid episodes are dropped.
    """
    tolerance = settings.tolerance if settings else _TOLERANCE
    batch = Batch(groups=[], wanted=wanted, rounds=0, ran_out=False)
    while batch.missing and batch.rounds <= (settings.max_rounds if settings else 0):
        tasks = draw(batch.missing, {group.task.id for group in batch.groups})
        batch.ran_out = len(tasks) < batch.missing
        if not tasks:
            break
        groups = [Group(task, [begin(task) for _ in range(group_size)], batch.rounds) for task in tasks]
        _play(groups, begin, play)
        for group in groups:
            group.outcome = _outcome(group, tolerance)
            group.kept = group.outcome == "mixed" or (settings is None and group.outcome != "invalid")
        batch.groups += groups
        batch.rounds += 1
    return batch


def _play(groups: Sequence[Group], begin: Begin, play: Play) -> None:
    """Play all episodes, and again those that infrastructure spoiled."""
    play([episode for group in groups for episode in group.episodes])
    for _ in range(_RETRIES):
        again: list[Episode] = []
        for group in groups:
            for place, episode in enumerate(group.episodes):
                if spoiled(episode):
                    group.spoiled.append(episode)
                    group.episodes[place] = begin(group.task)
                    again.append(group.episodes[place])
        if not again:
            return
        play(again)


def spoiled(episode: Episode) -> bool:
    """Whether infrastructure spoiled it. One that is masked for its length has no reward either, but is as it is."""
    return not episode.valid and not episode.overlong


def _outcome(group: Group, tolerance: float) -> Outcome:
    if len(group.valid) < _FEWEST:
        return "invalid"
    if mixed(group.rewards, tolerance):
        return "mixed"
    return "all passed" if all((episode.reward or 0.0) > tolerance for episode in group.valid) else "all failed"

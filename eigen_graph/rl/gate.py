"""Whether a start is good enough for RL: it must solve more of the tasks than an agent that does nothing of use.

From chance nothing is learned: every group fails or passes by luck, and the loss only shakes the weights.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.evaluation.floors import floors
from eigen_graph.rl.episode import Episode, RlTask
from eigen_graph.rl.settings import GrpoSettings

_EPISODES = 32
"""Played at least."""
_ATTEMPT = 1_000_000
"""Numbers its episodes apart from those of the training."""


@dataclass(frozen=True)
class Start:
    """How a start does on a sample of the tasks that are trained on."""

    solved: float
    """Share of the valid episodes."""
    episodes: int
    """Valid ones."""
    inert: dict[str, float]
    """Share of the same tasks that each inert agent solves."""
    needed: float
    """Share that it must solve: `min_start` more than the best inert agent, or everything where that is beyond it."""

    @property
    def passes(self) -> bool:
        """Whether RL has something to begin from."""
        return self.solved >= self.needed

    def to_json(self) -> dict[str, Any]:
        """For the record."""
        return {**asdict(self), "passes": self.passes}


def measure_start(
    tasks: Sequence[RlTask],
    play: Callable[[Sequence[Episode]], None],
    domain: Domain,
    settings: GrpoSettings,
    *,
    seed: int,
    gather: Callable[[list[Any]], list[Any]] = list,
    scripted_user: bool = True,
) -> Start:
    """Play a sample of the tasks with the start.

    Args:
        tasks: Those that are trained on.
        play: Plays episodes in place, with the start as agent.
        domain: The tasks' domain.
        settings: Of the recipe.
        seed: Of the sample.
        gather: Collects a list of one item from every process.
        scripted_user: The user goes by a script, or learned from users who do: an agent that agrees to everything is
            then among the inert ones.

    Raises:
        EigenGraphError: No episode could be played.
    """
    count = max(_EPISODES, settings.groups * settings.group_size)
    sample = random.Random(f"{seed}/start").sample(list(tasks), min(count, len(tasks)))
    episodes = [Episode(sample[place % len(sample)], attempt=_ATTEMPT + place) for place in range(count)]
    play(episodes)
    rewards = [episode.reward for episode in episodes if episode.reward is not None]
    inert = _inert(sample, domain, scripted_user=scripted_user)
    reasons = [episode.reason for episode in episodes if not episode.valid]
    parts = gather([{"rewards": rewards, "inert": inert, "tasks": len(sample), "reasons": reasons[:1]}])
    together = [reward for part in parts for reward in part["rewards"]]
    if not together:
        why = next((reason for part in parts for reason in part["reasons"]), "")
        raise EigenGraphError(f"none of {count} episodes with the start could be played to its end: {why}")
    tried = sum(part["tasks"] for part in parts)
    shares = {name: sum(part["inert"][name] for part in parts) / tried for name in parts[0]["inert"]}
    return Start(
        solved=sum(together) / len(together),
        episodes=len(together),
        inert=shares,
        needed=min(max(shares.values(), default=0.0) + settings.min_start, 1.0),
    )


def require_start(start: Start, name: str, settings: GrpoSettings) -> None:
    """Refuse a start from which RL would learn nothing.

    Raises:
        EigenGraphError: It solves too little.
    """
    if start.passes:
        return
    best = max(start.inert, key=start.inert.__getitem__, default="")
    share = start.inert.get(best, 0.0)
    raise EigenGraphError(
        f"{name} solves {start.solved:.1%} of {start.episodes} sampled episodes, and an agent that does nothing of use "
        f"({best}) {share:.1%}: from less than {start.needed:.1%} (grpo.min_start {settings.min_start}) RL learns "
        "nothing; train the agent by SFT first or for longer, or insist with --force"
    )


def _inert(tasks: Sequence[RlTask], domain: Domain, *, scripted_user: bool) -> Mapping[str, int]:
    """Tasks that each inert agent solves."""
    found = floors({task.id: task.checker for task in tasks}, domain, scripted_user=scripted_user)
    return {name: sum(solved is True for solved in by_task.values()) for name, by_task in found.items()}

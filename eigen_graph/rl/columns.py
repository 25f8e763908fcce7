"""A batch of episodes as the columns that the trainer wants: tokens, masks, and what each token is worth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eigen_graph.core import EigenGraphError
from eigen_graph.rl.advantage import Totals, group_advantages, group_weight
from eigen_graph.rl.episode import Episode
from eigen_graph.rl.filtering import Batch, Group
from eigen_graph.rl.settings import GrpoSettings

_TOLERANCE = 1e-6


@dataclass
class Columns:
    """One entry for each place of the batch."""

    prompt_ids: list[list[int]] = field(default_factory=list)
    completion_ids: list[list[int]] = field(default_factory=list)
    env_mask: list[list[int]] = field(default_factory=list)
    """1: the agent's own token, which carries loss."""
    logprobs: list[list[float]] | None = None
    """Of the tokens, under the policy that drew them; None where the trainer draws itself and needs none."""
    advantage: list[float] = field(default_factory=list)
    checker: list[float | None] = field(default_factory=list)
    """The checkers' rewards; None where there is none."""

    def as_dict(self) -> dict[str, Any]:
        """As a `rollout_func` returns it."""
        return dict(vars(self))

    def add(self, episode: Episode, advantage: float) -> None:
        """Fill a place with an episode.

        Raises:
            EigenGraphError: Its tokens are not what the trainer needs: it would fail, or train on the wrong ones.
        """
        lengths = {len(episode.ids), len(episode.mask), len(episode.logprobs)}
        if len(lengths) > 1 or not episode.ids or not episode.prompt_ids or not {0, 1}.issuperset(episode.mask):
            raise EigenGraphError(
                f"an episode of task {episode.task.id} has {len(episode.prompt_ids)} tokens of a prompt, then "
                f"{len(episode.ids)} with {len(episode.mask)} marks and {len(episode.logprobs)} log-probabilities: "
                "this is a fault of the program, please report it"
            )
        self._add(episode.prompt_ids, episode.ids, episode.mask, episode.logprobs, advantage)
        self.checker.append(episode.reward)

    def skip(self, stop_id: int) -> None:
        """Leave a place empty: one token without weight, the least that the trainer takes."""
        self._add([stop_id], [stop_id], [0], [0.0], 0.0)
        self.checker.append(None)

    def _add(self, prompt: list[int], ids: list[int], mask: list[int], logprobs: list[float], advantage: float) -> None:
        self.prompt_ids.append(prompt)
        self.completion_ids.append(ids)
        self.env_mask.append(mask)
        self.advantage.append(advantage)
        if self.logprobs is not None:
            self.logprobs.append(logprobs)


def loss_tokens(group: Group) -> int:
    """Tokens of a group that carry loss: the agent's, in its valid episodes."""
    return sum(sum(episode.mask) for episode in group.valid)


def columns(batch: Batch, settings: GrpoSettings, totals: Totals, *, stop_id: int, logprobs: bool) -> Columns:
    """Lay a batch out for the trainer.

    Args:
        batch: What was played.
        settings: Of the recipe.
        totals: Of the kept groups of all processes.
        stop_id: Stands in places that nothing fills.
        logprobs: Whether the trainer needs to know how likely each token was.

    Returns:
        `wanted * group_size` places: the kept groups, then empty ones. An episode that is not valid leaves its place
        in its group empty.
    """
    found = Columns(logprobs=[] if logprobs else None)
    tolerance = settings.filter.tolerance if settings.filter else _TOLERANCE
    for group in batch.kept:
        advantages = group_advantages(group.rewards, scale=settings.scale == "group", tolerance=tolerance)
        weight = group_weight(loss_tokens(group), totals) if settings.mean_over == "group" else 1.0
        for episode, advantage in zip(group.episodes, advantages, strict=True):
            if advantage is None:
                found.skip(stop_id)
            else:
                found.add(episode, advantage * weight)
    for _ in range(batch.missing * settings.group_size):
        found.skip(stop_id)
    return found

"""What an episode is worth to the policy: trajectory-level, group-relative advantages, and the mean over tokens.

From arXiv 2601.22607, the section on GRPO: of the G episodes of a task, each token of the agent's in episode g gets

    A_g = (R_g - mean(R)) / std(R)

and the objective is the expectation over tasks of the mean over all the agent's tokens in a group,

    J = E_task[ 1/(N_1 + ... + N_G) * sum over g, tokens of min(r A_g, clip(r, 1 - low, 1 + high) A_g) ].

The paper does not say which standard deviation; here it is the population's, so that a group's squared advantages
average exactly 1 at any G: with a share p of passes, a pass is worth sqrt((1-p)/p) and a failure -sqrt(p/(1-p)).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Totals(NamedTuple):
    """What a batch weighs, over all processes."""

    tokens: int
    """Tokens that carry loss."""
    groups: int
    """Groups with such tokens."""

    @classmethod
    def of(cls, tokens: Iterable[int]) -> Totals:
        """Of groups with so many tokens each; one without any does not count."""
        counts = [count for count in tokens if count]
        return cls(sum(counts), len(counts))


def mixed(rewards: Sequence[float | None], tolerance: float = 1e-6) -> bool:
    """Whether the valid rewards of a group differ, by more than a tolerance: only then is there something to learn."""
    valid = [reward for reward in rewards if reward is not None]
    return bool(valid) and max(valid) - min(valid) > tolerance


def group_advantages(
    rewards: Sequence[float | None], *, scale: bool = True, tolerance: float = 1e-6
) -> list[float | None]:
    """The advantage of each episode of a group.

    Args:
        rewards: The episodes' rewards; None for one that is invalid and stands for nothing.
        scale: Divide by the group's standard deviation (the paper); else only the mean is taken off (Dr. GRPO).
        tolerance: Rewards that differ by no more count as equal: all their advantages are 0.

    Returns:
        One for each; None where the reward is. They sum to zero.
    """
    valid = [reward for reward in rewards if reward is not None]
    if not mixed(rewards, tolerance):
        return [None if reward is None else 0.0 for reward in rewards]
    mean = math.fsum(valid) / len(valid)
    spread = math.sqrt(math.fsum((reward - mean) ** 2 for reward in valid) / len(valid)) if scale else 1.0
    return [None if reward is None else (reward - mean) / spread for reward in rewards]


def group_weight(tokens: int, totals: Totals) -> float:
    """What a group's advantages are multiplied by to turn a mean over the batch's tokens into one over groups.

    The trainer divides the sum over all tokens by their number N, over all processes. With n groups, of which this one
    has N_g tokens, the factor N / (n N_g) leaves 1/n of the mean over this group's own tokens. It is positive, so the
    clipped objective scales with it; groups without tokens do not count among the n.

    Args:
        tokens: Of this group, that carry loss.
        totals: Of the batch, over all processes.
    """
    return totals.tokens / (totals.groups * tokens) if tokens else 0.0

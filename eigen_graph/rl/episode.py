"""One dialogue played by a policy in training: as tokens for the trainer, as messages for the checker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from eigen_graph.checkers import Checker
from eigen_graph.core import Task, Termination, Trajectory


class Sample(NamedTuple):
    """A turn that a policy has generated."""

    ids: list[int]
    """New tokens, the stop token included when it was reached."""
    logprobs: list[float] | None = None
    """Of each new token under the policy that drew it; None where the backend does not say."""


class Policy(Protocol):
    """Whoever turns tokens into more tokens: a trainer's own generation, a model, a server."""

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Sample]:
        """One turn for each prompt, in order.

        Args:
            prompts: Token ids, of differing lengths, without padding.

        Returns:
            As many samples. Each ends with the stop token, or at the policy's own bound of a turn.
        """
        ...


@dataclass(frozen=True)
class RlTask:
    """A task with its checker, ready to be played."""

    task: Task
    checker: Checker
    agent_system: str
    user_system: str

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.id


@dataclass
class Episode:
    """An episode, finished or in progress. `ids`, `mask` and `logprobs` have equal lengths."""

    task: RlTask
    attempt: int = 0
    """Counts tries at the same task, so that each is drawn anew."""
    prompt_ids: list[int] = field(default_factory=list)
    """What stood before the agent's first turn: instructions, greeting, the user's opening."""
    ids: list[int] = field(default_factory=list)
    """All that followed: the agent's turns, and the users' words and tool results between them."""
    mask: list[int] = field(default_factory=list)
    """1: the agent's own token; 0: given to it."""
    logprobs: list[float] = field(default_factory=list)
    """0.0 for tokens that were given, and for all where the policy does not say."""
    trajectory: Trajectory | None = None
    """The dialogue as the checker reads it, once it has ended."""
    termination: Termination | None = None
    reward: float | None = None
    """The checker's, 0 or 1; None: the episode is invalid (infrastructure) and stands for nothing."""
    reason: str = ""
    """Why it is invalid, or what the verdict says."""
    overlong: bool = False
    """It outgrew the context, or a turn its bound."""
    user_fault: bool = False
    """The dialogue failed by the user's doing, as far as that is certain."""
    turns: int = 0
    """Turns that the agent has taken."""

    @property
    def valid(self) -> bool:
        """It was played and judged."""
        return self.reward is not None

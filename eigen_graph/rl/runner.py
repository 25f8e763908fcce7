"""Plays episodes for training, many together, tokens in and tokens out; no trainer is known here.

A round: the policy draws a turn for every episode at once; calls are run; then all users that have been spoken to are
asked at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Self

from eigen_graph.checkers.verdict import bounded
from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.graphs.turns import Limits
from eigen_graph.models import Cast
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.rl.episode import Episode, Policy, Sample
from eigen_graph.rl.play import Play, Rules
from eigen_graph.rl.users import CastUser, UserModel
from eigen_graph.rl.waiting import OwnLoop


@dataclass
class RunnerStats:
    """What was played, and where the time went."""

    policy: float = 0.0
    """Seconds in which the policy drew its turns."""
    user: float = 0.0
    """Seconds in which users were waited for, their own calls included."""
    environment: float = 0.0
    """Seconds in which worlds were made, the agent's calls run and dialogues judged."""
    episodes: int = 0
    invalid: int = 0
    turns: int = 0
    """The agent's."""
    tokens: int = 0
    """That the policy generated."""


class EpisodeRunner:
    """Plays episodes to their end and judges them. A context manager: it holds an event loop, and the user's models.

    Args:
        domain: Of the tasks.
        format: Of the policy.
        policy: Plays the agent.
        cast: Plays the user: a cast by its role `user`, or another user model. It is closed with the runner.
        max_steps: Messages and tool results of an episode at most.
        max_errors: Failed calls of an episode at most.
        max_tokens: Context of the agent, in tokens.
        max_turn_tokens: New tokens of one of its turns at most.
        overlong: An episode that outgrows the context, or a turn that outgrows its bound, counts as failed, or has no
            part in training: then it gets no reward.
        seed: Of the users, as far as their models take one; each episode's follows from its task and attempt.
    """

    def __init__(
        self,
        domain: Domain,
        format: ChatFormat,  # noqa: A002  # it is one
        policy: Policy,
        cast: Cast | UserModel,
        *,
        max_steps: int = 40,
        max_errors: int = 10,
        max_tokens: int = 1024,
        max_turn_tokens: int = 128,
        overlong: Literal["fail", "mask"] = "fail",
        seed: int = 0,
    ) -> None:
        self.domain = domain
        self.policy = policy
        self.user: UserModel = CastUser(cast) if isinstance(cast, Cast) else cast
        self.stats = RunnerStats()
        """Since it was made."""
        self._rules = Rules(domain, format, Limits(max_steps, max_errors), max_tokens, max_turn_tokens, seed)
        self._overlong = overlong
        self._loop = OwnLoop()

    def play(self, episodes: Sequence[Episode]) -> None:
        """Play episodes together to their end, in place, and judge them.

        One that gets no answer from its user, or cannot be judged, has no reward and says why.

        Args:
            episodes: Not played before.

        Raises:
            OutageError: The user's server is gone for good; likewise the other errors that end a run. Every episode
                is then in order, but none has been judged.
        """
        self._loop.run(self.aplay(episodes))

    async def aplay(self, episodes: Sequence[Episode]) -> None:
        """As `play`, from within an event loop: always the same one."""
        with self._timed("environment"):
            plays = [play for episode in episodes if (play := self._begun(episode))]
        try:
            await self._play(plays)
        except BaseException as error:
            for play in plays:
                play.spoil(f"the batch was stopped: {str(error) or type(error).__name__}")
            raise
        finally:
            for play in plays:
                play.settle()
        with self._timed("environment"):
            await asyncio.gather(*map(self._judge, plays))
        self._count(episodes)

    def clock(self) -> dict[str, float]:
        """Seconds so far that were spent waiting for others: `policy` and `user`."""
        return {"policy": self.stats.policy, "user": self.stats.user}

    def close(self) -> None:
        """Close the user's connections, and the event loop."""
        loop, self._loop = self._loop, OwnLoop()
        with loop:
            loop.run(self.user.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begun(self, episode: Episode) -> Play | None:
        """The episode, begun; None where its world cannot be made."""
        try:
            return Play(episode, self._rules)
        except Exception as error:  # noqa: BLE001  # whatever a model's task does to a domain
            stop = self._rules.chat_format.stop_id
            episode.prompt_ids, episode.ids, episode.mask, episode.logprobs = [stop], [stop], [0], [0.0]
            episode.reason = bounded(f"task {episode.task.id!r} cannot begin: {error}")
            return None

    async def _play(self, plays: Sequence[Play]) -> None:
        await self._ask(plays)
        while speaking := [play for play in plays if play.waits_for == "assistant"]:
            samples = self._draw([play.tokens for play in speaking])
            with self._timed("environment"):
                for play, sample in zip(speaking, samples, strict=True):
                    play.speak(sample)
            await self._ask([play for play in speaking if play.waits_for == "user"])

    def _draw(self, prompts: Sequence[Sequence[int]]) -> list[Sample]:
        with self._timed("policy"):
            samples = self.policy.generate(prompts)
        if len(samples) != len(prompts):
            raise EigenGraphError(f"the policy gave {len(samples)} turns for {len(prompts)} prompts")
        return samples

    async def _ask(self, plays: Sequence[Play]) -> None:
        """Let users take their turns, all at once; the first error that ends the batch ends the others' waiting."""
        with self._timed("user"):
            try:
                async with asyncio.TaskGroup() as group:
                    for play in plays:
                        group.create_task(play.ask(self.user))
            except BaseExceptionGroup as failed:
                raise failed.exceptions[0] from None
        with self._timed("environment"):
            for play in plays:
                play.listen()

    async def _judge(self, play: Play) -> None:
        episode, trajectory = play.episode, play.episode.trajectory
        if trajectory is None or trajectory.termination == "infrastructure_error":
            return
        checker = episode.task.checker
        try:
            if "code" in checker.basis:  # a process of its own, which is waited for
                verdict = await asyncio.to_thread(checker.judge, trajectory, self.domain)
            else:
                verdict = checker.judge(trajectory, self.domain)
        except Exception as error:  # noqa: BLE001  # whatever keeps a checker from knowing: never a reward
            episode.reason = bounded(f"not judged: {type(error).__name__}: {error}")
            return
        episode.reason = verdict.reason
        episode.user_fault = verdict.blame == "user"
        if verdict.unjudged:
            episode.reason = bounded(f"not judged: {verdict.reason}")
        elif episode.overlong and self._overlong == "mask":
            episode.reason = bounded(f"left out for its length: {verdict.reason}")
        else:
            episode.reward = verdict.reward

    def _count(self, episodes: Sequence[Episode]) -> None:
        stats = self.stats
        stats.episodes += len(episodes)
        stats.invalid += sum(not episode.valid for episode in episodes)
        stats.turns += sum(episode.turns for episode in episodes)
        stats.tokens += sum(e.trajectory.usage.get("agent_out", 0) for e in episodes if e.trajectory)

    @contextmanager
    def _timed(self, what: Literal["policy", "user", "environment"]) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            setattr(self.stats, what, getattr(self.stats, what) + time.perf_counter() - began)

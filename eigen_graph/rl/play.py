"""One episode in progress: a dialogue by the rules of `graphs.dialogue`, its agent speaking in tokens.

The tokens are what `ChatFormat.sequence` makes of the finished dialogue: the prompt, the agent's turns as it drew them,
and between them what it was answered.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eigen_graph.checkers.verdict import bounded
from eigen_graph.core import Actor, Cue, Domain, EigenGraphError, Message, Termination, Trajectory
from eigen_graph.graphs.dialogue import GREETING
from eigen_graph.graphs.turns import Limits, Progress, Turn
from eigen_graph.graphs.views import message_of
from eigen_graph.graphs.worlds import World
from eigen_graph.models import InfrastructureError, Scene
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.rl.episode import Episode, Sample
from eigen_graph.rl.users import UserModel


@dataclass(frozen=True)
class Rules:
    """What all episodes have in common."""

    domain: Domain
    chat_format: ChatFormat
    limits: Limits
    max_tokens: int
    """Context of the agent."""
    max_turn_tokens: int
    """New tokens of one of its turns; a turn begins only while so many are left."""
    seed: int
    """Of all users; each episode's own follows from it."""


class Play:
    """An episode in progress.

    Args:
        episode: To be played; it is filled in as it goes.
        rules: All episodes'.

    Raises:
        EigenGraphError: The task's initial state does not fit the domain; or `ToolError`, when setting it up fails.
    """

    def __init__(self, episode: Episode, rules: Rules) -> None:
        self.episode = episode
        self.live = True
        """Somebody's turn is still to come."""
        self._rules = rules
        self._began = time.perf_counter()
        task, greeting = episode.task, Message(role="assistant", content=GREETING)
        self._world = World(rules.domain, task.task, {"user": task.user_system}, [greeting.to_json()])
        self._greeting = greeting
        self._progress = Progress()
        self._usage: dict[str, int] = {}
        self._termination: Termination | None = None
        self._turns = [self._turn_of("user")]

    @property
    def waits_for(self) -> Actor | None:
        """Whose turn it is; None: nobody's any more."""
        return self._turns[-1].actor if self.live else None

    @property
    def tokens(self) -> list[int]:
        """All that the agent has before it."""
        return self.episode.prompt_ids + self.episode.ids

    async def ask(self, user: UserModel) -> None:
        """Let the user take their turn; `listen` comes after it. Without an answer the episode is invalid.

        Raises:
            EigenGraphError: The user model cannot be asked any more.
        """
        task = self.episode.task.task
        scene = Scene(
            id=task.id,
            cue=Cue.model_validate(task.tags.cue) if task.tags.cue else None,
            attempt=self.episode.attempt,
            seed=self._seed,
        )
        turn, heard, tools = self._turns[-1], self._world.heard["user"], self._rules.domain.tools_of("user")
        try:
            await turn.play(lambda: user.reply(heard, tools, scene), self._usage)
        except InfrastructureError as error:
            self.spoil(f"the user did not answer: {error}")

    def listen(self) -> None:
        """Let the agent hear what the user has said, where the dialogue goes on."""
        turn = self._turns[-1]
        if self.live:
            self._pass_on()
        if self.live:
            self._tell([{"role": "user", "content": turn.said[-1].content or ""}])

    def speak(self, sample: Sample) -> None:
        """Let the agent do what it has drawn: call tools, or say something.

        Raises:
            EigenGraphError: The policy gave another number of logprobs than of tokens.
        """
        ids, logprobs = self._cut(sample)
        turn = self._turns[-1]
        self.episode.turns += 1
        self._usage["agent_in"] = self._usage.get("agent_in", 0) + len(self.tokens)
        self._usage["agent_out"] = self._usage.get("agent_out", 0) + len(ids)
        if ids and ids[-1] != self._rules.chat_format.stop_id:
            self._own(ids, logprobs)
            # A turn that ends with another special token is as broken, but not for its length.
            self.episode.overlong = ids[-1] not in self._rules.chat_format.tokenizer.all_special_ids
            turn.fail()
            self._pass_on()
            return
        before = len(turn.said)
        message = message_of(self._rules.chat_format.parse(ids), "assistant")
        try:
            results = turn.take(message)
        except InfrastructureError as error:
            self.spoil(f"the tools did not answer: {error}")
            return
        if len(turn.said) == before and not turn.over:
            return  # an empty turn leaves no trace here either: the policy is asked again, with the same tokens
        self._own(ids, logprobs)
        if turn.over:
            self._pass_on()
        else:
            names = {call.id: call.name for call in message.tool_calls}
            self._tell([_as_heard(result, names) for result in results])

    def spoil(self, reason: str) -> None:
        """Make the episode one that stands for nothing."""
        if self.live:
            self._end("infrastructure_error")
        self.episode.reward, self.episode.reason = None, bounded(reason)

    def settle(self) -> None:
        """Put the finished episode in order: its trajectory, and tokens that any trainer can take.

        Where the agent never spoke, a stop token without weight stands for its turn: an empty one breaks trainers.
        """
        episode, stop = self.episode, self._rules.chat_format.stop_id
        if not episode.ids:
            episode.prompt_ids = episode.prompt_ids[: self._rules.max_tokens - 1] or [stop]
            episode.ids, episode.mask, episode.logprobs = [stop], [0], [0.0]
        episode.termination = self._termination
        episode.trajectory = Trajectory(
            messages=(self._greeting, *(message for turn in self._turns for message in turn.said)),
            termination=self._termination or "unexpected_error",
            usage=self._usage,
            seconds=round(time.perf_counter() - self._began, 3),
        )

    @property
    def _seed(self) -> int:
        name = f"{self._rules.seed}/{self.episode.task.id}/{self.episode.attempt}"
        return int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:4]) >> 1

    def _turn_of(self, actor: Actor) -> Turn:
        return Turn(actor, self._world, self._rules.limits, self._progress)

    def _pass_on(self) -> None:
        """After a turn: the other side's begins, or the dialogue is over."""
        turn = self._turns[-1]
        if turn.termination:
            self._end(turn.termination)
        else:
            self._turns.append(self._turn_of("assistant" if turn.actor == "user" else "user"))

    def _end(self, termination: Termination) -> None:
        self.live = False
        self._termination = termination

    def _tell(self, messages: Sequence[dict[str, Any]]) -> None:
        """Give the agent what it is to answer, if there is room left for an answer."""
        episode, chat_format = self.episode, self._rules.chat_format
        if not episode.prompt_ids:
            opening = [
                {"role": "system", "content": episode.task.agent_system},
                {"role": "assistant", "content": GREETING},
                *messages,
            ]
            tools = [bound.openai for bound in self._rules.domain.agent.toolbox.values()]
            episode.prompt_ids = given = chat_format.prompt(opening, tools)
            used = 0
        else:
            given = chat_format.follow(messages)
            used = len(self.tokens)
        if used + len(given) + self._rules.max_turn_tokens > self._rules.max_tokens:
            episode.overlong = True
            self._end("context_window_exceeded")
        elif used:
            episode.ids += given
            episode.mask += [0] * len(given)
            episode.logprobs += [0.0] * len(given)

    def _own(self, ids: list[int], logprobs: list[float]) -> None:
        self.episode.ids += ids
        self.episode.mask += [1] * len(ids)
        self.episode.logprobs += logprobs

    def _cut(self, sample: Sample) -> tuple[list[int], list[float]]:
        """A turn within its bound: what a backend adds after the stop token is nobody's."""
        ids, stop = list(sample.ids), self._rules.chat_format.stop_id
        logprobs = [0.0] * len(ids) if sample.logprobs is None else list(sample.logprobs)
        if len(logprobs) != len(ids):
            raise EigenGraphError(f"the policy gave {len(logprobs)} logprobs for {len(ids)} tokens")
        end = ids.index(stop) + 1 if stop in ids else len(ids)
        end = min(end, self._rules.max_turn_tokens)
        return ids[:end], logprobs[:end]


def _as_heard(result: Message, names: dict[str, str]) -> dict[str, Any]:
    """A call's result in OpenAI's form, as exported data has it."""
    call_id = result.tool_call_id or ""
    return {"role": "tool", "content": result.content or "", "tool_call_id": call_id, "name": names.get(call_id, "")}

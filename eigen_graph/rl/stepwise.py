"""One dialogue that somebody else's loop steps: they play the agent; here are the tools, the user and the checker.

What every door to other libraries stands on (TRL's environments, verifiers, OpenEnv), so that an episode is the same
and is worth the same whichever it came through. Needs no torch.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage

from eigen_graph.checkers import Verdict
from eigen_graph.core import STOP_MARKERS, Actor, Cue, Domain, EigenGraphError, Message, Termination, Trajectory
from eigen_graph.evaluation.folder import context_for, plays_cases
from eigen_graph.evaluation.tasks import playable
from eigen_graph.graphs.dialogue import GREETING, instructions
from eigen_graph.graphs.turns import Limits, Progress, Turn
from eigen_graph.graphs.views import message_of
from eigen_graph.graphs.worlds import World
from eigen_graph.models import InfrastructureError, Scene
from eigen_graph.models.reply import bound
from eigen_graph.rl.episode import RlTask

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Stage:
    """Where dialogues of one domain are played; the user model's connections live in a thread of their own.

    Args:
        domain: The domain.
        user: Who plays the user: `scripted`, `hf:PATH`, `openai:NAME` or a chat model.
        base_url: Server of an `openai:` user.
        max_steps: Messages and tool results of a dialogue at most.
        max_errors: Failed calls of a dialogue at most.
    """

    def __init__(
        self,
        domain: Domain,
        *,
        user: str | BaseChatModel = "scripted",
        base_url: str | None = None,
        max_steps: int = 60,
        max_errors: int = 10,
    ) -> None:
        self.domain = domain
        self.context = context_for(
            domain, agent="scripted", user=user, base_url=base_url, max_steps=max_steps, max_errors=max_errors
        )
        self.limits = Limits(max_steps, max_errors, to_the_letter=self.context.limits == "tau2")
        self.attempts: Iterator[int] = itertools.count()
        self._acted = plays_cases(user)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening = threading.Lock()

    def ready(self, task: RlTask) -> RlTask:
        """A task as this stage's user can play it.

        Raises:
            EigenGraphError: `scripted` cannot play it.
        """
        return replace(task, task=playable(task.task, self.domain)) if self._acted else task

    def by_id(self, tasks: Iterable[RlTask]) -> dict[str, RlTask]:
        """Tasks, ready, by their ids.

        Raises:
            EigenGraphError: There is none, two share an id, or `scripted` cannot play one.
        """
        found: dict[str, RlTask] = {}
        for task in tasks:
            if task.id in found:
                raise EigenGraphError(f"there are two tasks {task.id!r:.80}")
            found[task.id] = self.ready(task)
        if not found:
            raise EigenGraphError("an environment needs tasks: there is none")
        return found

    def agent_system(self, task: RlTask) -> str:
        """What the agent of a task is told: as it was when the task was made, or else in our wording."""
        return task.agent_system or instructions(self.context, task.task)["assistant"]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for some work in the loop that the user model belongs to, whatever loop the caller runs."""
        with self._opening:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="users", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class SteppedDialogue:
    """A dialogue under way.

        words = dialogue.begin(task)               # the user's first words
        results = dialogue.act(AIMessage(...))     # calls: their results; text: it is the user's turn then
        words = dialogue.hear()                    # the user's answer
        dialogue.reward                            # once `dialogue.ended()`

    Args:
        stage: Where it is played.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.task: RlTask | None = None
        self.lost = "it has not begun"
        """Why it stands for nothing; empty: it does stand for something."""
        self.termination: Termination | None = None
        """Why it has ended; None: it has not."""
        self._said: list[Message] = []
        self._usage: dict[str, int] = {}

    def ended(self) -> bool:
        """Whether nothing more can be done or said."""
        return bool(self.lost or self.termination)

    def users_turn(self) -> bool:
        """Whether the agent has spoken and the user has not answered yet."""
        return not self.ended() and self._agent.over

    @property
    def steps(self) -> int:
        """Messages and tool results so far."""
        return 0 if self.task is None or self.lost else self._progress.steps

    def begin(self, task: RlTask) -> str:
        """Begin anew with a task; nothing of the last dialogue is left.

        Returns:
            The user's first words.

        Raises:
            EigenGraphError: The user model is gone for good.
        """
        stage, self.task = self.stage, task
        self.lost, self.termination = "", None
        self._attempt = next(stage.attempts)
        greeting = Message(role="assistant", content=GREETING)
        system = task.user_system or instructions(stage.context, task.task)["user"]
        self._said = [greeting]
        self._progress, self._usage = Progress(), {}
        try:
            self._world = World(stage.domain, task.task, {"user": system}, [greeting.to_json()])
        except Exception as error:  # noqa: BLE001  # a model wrote the initial state: anything may break
            self._spoil(f"the task's initial state does not fit: {error}")
            return ""
        self._agent = self._turn("assistant")
        self._agent.over = True
        return self.hear()

    def act(self, reply: AIMessage) -> list[Message]:
        """Let the agent act, or say something to the user.

        A text beside calls is not delivered. An empty message is nobody's move: the agent may try again, three times.

        Returns:
            The results of its calls, in their order; empty when the dialogue is over or it is the user's turn.
        """
        if self.ended() or self.users_turn():
            return []
        try:
            results = self._agent.take(message_of(bound(reply), "assistant"))
        except InfrastructureError as error:
            self._spoil(f"the tools did not answer: {error}")
            return []
        if self._agent.over:
            self._said += self._agent.said
            self.termination = self._agent.termination
        return results

    def fail(self, termination: Termination) -> None:
        """End the dialogue because of the agent: its model refused, or outgrew its context."""
        if not self.ended():
            self._said += [] if self._agent.over else self._agent.said
            self._agent.end(termination)
            self.termination = termination

    def hear(self) -> str:
        """Let the user answer what the agent has said.

        Returns:
            Their words, without the marker that ends a dialogue; empty where there are none.

        Raises:
            EigenGraphError: The user model is gone for good. A failing server is no error, but spoils the dialogue.
        """
        if not self.users_turn() or self.task is None:
            return ""
        stage, task = self.stage, self.task
        turn, tools = self._turn("user"), stage.domain.tools_of("user")
        cue = task.task.tags.cue
        scene = Scene(
            id=f"{task.id}/{self._attempt}", cue=Cue.model_validate(cue) if cue else None, attempt=self._attempt
        )
        heard = self._world.heard["user"]
        try:
            stage.run(turn.play(lambda: stage.context.cast.chat("user", heard, tools=tools, scene=scene), self._usage))
        except InfrastructureError as error:
            self._spoil(f"the user did not answer: {error}")
            return ""
        except EigenGraphError as error:  # gone for good: whoever steps must hear of it
            self._spoil(str(error))
            raise
        self._said += turn.said
        self.termination = turn.termination
        if not self.termination:
            self._agent = self._turn("assistant")
        words = turn.said[-1].content or "" if turn.said and not turn.said[-1].tool_calls else ""
        for marker in STOP_MARKERS:
            words = words.replace(marker, "")
        return words.strip() if self.termination else words

    def trajectory(self) -> Trajectory:
        """The dialogue so far; one that has not ended counts as cut off by a limit."""
        under_way = [] if self.task is None or self.lost or self._agent.over else self._agent.said
        return Trajectory(
            messages=(*self._said, *under_way), termination=self.termination or "max_steps", usage=self._usage
        )

    def judge(self) -> Verdict | None:
        """What the checker says of it, also where the user was never brought to an end.

        Returns:
            None for one that stands for nothing: the user's server failed, or it cannot be judged.
        """
        task = self.task
        if self.lost or task is None:
            return None
        try:
            verdict = task.checker.judge(self.trajectory(), self.stage.domain)
        except Exception as error:  # noqa: BLE001  # one task that cannot be judged must not end a training
            self._spoil(f"it cannot be judged: {error}")
            return None
        if verdict.unjudged:
            self._spoil("some of its criteria need a judge model")
            return None
        return verdict

    @property
    def reward(self) -> float | None:
        """1.0 for a solved task, else 0.0; None for a dialogue that stands for nothing."""
        verdict = self.judge()
        return None if verdict is None else float(verdict.reward)

    def _turn(self, actor: Actor) -> Turn:
        return Turn(actor, self._world, self.stage.limits, self._progress)

    def _spoil(self, reason: str) -> None:
        self.lost = reason
        _log.warning("episode of task %s stands for nothing: %s", self.task.id if self.task else "?", reason)

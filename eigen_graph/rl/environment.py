"""The same episodes as a TRL environment, for people who train with a script of their own.

    tasks = ...  # RlTask: a task with its checker
    trainer = GRPOTrainer(
        model=..., args=..., train_dataset=Dataset.from_list(environment_rows(domain, tasks)),
        environment_factory=environment_factory(domain, tasks, user="openai:gpt-5-mini"),
    )

TRL's loop knows tools and no user: a message without a call ends its episode. So the agent speaks to the user by
calling `reply_to_user`, which trains a format unlike deployment, where it just speaks. `eigen-graph train grpo` has no
such gap.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.messages.tool import tool_call

from eigen_graph.core import (
    STOP_MARKERS,
    Actor,
    Cue,
    Domain,
    EigenGraphError,
    Message,
    Termination,
    Trajectory,
)
from eigen_graph.evaluation.folder import context_for, plays_cases
from eigen_graph.evaluation.tasks import playable
from eigen_graph.graphs import Context
from eigen_graph.graphs.dialogue import GREETING, instructions
from eigen_graph.graphs.turns import Limits, Progress, Turn
from eigen_graph.graphs.views import message_of
from eigen_graph.graphs.worlds import World
from eigen_graph.models import InfrastructureError, Scene
from eigen_graph.models.reply import bound
from eigen_graph.rl.episode import RlTask
from eigen_graph.rl.tool_methods import method_of

T = TypeVar("T")
_log = logging.getLogger(__name__)
_OVER = "Error: the conversation is over."
_LEFT = "(The user has ended the conversation.)"


class DialogueEnvironment:
    """One dialogue at a time: tools to call, a user to talk to, a checker at the end. TRL makes and reuses instances.

    Every public method but `reset` and `get_reward` is a tool of the agent's. The subclasses that `environment_factory`
    makes add one for each tool of the domain.
    """

    _stage: ClassVar[_Stage]

    def __init__(self) -> None:
        self._task: RlTask | None = None
        self._lost = "reset() has not been called"

    def reset(self, **row: Any) -> str:
        """Begin a dialogue; nothing of the last one is left.

        Args:
            row: A row of the data set; its `task_id` says which task.

        Returns:
            The user's first words, which TRL appends to the prompt.

        Raises:
            EigenGraphError: There is no such task, or the user model is gone for good.
        """
        stage, self._lost = self._stage, ""
        self._task = task = stage.task(row.get("task_id"))
        self._attempt = next(stage.attempts)
        greeting = Message(role="assistant", content=GREETING)
        system = task.user_system or instructions(stage.context, task.task)["user"]
        self._said = [greeting]
        self._progress, self._usage = Progress(), dict[str, int]()
        self._termination: Termination | None = None
        try:
            self._world = World(stage.domain, task.task, {"user": system}, [greeting.to_json()])
        except Exception as error:  # noqa: BLE001  # a model wrote the initial state: anything may break
            self._spoil(f"the task's initial state does not fit: {error}")
            return ""
        self._agent = self._turn("assistant")
        return self._user_speaks()

    def reply_to_user(self, message: str) -> str:
        """Say something to the user and wait for the answer. The user hears nothing but this.

        Args:
            message: What to say.
        """
        if self._lost or self._termination:
            return _OVER
        self._agent.take(message_of(bound(AIMessage(str(message))), "assistant"))
        if not self._agent.over:
            return "Error: an empty message says nothing."
        return self._passed_on() or self._user_speaks()

    def get_reward(self) -> float | None:
        """What the checker says of the dialogue.

        Returns:
            1.0 for a solved task, else 0.0, also where the user was never brought to an end; None for an episode
            that stands for nothing (the user's server failed, or it cannot be judged): TRL leaves it out of its group.
        """
        task = self._task
        if self._lost or task is None:
            return None
        trajectory = Trajectory(
            messages=tuple(self._said),
            termination=self._termination or "max_steps",
            usage=self._usage,
        )
        try:
            verdict = task.checker.judge(trajectory, self._stage.domain)
        except Exception as error:  # noqa: BLE001  # one task that cannot be judged must not end a training
            self._spoil(f"it cannot be judged: {error}")
            return None
        if verdict.unjudged:
            self._spoil("some of its criteria need a judge model")
            return None
        return float(verdict.reward)

    def _call(self, name: str, arguments: dict[str, Any]) -> str:
        if self._lost or self._termination:
            return _OVER
        call = tool_call(name=name, args=arguments, id=f"call_{self._progress.steps}")
        (result,) = self._agent.take(message_of(bound(AIMessage("", tool_calls=[call])), "assistant"))
        if self._agent.over:
            self._passed_on()
        return result.content or ""

    def _user_speaks(self) -> str:
        """The user's turn: their words, or why there are none."""
        stage, task = self._stage, self._task
        assert task is not None  # noqa: S101  # reset() has set it
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
            return _OVER
        except EigenGraphError as error:  # gone for good: TRL shows a tool's error to the model, `reset` raises
            self._spoil(str(error))
            raise
        self._said += turn.said
        self._termination = turn.termination
        words = turn.said[-1].content or "" if turn.said and not turn.said[-1].tool_calls else ""
        for marker in STOP_MARKERS:
            words = words.replace(marker, "")
        if self._termination:
            return f"{words.strip()}\n{_LEFT}".strip()
        self._agent = self._turn("assistant")
        return words

    def _passed_on(self) -> str:
        """After the agent's turn: why it is not the user's, if it is not."""
        self._said += self._agent.said
        self._termination = self._agent.termination
        return _OVER if self._termination else ""

    def _turn(self, actor: Actor) -> Turn:
        return Turn(actor, self._world, self._stage.limits, self._progress)

    def _spoil(self, reason: str) -> None:
        self._lost = reason
        _log.warning("episode of task %s stands for nothing: %s", self._task.id if self._task else "?", reason)


def environment_factory(
    domain: Domain,
    tasks: Iterable[RlTask],
    *,
    user: str | BaseChatModel = "scripted",
    base_url: str | None = None,
    max_steps: int = 60,
    max_errors: int = 10,
) -> type[DialogueEnvironment]:
    """A class for `GRPOTrainer(environment_factory=...)`; its rewards are logged under the class's name.

    Args:
        domain: Where the tasks are.
        tasks: Those that rows may name, each with its checker.
        user: Who plays the user: `scripted`, `hf:PATH`, `openai:NAME` or a chat model.
        base_url: Server of an `openai:` user.
        max_steps: Messages and tool results of a dialogue at most.
        max_errors: Failed calls of a dialogue at most.

    Raises:
        EigenGraphError: There is no task, two share an id, `scripted` cannot play one, or a tool's name will not do.
    """
    context = context_for(
        domain, agent="scripted", user=user, base_url=base_url, max_steps=max_steps, max_errors=max_errors
    )
    stage = _Stage(context, _by_id(domain, tasks, scripted=plays_cases(user)))
    taken = {"reset", "get_reward", "reply_to_user"}
    methods = {
        name: method_of(bound, DialogueEnvironment._call, taken=taken)  # noqa: SLF001  # the class's own way in
        for name, bound in domain.agent.toolbox.items()
    }
    name = "".join(part.capitalize() for part in domain.name.replace(":", "_").split("_"))
    made = type(f"{name}Environment", (DialogueEnvironment,), {**methods, "_stage": stage, "__module__": __name__})
    made.__doc__ = f"A dialogue of domain {domain.name!r}: see `DialogueEnvironment`."
    return made


def environment_rows(domain: Domain, tasks: Iterable[RlTask]) -> list[dict[str, Any]]:
    """Rows of a `train_dataset` for the environment: a prompt up to the user's first words, and the task's id."""
    context = context_for(domain, agent="scripted", user="scripted")
    rows = []
    for task in tasks:
        system = task.agent_system or instructions(context, task.task)["assistant"]
        prompt = [
            {"role": "system", "content": f"{system}\n\nSpeak to the user by calling `reply_to_user`, and only so."},
            {"role": "assistant", "content": GREETING},
            {"role": "user", "content": ""},
        ]
        rows.append({"prompt": prompt, "task_id": task.id})
    return rows


class _Stage:
    """What all instances of a class share; the user model's connections live in a thread of their own."""

    def __init__(self, context: Context, tasks: Mapping[str, RlTask]) -> None:
        self.context = context
        self.domain = context.resolved_domain
        self.limits = Limits(context.max_steps, context.max_errors, to_the_letter=context.limits == "tau2")
        self.attempts: Iterator[int] = itertools.count()
        self._tasks = tasks
        self._loop: asyncio.AbstractEventLoop | None = None

    def task(self, name: Any) -> RlTask:
        """The task of a row.

        Raises:
            EigenGraphError: There is none.
        """
        if name not in self._tasks:
            raise EigenGraphError(
                f"no task {name!r:.80} among the {len(self._tasks)} of the environment: give the data set the rows of "
                "environment_rows(domain, tasks)"
            )
        return self._tasks[name]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for some work in the loop that the user model belongs to, whatever loop TRL runs."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="users", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _by_id(domain: Domain, tasks: Iterable[RlTask], *, scripted: bool) -> dict[str, RlTask]:
    found: dict[str, RlTask] = {}
    for task in tasks:
        if task.id in found:
            raise EigenGraphError(f"there are two tasks {task.id!r:.80}")
        acted = playable(task.task, domain) if scripted else task.task
        found[task.id] = RlTask(acted, task.checker, task.agent_system, task.user_system)
    if not found:
        raise EigenGraphError("an environment needs tasks: there is none")
    return found

"""Meta's and Hugging Face's OpenEnv (0.10): an environment behind a server, and its client.

An exported package's `server/app.py` is one call of `serve`, its client a `DialogueClient`. An action is a message to
the user or a call of a tool; the observation says who answered what, and at the end brings the checker's reward.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from fastapi import FastAPI
from langchain_core.messages import AIMessage
from langchain_core.messages.tool import tool_call
from openenv.core import EnvClient
from openenv.core.client_types import StepResult
from openenv.core.env_server import Action, Environment, Observation, State, create_app
from openenv.core.env_server.types import EnvironmentMetadata
from pydantic import Field

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.dialogue import GREETING
from eigen_graph.rl.doors.tasks import read_tasks
from eigen_graph.rl.stepwise import Stage, SteppedDialogue

SPLIT = "train"
"""The only split."""
USER, USER_BASE_URL = "EIGEN_GRAPH_USER", "EIGEN_GRAPH_USER_BASE_URL"
"""Environment variables of a server: who plays the user (`scripted`, `openai:NAME`), and where an `openai:` one is."""
_OVER = "Error: the conversation is over."


class DialogueAction(Action):
    """What the agent does: either says something to the user, or calls a tool."""

    message: str | None = Field(None, description="What to say to the user. Leave out when calling a tool.")
    tool: str | None = Field(None, description="Name of the tool to call.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="The tool's arguments.")


class DialogueObservation(Observation):
    """What the agent hears of it."""

    speaker: Literal["user", "tool", "environment"] = Field("environment", description="Who answered.")
    text: str = Field("", description="The user's words, the tool's result, or an error.")
    instructions: str = Field("", description="On reset: the agent's system prompt.")
    greeting: str = Field("", description="On reset: what the agent has said already.")
    tools: list[dict[str, Any]] = Field(default_factory=list, description="On reset: the tools, as OpenAI has them.")


class DialogueState(State):
    """An episode's state, as far as the agent may know it."""

    task_id: str | None = None
    termination: str | None = None
    """Why the dialogue has ended."""


class DialogueEnvironment(Environment[DialogueAction, DialogueObservation, DialogueState]):
    """One dialogue at a time over some tasks.

    Args:
        file: `tasks.jsonl` of a package, or `rl.jsonl` of an export.
        domain: The domain, or how to load it; None: as the file names it.
        stage: Plays the user; None: whom the environment variables of the server name.
    """

    SUPPORTS_CONCURRENT_SESSIONS: ClassVar[bool] = True

    def __init__(self, file: Path | str, domain: str | None = None, *, stage: Stage | None = None) -> None:
        super().__init__()
        found, tasks = read_tasks(file, domain)
        self._stage = stage or Stage(
            found, user=os.environ.get(USER, "scripted"), base_url=os.environ.get(USER_BASE_URL) or None
        )
        self._tasks = list(self._stage.by_id(tasks).values())
        self._next = 0
        self._dialogue = SteppedDialogue(self._stage)
        self._state = DialogueState()

    def reset(
        self,
        seed: int | None = None,
        episode_id: str | None = None,
        *,
        task_id: str | None = None,
        index: int | None = None,
        split: str = SPLIT,
        **_: Any,
    ) -> DialogueObservation:
        """Begin a dialogue.

        Args:
            seed: Chooses a task when nothing else does; without it, the tasks come in turn.
            episode_id: Names the episode.
            task_id: Which task.
            index: Which task, by its place.
            split: There is only `train`.

        Raises:
            EigenGraphError: There is no such task.
        """
        at = self._place(seed, task_id, index, split)
        task = self._tasks[at]
        self._next = (at + 1) % len(self._tasks)
        words = self._dialogue.begin(task)
        self._state = DialogueState(episode_id=episode_id or uuid.uuid4().hex, task_id=task.id)
        return self._observed(
            "user",
            words,
            instructions=self._stage.agent_system(task),
            greeting=GREETING,
            tools=[bound.openai for bound in self._stage.domain.agent.toolbox.values()],
        )

    def step(self, action: DialogueAction, timeout_s: float | None = None, **_: Any) -> DialogueObservation:  # noqa: ARG002  # a dialogue has limits of its own
        """Let the agent do or say something, and the user answer."""
        dialogue = self._dialogue
        if dialogue.task is None:
            return DialogueObservation(text="Error: call reset first.", done=False, reward=0.0)
        if dialogue.ended():
            return self._observed("environment", _OVER)
        self._state.step_count += 1
        if action.tool is not None:
            if action.message:
                return self._observed("environment", "Error: say something or call a tool, not both.")
            call = tool_call(name=action.tool, args=action.arguments, id=f"call_{dialogue.steps}")
            results = dialogue.act(AIMessage("", tool_calls=[call]))
            return self._observed("tool", results[0].content or "" if results else _OVER)
        dialogue.act(AIMessage(action.message or ""))
        if dialogue.users_turn():
            return self._observed("user", dialogue.hear())
        return self._observed("environment", _OVER if dialogue.ended() else "Error: an empty message says nothing.")

    @property
    def state(self) -> DialogueState:
        """The episode's state."""
        self._state.termination = self._dialogue.termination
        return self._state

    def get_metadata(self) -> EnvironmentMetadata:
        """What the environment is."""
        name = self._stage.domain.name
        return EnvironmentMetadata(
            name=name, description=f"Dialogues of domain {name!r} with a simulated user, judged by a checker each."
        )

    def list_splits(self) -> list[str]:
        """There is one."""
        return [SPLIT]

    def num_tasks(self, split: str) -> int:
        """How many tasks there are."""
        return len(self._tasks) if split == SPLIT else 0

    def get_task(self, split: str, index: int) -> dict[str, Any]:
        """A task's id and tags; what it is about is the user's to tell."""
        if split != SPLIT or not 0 <= index < len(self._tasks):
            raise IndexError(f"no task {index} in split {split!r}")
        task = self._tasks[index].task
        return {"id": task.id, "index": index, "difficulty": task.tags.difficulty, "persona": task.tags.persona}

    def get_task_range(self, split: str, start: int | None = None, stop: int | None = None) -> list[dict[str, Any]]:
        """Some tasks, as `get_task` has them."""
        return [self.get_task(split, at) for at in range(self.num_tasks(split))[start:stop]]

    def list_tasks(self, split: str) -> list[dict[str, Any]]:
        """All tasks, as `get_task` has them."""
        return self.get_task_range(split)

    def _place(self, seed: int | None, task_id: str | None, index: int | None, split: str) -> int:
        if split != SPLIT:
            raise EigenGraphError(f"no split {split!r:.80}: there is only {SPLIT!r}")
        if task_id is not None:
            for at, task in enumerate(self._tasks):
                if task.id == task_id:
                    return at
            raise EigenGraphError(f"no task {task_id!r:.80} among the {len(self._tasks)} of the environment")
        if index is not None:
            if not 0 <= index < len(self._tasks):
                raise EigenGraphError(f"no task at {index}: there are {len(self._tasks)}")
            return index
        return self._next if seed is None else seed % len(self._tasks)

    def _observed(self, speaker: Literal["user", "tool", "environment"], text: str, **more: Any) -> DialogueObservation:
        done = self._dialogue.ended()
        # Under way nothing is earned; None: the episode stands for nothing, a server failed.
        reward = self._dialogue.reward if done else 0.0
        return DialogueObservation(speaker=speaker, text=text, done=done, reward=reward, **more)


class DialogueClient(EnvClient[DialogueAction, DialogueObservation, DialogueState]):
    """A client of a served `DialogueEnvironment`."""

    def _step_payload(self, action: DialogueAction) -> dict[str, Any]:
        payload: dict[str, Any] = action.model_dump(exclude_none=True)
        return payload

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[DialogueObservation]:
        ending = {"reward": payload.get("reward"), "done": payload.get("done", False)}
        observation = DialogueObservation(**{**payload.get("observation", {}), **ending})
        return StepResult(observation=observation, **ending)

    def _parse_state(self, payload: dict[str, Any]) -> DialogueState:
        return DialogueState(**payload)


def serve(file: Path | str, domain: str | None = None, *, name: str, sessions: int = 64) -> FastAPI:
    """The server's app.

    Args:
        file: `tasks.jsonl` of a package.
        domain: How to load the domain; None: as the file names it.
        name: Of the environment.
        sessions: Dialogues at once at most.
    """
    shared = DialogueEnvironment(file, domain)._stage  # noqa: SLF001  # one user model for all sessions
    make: Callable[[], DialogueEnvironment] = partial(DialogueEnvironment, file, domain, stage=shared)
    app: FastAPI = create_app(
        make, DialogueAction, DialogueObservation, env_name=name, max_concurrent_envs=sessions, state_cls=DialogueState
    )
    return app

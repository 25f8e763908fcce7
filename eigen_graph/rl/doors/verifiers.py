"""Prime Intellect's `verifiers` (0.4: tasksets, harnesses, environments), as `vf-eval` and prime-rl load them.

An exported package subclasses `DialogueTaskset`; the rest it takes as it is. The harness plays the dialogue in this
process: every message of the agent's comes from the endpoint that verifiers intercepts, so its trace is what a trainer
trains on, with the user's words as user turns, as in deployment.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import openai
import verifiers.v1 as vf
from pydantic import Field

from eigen_graph.checkers import Checker
from eigen_graph.core import InfrastructureError, Termination, Trajectory
from eigen_graph.domains import load_domain
from eigen_graph.graphs.dialogue import GREETING
from eigen_graph.models.errors import ContextLengthError
from eigen_graph.models.failures import translate
from eigen_graph.rl.doors.replies import reply_of, results_for
from eigen_graph.rl.doors.tasks import read_tasks, task_of
from eigen_graph.rl.stepwise import Stage, SteppedDialogue


class DialogueData(vf.TaskData):
    """A task on the wire."""

    domain: str
    """How `load_domain` finds the domain."""
    row: str
    """The task with its checker, as JSON text of a row of the package's file."""
    user: str = "scripted"
    """Who plays the user. This and the rest are the environment's settings, kept with the rollout."""
    user_base_url: str | None = None
    max_steps: int = 60
    max_errors: int = 10


class DialogueState(vf.State):
    """What a rollout leaves for scoring."""

    trajectory: dict[str, Any] | None = None
    """The dialogue with both sides' calls, as JSON; None: it never began."""


class DialogueTask(vf.Task[DialogueData, DialogueState]):
    """A task whose reward is its checker's."""

    @property
    def key(self) -> str:
        """The task's id."""
        return str(self.data.id)

    @vf.reward  # type: ignore[untyped-decorator]  # the library is not read
    async def solved(self, trace: vf.Trace) -> float:
        """The checker's verdict: 1 or 0.

        Raises:
            ValueError: It cannot be judged without a judge model, so the rollout stands for nothing.
        """
        played = Trajectory.from_json(trace.state.trajectory or [])
        checker = Checker.from_json(json.loads(self.data.row)["checker"])
        verdict = checker.judge(played, load_domain(self.data.domain))
        if verdict.unjudged:
            raise ValueError(f"task {self.key}: some of its criteria need a judge model")
        return float(verdict.reward)


class DialogueTaskset(vf.Taskset[DialogueTask, vf.TasksetConfig]):
    """Tasks of a file. A subclass says where it is."""

    FILE: ClassVar[Path]
    """`tasks.jsonl` of the package."""
    DOMAIN: ClassVar[str]
    """How `load_domain` finds the domain."""

    def load(self) -> Iterator[DialogueTask]:
        """The tasks, in the order of the file."""
        domain, tasks = read_tasks(self.FILE, self.DOMAIN)
        stage = Stage(domain)  # only for what the agent is told
        for task in tasks:
            row = {
                "checker": task.checker.to_json(),
                "agent_system": task.agent_system,
                "user_system": task.user_system,
            }
            data = DialogueData(
                id=task.id,
                name=task.id,
                prompt=[vf.AssistantMessage(content=GREETING)],
                system_prompt=stage.agent_system(task),
                domain=self.DOMAIN,
                row=json.dumps(row),
            )
            yield DialogueTask(data, self.config.task)


class DialogueHarness(vf.Harness[vf.HarnessConfig]):
    """Plays a dialogue: the model's turns over verifiers' endpoint, tools and user of ours."""

    APPENDS_SYSTEM_PROMPT = True
    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(  # noqa: PLR0917  # as the library calls it
        self,
        ctx: vf.ModelContext,
        trace: vf.Trace,
        runtime: vf.Runtime,  # noqa: ARG002  # nothing is run in it
        endpoint: str,
        secret: str,
        mcp_urls: dict[str, str],  # noqa: ARG002  # the tools are the task's world's
        data: DialogueData,
    ) -> vf.ProgramResult:
        """Play it to its end. A limit of verifiers' own cuts it off; it is judged all the same, as unfinished.

        Raises:
            InfrastructureError: The user's server failed: the rollout stands for nothing.
        """
        stage = _stage(data.domain, data.user, data.user_base_url, data.max_steps, data.max_errors)
        dialogue = SteppedDialogue(stage)
        words = await asyncio.to_thread(dialogue.begin, stage.ready(task_of(json.loads(data.row))))
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": data.system_prompt or ""},
            {"role": "assistant", "content": GREETING},
            {"role": "user", "content": words},
        ]
        tools = [bound.openai for bound in dialogue.stage.domain.agent.toolbox.values()]
        try:
            async with openai.AsyncOpenAI(base_url=endpoint, api_key=secret, timeout=None) as client:
                while not dialogue.ended():
                    given = await _ask(client, ctx.model, messages, tools)
                    if isinstance(given, str):
                        dialogue.fail(given)
                        break
                    messages.append(given)
                    results = await asyncio.to_thread(dialogue.act, reply_of(given))
                    messages += results_for(given, results)
                    if dialogue.users_turn():
                        messages.append({"role": "user", "content": await asyncio.to_thread(dialogue.hear)})
        finally:
            trace.state.trajectory = dialogue.trajectory().to_json()
        if dialogue.lost:
            raise InfrastructureError(dialogue.lost)
        return vf.ProgramResult(exit_code=0, stdout="", stderr="")


class DialogueEnvConfig(vf.EnvConfig):
    """The agent's seat, who plays the user, and for how long."""

    agent: vf.AgentConfig = vf.AgentConfig(runtime=vf.SubprocessConfig())
    """Nothing of a dialogue runs in a sandbox, so none is rented."""
    user: str = "scripted"
    """`scripted` (acts out the task's own case and does not listen), `openai:NAME`, `hf:PATH`."""
    user_base_url: str | None = None
    """Server of an `openai:` user."""
    max_steps: int = Field(60, ge=1)
    """Messages and tool results of a dialogue at most."""
    max_errors: int = Field(10, ge=1)
    """Failed calls of a dialogue at most."""


class DialogueEnv(vf.Env[DialogueEnvConfig]):
    """One agent, which talks with the harness's user."""

    async def run(self, task: vf.Task, agents: vf.Agents) -> None:
        """One episode: one dialogue."""
        config = self.config
        settings = {"user": config.user, "user_base_url": config.user_base_url}
        limits = {"max_steps": config.max_steps, "max_errors": config.max_errors}
        await agents.agent.run(task.with_data(**settings, **limits))


def environment(taskset: str, **settings: Any) -> vf.Env:
    """The environment of an installed package.

    Args:
        taskset: The package's module.
        settings: Of `DialogueEnvConfig`.
    """
    return vf.load_environment(vf.resolve_env_config({"taskset": {"id": taskset}, **settings}))


@cache
def _stage(domain: str, user: str, base_url: str | None, max_steps: int, max_errors: int) -> Stage:
    return Stage(load_domain(domain), user=user, base_url=base_url, max_steps=max_steps, max_errors=max_errors)


async def _ask(
    client: openai.AsyncOpenAI, model: str, messages: list[dict[str, Any]], tools: list[dict[str, Any]]
) -> dict[str, Any] | Termination:
    """The model's next message, or why there is none that ends the dialogue as the agent's fault."""
    offered: dict[str, Any] = {"tools": tools} if tools else {}
    try:
        done = await client.chat.completions.create(model=model, messages=messages, **offered)  # type: ignore[arg-type]
    except openai.APIStatusError as error:
        if isinstance(translate(error, model=model, server="verifiers"), ContextLengthError):
            return "context_window_exceeded"
        raise
    return done.choices[0].message.model_dump(exclude_none=True)

"""What `tau2_judging.py` replays: each task's own dialogue, lacking each action, and empty; in our terms and tau2's.

This script prints nothing.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from eigen_graph.core import Action, Domain, Message, Task, ToolCall, Trajectory, environment_of

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else litellm, which comes with tau2's evaluator, asks


@dataclass(frozen=True)
class Replay:
    """One dialogue of a task."""

    name: str
    """`gold`, `without N` or `empty`."""
    trajectory: Trajectory


@dataclass(frozen=True)
class Verdict:
    """A reward and its parts."""

    reward: float
    parts: Mapping[str, float]

    def differs_from(self, other: Verdict) -> str:
        """What is not the same; parts are compared where tau2 (the other) names them."""
        found = [
            f"{name}: {self.parts.get(name)} here, {value} in tau2"
            for name, value in other.parts.items()
            if self.parts.get(name) != value
        ]
        if self.reward != other.reward:
            found.append(f"reward: {self.reward} here, {other.reward} in tau2")
        return "; ".join(found)


def replays(domain: Domain, task: Task) -> Iterator[Replay]:
    """The dialogues of a task; the agent tells every fact in each."""
    gold = task.actions
    yield Replay("gold", played(domain, task, gold))
    for i, action in enumerate(gold):
        yield Replay(f"without {action.action_id or i}", played(domain, task, gold[:i] + gold[i + 1 :]))
    yield Replay("empty", played(domain, task, ()))


def played(domain: Domain, task: Task, actions: tuple[Action, ...]) -> Trajectory:
    """A dialogue of these calls."""
    environment = environment_of(domain, task)
    messages = [Message(role="assistant", content="Hi! How can I help you today?"), Message(role="user", content="-")]
    for i, action in enumerate(actions):
        call = ToolCall(id=f"call_{i}", name=action.name, arguments=action.arguments)
        messages.append(Message(role=action.requestor, tool_calls=(call,)))
        messages.append(environment.answer(call, action.requestor))
    facts = task.criteria.communicate_info or ()
    messages.append(Message(role="assistant", content="; ".join(["That is it.", *facts])))
    messages.append(Message(role="user", content="###STOP###"))
    return Trajectory(messages=tuple(messages))


class RealTau2:
    """The real package: its evaluator, its worlds, its own reading of its tasks."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations of what litellm imports
            from loguru import logger  # noqa: PLC0415  # slow to import, and quiet from the first line on

            logger.remove()
            from tau2.data_model import message, simulation  # noqa: PLC0415
            from tau2.domains.telecom import user_data_model, user_tools  # noqa: PLC0415
            from tau2.evaluator import evaluator  # noqa: PLC0415
            from tau2.registry import registry  # noqa: PLC0415
        self._message: ModuleType = message
        self._simulation: ModuleType = simulation
        self._evaluator: ModuleType = evaluator
        self._registry = registry
        self._default_vpn = user_tools.TelecomUserTools.default_vpn_details
        self._sound = user_data_model.PerformanceLevel.EXCELLENT

    def tasks(self, name: str) -> dict[str, Any]:
        """The base tasks as the package reads them."""
        return {task.id: task for task in self._registry.get_tasks_loader(name)("base")}

    def environment(self, name: str, task: Any) -> Any:
        """A world at the start of a task, as the evaluator makes three (two in older releases) for each verdict."""
        initial = task.initial_state
        made = self._registry.get_env_constructor(name)()
        made.set_state(
            initialization_data=initial and initial.initialization_data,
            initialization_actions=initial and initial.initialization_actions,
            message_history=[],
        )
        return made

    def live_through(self, environment: Any, trajectory: Trajectory) -> None:
        """Run a dialogue's calls in such a world."""
        for _, actor, call, _ in trajectory.calls():
            environment.get_response(self._call(call, actor))

    def judging(self, name: str, task: Any, trajectory: Trajectory) -> Callable[[], Verdict]:
        """A verdict to be asked for: all that is not judging is done before.

        tau2 keeps the phone's default VPN on a class, where one task spoils it for all later ones of the process; it
        is made whole here, as in a new process.
        """
        self._default_vpn.server_performance = self._sound
        simulation = self._simulation.SimulationRun(
            id="s",
            task_id=task.id,
            start_time="",
            end_time="",
            duration=0.0,
            termination_reason=trajectory.termination,
            messages=[self._as_theirs(message) for message in trajectory.messages],
        )
        kind = self._evaluator.EvaluationType.ALL

        def judge() -> Verdict:
            found = self._evaluator.evaluate_simulation(simulation, task, kind, False, name)
            return Verdict(found.reward, {part.value: value for part, value in (found.reward_breakdown or {}).items()})

        return judge

    def _as_theirs(self, message: Message) -> Any:
        if message.role == "tool":
            return self._message.ToolMessage(
                id=message.tool_call_id,
                role="tool",
                content=message.content,
                requestor=message.requestor,
                error=message.error,
            )
        kind = self._message.AssistantMessage if message.role == "assistant" else self._message.UserMessage
        calls = [self._call(call, message.role) for call in message.tool_calls]
        return kind(role=message.role, content=message.content, tool_calls=calls or None)

    def _call(self, call: ToolCall, actor: str) -> Any:
        return self._message.ToolCall(id=call.id, name=call.name, arguments=call.arguments, requestor=actor)

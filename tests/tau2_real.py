"""The real tau2-bench package beside ours: the same task, the same calls, the same dialogue, two judgements."""

from __future__ import annotations

import contextlib
import gc
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

from eigen_graph.checkers import Checker, build_checker
from eigen_graph.core import Action, Actor, Database, Domain, Environment, Message, Task, ToolCall, Trajectory
from eigen_graph.core import environment_of as our_environment
from eigen_graph.domains import load_domain

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else litellm asks the network for prices

NAMES = ("airline", "retail", "telecom")

Call = tuple[Actor, str, dict[str, Any]]
"""Who calls which tool with what."""


class Judged(NamedTuple):
    """What an evaluator says; `reward` is None where it gives no verdict but an exception."""

    reward: float | None
    parts: dict[str, float]


class Recorded(NamedTuple):
    """A call's result, and whether it is an error."""

    content: str
    error: bool


def load_tau2() -> SimpleNamespace:
    """The parts of the real package that these tests need; its evaluator brings litellm in (seconds)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations of what litellm imports
        from loguru import logger  # noqa: PLC0415

        logger.disable("tau2")
        from tau2.agent.llm_agent import LLMAgent  # noqa: PLC0415
        from tau2.data_model import message, simulation, tasks  # noqa: PLC0415
        from tau2.domains.telecom import tools, user_data_model, user_tools  # noqa: PLC0415
        from tau2.evaluator import evaluator  # noqa: PLC0415
        from tau2.registry import registry  # noqa: PLC0415
        from tau2.user.user_simulator import UserSimulator  # noqa: PLC0415
        from tau2.utils import get_dict_hash  # noqa: PLC0415
    # A bill that tau2 makes up is named by chance, which no replay repeats.
    tools.uuid = SimpleNamespace(uuid4=lambda: SimpleNamespace(hex="0" * 32))
    return SimpleNamespace(
        message=message,
        simulation=simulation,
        tasks=tasks,
        evaluator=evaluator,
        registry=registry,
        hash=get_dict_hash,
        agent=LLMAgent,
        user=UserSimulator,
        phone=user_tools.TelecomUserTools,
        excellent=user_data_model.PerformanceLevel.EXCELLENT,
    )


@cache
def domain_of(name: str) -> Domain:
    """One of tau2's domains, ours."""
    return load_domain(f"tau2:{name}")


@cache
def base_tasks(name: str) -> tuple[Task, ...]:
    """Its tasks."""
    tasks = domain_of(name).tasks
    assert tasks is not None
    return tuple(tasks.split("base"))


@contextlib.contextmanager
def without_gc() -> Iterator[None]:
    """tau2 builds worlds of 24 MB, which the cyclic collector walks again and again: without it they take a quarter."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()


def real_environment(tau2: SimpleNamespace, domain: str, task: Mapping[str, Any]) -> Any:
    """The real package's world at the start of a task."""
    _restore(tau2)
    made = tau2.registry.get_env_constructor(domain)()
    initial = tau2.tasks.Task.model_validate(task).initial_state
    made.set_state(
        initialization_data=initial and initial.initialization_data,
        initialization_actions=initial and initial.initialization_actions,
        message_history=(initial and initial.message_history) or [],
    )
    return made


def real_result(tau2: SimpleNamespace, environment: Any, call: Call) -> Recorded:
    """Run a call in the real package's world."""
    actor, name, arguments = call
    answer = environment.get_response(
        tau2.message.ToolCall(id="c", name=name, arguments=arguments, requestor=actor),
    )
    return Recorded(answer.content, answer.error)


def real_verdict(tau2: SimpleNamespace, domain: str, task: Mapping[str, Any], trajectory: Trajectory) -> Judged:
    """The real package's verdict, as in a process that judged nothing before."""
    _restore(tau2)
    simulation = tau2.simulation.SimulationRun(
        id="s",
        task_id=str(task["id"]),
        start_time="",
        end_time="",
        duration=0.0,
        termination_reason=trajectory.termination,
        messages=[_message(tau2, message) for message in trajectory.messages],
    )
    try:
        info = tau2.evaluator.evaluate_simulation(
            simulation, tau2.tasks.Task.model_validate(task), tau2.evaluator.EvaluationType.ALL, False, domain
        )
    except Exception:  # noqa: BLE001  # whatever it is: then there is no verdict
        return Judged(None, {})
    return Judged(info.reward, {kind.value: value for kind, value in (info.reward_breakdown or {}).items()})


def our_verdict(checker: Checker, domain: Domain, trajectory: Trajectory) -> Judged:
    """Ours, in the same terms."""
    verdict = checker.judge(trajectory, domain)
    return Judged(verdict.reward, {part.name: float(bool(part.passed)) for part in verdict.parts})


def agree(ours: Judged, theirs: Judged) -> bool:
    """Equal rewards, and equal parts where tau2 names its parts (it names none that it did not look at)."""
    return ours.reward == theirs.reward and all(ours.parts.get(name) == theirs.parts[name] for name in theirs.parts)


def contents(database: Database) -> dict[str, Any]:
    """Our database as tau2 would dump its own."""
    found: dict[str, Any] = {}
    for name, table in database.items():
        rows = {key: record.model_dump(warnings=False) for key, record in table.items()}
        if table.ordered:
            found[name] = list(rows.values())
        else:
            found[name] = rows[name] if rows.keys() == {name} else rows
    return found


def played(
    domain: Domain, task: Task, calls: Iterable[Call], *, said: str = "Done.", ending: str = "user_stop"
) -> tuple[Trajectory, Environment]:
    """A dialogue of these calls in our world, and that world afterwards."""
    environment = our_environment(domain, task)
    messages = [Message(role="assistant", content="Hi!"), Message(role="user", content="Hello.")]
    for index, (actor, name, arguments) in enumerate(calls):
        call = ToolCall(id=f"c{index}", name=name, arguments=arguments)
        messages += [Message(role=actor, tool_calls=(call,)), environment.answer(call, actor)]
    messages += [Message(role="assistant", content=said), Message(role="user", content="###STOP###")]
    return Trajectory(messages=tuple(messages), termination=ending), environment  # type: ignore[arg-type]


def calls_of(actions: Iterable[Action]) -> list[Call]:
    """Actions as calls."""
    return [(action.requestor, action.name, action.arguments) for action in actions]


def _restore(tau2: SimpleNamespace) -> None:
    """tau2 keeps the phone's default VPN on a class and breaks it there for good; a new process has a sound one."""
    tau2.phone.default_vpn_details.server_performance = tau2.excellent


def _message(tau2: SimpleNamespace, message: Message) -> Any:
    if message.role == "tool":
        return tau2.message.ToolMessage(
            id=message.tool_call_id,
            role="tool",
            content=message.content,
            requestor=message.requestor,
            error=message.error,
        )
    kind = tau2.message.AssistantMessage if message.role == "assistant" else tau2.message.UserMessage
    calls = [
        tau2.message.ToolCall(id=call.id, name=call.name, arguments=call.arguments, requestor=message.role)
        for call in message.tool_calls
    ]
    return kind(role=message.role, content=message.content, tool_calls=calls or None)


def both(tau2: SimpleNamespace, name: str, raw: dict[str, Any], dialogue: Trajectory) -> tuple[Judged, Judged]:
    """Our verdict under tau2's rules, and tau2's own."""
    domain = domain_of(name)
    checker = build_checker(Task.from_json(raw), domain, basis="tau2")
    return our_verdict(checker, domain, dialogue), real_verdict(tau2, name, raw, dialogue)


def action(call: Call, **more: Any) -> dict[str, Any]:
    """A call as an action of a task."""
    actor, name, arguments = call
    return {"action_id": "a", "requestor": actor, "name": name, "arguments": arguments, **more}

"""What agents that do nothing of use solve of the same tasks: a figure means something only above these.

They play without a model and are judged by the same checkers as everybody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from eigen_graph.checkers import Checker
from eigen_graph.core import (
    STOP,
    STOP_MARKERS,
    Cue,
    Domain,
    EigenGraphError,
    Message,
    Task,
    ToolCall,
    Trajectory,
    environment_of,
)
from eigen_graph.evaluation.tasks import playable
from eigen_graph.graphs.dialogue import GREETING
from eigen_graph.models.scripted.fill import least
from eigen_graph.models.scripted.user import moves_of

_SUMMARY = "The customer needs help."
_OPENING = (Message(role="assistant", content=GREETING), Message(role="user", content="Hello, I need some help."))
_LEAVING = Message(role="user", content=STOP)
_ASSENT = Message(role="assistant", content="All right.")


def floors(
    checkers: Mapping[str, Checker], domain: Domain, *, scripted_user: bool = False
) -> dict[str, dict[str, bool | None]]:
    """What each inert agent solves.

    Args:
        checkers: By task id.
        domain: The tasks' domain.
        scripted_user: The user goes by the playbook, or has learned to: then there is a third agent.

    Returns:
        By agent, for each task id whether it solves it; None where only a judge model could tell. `no-op` does
        nothing; `transfer` hands over to a person at once, in domains where that can be done; `assent` says "All
        right." to everything, which is enough where a scripted user does the work whatever it is told.
    """
    found: dict[str, dict[str, bool | None]] = {}
    for task_id, checker in checkers.items():
        agents = dict(inert(checker.task, domain))
        if scripted_user and (trajectory := assenting(checker.task, domain)) is not None:
            agents["assent"] = trajectory
        for name, trajectory in agents.items():
            verdict = checker.judge(trajectory, domain)
            found.setdefault(name, {})[task_id] = None if verdict.unjudged else verdict.reward == 1
    return found


def inert(task: Task, domain: Domain) -> Iterator[tuple[str, Trajectory]]:
    """The dialogues of the inert agents, by name."""
    yield "no-op", Trajectory(messages=(_OPENING[0], _LEAVING), termination="user_stop")
    if name := _transfer_tool(domain):
        bound = domain.agent.toolbox[name]
        arguments = least(bound.openai["function"].get("parameters") or {}, _SUMMARY)
        call = ToolCall(id="call_0", name=name, arguments=arguments or {})
        said = Message(role="assistant", tool_calls=(call,))
        result = environment_of(domain, task).answer(call, "assistant")
        yield "transfer", Trajectory(messages=(*_OPENING, said, result, _LEAVING), termination="user_stop")


def assenting(task: Task, domain: Domain) -> Trajectory | None:
    """The dialogue of an agent that agrees to all that a scripted user says; None where no case acts it out."""
    try:
        cue = Cue.model_validate(playable(task, domain).tags.cue)
        case = domain.playbook.case(domain, cue)  # type: ignore[union-attr]  # playable says that there is one
    except EigenGraphError:
        return None
    environment = environment_of(domain, task)
    messages = [_OPENING[0]]
    for number, move in enumerate(moves_of(case, None)):
        if move.call is None:
            messages.append(Message(role="user", content=move.text))
            if any(marker in move.text for marker in STOP_MARKERS):
                return Trajectory(messages=tuple(messages), termination="user_stop")
            messages.append(_ASSENT)
        else:
            call = ToolCall(id=f"call_{number}", name=move.call.name, arguments=move.call.arguments)
            messages += [Message(role="user", tool_calls=(call,)), environment.answer(call, "user")]
    return Trajectory(messages=(*messages, _LEAVING), termination="user_stop")


def _transfer_tool(domain: Domain) -> str | None:
    """The agent's tool that hands over to a person: tau2's, or else the first whose name says so."""
    names = [name for name in domain.agent.toolbox if "transfer" in name]
    return "transfer_to_human_agents" if "transfer_to_human_agents" in names else next(iter(names), None)

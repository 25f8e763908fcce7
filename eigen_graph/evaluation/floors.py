"""What agents that do nothing of use solve of the same tasks: a figure means something only above these.

They play without a model and are judged by the same checkers as everybody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from eigen_graph.checkers import Checker
from eigen_graph.core import STOP, Domain, Message, Task, ToolCall, Trajectory, environment_of
from eigen_graph.graphs.dialogue import GREETING
from eigen_graph.models.scripted.fill import least

_SUMMARY = "The customer needs help."
_OPENING = (Message(role="assistant", content=GREETING), Message(role="user", content="Hello, I need some help."))
_LEAVING = Message(role="user", content=STOP)


def floors(checkers: Mapping[str, Checker], domain: Domain) -> dict[str, dict[str, bool | None]]:
    """What each inert agent solves.

    Args:
        checkers: By task id.
        domain: The tasks' domain.

    Returns:
        By agent, for each task id whether it solves it; None where only a judge model could tell. `no-op` does
        nothing; `transfer` hands over to a person at once, in domains where that can be done.
    """
    found: dict[str, dict[str, bool | None]] = {}
    for task_id, checker in checkers.items():
        for name, trajectory in inert(checker.task, domain):
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


def _transfer_tool(domain: Domain) -> str | None:
    """The agent's tool that hands over to a person: tau2's, or else the first whose name says so."""
    names = [name for name in domain.agent.toolbox if "transfer" in name]
    return "transfer_to_human_agents" if "transfer_to_human_agents" in names else next(iter(names), None)

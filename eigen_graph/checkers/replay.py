"""Whether a dialogue's record is true: every call, run again, gives the result that was written down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from eigen_graph.core import environment_of

if TYPE_CHECKING:
    from eigen_graph.core import Domain, Executed, Task, Trajectory


def untrue(task: Task, trajectory: Trajectory, domain: Domain) -> Iterator[Executed]:
    """The calls whose recorded result is not what they give when run again from the task's initial state.

    A call without a result was never run: the dialogue ended before.

    Raises:
        EigenGraphError, ToolError: The initial state does not fit the domain.
    """
    environment = environment_of(domain, task)
    for step in trajectory.calls():
        if step.result is None:
            continue
        again = environment.answer(step.call, step.actor)
        if (again.content, again.error) != (step.result.content, step.result.error):
            yield step

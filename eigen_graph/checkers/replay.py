"""Whether a dialogue's record is true: every call, run again, gives the result that was written down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from eigen_graph.core import environment_of

if TYPE_CHECKING:
    from eigen_graph.core import Domain, Executed, Message, Task, Trajectory


def untrue(task: Task, trajectory: Trajectory, domain: Domain) -> Iterator[Executed]:
    """The calls whose recorded result is not what they give when run again from the task's initial state.

    A call without a result was never run: the dialogue ended before.

    Raises:
        EigenGraphError, ToolError: The initial state does not fit the domain.
    """
    for step, again in replayed(task, trajectory, domain):
        assert step.result is not None  # noqa: S101  # `replayed` leaves those out
        if (again.content, again.error) != (step.result.content, step.result.error):
            yield step


def replayed(task: Task, trajectory: Trajectory, domain: Domain) -> Iterator[tuple[Executed, Message]]:
    """Each call that was run, with the result that it gives when it is run again; as `untrue`."""
    environment = environment_of(domain, task)
    for step in trajectory.calls():
        if step.result is not None:
            yield step, environment.answer(step.call, step.actor)

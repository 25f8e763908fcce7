"""What each call of a dialogue changed on both sides, found by running it again in the domain's environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eigen_graph.checkers.difference import changes
from eigen_graph.checkers.evidence import Bench
from eigen_graph.report.data import Change

if TYPE_CHECKING:
    from eigen_graph.core import Domain, Executed, Task, Trajectory


@dataclass
class Replay:
    """What came of running a dialogue again."""

    changes: dict[int, tuple[Change, ...]] = field(default_factory=dict)
    """By the position of the message that answers the call."""
    untrue: list[int] = field(default_factory=list)
    """Positions of answers to writes that come out otherwise now."""


def replay(task: Task, trajectory: Trajectory, domain: Domain) -> Replay:
    """Run the writes of a dialogue again, each followed by `Domain.sync`, and note what they change.

    Reads change nothing: only those are run that a tool's `after` asks for.

    Raises:
        EigenGraphError, ToolError: The task's initial state does not fit the domain.
    """
    found, bench = Replay(), Bench(domain, task)
    wanted = [
        (place, step)
        for place, step in answered(trajectory)
        if bench.writes(step.actor, step.call.name) or step.call.name in bench.prerequisites
    ]
    if not any(bench.writes(step.actor, step.call.name) for _, step in wanted):
        return found
    env = bench.start.fork()
    for place, step in wanted:
        before = env.fork()
        again = env.answer(step.call, step.actor)
        if not bench.writes(step.actor, step.call.name):
            continue
        if step.result is not None and (again.content, again.error) != (step.result.content, step.result.error):
            found.untrue.append(place)
        if changed := tuple(one for record in changes(before, env) for one in by_field(record)):
            found.changes[place] = changed
    return found


def answered(trajectory: Trajectory) -> Iterator[tuple[int, Executed]]:
    """Each call that was run, with the position of the message that answers it."""
    at, behind = -1, 0
    for step in trajectory.calls():
        at, behind = (at, behind + 1) if step.at == at else (step.at, 1)
        if step.result is not None:
            yield at + behind, step


def by_field(record: Mapping[str, Any]) -> Iterator[Change]:
    """A changed record field by field; one that is new or gone stays whole."""
    side = "agent" if record["side"] == "assistant" else "user"
    where: dict[str, Any] = {"side": side, "table": record["table"], "key": record["key"]}
    before, after = record["before"], record["after"]
    if before is None or after is None:
        yield Change(**where, before=before, after=after)
        return
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            yield Change(**where, field=name, before=before.get(name), after=after.get(name))

"""What a list of calls comes to in the world of a case: how planted faults are made sure to matter."""

from __future__ import annotations

from collections.abc import Sequence

from eigen_graph.core import Action, Case, Domain, Environment, environment_of


class Outcomes:
    """The world of one case, and the end states that are right in it."""

    def __init__(self, domain: Domain, case: Case) -> None:
        self._start = environment_of(domain)
        for setup in case.setups:
            self._start.prepare(setup)
        self._right = [self.after(calls)[0] for calls in (case.actions, *case.alternatives)]

    def after(self, calls: Sequence[Action]) -> tuple[Environment, list[bool]]:
        """The world after some calls from the start, and which of them failed."""
        world = self._start.fork()
        return world, [world.run(call.name, call.arguments, call.requestor).error for call in calls]

    def wrong(self, calls: Sequence[Action]) -> bool:
        """The calls end in none of the right states."""
        world, _ = self.after(calls)
        return not any(world.same_as(right) for right in self._right)

    def effect(self, before: Sequence[Action], call: Action) -> tuple[bool, bool]:
        """Whether a call after others fails, and whether it changes anything."""
        world, _ = self.after(before)
        earlier = world.fork()
        failed = world.run(call.name, call.arguments, call.requestor).error
        return failed, not world.same_as(earlier)

"""What criteria look at: the task's two ends worked out once, and one dialogue replayed in a fresh world."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from eigen_graph.checkers.blame import Expected
from eigen_graph.core import Environment, Trajectory, environment_of

if TYPE_CHECKING:
    from eigen_graph.checkers.verdict import Opinion
    from eigen_graph.core import Action, Actor, Domain, Message, Task


class Made(NamedTuple):
    """A call of a dialogue, as it comes out when replayed."""

    at: int
    """Position of the message that made it."""
    actor: Actor
    name: str
    arguments: dict[str, Any] | str
    error: bool
    writes: bool


class End(NamedTuple):
    """Where a list of actions leads."""

    env: Environment
    failed: tuple[str, ...]
    """Actions that came to nothing, in words: writes that were refused, tools that do not exist."""


class Bench:
    """A task in its domain: all that does not depend on the dialogue, worked out when first asked for.

    Args:
        domain: The domain.
        task: The task; its initial state must fit the domain, else `start` raises what `Environment` does.
    """

    def __init__(self, domain: Domain, task: Task) -> None:
        self.domain = domain
        self.task = task

    @cached_property
    def start(self) -> Environment:
        """The world before the first word: never to be written, only forked."""
        env = environment_of(self.domain, self.task)
        env.sync()
        return env

    @cached_property
    def history(self) -> tuple[Message, ...]:
        """What was said and done before (`initial_state.message_history`): a dialogue of this task begins with it.

        Raises:
            EigenGraphError: It is no dialogue.
        """
        initial = self.task.initial_state
        return Trajectory.from_json(list((initial and initial.message_history) or ())).messages

    @cached_property
    def opening(self) -> Environment:
        """The world after `history`, where the task's own actions begin: never to be written, only forked."""
        if not self.history:
            return self.start
        env = self.start.fork()
        for _, actor, call, result in Trajectory(messages=self.history).calls():
            if result is not None:
                env.replay(call, actor)
        env.sync()
        return env

    @cached_property
    def gold(self) -> End:
        """The end of the task's own actions, each followed by `sync` as in a dialogue."""
        return self.follow(self.task.actions)

    @cached_property
    def gold_unsynced(self) -> Environment:
        """The end of the task's own actions as tau2 computes it: without `sync`, errors swallowed."""
        return self.follow(self.task.actions, sync=False).env

    @cached_property
    def alternatives(self) -> tuple[End, ...]:
        """The ends of the other solutions that the task names."""
        return tuple(self.follow(solution) for solution in self.solutions)

    @cached_property
    def solutions(self) -> tuple[tuple[Action, ...], ...]:
        """The other solutions that the task names, each complete: see `completed`."""
        return tuple(completed(self.task.actions, actions, self.domain) for actions in self.task.tags.alternatives)

    @cached_property
    def expected(self) -> Expected:
        """What the task's solutions hold, for blame."""
        return Expected(self.task, self.domain)

    @cached_property
    def prerequisites(self) -> frozenset[str]:
        """Tools that some tool of the agent needs to have succeeded before it (`ToolTraits.after`)."""
        return frozenset(name for bound in self.domain.agent.toolbox.values() for name in bound.traits.after)

    def follow(self, actions: Iterable[Action], *, sync: bool = True) -> End:
        """Where actions lead from `opening`; what fails is noted, and left out."""
        env, failed = self.opening.fork(), []
        for action in actions:
            outcome = env.run(action.name, action.arguments, action.requestor, sync=sync)
            if outcome.error and self.writes(action.requestor, action.name) is not False:
                failed.append(f"{action.name}: {outcome.content.removeprefix('Error: ')}")
        return End(env, tuple(failed))

    def writes(self, actor: Actor, name: str) -> bool | None:
        """Whether a party's tool writes; None when it has no such tool."""
        side = self.domain.agent if actor == "assistant" else self.domain.user
        bound = side.toolbox.get(name) if side else None
        return bound.traits.writes if bound else None


@dataclass
class Evidence:
    """One dialogue before its judge."""

    bench: Bench
    trajectory: Trajectory
    opinions: Mapping[str, Opinion] = field(default_factory=dict)
    """What a judge model thinks of each of the task's `nl_assertions`; empty when nobody was asked."""

    @property
    def task(self) -> Task:
        """What the dialogue was about."""
        return self.bench.task

    @property
    def messages(self) -> tuple[Message, ...]:
        """The dialogue."""
        return self.trajectory.messages

    @property
    def end(self) -> Environment:
        """The world after the dialogue."""
        return self._replayed[0]

    @property
    def made(self) -> tuple[Made, ...]:
        """Every call that was run, in order."""
        return self._replayed[1]

    @cached_property
    def said(self) -> list[str]:
        """What the agent told the user, text by text."""
        return self.trajectory.said_by("assistant")

    @cached_property
    def _replayed(self) -> tuple[Environment, tuple[Made, ...]]:
        """Run again only what can matter: writes, and reads that a tool's `after` asks for.

        Of other reads the record says whether they failed. A call without a result was never run (the dialogue
        ended before), and one of an unknown tool did nothing.
        """
        bench, made = self.bench, []
        env = bench.start.fork()
        for at, actor, call, result in self.trajectory.calls():
            if result is None:
                continue
            writes = bench.writes(actor, call.name)
            if writes or (writes is False and call.name in bench.prerequisites):
                error = env.replay(call, actor)
            else:
                error = writes is None or result.error
            made.append(Made(at, actor, call.name, call.arguments, error, bool(writes)))
        return env, tuple(made)


def completed(gold: tuple[Action, ...], other: tuple[Action, ...], domain: Domain) -> tuple[Action, ...]:
    """Another solution, with what it takes for granted from the task's own.

    An alternative often names just what differs: calls of the agent, or only its writes. So, when it holds no call
    of the user, the user's calls stay where they were; when it holds no look-up of the agent, those stay too; and
    what it does hold takes the place of the agent's calls that it replaces, one for one, surplus at the last place.
    """

    def keeps(action: Action) -> bool:
        if action.requestor == "user":
            return not any(a.requestor == "user" for a in other)
        return _is_read(domain, action) and not any(_is_read(domain, a) for a in other)

    kept = [keeps(action) for action in gold]
    places = [index for index, is_kept in enumerate(kept) if not is_kept]
    solution, rest = [], list(other)
    for index, action in enumerate(gold):
        if kept[index]:
            solution.append(action)
        elif index == places[-1]:
            solution += rest
            rest = []
        elif rest:
            solution.append(rest.pop(0))
    return (*solution, *rest)


def _is_read(domain: Domain, action: Action) -> bool:
    bound = domain.agent.toolbox.get(action.name)
    return action.requestor == "assistant" and bound is not None and not bound.traits.writes

"""The playbook of a tau2 domain: its own tasks, played from their gold calls.

An intent is a task, called by its id. What is synthesized comes from the split `train` alone; a cue that names a task
outright (`Cue.intent`), as an evaluation does, may name any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING

from eigen_graph.core import Case, Cue, Intent, Playbook, UnknownNameError
from eigen_graph.domains.tau2.casting import act, ending_of, tells_apart

if TYPE_CHECKING:
    from eigen_graph.core import Domain, Task, TaskSet
    from eigen_graph.core.case import Difficulty

TRAIN = "train"
_EASY, _MEDIUM = 2, 5
"""Gold calls of an easy task, and of a medium one, at most."""


class TaskPlaybook:
    """A domain's tasks as a repertoire.

    Args:
        tasks: The tasks.
        domain: Gives the domain that they belong to; asked when the first case is.
    """

    def __init__(self, tasks: TaskSet, domain: Callable[[], Domain]) -> None:
        self._tasks = tasks
        self._domain = domain
        self._named = Playbook()
        """Tasks that a cue named."""

    @property
    def intents(self) -> Mapping[str, Intent]:
        """The tasks of the split `train` by their ids, less those that an agent that does nothing solves.

        Such a task (a refusal, in tau2) cannot be told from a failure by any end state, so nothing is made of it.
        """
        return self._train.intents

    def case(self, domain: Domain, cue: Cue) -> Case:
        """The case that a cue names: that of `cue.intent`, any task's id, or else of the best task of `train`.

        Raises:
            UnknownNameError: There is no task of that id.
        """
        if not cue.intent or cue.intent in self._train.intents:
            return self._train.case(domain, cue)
        if cue.intent not in self._tasks.tasks:
            raise UnknownNameError(f"domain {domain.name!r} has no task {cue.intent!r:.120}")
        if cue.intent not in self._named.intents:
            self._named.intents[cue.intent] = self._intent(self._tasks.tasks[cue.intent])
        return self._named.case(domain, cue)

    @cached_property
    def _train(self) -> Playbook:
        tasks = self._tasks.split(TRAIN) if TRAIN in self._tasks.splits else ()
        return Playbook({task.id: self._intent(task) for task in tasks if tells_apart(self._domain(), task)})

    def _intent(self, task: Task) -> Intent:
        domain = self._domain()
        tools = tuple(dict.fromkeys(action.name for action in task.actions))
        return Intent(
            name=task.id,
            clauses=tuple(number for number, names in self._named_in.items() if not names.isdisjoint(tools)),
            tools=tools,
            ending=ending_of(domain, task),
            difficulties=(_difficulty(task),),
            play=partial(act, task=task),
        )

    @cached_property
    def _named_in(self) -> dict[str, frozenset[str]]:
        """The tools that each clause of the policy names."""
        policy = self._domain().policy
        return {number: frozenset(policy.tools_named_in(number)) for number in policy.clauses}


def _difficulty(task: Task) -> Difficulty:
    calls = len(task.actions)
    return "easy" if calls <= _EASY else "medium" if calls <= _MEDIUM else "hard"

"""Whether the tasks in a results file are the domain's: a verdict by another version of a task means nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from eigen_graph.core import Action, Domain, EigenGraphError, Instructions, Task, Trajectory
from eigen_graph.evaluation.results import Results

_SHORT = 12


class Agreement(NamedTuple):
    """How the tasks of a file stand to the domain's."""

    differing: tuple[str, ...]
    """Ids under which the domain has another task."""
    swapped: dict[str, str]
    """Of those, the ones that the domain has under another id."""
    unknown: tuple[str, ...]
    """Ids that the domain does not have."""

    @property
    def same(self) -> bool:
        """Every task is the domain's."""
        return not self.differing and not self.unknown


def digest(task: Task) -> str:
    """Fingerprint of what a dialogue about a task and its verdict depend on.

    That is the user's scenario, the initial state and what is judged by; neither the id, nor what only describes the
    task, nor whether defaults are written out.
    """
    return hashlib.sha1(json.dumps(_essence(task), sort_keys=True, default=str).encode()).hexdigest()  # noqa: S324  # as tau2's data has it; no secret


def digest_of(tasks: Iterable[Task]) -> str:
    """Fingerprint of many, whatever their order."""
    lines = sorted(f"{task.id} {digest(task)}" for task in tasks)
    return hashlib.sha1("\n".join(lines).encode(errors="surrogatepass")).hexdigest()  # noqa: S324  # as above


def agreement(tasks: Mapping[str, Task], known: Mapping[str, Task]) -> Agreement:
    """How tasks, each by its id, stand to a domain's."""
    unknown = tuple(name for name in tasks if name not in known)
    differing = tuple(name for name, task in tasks.items() if name in known and digest(task) != digest(known[name]))
    by_digest = {digest(task): name for name, task in known.items()} if differing else {}
    swapped = {name: by_digest[one] for name in differing if (one := digest(tasks[name])) in by_digest}
    return Agreement(differing, swapped, unknown)


def tasks_of(results: Results, domain: Domain, *, own: bool = False) -> tuple[Mapping[str, Task], str]:
    """The tasks to judge by, and their fingerprint.

    Args:
        results: A results file.
        domain: Its domain.
        own: Take the file's tasks as they are. So it is with a domain that brings none.

    Returns:
        Every task that may be judged by, by its id: all of the domain's, or the file's own.

    Raises:
        EigenGraphError: A task stands in the file twice or is no task; or the file's tasks are not the domain's, in
            which case the message names both fingerprints and says how many differ.
    """
    brought: dict[str, Task] = {}
    for data in results.tasks:
        task = Task.from_json(data)
        if task.id in brought:
            raise EigenGraphError(f"task {task.id!r:.80} stands in the results file twice")
        brought[task.id] = task
    stated = results.info.task_digest
    if own or domain.tasks is None:
        # The file's own word for them, unless it is none, or says that they are the domain's.
        is_claim = not stated or (domain.tasks is not None and stated == domain.tasks.digest)
        return brought, f"own-{digest_of(brought.values())}" if is_claim else stated
    known = domain.tasks.tasks
    found = agreement(brought, known)
    if not found.same:
        raise EigenGraphError(_refusal(results, domain, brought, found))
    return known, domain.tasks.digest


def _refusal(results: Results, domain: Domain, brought: Mapping[str, Task], found: Agreement) -> str:
    assert domain.tasks is not None  # noqa: S101  # the caller has compared with them
    here = digest_of(task for name, task in domain.tasks.tasks.items() if name in brought)
    there = digest_of(brought.values())
    said = []
    if found.differing:
        said.append(f"differing: {len(found.differing)} ({_some(found.differing)})")
    if found.swapped:
        name, other = next(iter(found.swapped.items()))
        said.append(f"of these, under another's id: {len(found.swapped)} ({name!r:.60} is {other!r:.60} here)")
    if found.unknown:
        said.append(f"unknown here: {len(found.unknown)} ({_some(found.unknown)})")
    file = f", made with task file {results.info.task_digest[:_SHORT]}" if results.info.task_digest else ""
    return (
        f"the {len(brought)} tasks of the results ({there[:_SHORT]}{file}) are not those of {domain.name} "
        f"({here[:_SHORT]}, of task file {domain.tasks.digest[:_SHORT]}): {'; '.join(said)}; use the version of the "
        f"tasks that they were made with, or judge by the tasks in the file: --own-tasks"
    )


def _some(names: tuple[str, ...], most: int = 3) -> str:
    return ", ".join(f"{name:.60}" for name in names[:most]) + (", ..." if len(names) > most else "")


def _essence(task: Task) -> Any:
    told = task.user_scenario.instructions
    initial, wanted = task.initial_state, task.criteria
    return {
        "persona": task.user_scenario.persona,
        "told": told if isinstance(told, str) else [getattr(told, name) for name in Instructions.model_fields],
        "ticket": task.ticket,
        "data": _filled((initial.initialization_data if initial else None) or {}),
        "setups": [[s.env_type, s.func_name, s.arguments] for s in (initial and initial.initialization_actions) or ()],
        "history": Trajectory.from_json(list((initial and initial.message_history) or ())).to_json()["messages"],
        "criteria": {
            "actions": wanted.actions and _calls(wanted.actions),
            "assertions": wanted.env_assertions
            and [[a.env_type, a.func_name, a.arguments, a.assert_value] for a in wanted.env_assertions],
            "said": wanted.communicate_info or (),
            "statements": wanted.nl_assertions or (),
            "basis": wanted.reward_basis,
        },
        "eigen": {
            "basis": task.tags.basis,
            "code": task.tags.checker_code,
            "alternatives": [_calls(one) for one in task.tags.alternatives],
        },
    }


def _calls(actions: Iterable[Action]) -> list[Any]:
    return [[a.requestor, a.name, a.arguments, a.compare_args] for a in actions]


def _filled(data: Mapping[str, Any]) -> dict[str, Any]:
    return {side: tables for side, tables in data.items() if tables}

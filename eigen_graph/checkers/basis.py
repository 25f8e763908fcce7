"""By which criteria a task's `reward_basis` is judged: tau2's own, or ours in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from eigen_graph.core import EigenGraphError

if TYPE_CHECKING:
    from eigen_graph.core import Task

Rules = Literal["tau2", "eigen"]
"""Whose rules: tau2's to the letter, or ours for the same things."""

_OURS = {
    "DB": "state",
    "COMMUNICATE": "said",
    "ENV_ASSERTION": "assertions",
    "ACTION": "actions",
    "NL_ASSERTION": "NL_ASSERTION",
}


def basis_of(task: Task, rules: Rules) -> tuple[str, ...]:
    """The criteria for a task's `reward_basis`.

    Ours differ from tau2's where tau2's can't be trusted: the reference solution is followed by `sync` as a dialogue
    is, numbers are compared as numbers, a fact is looked for as whole words, an action counts when it succeeded.

    Args:
        task: The task.
        rules: Whose criteria.

    Raises:
        EigenGraphError: The basis names something that tau2 does not have.
    """
    wanted = task.criteria.reward_basis
    if rules == "tau2":
        return wanted
    if strange := [name for name in wanted if name not in _OURS]:
        raise EigenGraphError(f"task {task.id!r}: reward_basis holds {strange[0]!r}; tau2 knows {', '.join(_OURS)}")
    return tuple(_OURS[name] for name in wanted)

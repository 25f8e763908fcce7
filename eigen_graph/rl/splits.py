"""Which tasks are held out: decided by what a task does, so that more dialogues move none of them across."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from eigen_graph.checkers.contamination import Neighbours
from eigen_graph.core import Domain, EigenGraphError, Task

_BITS = 48


class Split(NamedTuple):
    """Tasks by what they are for: names in the order they were given in."""

    train: tuple[str, ...]
    held_out: tuple[str, ...]
    """Those that are used, at most as many as asked for."""
    spare: tuple[str, ...]
    """Held out as well, but beyond that number: neither trained on nor used."""
    near: tuple[str, ...]
    """Left out of training because they nearly equal a held-out one."""


def split(
    tasks: Mapping[str, Task], domain: Domain, *, share: float, at_most: int, seed: int, source: str = "the dialogues"
) -> Split:
    """Part tasks into those to train on and those held out.

    Tasks with equal reference solutions from equal starts fall to the same part: a hash of these decides, not one of
    their names, so that the same deed under another name does not become a test of what was trained on. What nearly
    equals a held-out task is not trained on.

    Args:
        tasks: By name.
        domain: Theirs.
        share: Of the tasks that is held out, on average.
        at_most: Held-out tasks that are used.
        seed: Another one splits otherwise.
        source: What to call the tasks in an error.

    Raises:
        EigenGraphError: All the tasks do the same, or one part has none.
    """
    places = {name: _place(deed(task), seed) for name, task in tasks.items()}
    if len(set(places.values())) < 2:  # noqa: PLR2004  # nothing to part
        raise EigenGraphError(
            f"{source}: all {len(tasks)} tasks do the same from the same start, so that none can be held out: "
            "synthesize more, or select less narrowly (data.select)"
        )
    held = sorted((name for name in tasks if places[name] < share), key=lambda name: (places[name], name))
    if share and not held:
        raise EigenGraphError(
            f"{source}: of {len(tasks)} tasks none falls to the held-out part (data.holdout {share:g}): synthesize "
            "more, or change data.holdout or seed"
        )
    used = set(held[:at_most])
    near = set(_near_held(tasks, held, domain)) if held else set()
    train = tuple(name for name in tasks if name not in near and places[name] >= share)
    if not train:
        raise EigenGraphError(
            f"{source}: all {len(tasks)} tasks fall to the held-out part (data.holdout {share:g}) or nearly equal one "
            "that does: synthesize more, or change data.holdout or seed"
        )
    return Split(
        train,
        tuple(name for name in tasks if name in used),
        tuple(name for name in tasks if name in set(held) - used),
        tuple(name for name in tasks if name in near),
    )


def deed(task: Task) -> str:
    """Names what a task does: its reference solution and its start, and what its user wants where nothing is done."""
    initial = task.initial_state
    start = initial.model_dump(mode="json", exclude_unset=True) if initial else None
    actions = [[action.requestor, action.name, action.arguments] for action in task.actions]
    told = task.user_scenario.instructions
    wish = None if actions else told if isinstance(told, str) else told.model_dump(mode="json")
    text = json.dumps([actions, start or None, wish], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _place(name: str, seed: int) -> float:
    """From 0 to 1, evenly."""
    return int(hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()[: _BITS // 4], 16) / (1 << _BITS)


def _near_held(tasks: Mapping[str, Task], held: Iterable[str], domain: Domain) -> Iterable[str]:
    kept = set(held)
    # Names, not ids: of tasks from several places two may have one id.
    known = Neighbours(domain, (tasks[name].model_copy(update={"id": name}) for name in kept))
    return (name for name, task in tasks.items() if name not in kept and known.near(task))

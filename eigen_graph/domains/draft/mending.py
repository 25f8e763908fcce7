"""Making records meet invariants: draw those anew that a complaint speaks of, and leave out what will not fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from eigen_graph.core import Database, EigenGraphError
from eigen_graph.core.domain import Invariant
from eigen_graph.core.reference import pointers

_DRAWS_A_ROW: Final = 30
_MOST_DRAWS: Final = 3000
_ANYWHERE: Final = 0.1
_KEPT_FOR_ONE: Final = 10
"""A record is left out only where so many are kept."""
_SHOWN: Final = 3


@dataclass
class Mended:
    """What it took."""

    redrawn: int = 0
    """Records that were drawn anew, one as often as it was."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Records by table that no draw made fit."""


def mend(
    database: Database,
    redraw: Callable[[str, str], Any],
    invariants: Sequence[Invariant],
    rng: Random,
    user: Database | None = None,
) -> Mended:
    """Bring a database to meet its invariants.

    A record that a complaint names by its key, or one that refers to it, is drawn anew, and stays when there are not
    more complaints than before; now and then, and where none is named, it is any record's turn. A few that still
    offend are left out, where nothing refers to them.

    Args:
        database: What is changed.
        redraw: A new record for a table and a key.
        invariants: What must hold.
        rng: Whose turn it is.
        user: The user's side, which stays as it is.

    Raises:
        EigenGraphError: An invariant cannot be met; the text names it and says what it complains of.
    """
    done = Mended()
    complaints = _complaints(database, user, invariants)
    draws = min(_MOST_DRAWS, _DRAWS_A_ROW * sum(map(len, database.values())))
    while complaints and done.redrawn < draws:
        anywhere = rng.random() < _ANYWHERE
        table, key = rng.choice((not anywhere and _concerned(database, complaints)) or _rows(database))
        before = database[table][key]
        database[table].put(key, redraw(table, key))
        done.redrawn += 1
        after = _complaints(database, user, invariants)
        if len(after) <= len(complaints):
            complaints = after
        else:
            database[table].put(key, before)
    for table, key in _concerned(database, complaints):
        few = done.left_out.get(table, 0) < len(database[table]) // _KEPT_FOR_ONE
        twin = database.fork()
        twin[table].remove(key)
        if few and len(after := _complaints(twin, user, invariants)) < len(complaints):
            database[table].remove(key)
            complaints = after
            done.left_out[table] = done.left_out.get(table, 0) + 1
    if complaints:
        raise EigenGraphError(_refusal(complaints, done))
    return done


Complaint = tuple[str, str]
"""The invariant's name, and what it says."""


def _complaints(database: Database, user: Database | None, invariants: Sequence[Invariant]) -> list[Complaint]:
    found: list[Complaint] = []
    for invariant in invariants:
        name = getattr(invariant, "__name__", "an invariant")
        try:
            found += ((name, str(text)) for text in invariant(database, user))
        except Exception as error:  # noqa: BLE001  # foreign code: whatever it raises is a complaint
            found.append((name, f"it fails: {type(error).__name__}: {error}"))
    return found


def _rows(database: Database) -> list[tuple[str, str]]:
    return [(name, key) for name, table in database.items() for key in table]


def _concerned(database: Database, complaints: Sequence[Complaint]) -> list[tuple[str, str]]:
    """The records whose keys stand in a complaint, and those that refer to them."""
    said = {word for _, text in complaints for word in re.findall(r"[\w@-]+(?:\.[\w@-]+)*", text)}
    named = {(table, key) for table, key in _rows(database) if key in said}
    return [
        (table, key)
        for table, key in _rows(database)
        if (table, key) in named or any((to, target) in named for _, to, target in pointers(database[table][key]))
    ]


def _refusal(complaints: Sequence[Complaint], done: Mended) -> str:
    names = list(dict.fromkeys(name for name, _ in complaints))
    told = "; ".join(f"{name}: {text}" for name, text in complaints[:_SHOWN])
    return (
        f"{done.redrawn} draws gave no database that meets the invariant{'s' * (len(names) > 1)} {', '.join(names)} "
        f"({told:.600}): bound the fields, list good values in Field(examples=[...]), give a field a default, or "
        f"build the records in code, as eigen_graph/domains/hotel/generate.py does"
    )

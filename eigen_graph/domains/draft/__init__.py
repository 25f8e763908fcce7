"""A database drafted from record types: plausible, consistent by the invariants that are declared, the same by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eigen_graph.core import Database, EigenGraphError, Key, Record, Ref, UnknownNameError
from eigen_graph.core.reference import key_field, marks_of
from eigen_graph.domains.draft.mending import Mended, mend
from eigen_graph.domains.draft.rows import Drawer
from eigen_graph.domains.draft.source import Source, read_source

__all__ = ["Drafted", "Source", "draft_database", "read_source"]

ROWS: Final = 20
"""Rows of a table where nothing is said."""
_FIRST: Final = 1001
Written = Mapping[str, Sequence[Mapping[str, Any]]]
"""By table: fields that somebody else wrote, a model perhaps, a record each; what does not fit is drawn instead."""


@dataclass(frozen=True)
class Drafted:
    """A drafted database, and what it took."""

    database: Database
    mended: Mended


def draft_database(
    source: Source, *, rows: Mapping[str, int] | None = None, seed: int = 0, written: Written | None = None
) -> Drafted:
    """Draft a database.

    Keys are made for `Key` fields, references chosen for `Ref` fields; a field with a default keeps it, one with
    `Field(examples=[...])` gets one of these, a bounded one a value within its bounds, text what its name says. Records
    that an invariant complains of are drawn anew.

    Args:
        source: Record types, invariants and the domain's present.
        rows: How many records of a table; 20 where nothing is said.
        seed: The same seed gives the same database.
        written: Fields that are written already.

    Raises:
        UnknownNameError: `rows` names a table that the schema lacks.
        EigenGraphError: A record cannot be drawn, or an invariant not be met; the text says which and why.
    """
    rows = dict(rows or {})
    if unknown := sorted(set(rows) - set(source.schema)):
        raise UnknownNameError(f"no table {', '.join(unknown)}; there are {', '.join(source.schema)}")
    keys = _keys(source.schema, rows)
    drawer = Drawer(source.schema, keys, seed=seed, now=source.now)
    stock = {table: iter(list(texts)) for table, texts in (written or {}).items()}

    def draw(table: str, key: str) -> Any:
        return drawer.record(table, key, next(stock.get(table, iter(())), None))

    tables = {table: {key: draw(table, key) for key in keys[table]} for table in source.schema}
    database = Database(source.schema, tables)
    mended = mend(database, draw, source.invariants, drawer.rng, source.user)
    return Drafted(database, mended)


def _keys(schema: Mapping[str, type[Record]], rows: Mapping[str, int]) -> dict[str, list[str]]:
    """The keys of every table, before any record: so tables may refer to each other in any order."""
    keys: dict[str, list[str]] = {}
    shared: dict[str, str] = {}
    for table, record_type in schema.items():
        field = key_field(record_type)
        marks = list(_marks(record_type, field)) if field else []
        target = next((mark.table for mark in marks if isinstance(mark, Ref)), None)
        if target is not None:
            shared[table] = target
            continue
        prefix = next((mark.prefix for mark in marks if isinstance(mark, Key)), "") or table[0].upper()
        keys[table] = [f"{prefix}{number}" for number in range(_FIRST, _FIRST + rows.get(table, ROWS))]
    for table, target in shared.items():  # a record for each record of another table, under the same key
        if target not in keys:
            raise EigenGraphError(f"the key of table {table!r} is that of {target!r}, which has no keys of its own")
        keys[table] = keys[target][: rows.get(table, len(keys[target]))]
    return keys


def _marks(record_type: type[Record], field: str) -> Any:
    info = record_type.model_fields[field]
    return marks_of(info.annotation, tuple(info.metadata))

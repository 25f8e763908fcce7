"""A database whose forks are free: tables of frozen records over a shared base.

A fork keeps only what it changes, so making one, comparing two and describing the difference all cost what an
episode touched, not how large the world is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import ItemsView, Iterable, Iterator, Mapping, ValuesView
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from eigen_graph.core.errors import UnknownNameError


class Record(BaseModel):
    """One row. Frozen, because forks share it: change it through `Table.update`.

    Give a record tuples and nested `Record`s rather than lists and dicts, so that nothing inside it can be changed
    in place either.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


R = TypeVar("R", bound=Record)


class Change(BaseModel):
    """What became of one record: `before` is None for a new one, `after` is None for a removed one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    key: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Table(Mapping[str, R], Generic[R]):
    """Records by key, in insertion order; writes stay in this fork."""

    __slots__ = ("_base", "_changed", "name", "record_type")
    ordered = False
    """The order of records counts when contents are compared."""
    copies = False
    """A record is copied before a tool may change it, so records need not be immutable."""

    def __init__(
        self, name: str, record_type: type[R], base: Mapping[str, R], changed: dict[str, R | None] | None = None
    ) -> None:
        self.name = name
        self.record_type = record_type
        self._base = base
        self._changed: dict[str, R | None] = {} if changed is None else changed

    def __getitem__(self, key: str) -> R:
        record = self._changed[key] if key in self._changed else self._base.get(key)
        if record is None:
            raise KeyError(key)
        return record

    def __contains__(self, key: object) -> bool:
        if key in self._changed:
            return self._changed[key] is not None
        return key in self._base

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def values(self) -> ValuesView[R]:
        """The records, as they are now."""
        return self._now().values()

    def items(self) -> ItemsView[str, R]:
        """Keys and records, as they are now."""
        return self._now().items()

    def __len__(self) -> int:
        return len(self._base) + sum(
            (record is not None) - (key in self._base) for key, record in self._changed.items()
        )

    def _now(self) -> Mapping[str, R]:
        """Base and changes as one mapping: tools scan tables, and a dict is scanned ten times as fast as two."""
        if not self._changed:
            return self._base
        merged: dict[str, R | None] = {**self._base, **self._changed}
        return {key: record for key, record in merged.items() if record is not None}

    @property
    def touched(self) -> frozenset[str]:
        """Keys written since the base, whether or not their record differs now."""
        return frozenset(self._changed)

    def put(self, key: str, record: R) -> R:
        """Add or replace a record.

        Raises:
            TypeError: The record is not of this table's type.
        """
        if type(record) is not self.record_type:
            raise TypeError(f"table {self.name!r} holds {self.record_type.__name__}, not {type(record).__name__}")
        self._changed[key] = record
        return record

    def update(self, key: str, **fields: Any) -> R:
        """Replace fields of a record, validated as a whole.

        Raises:
            KeyError: There is no such record.
            pydantic.ValidationError: The fields do not fit the record.
        """
        return self.put(key, self.record_type.model_validate({**dict(self[key]), **fields}))

    def remove(self, key: str) -> None:
        """Delete a record; KeyError when there is none."""
        if key not in self:
            raise KeyError(key)
        if key in self._base:
            self._changed[key] = None
        else:
            del self._changed[key]

    @property
    def added(self) -> list[str]:
        """Keys that the base lacks, in the order they came."""
        return [key for key, record in self._changed.items() if record is not None and key not in self._base]

    def changes(self) -> Iterator[Change]:
        """What differs from the base, sorted by key; a write that restores the base is no change."""
        for key in sorted(self._changed):
            before, after = self._base.get(key), self._changed[key]
            if before != after:
                yield Change(table=self.name, key=key, before=_json(before), after=_json(after))

    def base_json(self) -> dict[str, Any]:
        """The shared base, without this fork's changes, as JSON values."""
        return {key: _json(record) for key, record in self._base.items()}

    def fork(self) -> Table[R]:
        """A table that shares this one's base and starts from its changes."""
        return Table(self.name, self.record_type, self._base, dict(self._changed))

    def same_as(self, other: Table[R]) -> bool:
        """Equal contents; with a shared base only touched records are looked at."""
        if self._base is other._base:
            keys = self._changed.keys() | other._changed.keys()
            return all(self.get(key) == other.get(key) for key in keys)
        return dict(self) == dict(other)


class Database(Mapping[str, Table[Any]]):
    """Named tables, forked together.

    Args:
        schema: Record type of each table.
        tables: Records of each table by key; a table may be left out when it starts empty.

    Raises:
        UnknownNameError: `tables` names a table that the schema lacks.
    """

    __slots__ = ("_base_digest", "_tables")

    def __init__(
        self, schema: Mapping[str, type[Record]], tables: Mapping[str, Mapping[str, Record]] | None = None
    ) -> None:
        tables = tables or {}
        if unknown := sorted(set(tables) - set(schema)):
            raise UnknownNameError(f"tables {unknown} are not in the schema {sorted(schema)}")
        self._tables: dict[str, Table[Any]] = {
            name: Table(name, record_type, dict(tables.get(name, {}))) for name, record_type in schema.items()
        }
        self._base_digest: list[str] = []

    def __getitem__(self, name: str) -> Table[Any]:
        try:
            return self._tables[name]
        except KeyError:
            raise UnknownNameError(f"no table {name!r}; there are {sorted(self._tables)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def fork(self) -> Self:
        """A database that sees this one's present state and whose writes stay its own. O(touched records)."""
        twin = object.__new__(type(self))
        twin._tables = {name: table.fork() for name, table in self._tables.items()}
        twin._base_digest = self._base_digest
        return twin

    def copy(self) -> Self:
        """A database over copies of the records, so that even one changed in place changes nothing here."""
        return self.from_json({name: table.record_type for name, table in self._tables.items()}, self.to_json())

    def diff(self) -> tuple[Change, ...]:
        """Every record that differs from the base, in table and key order. O(touched records)."""
        return tuple(change for table in self._tables.values() for change in table.changes())

    def apply(self, changes: Iterable[Change]) -> None:
        """Write a diff into this database.

        Raises:
            UnknownNameError: A change names an unknown table.
            KeyError: A change removes a record that is not there.
            pydantic.ValidationError: A record does not fit its table.
        """
        for change in changes:
            table = self[change.table]
            if change.after is None:
                table.remove(change.key)
            else:
                table.put(change.key, table.record_type.model_validate(change.after))

    def same_as(self, other: Database) -> bool:
        """Equal contents, numbers compared as numbers. O(touched records) for forks of one base."""
        return self._tables.keys() == other._tables.keys() and all(
            table.same_as(other._tables[name]) for name, table in self._tables.items()
        )

    def digest(self) -> str:
        """Fingerprint of the present contents: 16 hex digits, equal for equal contents of one base."""
        if not self._base_digest:
            self._base_digest.append(_sha({name: table.base_json() for name, table in self._tables.items()}))
        changes = [change.model_dump() for change in self.diff()]
        return _sha([self._base_digest[0], changes]) if changes else self._base_digest[0]

    def to_json(self) -> dict[str, dict[str, Any]]:
        """The whole contents as JSON values."""
        return {name: {key: _json(record) for key, record in table.items()} for name, table in self._tables.items()}

    @classmethod
    def from_json(cls, schema: Mapping[str, type[Record]], data: Mapping[str, Mapping[str, Any]]) -> Self:
        """Inverse of `to_json`."""
        if unknown := sorted(set(data) - set(schema)):
            raise UnknownNameError(f"tables {unknown} are not in the schema {sorted(schema)}")
        return cls(
            schema,
            {name: {k: schema[name].model_validate(r) for k, r in rows.items()} for name, rows in data.items()},
        )


def _json(record: Record | None) -> dict[str, Any] | None:
    return None if record is None else record.model_dump(mode="json", warnings=False)


def _sha(value: Any) -> str:
    return hashlib.sha256(json.dumps(_numbers(value), sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


def _numbers(value: Any) -> Any:
    """JSON values with equal numbers written alike (2 and 2.0), as equality has it."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    return value

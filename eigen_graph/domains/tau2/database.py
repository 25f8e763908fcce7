"""A tau2 database that forks for free, although tau2's tools change its records in place.

A fork shares every record; one is copied when a tool that writes first reaches for it. A tool that only reads is given
the shared records themselves, so that a search over 9,000 flights copies nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Self

from pydantic import BaseModel

from eigen_graph.core import Database, Table
from eigen_graph.domains.tau2.copying import copied
from eigen_graph.domains.tau2.layout import Field

State = dict[str, Any]
"""What a toolkit instance holds beside its database."""


class CopyingTable(Table[Any]):
    """A table of foreign records, each copied before it may be changed."""

    __slots__ = ("_keys", "_own", "ordered")
    copies = True

    def __init__(
        self, name: str, record_type: type[Any], base: Mapping[str, Any], changed: dict[str, Any] | None = None
    ) -> None:
        super().__init__(name, record_type, base, changed)
        self._own: set[str] = set()
        """Keys whose record in `_changed` nobody else sees."""
        self._keys: list[str] | None = None
        self.ordered = False
        """Order counts when contents are compared (tau2 keeps it as a list)."""

    def writable(self, key: str) -> Any:
        """A record that may be changed in place; KeyError when there is none."""
        if key in self._own:
            return self._changed[key]
        record = self._changed[key] = copied(self[key])
        self._own.add(key)
        return record

    def writables(self) -> Iterator[Any]:
        """Every record, each to be changed in place if need be; tau2 walks through its lists to find one."""
        changed, own = self._changed, self._own
        for key in self._in_order():
            yield changed[key] if key in own else self.writable(key)

    def put(self, key: str, record: Any) -> Any:
        """Add or replace a record, which is the caller's own."""
        if key not in self:
            self._keys = None
        self._changed[key] = record
        self._own.add(key)
        return record

    def remove(self, key: str) -> None:
        """Delete a record; KeyError when there is none."""
        super().remove(key)
        self._own.discard(key)
        self._keys = None

    def _in_order(self) -> list[str]:
        if self._keys is None:
            self._keys = list(self._now())
        return self._keys

    def fork(self) -> CopyingTable:
        """A table that starts from this one's state; from now on neither may change a record of before in place."""
        self._own.clear()
        twin = CopyingTable(self.name, self.record_type, self._base, dict(self._changed))
        twin.ordered, twin._keys = self.ordered, self._keys
        return twin

    def now(self) -> Mapping[str, Any]:
        """The records as they are, to be read."""
        return self._now()


class WritableRecords(MutableMapping[str, Any]):
    """A dict of tau2's, for a tool that writes: whatever it reaches for becomes its own."""

    __slots__ = ("_table",)

    def __init__(self, table: CopyingTable) -> None:
        self._table = table

    def __getitem__(self, key: str) -> Any:
        return self._table.writable(key)

    def __setitem__(self, key: str, record: Any) -> None:
        self._table.put(key, record)

    def __delitem__(self, key: str) -> None:
        self._table.remove(key)

    def __contains__(self, key: object) -> bool:
        return key in self._table

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._table))

    def __len__(self) -> int:
        return len(self._table)


class WritableList:
    """A list of tau2's, for a tool that writes: it walks through it, and appends."""

    __slots__ = ("_field", "_table")

    def __init__(self, table: CopyingTable, field: Field) -> None:
        self._table = table
        self._field = field

    def __iter__(self) -> Iterator[Any]:
        return self._table.writables()

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, index: int) -> Any:
        return list(self)[index]

    def append(self, record: Any) -> None:
        """Add a record at the end."""
        self._table.put(self._field.free_key(record, self._table), record)

    def remove(self, record: Any) -> None:
        """Take a record out; KeyError when it is not there."""
        self._table.remove(self._field.key_of(record))


class Live:
    """What a toolkit has for `self.db`: tau2's own field names over our tables.

    What was looked up once is kept as a plain attribute, for tau2's tools look the same field up again and again; so
    a view is good only until the next fork, and one for reading only until the next write. It knows the tables and not
    their database, so that no circle keeps an episode alive until the garbage collector comes.
    """

    _places: Mapping[str, tuple[Field, CopyingTable]]
    _writes: bool

    def __init__(self, places: Mapping[str, tuple[Field, CopyingTable]], *, writes: bool) -> None:
        vars(self).update(_places=places, _writes=writes)

    def __getattr__(self, name: str) -> Any:
        field, table = self._place(name)
        value = self._look_up(field, table)
        vars(self)[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        field, table = self._place(name)
        records = field.records(value)
        for key in [key for key in table if key not in records]:
            table.remove(key)
        for key, record in records.items():
            table.put(key, record)
        vars(self).pop(name, None)

    def _place(self, name: str) -> tuple[Field, CopyingTable]:
        try:
            return self._places[name]
        except KeyError:
            raise AttributeError(f"tau2's database has no {name!r}") from None

    def _look_up(self, field: Field, table: CopyingTable) -> Any:
        if field.shape == "one":
            return table.writable(field.name) if self._writes else table[field.name]
        if field.shape == "dict":
            return WritableRecords(table) if self._writes else table
        return WritableList(table, field) if self._writes else table.now().values()


class CopyingDatabase(Database):
    """A tau2 database as tables; see the module.

    Args:
        fields: Its layout.
        contents: tau2's own database object, which is never changed.
        state: What a toolkit holds beside its database; every fork has its own.
        toolkit: Makes the toolkit of a fork.
    """

    __slots__ = ("_fields", "_made", "_reader", "_state", "_toolkit", "_writer")

    def __init__(
        self,
        fields: tuple[Field, ...],
        contents: BaseModel,
        state: State,
        toolkit: Callable[[CopyingDatabase], Any],
    ) -> None:
        self._fields = {field.name: field for field in fields}
        self._tables = {
            field.name: CopyingTable(field.name, field.record_type, field.records(getattr(contents, field.name)))
            for field in fields
        }
        for field in fields:
            self._tables[field.name].ordered = field.shape == "list"
        self._base_digest: list[str] = []
        self._state = state
        self._toolkit = toolkit
        self._made: Any = None
        self._reader: Live | None = None
        self._writer: Live | None = None

    def live(self, *, writes: bool) -> Live:
        """The database as tau2's tools know it, to be read or to be changed."""
        if writes:
            self._reader = None
            if self._writer is None:
                self._writer = Live(self._places(), writes=True)
            return self._writer
        if self._reader is None:
            self._reader = Live(self._places(), writes=False)
        return self._reader

    def _places(self) -> dict[str, tuple[Field, CopyingTable]]:
        tables: Any = self._tables
        return {name: (field, tables[name]) for name, field in self._fields.items()}

    @property
    def state(self) -> State:
        """What a toolkit on this fork begins with, beside the database; a copy."""
        return {name: copied(value) for name, value in self._state.items()}

    def toolkit(self, *, writes: bool) -> Any:
        """tau2's toolkit on this fork, for a call that reads or for one that writes."""
        if self._made is None:
            self._made = self._toolkit(self)
        self._made.db = self.live(writes=writes)
        return self._made

    def fork(self) -> Self:
        """As `Database.fork`; what the toolkit holds beside the database goes along."""
        if self._made is not None:
            # What the toolkit holds is the twin's too from now on, and so is whatever was handed out to it.
            self._state = {name: value for name, value in vars(self._made).items() if name != "db"}
            self._made = None
        self._reader = self._writer = None
        twin = super().fork()
        twin._inherit(self)  # noqa: SLF001  # one of its own kind
        return twin

    def copy(self) -> Self:
        """As `Database.copy`."""
        twin = self.fork()
        twin._base_digest = []  # noqa: SLF001  # as above
        for name, table in self._tables.items():
            records = {key: copied(record) for key, record in table.items()}
            own = CopyingTable(name, table.record_type, records)
            own.ordered = table.ordered
            twin._tables[name] = own  # noqa: SLF001  # as above
        return twin

    def _inherit(self, other: Self) -> None:
        self._fields = other._fields
        self._toolkit = other._toolkit
        self._state = other._state
        self._made = None
        self._reader = self._writer = None

    def merge(self, data: Mapping[str, Any]) -> None:
        """Write initial data as tau2 does: mappings merged deep, anything else replaced, the result validated.

        Raises:
            ValueError: It names a field that the database lacks, or does not fit.
        """
        for name, update in data.items():
            if name not in self._fields:
                raise ValueError(f"the database has no {name!r}; it has {', '.join(self._fields)}")
            field, table = self._places()[name]
            kind = field.record_type
            if field.shape == "list":
                setattr(self.live(writes=True), name, [kind.model_validate(row) for row in update])
                continue
            for key, row in update.items() if field.shape == "dict" else [(name, update)]:
                before = table[key].model_dump(warnings=False) if key in table else {}
                table.put(key, kind.model_validate(_merged(before, row)))


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, Mapping):
        return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
    return new

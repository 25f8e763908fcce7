"""Which field is a record's own key, and which fields hold keys of other tables: said in the annotation.

class Order(Record):
    order_id: Annotated[str, Key("O")]
    customer_id: Annotated[str, Ref("customers")]
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from eigen_graph.core.database import Database


@dataclass(frozen=True, slots=True)
class Key:
    """Marks the field that holds the record's own key. `prefix` is what drafted keys begin with: `Key("O")`, O1001."""

    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Ref:
    """Marks a key of another table: `Annotated[str, Ref("customers")]`, also within tuples, unions, nested records."""

    table: str


def references(agent: Database, user: Database | None = None) -> list[str]:
    """An invariant for any domain: records stand under their own keys, and what they refer to is there."""
    complaints: list[str] = []
    for side in (agent, user):
        for name, table in (side or {}).items():
            record_type: type[BaseModel] = table.record_type
            own = key_field(record_type)
            if side is not None and (own or _marked(record_type)):
                complaints += (text for key, row in table.items() for text in _complaints(side, name, key, row, own))
    return complaints


@cache
def key_field(record_type: type[BaseModel]) -> str | None:
    """The field marked with `Key`; None when there is none."""
    for name, field in record_type.model_fields.items():
        if any(isinstance(mark, Key) for mark in marks_of(field.annotation, tuple(field.metadata))):
            return name
    return None


def marks_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[Any]:
    """Everything that `Annotated` adds to a type or to a part of it, nested records aside."""
    yield from metadata
    if get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        yield from more
    for part in get_args(annotation):
        yield from marks_of(part)


def _complaints(side: Database, name: str, key: str, record: BaseModel, own: str | None) -> Iterator[str]:
    if own is not None and getattr(record, own) != key:
        yield f"{name} {key!r} calls itself {getattr(record, own)!r}"
    for field, table, target in pointers(record):
        if table not in side:
            yield f"{name} {key!r}: {field} refers to table {table!r}, which is not there"
        elif target not in side[table]:
            yield f"{name} {key!r}: {field} refers to {table} {target!r}, which is not there"


def pointers(record: BaseModel) -> Iterator[tuple[str, str, Any]]:
    """What a record refers to: field, table and key."""
    for name in _marked(type(record)):
        field = type(record).model_fields[name]
        for table, target in _targets(field.annotation, tuple(field.metadata), getattr(record, name)):
            yield name, table, target


def _targets(annotation: Any, metadata: tuple[Any, ...], value: Any) -> Iterator[tuple[str, Any]]:
    """The tables and keys that a value refers to, by its annotation."""
    if get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata = (*metadata, *more)
    if value is None:
        return
    for mark in metadata:
        if isinstance(mark, Ref):
            yield mark.table, value
    if isinstance(value, BaseModel):
        yield from ((table, target) for _, table, target in pointers(value))
    elif isinstance(value, tuple) and get_origin(annotation) is tuple:
        kinds = get_args(annotation)
        repeated = kinds[:1] * len(value) if kinds[1:] == (...,) else kinds
        for kind, item in zip(repeated, value, strict=False):
            yield from _targets(kind, (), item)
    elif get_origin(annotation) in {Union, types.UnionType}:
        for kind in get_args(annotation):
            yield from _targets(kind, (), value)


@cache
def _marked(record_type: type[BaseModel]) -> tuple[str, ...]:
    """The fields with a reference somewhere in them."""
    return tuple(
        name
        for name, field in record_type.model_fields.items()
        if any(isinstance(mark, Ref) for mark in marks_of(field.annotation, tuple(field.metadata)))
        or any(_marked(part) for part in _records_in(field.annotation))
    )


def _records_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _records_in(part)

"""How a tau2 database maps to tables: its fields are dicts of records, lists of records, or single records."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from eigen_graph.core import EigenGraphError

Shape = Literal["dict", "list", "one"]


@dataclass(frozen=True)
class Field:
    """One field of a tau2 database."""

    name: str
    shape: Shape
    record_type: type[BaseModel]
    key: str = ""
    """In a list: the record's own field that names it."""

    def key_of(self, record: Any) -> str:
        """What a record of a list is called."""
        return str(getattr(record, self.key))

    def free_key(self, record: Any, taken: Container[str]) -> str:
        """A key for one more record of a list: tau2 keeps two of one name, and its tools find the first."""
        key = self.key_of(record)
        while key in taken:
            key += "'"
        return key

    def records(self, value: Any) -> Mapping[str, Any]:
        """The field's contents as records by key, in order."""
        if self.shape == "dict":
            return dict(value)
        if self.shape == "list":
            found: dict[str, Any] = {}
            for record in value:
                found[self.free_key(record, found)] = record
            return found
        return {self.name: value}


def layout_of(database_type: type[BaseModel]) -> tuple[Field, ...]:
    """The fields of a tau2 database type.

    Raises:
        EigenGraphError: A field is none of the three.
    """
    return tuple(_field(database_type, name, info.annotation) for name, info in database_type.model_fields.items())


def _field(database_type: type[BaseModel], name: str, annotation: Any) -> Field:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is dict and _is_record(arguments[1]):
        return Field(name, "dict", arguments[1])
    if origin is list and _is_record(arguments[0]):
        record_type = arguments[0]
        key = next((field for field in record_type.model_fields if field.endswith("id")), None)
        if key is not None:
            return Field(name, "list", record_type, key)
    elif _is_record(annotation):
        return Field(name, "one", annotation)
    raise EigenGraphError(f"tau2's {database_type.__name__}.{name} is {annotation}, which is no table of records")


def _is_record(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)

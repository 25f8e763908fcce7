"""A database as a JSON file that people read and edit: tables, keys, fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from eigen_graph.core.database import Database, Record
from eigen_graph.core.errors import EigenGraphError

_MEND = "correct it, or write the file anew with `eigen-graph domains draft`"


def read_database(schema: Mapping[str, type[Record]], path: Path) -> Database:
    """Read what `write_database` wrote, or somebody by hand.

    Args:
        schema: Record type of each table.
        path: A JSON file: tables by name, in each the records by key.

    Raises:
        EigenGraphError: It is not there, no JSON, or a record does not fit; the text names the table, key and field.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EigenGraphError(f"cannot read {path}: {error.strerror}; {_MEND}") from error
    except ValueError as error:
        raise EigenGraphError(f"{path} is no JSON: {error}; {_MEND}") from error
    if not isinstance(data, dict) or not all(isinstance(rows, dict) for rows in data.values()):
        raise EigenGraphError(f"{path} must hold tables by name, in each the records by key; {_MEND}")
    if unknown := sorted(set(data) - set(schema)):
        raise EigenGraphError(f"{path}: there is no table {', '.join(unknown)} in the schema; {_MEND}")
    return Database(
        schema,
        {
            name: {key: _record(schema[name], row, path, name, key) for key, row in rows.items()}
            for name, rows in data.items()
        },
    )


def write_database(database: Database, path: Path) -> None:
    """Write a database, equal contents as equal bytes."""
    path.write_text(json.dumps(database.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _record(record_type: type[Record], row: object, path: Path, table: str, key: str) -> Record:
    try:
        return record_type.model_validate(row)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, fault["loc"])) or "the record"
        raise EigenGraphError(f"{path}: {table} {key!r}: {field}: {fault['msg']}; {_MEND}") from error

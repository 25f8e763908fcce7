"""A model writes the rows of a draft: names, things, prices that go together. Keys and references stay ours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import cleandoc
from typing import Annotated, Any, Final

from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import BaseModel, Field, WithJsonSchema, create_model

from eigen_graph.core import EigenGraphError, Key, Record, Ref
from eigen_graph.core.reference import marks_of
from eigen_graph.domains.draft import ROWS, Source
from eigen_graph.models import Cast, ReplyError, Scene

_AT_ONCE: Final = 20
_MAX_TEXT: Final = 300
_SHOWN: Final = 40
"""Rows that a request names as written already."""

SYSTEM: Final = """You invent the contents of a database for rehearsals of customer service. Everything is fictitious:
use addresses ending in example.com and telephone numbers that nobody has. Rows differ from each other as real ones do,
and the fields of a row go together."""


@dataclass
class RowsWritten:
    """What a model wrote, and what it did not."""

    rows: dict[str, list[dict[str, Any]]]
    notes: list[str]
    """What could not be used, in words; what is missing is drawn."""


async def write_rows(
    source: Source, cast: Cast, *, rows: Mapping[str, int] | None = None, seed: int = 0
) -> RowsWritten:
    """Let the cast's writer write rows for a draft, twenty at a time.

    It is asked for the fields without a default, a `Key`, a `Ref` or examples; each value is checked against its field
    when the record is made, and drawn where it does not fit.

    Args:
        source: Record types and invariants.
        cast: Who writes.
        rows: How many rows of a table, as in `draft_database`.
        seed: Sent to a server that takes one.

    Raises:
        EigenGraphError: No answer came, or the writer is `scripted`, which writes no rows.
    """
    if cast.players["writer"].deterministic:
        raise EigenGraphError("`scripted` writes no rows: leave --model out to have them drawn, or name a real model")
    done = RowsWritten({}, [])
    for table, record_type in source.schema.items():
        fields = _fields(record_type)
        wanted = (rows or {}).get(table, ROWS)
        if fields and wanted:
            written = done.rows[table] = []
            for number in range(-(-wanted // _AT_ONCE)):
                count = min(_AT_ONCE, wanted - number * _AT_ONCE)
                prompt = _prompt(source, table, record_type, count, written)
                scene = Scene(id=f"draft/{table}/{number}", seed=seed)
                try:
                    answer = await cast.structured("writer", prompt, _answer(table, fields), scene=scene)
                except ReplyError as error:
                    done.notes.append(f"{table}: {error}")
                    continue
                for given in answer.model_dump()["rows"][:count]:
                    if (row := _plain(given, fields)) and row not in written:
                        written.append(row)
            if len(written) < wanted:
                done.notes.append(f"{table}: {len(written)} of {wanted} rows are the model's, the others are drawn")
    return done


def _fields(record_type: type[Record]) -> dict[str, dict[str, Any]]:
    """JSON schemas of the fields that a model may write."""
    schemas = record_type.model_json_schema()["properties"]
    return {
        name: schemas[name]
        for name, field in record_type.model_fields.items()
        if field.is_required()
        and not field.examples
        and "$ref" not in json.dumps(schemas[name])
        and not any(isinstance(mark, Key | Ref) for mark in marks_of(field.annotation, tuple(field.metadata)))
    }


def _answer(table: str, fields: Mapping[str, dict[str, Any]]) -> type[BaseModel]:
    """The answer's schema: strict for the model, lenient for us, so that one bad row costs no more than itself."""
    row = {"type": "object", "properties": dict(fields), "required": list(fields), "additionalProperties": False}
    kind: Any = list[Annotated[Any, WithJsonSchema(row)]]
    return create_model("Rows", rows=(kind, Field(description=f"Rows of the table {table}.")))


def _plain(row: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A row's usable values: of fields that were asked for, no text that is long, blank or unprintable."""
    given = row if isinstance(row, dict) else {}
    return {name: _line(value) for name, value in given.items() if name in fields and _usable(value)}


def _usable(value: Any) -> bool:
    return value is not None and (not isinstance(value, str) or 0 < len(_line(value)) <= _MAX_TEXT)


def _line(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return " ".join("".join(sign if sign.isprintable() else " " for sign in value).split())


def _prompt(
    source: Source, table: str, record_type: type[Record], count: int, written: list[dict[str, Any]]
) -> list[SystemMessage | HumanMessage]:
    lines = [f"The database: {' '.join(source.about.split())[:1000]}", f"Its tables: {', '.join(source.schema)}."]
    lines += [f"Today is {source.now[:10]}.", f"Write {count} rows of the table `{table}`: {_first(record_type)}"]
    lines += (f"It must hold: {text}" for text in _rules(source))
    if written:
        told = json.dumps([next(iter(row.values()), None) for row in written[-_SHOWN:]], ensure_ascii=False)
        lines.append(f"Written already, to be different from: {told}")
    return [SystemMessage(SYSTEM), HumanMessage("\n".join(lines))]


def _rules(source: Source) -> Iterator[str]:
    for invariant in source.invariants:
        if text := _first(invariant):
            yield text


def _first(documented: Any) -> str:
    return cleandoc(documented.__doc__ or "").partition("\n\n")[0].replace("\n", " ")

"""Files that appear whole or not at all: written beside their name, renamed when everything is in them."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from eigen_graph.runs.schema import storable

Row = dict[str, Any]
_GROUP_CHARS = 8_000_000
"""JSON characters gathered into one Parquet row group: bounds memory whatever the rows' size."""


class Draft(ABC):
    """A file under way. `publish` gives it its name; leaving its `with` block before that leaves nothing behind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self.part = path.with_name(f"{path.name}.part")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self.part.unlink(missing_ok=True)

    @abstractmethod
    def add(self, row: Row, text: str) -> None:
        """Append a row, given as JSON values and as JSON text on one line."""

    @abstractmethod
    def close(self) -> None:
        """Write out what is still held."""

    def publish(self) -> None:
        """Rename it to its name; an older file of that name is replaced."""
        self.close()
        self.part.replace(self.path)


class JsonLines(Draft):
    """One JSON object a line."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = self.part.open("w", encoding="utf-8", newline="\n")

    def add(self, row: Row, text: str) -> None:  # noqa: ARG002  # one interface for all files
        """Append a row."""
        self._file.write(text + "\n")
        self.rows += 1

    def close(self) -> None:
        """Write out what is still held."""
        self._file.close()


class JsonList(Draft):
    """One JSON list, an item a line."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = self.part.open("w", encoding="utf-8", newline="\n")
        self._file.write("[")

    def add(self, row: Row, text: str) -> None:  # noqa: ARG002  # one interface for all files
        """Append an item."""
        self._file.write(",\n" if self.rows else "\n")
        self._file.write(text)
        self.rows += 1

    def close(self) -> None:
        """End the list."""
        if not self._file.closed:
            self._file.write("\n]\n")
            self._file.close()


class Text(Draft):
    """A text that is known beforehand.

    Args:
        path: The file.
        text: What it holds.
    """

    def __init__(self, path: Path, text: str) -> None:
        super().__init__(path)
        self.part.write_text(text, encoding="utf-8", newline="\n")

    def add(self, row: Row, text: str) -> None:
        """Nothing is added to it."""

    def close(self) -> None:
        """Nothing is held."""


class Parquet(Draft):
    """A Parquet file.

    Args:
        path: The file.
        schema: Its columns; what a row lacks is null.
        as_text: Columns that hold JSON text. Arrow gives every object of a column the fields of all the others, as
            nulls, so free-form objects must not become columns of their own.
    """

    def __init__(self, path: Path, schema: pa.Schema, *, as_text: tuple[str, ...] = ()) -> None:
        super().__init__(path)
        self._as_text = as_text
        self._held: list[Row] = []
        self._chars = 0
        self._writer: Any = pq.ParquetWriter(self.part, schema, compression="zstd")
        self._schema = schema

    def add(self, row: Row, text: str) -> None:
        """Append a row."""
        packed = {name: json.dumps(row[name], ensure_ascii=False) for name in self._as_text}
        self._held.append({**row, **packed})
        self.rows += 1
        self._chars += len(text)
        if self._chars >= _GROUP_CHARS:
            self._flush()

    def close(self) -> None:
        """Write out what is still held."""
        if self._writer.is_open:
            self._flush()
            self._writer.close()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.Table.from_pylist(self._held, schema=self._schema))
        self._held, self._chars = [], 0


def clean(row: Row) -> tuple[Row, str]:
    """A row and its JSON text, both without what UTF-8 cannot hold (lone surrogates in what a model wrote)."""
    text = json.dumps(row, ensure_ascii=False)
    storable_text = storable(text)
    return (row if storable_text == text else json.loads(storable_text)), storable_text

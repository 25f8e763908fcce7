"""What the tools have answered: an SQLite file that many processes may read and write, and that survives kill -9.

An answer is committed before anybody hears it, and the first one stands: whoever asks the same again after the same
writes, in this process or another, gets the same.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from eigen_graph.core import EigenGraphError
from eigen_graph.domains.foreign.source import Answer, Call, History, ToolSpec

FORMAT = 1
_SPECS = TypeAdapter(tuple[ToolSpec, ...])
_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    history TEXT NOT NULL, tool TEXT NOT NULL, arguments TEXT NOT NULL,
    content TEXT NOT NULL, error INTEGER NOT NULL, given_by TEXT NOT NULL,
    PRIMARY KEY (history, tool, arguments)
) WITHOUT ROWID;
"""
_WAIT = 30.0
"""Seconds to wait for another process that is writing."""


def digest(history: History) -> str:
    """A name for a history: 32 hex digits."""
    return hashlib.sha256(json.dumps(history, separators=(",", ":")).encode()).hexdigest()[:32]


class Recording:
    """The recording of one domain.

    Args:
        path: The file, made when something is first written; None: it is kept in memory, for this process alone.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def find(self, history: History, call: Call) -> Answer | None:
        """The answer to a call after these writes; None when nobody has asked.

        Raises:
            EigenGraphError: The file cannot be read.
        """
        found = self._rows(
            "SELECT content, error FROM answers WHERE history = ? AND tool = ? AND arguments = ?",
            (digest(history), *call),
        )
        return Answer(found[0][0], bool(found[0][1])) if found else None

    def keep(self, history: History, call: Call, answer: Answer, given_by: str) -> Answer:
        """Record an answer, unless there is one; the one that stands.

        Args:
            history: The writes before it.
            call: The call.
            answer: What it came to.
            given_by: `live` or a model's name.

        Raises:
            EigenGraphError: The file cannot be written.
        """
        name = digest(history)
        self._write(
            "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?)",
            (name, *call, answer.content, int(answer.error), given_by),
        )
        return self.find(history, call) or answer

    def __len__(self) -> int:
        found = self._rows("SELECT count(*) FROM answers")
        return int(found[0][0]) if found else 0

    def examples(self, tool: str, most: int) -> list[tuple[str, Answer]]:
        """Some answers of a tool with the arguments they were given for."""
        rows = self._rows("SELECT arguments, content, error FROM answers WHERE tool = ? LIMIT ?", (tool, most))
        return [(arguments, Answer(content, bool(error))) for arguments, content, error in rows]

    def answers(self, history: History, most: int) -> list[tuple[Call, Answer]]:
        """Some calls that were made just after these writes, with their answers."""
        rows = self._rows(
            "SELECT tool, arguments, content, error FROM answers WHERE history = ? LIMIT ?", (digest(history), most)
        )
        return [(Call(tool, arguments), Answer(content, bool(error))) for tool, arguments, content, error in rows]

    def givers(self) -> dict[str, int]:
        """How many answers are from whom: `live`, or a model's name."""
        return dict(self._rows("SELECT given_by, count(*) FROM answers GROUP BY given_by"))

    def tools(self) -> tuple[ToolSpec, ...] | None:
        """The tools as they were described when the recording was begun; None for a new one."""
        found = self._rows("SELECT value FROM about WHERE name = 'tools'")
        try:
            return _SPECS.validate_json(found[0][0]) if found else None
        except ValidationError as error:
            raise EigenGraphError(f"{self.path} is damaged: its tools cannot be read; move it away") from error

    def describe(self, tools: tuple[ToolSpec, ...]) -> None:
        """Keep what the tools are."""
        self._write("INSERT OR REPLACE INTO about VALUES ('tools', ?)", (_SPECS.dump_json(tools).decode(),))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is None:
                return
            with suppress(sqlite3.Error):  # another process has it open, or it may only be read
                self._connection.execute("PRAGMA journal_mode = DELETE")  # one plain file, to be copied as it lies
            self._connection.close()
            self._connection = None

    def _rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            if self._connection is None and (self.path is None or not self.path.is_file()):
                if self.path is not None:
                    return []
                self._open()
            try:
                return self._opened().execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise self._unusable(error) from error

    def _write(self, query: str, values: tuple[object, ...]) -> None:
        with self._lock:
            try:
                self._opened().execute(query, values)  # in autocommit: done when this returns
            except sqlite3.Error as error:
                raise self._unusable(error) from error

    def _opened(self) -> sqlite3.Connection:
        return self._connection or self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            name = ":memory:" if self.path is None else str(self.path)
            made = sqlite3.connect(name, timeout=_WAIT, isolation_level=None, check_same_thread=False)
            with suppress(sqlite3.OperationalError):  # a file that may only be read has its tables
                # Committed is safe from kill -9, without waiting for the disk at every answer.
                made.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {_SCHEMA}")
                made.execute("INSERT OR IGNORE INTO about VALUES ('format', ?)", (str(FORMAT),))
            found = made.execute("SELECT value FROM about WHERE name = 'format'").fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        if found != [(str(FORMAT),)]:
            made.close()
            raise EigenGraphError(f"{self.path} has another format than {FORMAT}: it was made by another version")
        self._connection = made
        return made

    def _unusable(self, error: sqlite3.Error) -> EigenGraphError:
        return EigenGraphError(f"the recording {self.path} cannot be used: {error}; move it away to begin a new one")

"""What a check before training found: one line each, with its weight."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from eigen_graph.core import EigenGraphError

Level = Literal["ok", "warning", "error"]


class Finding(NamedTuple):
    """One line."""

    level: Level
    what: str
    """What was looked at, in a word or two."""
    said: str
    """What is the case, and for what is wrong the way out."""


Findings = Iterator[Finding]


def ok(what: str, said: str) -> Finding:
    """All is well."""
    return Finding("ok", what, said)


def warning(what: str, said: str) -> Finding:
    """It will run, but perhaps not as it is meant."""
    return Finding("warning", what, said)


def error(what: str, said: str) -> Finding:
    """It will not run."""
    return Finding("error", what, said)


def guarded(what: str, look: Callable[[], Findings]) -> Findings:
    """Findings of a check; what it raises is one of them."""
    try:
        yield from look()
    except EigenGraphError as problem:
        yield error(what, str(problem))

"""One thing that is wrong, or doubtful, with a domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Severity = Literal["error", "warning", "hint"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The gravest first."""


@dataclass(frozen=True)
class Finding:
    """What the check found."""

    severity: Severity
    """An error makes tasks that cannot be trusted; a warning, fewer or duller ones; a hint says what to do next."""
    where: str
    """The part of the domain."""
    what: str
    """What is wrong with it."""
    mend: str
    """What to do about it."""

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}: {self.what} ({self.mend})"


def error(where: str, what: str, mend: str) -> Finding:
    """Something that must be put right."""
    return Finding("error", where, what, mend)


def warning(where: str, what: str, mend: str) -> Finding:
    """Something that should be looked at."""
    return Finding("warning", where, what, mend)


def hint(where: str, what: str, mend: str) -> Finding:
    """Something that is right as it is, and could be more."""
    return Finding("hint", where, what, mend)

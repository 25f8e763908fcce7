"""What a foreign domain's tools come from: a thing that describes them, and that opens worlds to call them in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field


class Call(NamedTuple):
    """A call in its canonical form: equal for calls that mean the same."""

    tool: str
    arguments: str
    """JSON, keys in order, numbers written alike."""

    @classmethod
    def of(cls, tool: str, arguments: Mapping[str, Any]) -> Self:
        """The canonical form of a call.

        Raises:
            ValueError: The arguments hold what JSON cannot (NaN, infinity).
        """
        text = json.dumps(_alike(arguments), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return cls(tool, text)

    def decoded(self) -> dict[str, Any]:
        """The arguments."""
        found: dict[str, Any] = json.loads(self.arguments)
        return found


History = tuple[Call, ...]
"""The writes of an episode that succeeded, in order, of both sides."""


class Answer(NamedTuple):
    """What a tool said."""

    content: str
    error: bool = False
    """It refused, and has changed nothing."""


class ToolSpec(BaseModel):
    """A tool as its source describes it."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})
    """JSON schema of its arguments."""
    writes: bool | None = None
    """What its source says of that: an MCP annotation, an HTTP method. None: nothing."""


class Session(Protocol):
    """One world behind the tools, in which calls are made one after the other."""

    tools: tuple[ToolSpec, ...] | None
    """What it offers, where asking costs nothing; else None."""

    def call(self, tool: str, arguments: dict[str, Any]) -> Answer:
        """Make a call.

        Raises:
            InfrastructureError: There is no answer.
        """

    def restart(self) -> bool:
        """Go back to the world's beginning; False: it cannot, another must be opened. Raises as `call`."""

    def close(self) -> None:
        """Let go of it. Never raises."""


class Source(Protocol):
    """What tools come from."""

    place: str
    """What and where it is, for messages."""
    worlds: int
    """How many sessions may be open at once: 1 where all share one world."""
    repeatable: bool
    """A session begins in a world where nothing was written."""
    remote: bool
    """To describe the tools it must be asked, and may not answer."""

    def tools(self) -> tuple[ToolSpec, ...]:
        """The tools.

        Raises:
            EigenGraphError: They cannot be had, or are none.
        """

    def open(self) -> Session:
        """A world in which nothing was written.

        Raises:
            InfrastructureError: It cannot be reached.
            EigenGraphError: It never will be, as it is given.
        """


def _alike(value: Any) -> Any:
    """JSON values with equal numbers written alike (2 and 2.0)."""
    if isinstance(value, Mapping):
        return {str(key): _alike(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_alike(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value

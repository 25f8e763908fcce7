"""A domain as a file: what `domain.yaml` may say."""

from __future__ import annotations

import difflib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from eigen_graph.core import EigenGraphError
from eigen_graph.domains.foreign.backend import Answers

FILE = "domain.yaml"
_Seconds = Annotated[float, Field(gt=0, le=3600)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class McpServer(_Part):
    """An MCP server: a command that is started, or a URL."""

    command: str | None = None
    """Spoken to over its standard input and output; `python` is the Python that runs this."""
    args: tuple[str, ...] = ()
    env: dict[str, str] = Field(default_factory=dict)
    """`${NAME}` takes the value from this process's own environment."""
    url: str | None = None
    """Streamable HTTP."""
    headers: dict[str, str] = Field(default_factory=dict)
    """`${NAME}` as above: keys need not stand in the file."""
    reset: str | None = None
    """The tool without arguments that brings its world back to the beginning; it must be left out of both sides."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise ValueError("give either `command` (and `args`) or `url`")
        if self.url is not None and (self.args or self.env):
            raise ValueError("`args` and `env` go with `command`, not with `url`")
        if self.command is not None and self.headers:
            raise ValueError("`headers` go with `url`, not with `command`")
        return self


class ToolsFrom(_Part):
    """Where the tools are from: one of `python`, `mcp`, `openapi`."""

    python: str | None = None
    """`package.module:ATTRIBUTE` or `file.py:ATTRIBUTE`: a list of LangChain tools, or a function that makes one."""
    mcp: McpServer | None = None
    openapi: str | None = None
    """A file or a URL: OpenAPI 3.0 or 3.1, JSON or YAML."""
    base_url: str | None = None
    """Where the API is, if not where its file says."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every request of an API; `${NAME}` takes the value from the environment."""
    reset: str | None = None
    """Brings the world back to the beginning: for `openapi` an operation (`POST /reset`, or its name), for `python` a
    function (`package.module:function`)."""
    timeout: _Seconds = 30.0
    """Seconds that a call may take."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [name for name in ("python", "mcp", "openapi") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give one of `python`, `mcp`, `openapi`")
        if self.openapi is None and (self.base_url or self.headers):
            raise ValueError("`base_url` and `headers` here go with `openapi`")
        if self.mcp is not None and self.reset:
            raise ValueError("`reset` of an MCP server stands inside `mcp`")
        return self


class ToolsPart(_Part):
    """The tools and who has them. Every tool stands in exactly one of `agent`, `user`, `left_out`."""

    source: ToolsFrom = Field(alias="from")
    agent: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    """Tools that may change something. All others are taken at their word that they only read."""
    confirm: tuple[str, ...] = ()
    """Tools that need the user's yes first."""
    after: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """For a tool, those of which one must have succeeded before."""


class StatePart(_Part):
    """What stands for the state, and who answers."""

    kind: Literal["journal"] = "journal"
    recording: str = "recording.sqlite"
    """Beside the manifest."""
    answers: Answers = "live"
    """`live`: the recording, else the tools, and then it is recorded. `recorded`: the recording alone. `model`: the
    recording, else a model makes the answer up, and then it is recorded."""
    model: str | None = None
    """For `answers: model`: the model's name; its key is read from OPENAI_API_KEY."""
    base_url: str | None = None
    """For `answers: model`: an OpenAI-compatible server, ending in /v1."""
    varying: tuple[str, ...] = ()
    """Fields of answers that differ from time to time (`created_at`): not compared when a world is brought back."""


class Manifest(_Part):
    """A domain."""

    name: str = Field(pattern=r"^[A-Za-z][\w-]{0,63}$")
    title: str = ""
    policy: str = "policy.md"
    """Markdown with numbered clauses, beside the manifest."""
    now: str = "2025-06-02T09:00:00"
    """The domain's fixed present, ISO 8601; YAML reads it as a time of its own."""
    max_result_chars: int = Field(20_000, ge=100, le=1_000_000)
    """A longer answer is refused with an error that says so."""
    tools: ToolsPart
    state: StatePart = StatePart()

    @field_validator("now", mode="before")
    @classmethod
    def _is_text(cls, now: Any) -> Any:
        return now.isoformat() if isinstance(now, date) else now


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        EigenGraphError: There is none, it is no YAML, or something in it is wrong: what, where, and the way out.
    """
    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EigenGraphError(f"{path} cannot be read: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark else ""
        raise EigenGraphError(f"{path}{at} is not YAML: {getattr(error, 'problem', None) or error!s:.200}") from error
    if not isinstance(data, dict):
        raise EigenGraphError(f"{path} holds no mapping: it begins with `name: ...`")
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the top"
        raise EigenGraphError(f"{path}: {where}: {_in_words(first)}") from error


def _in_words(problem: Any) -> str:
    if problem["type"] == "missing":
        return "is missing"
    if problem["type"] != "extra_forbidden":
        return str(problem["msg"]).removeprefix("Value error, ")
    known = _names_beside(problem["loc"])
    close = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
    return f"is no setting; {f'did you mean {close[0]!r}? ' if close else ''}There are {', '.join(known)}"


def _names_beside(loc: tuple[Any, ...]) -> list[str]:
    """Settings of the part in which an unknown one stands."""
    part: type[BaseModel] = Manifest
    for name in loc[:-1]:
        parts: dict[str, type[BaseModel]] = {
            "tools": ToolsPart,
            "state": StatePart,
            "from": ToolsFrom,
            "mcp": McpServer,
        }
        part = parts.get(str(name), part)
    return [field.alias or name for name, field in part.model_fields.items()]

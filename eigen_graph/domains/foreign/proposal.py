"""A manifest and a policy to begin with, for tools that are there: what is guessed is marked as a guess."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from eigen_graph.core import EigenGraphError
from eigen_graph.domains.foreign.load import source_of
from eigen_graph.domains.foreign.manifest import FILE, Manifest
from eigen_graph.domains.foreign.source import Source, ToolSpec

Kind = Literal["python", "mcp", "openapi"]
_READS = re.compile(
    r"^(get|list|find|search|show|read|check|look|lookup|fetch|query|view|describe|count|calculate|compute|preview|"
    r"estimate|verify|validate|is|has|can|who|what|which|status|help|ping|head)(_|-|$|[A-Z])"
)
_RESETS = re.compile(r"^reset(_|-|$)", re.IGNORECASE)
_SHORT = 70


@dataclass(frozen=True)
class Proposal:
    """What was written, and what is left to do."""

    folder: Path
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    guessed: tuple[str, ...]
    """Tools of which nobody says whether they write."""
    needs_reset: bool
    """The manifest does not load before it names a `reset`."""


@dataclass(frozen=True)
class _Draft:
    """What is known when the files are written."""

    name: str
    source: dict[str, Any]
    tools: tuple[ToolSpec, ...]
    reset: str | None
    repeatable: bool

    @property
    def chosen(self) -> list[ToolSpec]:
        """The tools that somebody gets."""
        return [tool for tool in self.tools if tool.name != self.reset]

    @property
    def writing(self) -> list[ToolSpec]:
        """Those of them that write."""
        return [tool for tool in self.chosen if _writes(tool)]


def write_proposal(
    folder: Path, name: str, kind: Kind, given: str, *, base_url: str | None = None, reset: str | None = None
) -> Proposal:
    """Ask for the tools, and write `domain.yaml` and `policy.md`.

    Args:
        folder: Where to; it is there, and empty.
        name: The domain's.
        kind: What the tools come from.
        given: `package.module:ATTRIBUTE`, a command or URL, or an OpenAPI document.
        base_url: Where the API is.
        reset: What brings the world back to its beginning.

    Raises:
        EigenGraphError: The tools cannot be had, or the files cannot be written.
    """
    source = _source(kind, given, folder, base_url)
    tools = _opened(name, source, folder).tools()
    if not tools:
        raise EigenGraphError(f"{given} has no tools")
    if reset is None and kind != "python" and any(map(_writes, tools)):
        reset = next((tool.name for tool in tools if _RESETS.match(tool.name) and _takes_nothing(tool)), None)
    if reset is not None:
        (source["mcp"] if kind == "mcp" else source)["reset"] = reset
    draft = _Draft(name, source, tools, reset, _opened(name, source, folder).repeatable)
    try:
        (folder / FILE).write_text("\n".join(_manifest(draft)) + "\n", encoding="utf-8")
        (folder / "policy.md").write_text("\n".join(_policy(draft)) + "\n", encoding="utf-8")
    except OSError as error:
        raise EigenGraphError(f"cannot write to {folder}: {error.strerror or error}") from error
    return Proposal(
        folder=folder,
        reads=tuple(tool.name for tool in draft.chosen if not _writes(tool)),
        writes=tuple(tool.name for tool in draft.writing),
        guessed=tuple(tool.name for tool in draft.chosen if tool.writes is None),
        needs_reset=bool(draft.writing) and not draft.repeatable,
    )


def _source(kind: Kind, given: str, folder: Path, base_url: str | None) -> dict[str, Any]:
    """The manifest's `from`, files as they are found from its folder."""
    if kind == "mcp":
        if given.startswith(("http://", "https://")):
            return {"mcp": {"url": given}}
        command, *arguments = shlex.split(given) or [""]
        return {"mcp": {"command": command, "args": [_from(folder, argument) for argument in arguments]}}
    if kind == "openapi":
        document = given if given.startswith(("http://", "https://")) else _from(folder, given)
        return {"openapi": document} | ({"base_url": base_url} if base_url else {})
    path, colon, attribute = given.partition(":")
    return {"python": f"{_from(folder, path)}{colon}{attribute}"}


def _from(folder: Path, text: str) -> str:
    """A file's path from a folder; what is no file, as it is."""
    return os.path.relpath(text, folder) if Path(text).is_file() and not Path(text).is_absolute() else text


def _opened(name: str, source: dict[str, Any], folder: Path) -> Source:
    return source_of(Manifest.model_validate({"name": name, "tools": {"from": source}}), folder)


def _writes(tool: ToolSpec) -> bool:
    """Whether a tool writes: as its source says, or else by its name."""
    return _READS.match(tool.name) is None if tool.writes is None else tool.writes


def _takes_nothing(tool: ToolSpec) -> bool:
    return not tool.parameters.get("required")


def _manifest(draft: _Draft) -> Iterator[str]:
    yield "# A domain of tools that have a world of their own. What is marked as a guess is for you to check."
    yield f"name: {draft.name}"
    yield 'title: ""'
    yield "policy: policy.md"
    yield "now: 2025-06-02T09:00:00  # the domain's present, whatever the clock says"
    yield "tools:"
    yield "  from:"
    dumped = yaml.safe_dump(draft.source, sort_keys=False, allow_unicode=True, width=1000)
    yield from (f"    {line}" for line in dumped.splitlines())
    if draft.writing and not draft.repeatable:
        indent = "      " if "mcp" in draft.source else "    "
        yield f"{indent}# reset: (to be filled in) what brings its world back to the beginning; it has tools that write"
    yield "  # Every tool stands in exactly one of the next three."
    yield "  agent:"
    yield from (f"  - {_scalar(tool.name)}  # {_line(tool)}" for tool in draft.chosen)
    yield "  user: []  # tools that only the user has (their own device, say)"
    left = [_scalar(tool.name) for tool in draft.tools if tool.name == draft.reset]
    yield f"  left_out: [{', '.join(left)}]  # tools for nobody"
    yield "  # Tools that may change something. All others are taken to only read."
    yield "  writes:" if draft.writing else "  writes: []"
    for tool in draft.writing:
        yield f"  - {_scalar(tool.name)}  # {'a guess, by its name' if tool.writes is None else 'as its source says'}"
    for tool in draft.chosen:
        if tool.writes is None and not _writes(tool):
            yield f"  # not {tool.name}: a guess, by its name"
    yield "  confirm: []  # those of them that need the user's yes first"
    yield "  after: {}  # e.g. {place_order: [find_customer]}: one of these must have succeeded before"
    yield "state:"
    yield "  kind: journal  # tasks are judged by which writes were made, not by the server's state"
    yield "  recording: recording.sqlite  # keep it beside this file: verdicts are replayed from it"
    yield "  answers: live"


def _policy(draft: _Draft) -> Iterator[str]:
    yield f"# Policy of {draft.name}\n"
    yield "Today is 2025-06-02. You serve one user at a time, by your tools alone; what no tool can do, you decline.\n"
    reads = [f"`{tool.name}`" for tool in draft.chosen if not _writes(tool)]
    if reads:
        yield f"1. Look things up before you speak of them, never guess: {', '.join(reads)}."
    for number, tool in enumerate(draft.writing, 1 + bool(reads)):
        yield (
            f"{number}. Use `{tool.name}` only when the user has asked for exactly that and you have looked up what it "
            f"concerns. (To be filled in: when it is allowed, when it must be refused, what to ask before.)"
        )


def _line(tool: ToolSpec) -> str:
    text = " ".join(tool.description.split()) or "no description"
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 3]}..."


def _scalar(name: str) -> str:
    """A name as YAML takes it, `no` and `1` in quotes."""
    return str(yaml.safe_dump(name, allow_unicode=True, width=1000)).splitlines()[0]

"""`domains new` for tools that are there already."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from eigen_graph.cli.console import out
from eigen_graph.core import EigenGraphError
from eigen_graph.domains.foreign.proposal import Kind, write_proposal
from eigen_graph.domains.scaffold import new_folder

PANEL = "Tools you already have"
Tools = Annotated[
    str | None,
    typer.Option(
        "--tools",
        metavar="MODULE:TOOLS",
        help="LangChain tools: package.module:TOOLS or file.py:TOOLS, a list or a function that makes one.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
Mcp = Annotated[
    str | None,
    typer.Option(
        "--mcp",
        metavar="COMMAND|URL",
        help="An MCP server: 'python server.py', or http://...",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
OpenApi = Annotated[
    str | None,
    typer.Option(
        "--openapi",
        metavar="FILE|URL",
        help="An HTTP API by its OpenAPI document.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        help="Where the API is, if not where its document says.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
Reset = Annotated[
    str | None,
    typer.Option(
        "--reset",
        metavar="NAME",
        help="What brings the world behind the tools back to its beginning: a tool, 'POST /reset', module:function.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]


def new_from(
    name: str,
    parent: Path,
    *,
    tools: str | None,
    mcp: str | None,
    openapi: str | None,
    base_url: str | None,
    reset: str | None,
) -> None:
    """Write a manifest for tools that are there, and say what is to be checked.

    Raises:
        EigenGraphError: More than one source is given, or its tools cannot be had.
    """
    found: list[tuple[Kind, str]] = []
    for kind, given in (("python", tools), ("mcp", mcp), ("openapi", openapi)):
        if given is not None:
            found.append((kind, given))  # type: ignore[arg-type]  # each is one of `Kind`
    if len(found) != 1:
        raise EigenGraphError("give one of --tools, --mcp and --openapi: a domain's tools come from one place")
    if base_url is not None and openapi is None:
        raise EigenGraphError("--base-url goes with --openapi")
    folder = new_folder(name, parent)
    try:
        made = write_proposal(folder, name, *found[0], base_url=base_url, reset=reset)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # nothing is in it that anybody wrote
        raise
    out.print(
        f"{folder}/domain.yaml: {len(made.reads)} tools that read, {len(made.writes)} that write; tasks are judged by "
        f"the journal of writes, not by the server's state. Next:",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    if made.guessed:
        out.print(
            f"  check what was guessed by names: {escape(', '.join(made.guessed))}", highlight=False, soft_wrap=True
        )
    if made.needs_reset:
        out.print(
            "  give it a `reset`: nothing brings its world back to the beginning, and it has tools that write",
            highlight=False,
            soft_wrap=True,
        )
    out.print(f"  say in {folder}/policy.md when each write is allowed", highlight=False, soft_wrap=True, markup=False)
    out.print(f"  eigen-graph domains check {shlex.quote(f'{folder}/')}", highlight=False, soft_wrap=True, markup=False)

"""`domains new`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from eigen_graph.cli import domains_foreign
from eigen_graph.cli.console import out
from eigen_graph.domains.scaffold import write_scaffold


def new(  # noqa: PLR0917  # one parameter an option is how Typer works
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the domain is called, and its folder: my_shop.")],
    parent: Annotated[Path, typer.Option("--folder", metavar="FOLDER", help="Where the folder NAME is made.")] = Path(),
    tools: domains_foreign.Tools = None,
    mcp: domains_foreign.Mcp = None,
    openapi: domains_foreign.OpenApi = None,
    base_url: domains_foreign.BaseUrl = None,
    reset: domains_foreign.Reset = None,
) -> None:
    """Write a small working domain into a new folder NAME, to be made your own.

    Two tables, four tools, a policy, a playbook for the offline model, and a test: it passes `domains check` as it
    stands. The guide is docs/your-domain.md.

    With `--tools`, `--mcp` or `--openapi` it writes a manifest instead, for tools that are there already.
    """
    if any(given is not None for given in (tools, mcp, openapi, base_url, reset)):
        domains_foreign.new_from(name, parent, tools=tools, mcp=mcp, openapi=openapi, base_url=base_url, reset=reset)
        return
    folder = write_scaffold(name, parent)
    out.print(f"{folder}/ is a working domain; its __init__.py says in which order to read it. Next:", highlight=False)
    whole, records, database = (shlex.quote(f"{folder}/{part}") for part in ("", "records.py", "database.json"))
    for command in (
        f"domains check {whole}",
        f"domains draft {records} --rows orders=60 --out {database}",
        f"synthesize {whole} --count 10",
    ):
        out.print(f"  eigen-graph {command}", highlight=False, soft_wrap=True, markup=False)

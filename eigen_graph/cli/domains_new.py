"""`domains new`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from eigen_graph.cli.console import out
from eigen_graph.domains.scaffold import write_scaffold


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the domain is called, and its folder: my_shop.")],
    parent: Annotated[Path, typer.Option("--folder", metavar="FOLDER", help="Where the folder NAME is made.")] = Path(),
) -> None:
    """Write a small working domain into a new folder NAME, to be made your own.

    Two tables, four tools, a policy, a playbook for the offline model, and a test: it passes `domains check` as it
    stands. The guide is docs/your-domain.md.
    """
    folder = write_scaffold(name, parent)
    told = shlex.quote(f"{folder}/")
    out.print(f"{folder}/ is a working domain; its __init__.py says in which order to read it. Next:", highlight=False)
    for command in (f"check {told}", f"draft {shlex.quote(str(folder / 'records.py'))} --out FILE"):
        out.print(f"  eigen-graph domains {command}", highlight=False, soft_wrap=True, markup=False)
    out.print(f"  eigen-graph synthesize {told} --count 10", highlight=False, soft_wrap=True, markup=False)

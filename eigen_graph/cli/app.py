"""The commands together, and what their errors mean to a shell."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from eigen_graph import __version__
from eigen_graph.cli import domains, runs, synthesize
from eigen_graph.cli.console import errors
from eigen_graph.core import EigenGraphError

PAUSED = 3

app = typer.Typer(
    name="eigen-graph",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Turn a domain (policy, tools, database) into verified tool-use dialogues, each with its own checker.\n\n"
        "Exit status: 0 done; 1 done, but something was found wrong or too few were accepted; 2 unusable input, "
        "nothing lost; 3 stopped early, `eigen-graph resume RUN` goes on."
    ),
)
app.add_typer(domains.app, name="domains")
app.command("synthesize")(synthesize.synthesize)
app.command("resume")(synthesize.resume)
app.command("status")(runs.status)
app.command("verify")(runs.verify)
app.command("export")(runs.export)
app.command("show")(runs.show)


def _version(wanted: bool) -> None:  # Typer's callback signature
    if wanted:
        typer.echo(f"eigen-graph {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before any command."""


def main() -> None:
    """Run a command; an error a person can put right is one line on stderr and an exit status."""
    try:
        app()
    except EigenGraphError as error:
        errors.print(f"[bold red]error:[/] {_plain(error)}", soft_wrap=True, highlight=False)
        sys.exit(PAUSED if synthesize.is_pause(error) else 2)


def _plain(error: EigenGraphError) -> str:
    return " ".join(str(error).split()).replace("[", r"\[")

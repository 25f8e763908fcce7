"""The commands together, and what their errors mean to a shell."""

from __future__ import annotations

import sqlite3
import sys
from typing import Annotated

import typer

from eigen_graph import __version__
from eigen_graph.cli import (
    compare,
    domains,
    evaluate,
    evolve,
    judge,
    pipeline,
    report,
    resume,
    running,
    runs,
    serve,
    show,
    studio,
    synthesize,
    train,
)
from eigen_graph.cli.console import complain, help_of
from eigen_graph.core import EigenGraphError

DONE, WRONG, UNUSABLE, PAUSED = 0, 1, 2, 3
NAME = "eigen-graph"
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What Typer raises for a wrong command line; where it is defined differs between Typer's versions."""

app = typer.Typer(
    name=NAME,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Turn a domain (policy, tools, database) into verified tool-use dialogues, each with its own checker.\n\n"
        "Exit status: 0 done; 1 done, but something was found wrong or too few were accepted; 2 unusable input, "
        "nothing was lost; 3 stopped early, `eigen-graph resume RUN` goes on, or for a training the same command."
    ),
)
for command in (
    synthesize.synthesize,
    resume.resume,
    runs.status,
    show.show,
    runs.verify,
    runs.export,
    evaluate.eval_,
    judge.judge,
    compare.compare,
    pipeline.pipeline,
    report.report,
    serve.serve,
    studio.studio,
):
    name = command.__name__.rstrip("_")  # `eval` is Python's own
    app.command(name, help=help_of(command))(command)
app.add_typer(evolve.app, name="evolve")
app.add_typer(train.app, name="train")
app.add_typer(domains.app, name="domains")


def _version(wanted: bool) -> None:  # Typer's callback signature
    if wanted:
        typer.echo(f"{NAME} {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before any command."""


def main() -> None:
    """Run a command; an error that a person can put right is one line on stderr and an exit status."""
    try:
        status = app(standalone_mode=False, prog_name=NAME)
    except EigenGraphError as error:
        complain(str(error))
        status = PAUSED if running.is_pause(error) else UNUSABLE
    except sqlite3.Error as error:
        complain(f"a file of the run cannot be read: {error}; bring it back from a copy, or start a new run")
        status = UNUSABLE
    except _UsageError as error:
        status = _misused(error)
    sys.exit(status if isinstance(status, int) else DONE)


def _misused(error: Exception) -> int:
    """Say what is wrong with the command line, or give the help when there is hardly a command."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(str(error))  # the help; empty when it has been printed with colors already
        return UNUSABLE
    command = context.command_path if context else NAME
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    complain(f"{message.rstrip('.')} (see {command} --help)")
    return UNUSABLE

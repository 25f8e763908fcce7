"""What the training commands share: recipe and folder, a quiet process, stops that can be gone on from, the dry run."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from eigen_graph.cli.console import errors, out, print_json
from eigen_graph.cli.running import is_pause
from eigen_graph.core import EigenGraphError
from eigen_graph.graphs import RunPausedError
from eigen_graph.rl.folder import TrainingFolder, free_folder
from eigen_graph.rl.quiet import prepare_process
from eigen_graph.rl.recipe import Recipe, bundled, load_recipe
from eigen_graph.rl.settings import Stage

UNUSABLE = 2
_COLORS = {"ok": "green", "warning": "yellow", "error": "bold red"}

RecipeName = Annotated[
    str, typer.Argument(metavar="RECIPE", help=f"Recipe: {', '.join(bundled())}, or the path of a YAML file.")
]
Runs = Annotated[
    list[Path] | None,
    typer.Option(
        "--run",
        metavar="RUN",
        help="Run folder of `synthesize`, or a folder of its export, to train on; may be given more than once. Needed "
        "by the first stage in a training folder.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FOLDER",
        help="Training folder: new, or to go on with. Default: runs/train-RECIPE-N.",
        show_default=False,
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a setting of the recipe, e.g. grpo.steps=20; may be given more than once.",
        show_default=False,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only look whether all is there, and what would be trained on; seconds.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON and no progress.")]


@dataclass(frozen=True)
class Asked:
    """What a training command was asked for."""

    recipe: Recipe
    path: Path
    runs: tuple[Path, ...]
    named: bool
    """The folder was named, so that the same command goes on in it."""
    as_json: bool

    def tell(self, text: str) -> None:
        """A line of progress, from the first of several processes."""
        if not self.as_json and is_first():
            errors.print(escape(text), highlight=False, soft_wrap=True)


def asked(
    recipe: str,
    changes: Sequence[str] | None,
    folder: Path | None,
    runs: Sequence[Path] | None = None,
    *,
    as_json: bool = False,
) -> Asked:
    """Read what a command was given.

    Raises:
        EigenGraphError: There is no such recipe, a setting of it is wrong, or the extra `rl` is missing.
    """
    found = load_recipe(recipe, changes or ())
    if folder is None and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise EigenGraphError("several processes train into one folder: name it (--out)")
    prepare_process(quiet=True)
    return Asked(found, folder or free_folder(found), tuple(runs or ()), folder is not None, as_json)


@contextmanager
def entered(what: Asked) -> Iterator[TrainingFolder]:
    """The training folder, held by this process; whatever stops the work early says how to go on.

    Raises:
        EigenGraphError: The folder cannot be used, or what stopped the work.
    """
    again = "" if what.named else f" (with --out {what.path})"
    try:
        with _terminable():
            if not is_first():
                yield TrainingFolder(what.path, what.recipe)
                return
            what.path.mkdir(parents=True, exist_ok=True)
            with TrainingFolder(what.path, what.recipe).lock():
                yield TrainingFolder.enter(what.path, what.recipe)
    except KeyboardInterrupt:
        raise RunPausedError(f"stopped; what is finished is kept; the same command goes on{again}") from None
    except EigenGraphError as error:
        if is_pause(error) and again:
            raise type(error)(f"{error}{again}") from error
        raise


def dry_run(what: Asked, stages: Sequence[Stage], *, synthesizes: bool = False) -> NoReturn:
    """Check everything, say what was found, and end.

    Raises:
        typer.Exit: Always; status 2 where something stands in the way.
    """
    from eigen_graph.rl.preflight import check  # noqa: PLC0415  # torch

    found = check(
        what.recipe, stages, folder=what.path if what.named else None, runs=what.runs, synthesizes=synthesizes
    )
    if what.as_json:
        findings = [finding._asdict() for finding in found.findings]
        print_json({"passes": found.passes, "findings": findings, "shown": found.shown})
    else:
        table = Table.grid(padding=(0, 2, 0, 0))
        for level, name, said in found.findings:
            table.add_row(Text(level, _COLORS[level]), Text(name), Text(said))
        out.print(table, highlight=False)
        for side, text in found.shown.items():
            out.print(f"\nthe first row of the {side}'s SFT; trained on is what stands between ⟦ and ⟧:")
            out.print(Text(text), highlight=False, soft_wrap=True)
    raise typer.Exit(0 if found.passes else UNUSABLE)


def require_ready(what: Asked, stages: Sequence[Stage], *, synthesizes: bool = False) -> None:
    """Refuse at once what a dry run finds wrong; its warnings are told.

    Raises:
        EigenGraphError: The first thing that stands in the way.
    """
    if not is_first():
        return
    from eigen_graph.rl.preflight import check  # noqa: PLC0415  # torch

    found = check(what.recipe, stages, folder=what.path, runs=what.runs, synthesizes=synthesizes)
    wrong = [finding for finding in found.findings if finding.level == "error"]
    if wrong:
        more = f" (and {len(wrong) - 1} more: --dry-run lists all)" if len(wrong) > 1 else ""
        raise EigenGraphError(f"{wrong[0].what}: {wrong[0].said}{more}")
    for finding in found.findings:
        if finding.level == "warning":
            what.tell(f"warning: {finding.what}: {finding.said}")


def is_first() -> bool:
    """Whether this process speaks for all that train together."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM stop a step as Ctrl-C does, where the step itself does not listen."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt

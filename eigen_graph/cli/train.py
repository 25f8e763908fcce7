"""`train`: the user model, then the agent by SFT, then by GRPO."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from eigen_graph.cli.console import out, print_json
from eigen_graph.cli.report import difference, interval
from eigen_graph.cli.telling import grid
from eigen_graph.cli.training import (
    AsJson,
    Asked,
    Changes,
    DryRun,
    Out,
    RecipeName,
    Runs,
    asked,
    dry_run,
    entered,
    is_first,
    require_ready,
)
from eigen_graph.rl.settings import Stage

if TYPE_CHECKING:
    from eigen_graph.rl.data import TrainingData
    from eigen_graph.rl.folder import TrainingFolder

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Train on what `synthesize` wrote: a user model, an agent by SFT, then by GRPO on the checkers' rewards.\n\n"
        "The stages share a training folder (--out). The same command goes on where it was stopped or killed. "
        "Needs the extra `rl`."
    ),
)


@app.command()
def user(  # noqa: PLR0917  # one parameter an option is how Typer works
    recipe: RecipeName,
    run: Runs = None,
    folder: Out = None,
    change: Changes = None,
    dry: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Train a simulated user by SFT on the user's side of accepted dialogues, then measure its fidelity.

    On held-out tasks: what it reveals, withholds, makes up, calls, and when it stops; faults per 100 dialogues with
    their interval. Exit status 1: it is trained, but has not passed, and GRPO will refuse it.
    """
    what = asked(recipe, change, folder, run, as_json=as_json)
    if dry:
        dry_run(what, ["user"])

    def train(folder: TrainingFolder, data: TrainingData) -> None:
        from eigen_graph.rl.stages import train_user  # noqa: PLC0415  # torch

        report = train_user(folder, data, what.tell)
        if report is None:
            return
        passes = report.passes(folder.recipe.user.fidelity)
        if as_json:
            print_json({"model": str(folder.stage("user").model), "passes": passes, **report.to_json()["figures"]})
        else:
            _end(folder, "user", f"eigen-graph train agent {recipe} --out {folder.path}")
        if not passes:
            raise typer.Exit(1)

    _in_folder(what, "user", train)


@app.command()
def agent(  # noqa: PLR0917  # one parameter an option is how Typer works
    recipe: RecipeName,
    run: Runs = None,
    folder: Out = None,
    change: Changes = None,
    dry: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Train the agent by SFT on accepted dialogues, with loss on its own turns only.

    Prints pass^1 on held-out tasks before and after, with 95 % intervals, beside what inert agents solve.
    """
    what = asked(recipe, change, folder, run, as_json=as_json)
    if dry:
        dry_run(what, ["agent"])

    def train(folder: TrainingFolder, data: TrainingData) -> None:
        from eigen_graph.rl.stages import train_agent  # noqa: PLC0415  # torch

        found = train_agent(folder, data, what.tell)
        _show(what, folder, "agent", found, f"eigen-graph train grpo {recipe} --out {folder.path}")

    _in_folder(what, "agent", train)


@app.command()
def grpo(  # noqa: PLR0917  # one parameter an option is how Typer works
    recipe: RecipeName,
    run: Runs = None,
    folder: Out = None,
    change: Changes = None,
    dry: DryRun = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Go on with a user that has not passed, or a start that solves too little; it is recorded."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train the agent by GRPO on the rewards of the tasks' checkers, in dialogues with a simulated user.

    Starts from the folder's SFT agent. A user model enters only when its fidelity has passed, and a start only when it
    solves more than an agent that does nothing. Prints pass^1 on held-out tasks before and after.
    """
    what = asked(recipe, change, folder, run, as_json=as_json)
    if dry:
        dry_run(what, ["grpo"])

    def train(folder: TrainingFolder, data: TrainingData) -> None:
        from eigen_graph.rl.stages import train_grpo  # noqa: PLC0415  # torch

        found = train_grpo(folder, data, what.tell, force=force)
        _show(what, folder, "grpo", found, f"eigen-graph report {folder.path}")

    _in_folder(what, "grpo", train)


def pass1_table(found: dict[str, Any]) -> Table:
    """pass^1 before and after."""
    table = grid(2)
    for when in ("before", "after"):
        if figure := found[when]:
            table.add_row(f"pass^1 {when}", interval(figure))
    if gap := found.get("difference"):
        table.add_row("difference", difference(gap))
    for name, value in found["floors"].items():
        table.add_row(f"floor: {name}", f"{value:.3f}")
    return table


def _in_folder(what: Asked, stage: Stage, train: Callable[[TrainingFolder, TrainingData], None]) -> None:
    from eigen_graph.rl.data import prepare  # noqa: PLC0415  # beside what needs torch

    with entered(what) as folder:
        what.tell(f"training folder: {folder.path}")
        if not folder.stage(stage).done:
            require_ready(what, [stage])
        if is_first():
            prepare(folder.data, folder.recipe, what.runs)
        _wait()
        train(folder, prepare(folder.data, folder.recipe, what.runs))


def _wait() -> None:
    """For the first process, which has written what the others read."""
    from accelerate import PartialState  # noqa: PLC0415  # torch

    PartialState().wait_for_everyone()


def _show(what: Asked, folder: TrainingFolder, stage: Stage, found: dict[str, Any] | None, after: str) -> None:
    if found is None:
        return
    if what.as_json:
        print_json({"model": str(folder.stage(stage).model), **found})
        return
    out.print(pass1_table(found), highlight=False)
    _end(folder, stage, after)


def _end(folder: TrainingFolder, stage: Stage, after: str) -> None:
    out.print(f"model: {folder.stage(stage).model}", highlight=False, soft_wrap=True, markup=False)
    out.print(f"  {after}", highlight=False, soft_wrap=True, markup=False)

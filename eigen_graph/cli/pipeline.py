"""`pipeline`: from nothing to an agent trained by GRPO, in one go that can be stopped anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from eigen_graph.cli.console import out, print_json
from eigen_graph.cli.report import difference, interval
from eigen_graph.cli.telling import grid
from eigen_graph.cli.training import (
    AsJson,
    Changes,
    DryRun,
    Out,
    RecipeName,
    Runs,
    asked,
    dry_run,
    entered,
    require_ready,
)
from eigen_graph.rl.settings import Stage

if TYPE_CHECKING:
    from eigen_graph.rl.pipeline import Outcome


def pipeline(  # noqa: PLR0917  # one parameter an option is how Typer works
    recipe: RecipeName,
    run: Runs = None,
    folder: Out = None,
    change: Changes = None,
    dry: DryRun = False,
    force: Annotated[
        bool, typer.Option("--force", help="As for `train grpo`: go on with a user or a start that is refused.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Synthesize, train the user, the agent by SFT, then by GRPO, and evaluate each on held-out tasks.

    Every step that is done is skipped: the same command goes on where it was stopped or killed. Ends with a table of
    pass^1 before and after, its intervals and floors, and the curves.
    """
    what = asked(recipe, change, folder, run, as_json=as_json)
    from eigen_graph.rl.pipeline import needs_user, run_pipeline  # noqa: PLC0415  # torch

    stages: list[Stage] = ["user", "agent", "grpo"] if needs_user(what.recipe) else ["agent", "grpo"]
    if dry:
        dry_run(what, stages, synthesizes=True)
    with entered(what) as place:
        what.tell(f"training folder: {place.path}")
        left: list[Stage] = [stage for stage in stages if not place.stage(stage).done]
        if left:
            require_ready(what, left, synthesizes=True)
        found = run_pipeline(place, what.tell, runs=what.runs, force=force)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    out.print(_table(found), highlight=False)
    for name, path in {"curves": found.curves, "model": found.model}.items():
        out.print(f"{name}: {path}", highlight=False, soft_wrap=True, markup=False)
    out.print(
        f"  eigen-graph eval {found.domain} --agent hf:{found.model}", highlight=False, soft_wrap=True, markup=False
    )


def _table(found: Outcome) -> Table:
    table = grid(2)
    table.add_row("recipe", Text(f"{found.recipe}, {found.domain}"))
    if figures := found.fidelity:
        low, high = figures["interval"]
        table.add_row(
            "user", f"{figures['faults_per_100']:.1f} faults per 100 dialogues  (95 %: {low:.1f} to {high:.1f})"
        )
    for name, figure in {
        "start": found.agent["before"],
        "agent, SFT": found.grpo["before"],
        "agent, GRPO": found.grpo["after"],
    }.items():
        if figure:
            table.add_row(f"pass^1: {name}", interval(figure))
    table.add_row("GRPO less SFT", difference(found.grpo["difference"]))
    for name, value in found.grpo["floors"].items():
        table.add_row(f"floor: {name}", f"{value:.3f}")
    spent = ", ".join(f"{step} {seconds:,.0f}" for step, seconds in found.seconds.items())
    table.add_row("seconds", f"{spent}; {sum(found.seconds.values()):,.0f} in all")
    return table

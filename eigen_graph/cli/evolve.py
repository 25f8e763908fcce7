"""`evolve log|show|rollback`: read what the evolution of a run came to, and take it back."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from eigen_graph.cli import evolving, history, running
from eigen_graph.cli.console import out, print_json
from eigen_graph.cli.runs import AsJson, RunPath
from eigen_graph.cli.synthesize import BaseUrl, BudgetText, Concurrency
from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.lineage import WORKFLOW
from eigen_graph.graphs.rollback import roll_back
from eigen_graph.runs import RunFolder

DEFAULT = "RUN"
"""Named as its argument is shown: a folder may well be called `run`."""


class DefaultGroup(TyperGroup):
    """A group whose first argument may be left out: what is no command of it is an argument of its default one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See click's `Group.parse_args`."""
        others = {*self.commands, *ctx.help_option_names} - {DEFAULT}
        if DEFAULT in self.commands and args and args[0] not in others:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=DefaultGroup,
    no_args_is_help=True,
    help=(
        "Let the engine of a run improve itself, and see what came of it.\n\n"
        "`eigen-graph evolve RUN` reflects on what the run has made, patches its workflow and prompts, and keeps a "
        "patch only when a paired test on fresh tasks says that it helped. `log`, `show` and `rollback` read and "
        "revert what was kept."
    ),
    subcommand_metavar="RUN | COMMAND [ARGS]...",
)

Generation = Annotated[int, typer.Argument(metavar="GEN", min=0, help="Number of the generation.")]


@app.command(DEFAULT)
def evolve_run(  # noqa: PLR0917  # one parameter an option is how Typer works
    run: RunPath,
    rounds: evolving.Rounds = evolving.ROUNDS,
    proposals: evolving.Proposals = evolving.PROPOSALS,
    patience: evolving.Patience = evolving.PATIENCE,
    pilot: evolving.Pilot = evolving.PILOT,
    lineages: evolving.Lineages = evolving.LINEAGES,
    trial_budget: evolving.TrialBudget = None,
    level: evolving.Level = evolving.LEVEL,
    min_effect: evolving.MinEffect = evolving.MIN_EFFECT,
    looks: evolving.Looks = evolving.LOOKS,
    objective: evolving.Objective = evolving.OBJECTIVE,
    base_url: BaseUrl = None,
    concurrency: Concurrency = None,
    budget: BudgetText = None,
    as_json: AsJson = False,
) -> None:
    """Let the engine of a run that is there improve itself.

    It reflects on what the run has made. An evolution that was interrupted goes on, with the settings it was begun
    with. Production uses the best confirmed generation from then on, also in `eigen-graph resume RUN`.
    """
    context, before = running.found(run, base_url, concurrency)
    settings = evolving.settings(
        rounds=rounds,
        proposals=proposals,
        patience=patience,
        pilot=pilot,
        lineages=lineages,
        budget=trial_budget,
        level=level,
        min_effect=min_effect,
        looks=looks,
        objective=objective,
    )
    asyncio.run(running.follow(run, context, None, budget or before, as_json=as_json, evolve=settings))


@app.command("log")
def log(run: RunPath, as_json: AsJson = False) -> None:
    """Tell how the engine of a run evolved: its generations, what was tried, and what stopped it."""
    told = _read(run)
    if as_json:
        print_json(told.to_json())
        return
    for part in told.told():
        out.print(part, highlight=False)
    out.print()
    for line in told.ending():
        out.print(Text(line), soft_wrap=True)


@app.command("show")
def show(run: RunPath, generation: Generation, as_json: AsJson = False) -> None:
    """Show one generation: why it was kept, how it was tested, and what it changed.

    Prompts as a diff against the generation that it was patched from, the workflow as Mermaid.
    """
    told = _read(run).generation(generation)
    if as_json:
        print_json(told.to_json())
        return
    out.print(told.summary(), highlight=False)
    out.print(Text.assemble(("folder       ", "dim"), str(told.folder)), soft_wrap=True)
    for title, text in told.texts():
        out.print(Text(f"\n{title}", "bold"))
        out.print(Text(text), soft_wrap=True)


@app.command("rollback")
def rollback(run: RunPath, generation: Generation, as_json: AsJson = False) -> None:
    """Let production use an earlier generation again.

    Its prompts and workflow are in RUN/workflow afterwards, to the byte as they were.
    """
    _read(run).generation(generation)
    before = asyncio.run(_roll_back(RunFolder.open(run), generation))
    if as_json:
        print_json({"run": str(run), "from": before, "to": generation, "workflow": str(run / WORKFLOW)})
        return
    what = f"production uses generation {generation} already" if before == generation else ""
    what = what or f"production uses generation {generation} again, instead of generation {before}"
    out.print(f"{what}; {run / WORKFLOW} holds its workflow and prompts", highlight=False, soft_wrap=True)


async def _roll_back(folder: RunFolder, generation: int) -> int | None:
    async with folder.ledger() as ledger:
        return await roll_back(ledger, generation)


def _read(run: RunPath) -> history.History:
    """What the ledger tells.

    Raises:
        EigenGraphError: There is no run, or it did not evolve.
    """
    folder = RunFolder.open(run)
    with folder.reader() as ledger:
        found = history.History.of(folder, ledger)
    if not found.generations:
        raise EigenGraphError(
            f"the run in {run} has not evolved: `eigen-graph evolve {run}` lets it, "
            f"`eigen-graph synthesize --evolve` begins one that does"
        )
    return found

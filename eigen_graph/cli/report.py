"""`report`: what a training has come to, as figures and as a drawing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from eigen_graph.cli.console import out, print_json
from eigen_graph.cli.telling import grid
from eigen_graph.rl.history import History, StageHistory


def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Training folder.")],
    file: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Drawing: .svg, .png or .pdf. Default: FOLDER/curves.svg.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every logged figure as JSON instead.")] = False,
) -> None:
    """Draw a training's curves and sum it up, also while it is under way.

    Loss, reward of all episodes played, mixed groups, user faults, length, entropy, and pass^1 on held-out tasks before
    and after, with its 95 % interval.
    """
    from eigen_graph.rl.curves import draw  # noqa: PLC0415  # beside what draws

    history = History.of(folder)
    if as_json:
        if file is not None:
            draw(history, file)
        print_json(history.model_dump(mode="json"))
        return
    path = draw(history, file or folder / "curves.svg")
    out.print(summed_up(history), highlight=False)
    out.print(f"curves: {path}", highlight=False, soft_wrap=True)


def summed_up(history: History) -> Table:
    """A training in a few lines."""
    table = grid(2)
    table.add_row("recipe", Text(f"{history.recipe}, {history.domain}"))
    for stage in history.stages:
        table.add_row(stage.stage, Text(_stage(stage)))
        for what, figure in (stage.pass1 or {}).items():
            if what in {"before", "after"} and figure:
                table.add_row(f"  pass^1 {what}", Text(interval(figure)))
    return table


def difference(gap: dict[str, Any]) -> str:
    """A paired difference with its interval."""
    return f"{gap['value']:+.3f}  (95 %: {gap['low']:+.3f} to {gap['high']:+.3f}; p {gap['p']:.2g})"


def interval(figure: dict[str, Any]) -> str:
    """A mean with its 95 % interval."""
    return f"{figure['value']:.3f}  (95 %: {figure['low']:.3f} to {figure['high']:.3f})"


def _stage(stage: StageHistory) -> str:
    parts = [stage.state if stage.state == "done" else "under way, or stopped"]
    name = "reward/raw" if stage.stage == "grpo" else "loss"
    if series := stage.series(name):
        label = "reward" if stage.stage == "grpo" else "loss"
        parts.append(f"step {series[-1][0]}, {label} {series[0][1]:.3f} -> {series[-1][1]:.3f}")
    if held := stage.series("eval_loss"):
        parts.append(f"held-out loss {held[-1][1]:.3f}")
    parts.append(f"{stage.seconds:,.0f} s")
    return ", ".join(parts)

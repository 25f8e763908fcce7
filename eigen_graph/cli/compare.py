"""`eigen-graph compare`: whether one evaluation came out higher than another, task against task."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from eigen_graph.cli.console import out, print_json

_ARGUMENT = typer.Argument(metavar="RESULTS", help="Results file of `eigen-graph eval` or `judge`, or its folder.")


def compare(
    baseline: Annotated[Path, _ARGUMENT],
    candidate: Annotated[Path, _ARGUMENT],
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Compare two evaluations of the same tasks: the difference in pass^k, with its interval and p-value.

    Tasks are paired, so a difference shows with far fewer trials than two separate intervals would need. Results of
    different task files, databases or rules are refused.
    """
    from eigen_graph.evaluation.comparison import compare as compared  # noqa: PLC0415  # loads SciPy
    from eigen_graph.evaluation.results import Results  # noqa: PLC0415

    found = compared(
        *(Results.load(path / "results.json" if path.is_dir() else path) for path in (baseline, candidate))
    )
    if as_json:
        print_json(found.to_json())
        return
    table = Table(box=None, pad_edge=False)
    for column in ("", "baseline", "candidate", "difference", "95 %", "p"):
        table.add_column(column, justify="right" if column else "left")
    for change in found.pass_hat:
        gap = change.difference
        table.add_row(
            f"pass^{change.k}",
            f"{change.baseline:.3f}",
            f"{change.candidate:.3f}",
            f"{gap.value:+.3f}",
            f"{gap.low:+.3f} to {gap.high:+.3f}",
            f"{gap.p:.3f}",
        )
    out.print(table)
    out.print(f"{found.tasks} tasks: {found.better} better, {found.worse} worse, {found.equal} equal", highlight=False)
    if found.unpaired:
        out.print(f"left out, judged on one side only: {_named(found.unpaired)}", highlight=False, markup=False)
    for name, (before, after) in found.settings.items():
        out.print(f"{name}: {_told(before)} -> {_told(after)}", highlight=False, markup=False)


def _named(tasks: tuple[str, ...], most: int = 5) -> str:
    more = f" and {len(tasks) - most} more" if len(tasks) > most else ""
    return ", ".join(tasks[:most]) + more


def _told(value: Any) -> str:
    return "none" if value is None else str(value)

"""`report`: one page about a run, evaluations or a training, and the drawing of a training's curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from eigen_graph.cli.console import errors, out, print_json
from eigen_graph.cli.telling import grid
from eigen_graph.core import EigenGraphError
from eigen_graph.rl.history import History, StageHistory

if TYPE_CHECKING:
    from eigen_graph.report.data import Page

_PAGE = "report.html"
_DRAWINGS = (".svg", ".png", ".pdf")


def report(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", help="A run's folder; evaluations' folders, side by side; or a training's folder."
        ),
    ],
    file: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Page: .html. Or, of a training, its curves: .svg, .png or .pdf. Default: PATH/report.html.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the figures as JSON; a file is written only with --out."),
    ] = False,
) -> None:
    """Write one page about what was made, what was refused and why; it opens from disk and asks nobody for anything.

    Of a run: the funnel, coverage, kill rates, generations, costs. Of evaluations: pass^k with intervals and floors,
    side by side. Of a training: its curves, pass^1 before and after, and what a pipeline left beside it. And every
    dialogue: both sides, calls, what each changed, the verdict, the review. Also while it is under way.
    """
    from eigen_graph.report.sources import is_training  # noqa: PLC0415  # evaluations load SciPy

    training = History.of(paths[0]) if len(paths) == 1 and is_training(paths[0]) else None
    if file is not None and file.suffix.lower() in _DRAWINGS:
        _draw(training, file)
        if not as_json:
            out.print(f"curves: {file}", highlight=False, soft_wrap=True)
    elif not as_json or file is not None:
        _write(paths, file or _default(paths[0]), quiet=as_json)
    if as_json:
        print_json(training.model_dump(mode="json") if training else _page(paths))
    elif training:
        out.print(summed_up(training), highlight=False)


def _draw(training: History | None, file: Path) -> None:
    from eigen_graph.rl.curves import draw  # noqa: PLC0415  # beside what draws

    if training is None:
        raise EigenGraphError(f"only a training's curves can be drawn as {file.suffix}: name a page, such as {_PAGE}")
    draw(training, file)


def _write(paths: list[Path], file: Path, *, quiet: bool) -> None:
    from eigen_graph.report.build import build  # noqa: PLC0415  # as above
    from eigen_graph.report.page import write_page  # noqa: PLC0415

    if file.suffix.lower() not in {".html", ".htm"}:
        raise EigenGraphError(f"cannot write {file}: a report is .html, a training's curves {', '.join(_DRAWINGS)}")
    page, pieces = build(paths, _quietly if quiet else _tell)
    write_page(page, pieces, file)
    if not quiet:
        _sum_up(page)
        out.print(f"report: {file}", highlight=False, soft_wrap=True)


def _page(paths: list[Path]) -> Any:
    from eigen_graph.report.build import build  # noqa: PLC0415  # as above

    return build(paths, _quietly)[0].model_dump(mode="json", by_alias=True)


def _default(path: Path) -> Path:
    return (path if path.is_dir() else path.parent) / _PAGE


def _tell(text: str) -> None:
    errors.print(text, highlight=False, markup=False, soft_wrap=True)


def _quietly(_: str) -> None:
    """Nobody reads it."""


def _sum_up(page: Page) -> None:
    """What a page says first, in a few lines."""
    table = grid(3)
    for figure in page.figures:
        table.add_row(figure.label, Text(figure.value), Text(figure.note))
    if len(page.evaluations) > 1:
        for one in page.evaluations:
            for hat in one.pass_hats[:1]:
                bounds = f"95 %: {hat.low:.3f} to {hat.high:.3f}"
                table.add_row(
                    one.name, Text(f"{hat.value:.3f}"), Text(f"pass^1, {bounds}; {one.against_first}".rstrip("; "))
                )
    out.print(table, highlight=False)
    for note in page.notes:
        out.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)


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

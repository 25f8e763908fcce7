"""A report from folders: what is in each, as one page and the dialogues behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from eigen_graph import __version__
from eigen_graph.report.data import Page
from eigen_graph.report.listing import Rows
from eigen_graph.report.of_run import RunSource
from eigen_graph.report.pieces import packed
from eigen_graph.report.tell import Tell
from eigen_graph.runs import RunFolder
from eigen_graph.runs.schema import storable


def build(paths: Sequence[Path], tell: Tell = lambda _: None) -> tuple[Page, Iterator[str]]:
    """Work out a report.

    Args:
        paths: A run's folder; or evaluations' folders, side by side; or a training's folder.
        tell: Gets lines for people now and then.

    Returns:
        The page, and the pieces of its dialogues (`pieces.packed`), which are made as they are asked for.

    Raises:
        EigenGraphError: A folder holds nothing that can be reported on, or cannot be read.
    """
    rows = Rows()
    source = RunSource(RunFolder.open(paths[0]), tell)
    section = source.section(rows)
    page = Page(
        title=f"Run {paths[0].resolve().name}",
        subtitle=source.subtitle,
        made=f"{datetime.now(UTC).isoformat(timespec='seconds')} by eigen_graph {__version__}",
        figures=tuple(source.figures),
        run=section,
        listing=rows.done(),
        notes=tuple(source.notes),
    )
    return _clean(page), packed(source.dialogues(), page.piece_size)


def _clean(page: Page) -> Page:
    """The page without lone surrogates, which models write and no file can hold."""
    text = json.dumps(page.model_dump(by_alias=True), ensure_ascii=False)
    return page if text.isascii() else Page.model_validate_json(storable(text))

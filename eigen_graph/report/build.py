"""A report from folders: what is in each, as one page and the dialogues behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from eigen_graph import __version__
from eigen_graph.report.data import Figure, Page
from eigen_graph.report.listing import RUN, Rows
from eigen_graph.report.of_evaluation import EvaluationSource
from eigen_graph.report.of_run import RunSource
from eigen_graph.report.of_training import figures_of, notes_of, stages_of
from eigen_graph.report.pieces import packed
from eigen_graph.report.settings import Settings
from eigen_graph.report.sources import Sources, sources_of
from eigen_graph.report.tell import Tell
from eigen_graph.runs.schema import storable


def build(paths: Sequence[Path], tell: Tell = lambda _: None) -> tuple[Page, Iterator[str]]:
    """Work out a report.

    Args:
        paths: A run's folder; or evaluations' folders, side by side; or a training's folder, with what a pipeline left
            in it.
        tell: Gets lines for people now and then.

    Returns:
        The page, and the pieces of its dialogues (`pieces.packed`), which are made as they are asked for.

    Raises:
        EigenGraphError: A path holds nothing that can be reported on, or cannot be read.
    """
    found, rows, settings = sources_of(paths), Rows(), Settings()
    run = RunSource(found.run, settings, tell) if found.run else None
    section = run.section(rows) if run else None
    evaluations = _evaluations(found, settings, tell)
    sections = [one.section(rows, evaluations[0] if at else None) for at, one in enumerate(evaluations)]
    training = stages_of(found.training) if found.training else ()
    figures: list[Figure] = [*figures_of(training), *(run.figures if run else ())]
    if len(evaluations) == 1 and not training:
        figures += evaluations[0].figures(sections[0])
    page = Page(
        title=_title(found, evaluations),
        subtitle=_subtitle(found, run, evaluations),
        made=f"{datetime.now(UTC).isoformat(timespec='seconds')} by eigen_graph {__version__}",
        figures=tuple(figures),
        run=section,
        evaluations=tuple(sections),
        training=training,
        listing=rows.done(),
        notes=(
            *(notes_of(found.training) if found.training else ()),
            *(run.notes if run else ()),
            *(note for one in evaluations for note in one.notes),
        ),
    )
    dialogues = chain.from_iterable(one.dialogues() for one in (*([run] if run else ()), *evaluations))
    return _clean(page), packed(dialogues, page.piece_size)


def _evaluations(found: Sources, settings: Settings, tell: Tell) -> list[EvaluationSource]:
    """Each under a name of its own: its folder's, with a number where two are called the same."""
    taken, sources = {RUN}, []
    alone = found.run is None and len(found.evaluations) == 1
    for episodes in found.evaluations:
        path = episodes.path.resolve()
        own = path.parent.name if path.name == "results.json" else path.stem if path.is_file() else path.name
        name, number = own, 1
        while name in taken:
            number += 1
            name = f"{own}-{number}"
        taken.add(name)
        sources.append(EvaluationSource(episodes, name, settings, "" if alone else f"{name}/", tell))
    return sources


def _title(found: Sources, evaluations: Sequence[EvaluationSource]) -> str:
    if found.training:
        return f"Training {Path(found.training.folder).resolve().name}"
    if found.run:
        return f"Run {found.run.path.resolve().name}"
    return f"Evaluation {evaluations[0].name}" if len(evaluations) == 1 else f"{len(evaluations)} evaluations"


def _subtitle(found: Sources, run: RunSource | None, evaluations: Sequence[EvaluationSource]) -> str:
    if found.training:
        return f"recipe {found.training.recipe}, domain {found.training.domain}"
    if run:
        return run.subtitle
    if len(evaluations) == 1:
        return evaluations[0].subtitle
    return ", ".join(one.name for one in evaluations)


def _clean(page: Page) -> Page:
    """The page without lone surrogates, which models write and no file can hold."""
    text = json.dumps(page.model_dump(by_alias=True), ensure_ascii=False)
    return page if text.isascii() else Page.model_validate_json(storable(text))

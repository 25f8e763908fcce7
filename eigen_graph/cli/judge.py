"""`judge`: judge a stored results file again, ours or tau2's, and turn one into the other."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from eigen_graph.cli.console import errors, out, print_json
from eigen_graph.cli.synthesize import BaseUrl
from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.domains import load_domain
from eigen_graph.evaluation import rejudge as rejudging
from eigen_graph.evaluation.hearing import heard_anew
from eigen_graph.evaluation.rejudge import OUTCOMES, SUSPECT, Rejudged, Ruling, rejudge
from eigen_graph.evaluation.results import Results
from eigen_graph.evaluation.summary import summarize
from eigen_graph.evaluation.tau2_file import is_tau2, read_json
from eigen_graph.evaluation.tau2_results import Imported, from_tau2, to_tau2

_SHOWN = 20


class Basis(StrEnum):
    """By what to judge."""

    TAU2 = "tau2"
    EIGEN = "eigen"
    OWN = "own"


_BASES: dict[Basis, rejudging.Basis] = {Basis.TAU2: "tau2", Basis.EIGEN: "eigen", Basis.OWN: "own"}


class Format(StrEnum):
    """What `--out` writes."""

    EIGEN = "eigen"
    TAU2 = "tau2"


def judge(  # noqa: PLR0917  # one parameter an option is how Typer works
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="Results file of `eigen-graph eval`, or of tau2 (file or folder).")
    ],
    domain: Annotated[
        str | None,
        typer.Option(metavar="DOMAIN", help="Its domain. Default: the one that it names.", show_default=False),
    ] = None,
    basis: Annotated[
        Basis | None,
        typer.Option(
            help="tau2: as tau2 judges, to the letter. eigen: the same criteria, by our rules. own: each task's own "
            "checker. Default: as it was judged; a file of tau2's as tau2 does.",
            show_default=False,
        ),
    ] = None,
    own_tasks: Annotated[
        bool, typer.Option("--own-tasks", help="Judge by the tasks in the file, even where they are not the domain's.")
    ] = False,
    judge_model: Annotated[
        str | None,
        typer.Option(
            "--judge",
            metavar="MODEL",
            help="Who decides statements about a dialogue anew: openai:NAME. Default: what the file's own judge "
            "thought; without one, such episodes are not judged.",
            show_default=False,
        ),
    ] = None,
    base_url: BaseUrl = None,
    to: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the results with the new verdicts.", show_default=False),
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="What to write: our results file, or tau2's.")
    ] = Format.EIGEN,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Judge every episode of a results file again, and compare with the rewards that it states.

    Nothing in the file is trusted: calls are run again, and an episode whose record does not hold is not judged.
    Episodes that the infrastructure broke off count apart, never as 0. Exit status 1 when a reward differs or a record
    does not hold.

    `--out FILE --format tau2` writes what tau2 reads and can be submitted; `--out FILE` turns a file of tau2's into
    ours.
    """
    if to is None and form is Format.TAU2:
        raise EigenGraphError("--format says how to write, --out FILE where to: name a file")
    data = read_json(results)
    stored = from_tau2(data) if is_tau2(data) else Imported(Results.from_json(data), ())
    given = stored.results
    by = _BASES[basis] if basis else None
    world = load_domain(domain or given.info.domain)
    if judge_model is not None:
        given = asyncio.run(heard_anew(given, world, by, judge_model, base_url=base_url, own_tasks=own_tasks))
    made = rejudge(given, world, by, own_tasks=own_tasks)
    notes = (*stored.notes, *_taken_over(made.results, judge_model))
    if to is not None:
        _write(made.results, world, to, form)
    if as_json:
        print_json(_to_json(results, made, notes))
    else:
        _show(results, made, notes)
        if to is not None:
            errors.print(f"written: {to}", highlight=False, soft_wrap=True)
    if not made.agrees:
        raise typer.Exit(1)


def _taken_over(results: Results, judge_model: str | None) -> tuple[str, ...]:
    """Nothing is silently passed: whose opinion counted."""
    heard = sum(len(episode.opinions) for episode in results.episodes)
    if judge_model is not None or not heard:
        return ()
    return (f"{heard} statements about dialogues: what the file's own judge model thought is taken over",)


def _write(results: Results, domain: Domain, path: Path, form: Format) -> None:
    try:
        if form is Format.EIGEN:
            summary = summarize(results).to_json()  # no floors: nobody plays here
            results.model_copy(update={"summary": summary}).save(path)
        else:
            draft = path.with_name(f"{path.name}.part")
            draft.write_text(json.dumps(to_tau2(results, domain), indent=2) + "\n", encoding="utf-8")
            draft.replace(path)
    except OSError as error:
        raise EigenGraphError(f"cannot write {path}: {error.strerror}") from error


def _to_json(path: Path, made: Rejudged, notes: tuple[str, ...]) -> dict[str, Any]:
    info = made.results.info
    return {
        "results": str(path),
        "domain": info.domain,
        "basis": info.basis,
        "task_digest": info.task_digest,
        "database": info.database,
        "episodes": len(made.rulings),
        "counts": made.counts,
        "missing": made.missing,
        "agrees": made.agrees,
        "notes": list(notes),
        "rulings": [asdict(ruling) for ruling in made.rulings],
    }


def _show(path: Path, made: Rejudged, notes: tuple[str, ...]) -> None:
    info = made.results.info
    rules = {"tau2": "tau2's rules", "eigen": "our rules", "own": "each task's own checker"}[info.basis]
    out.print(
        escape(f"{path}: {info.domain} by {rules}, task file {info.task_digest[:12]}"), highlight=False, soft_wrap=True
    )
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    table.add_row(f"{len(made.rulings):,}", "episodes")
    for outcome, count in made.counts.items():
        table.add_row(f"{count:,}", f"[red]{OUTCOMES[outcome]}[/]" if outcome in SUSPECT else OUTCOMES[outcome])
    if made.missing:
        table.add_row(f"{made.missing:,}", "trials missing: the run was not finished")
    out.print(table, highlight=False)
    told: dict[str, list[Ruling]] = defaultdict(list)
    for ruling in made.rulings:
        if ruling.outcome in SUSPECT:
            told[ruling.outcome].append(ruling)
    for came, rulings in told.items():
        most = len(rulings) if came == "different" else _SHOWN
        for ruling in rulings[:most]:
            out.print(escape(_line(ruling)), highlight=False, soft_wrap=True)
        if len(rulings) > most:
            out.print(f"... and {len(rulings) - most} more such: --json gives all", highlight=False)
    for note in notes:
        out.print(escape(note), highlight=False, soft_wrap=True)


def _line(ruling: Ruling) -> str:
    stated = "none" if ruling.stated is None else f"{ruling.stated:g}"
    reward = "not judged" if ruling.reward is None else f"{ruling.reward:g}"
    return f"task {ruling.task_id}, trial {ruling.trial}: {stated} -> {reward}: {ruling.reason}"

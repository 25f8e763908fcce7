"""`domains draft`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from eigen_graph.cli.console import errors, out
from eigen_graph.cli.synthesize import BaseUrl
from eigen_graph.core import EigenGraphError, write_database
from eigen_graph.domains.draft import Drafted, Source, draft_database, read_source
from eigen_graph.graphs.row_writing import RowsWritten, write_rows
from eigen_graph.models import Cast


def draft(  # noqa: PLR0917  # one parameter an option is how Typer works
    schema: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="Record types by table: records.py (its SCHEMA), records.py:NAME, or a domain."
        ),
    ],
    file: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the database is written, as JSON.")],
    rows: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TABLE=N",
            help="How many rows a table gets, 20 if not said; may be given more than once.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same file.")] = 0,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Who writes names and texts instead of Faker: openai:NAME.", show_default=False
        ),
    ] = None,
    base_url: BaseUrl = None,
) -> None:
    """Write a database for record types: plausible rows that meet the invariants.

    Keys come from `Key` fields, references from `Ref` fields, values from bounds, examples and field names. A row that
    one of the module's INVARIANTS complains of is drawn anew; an invariant that cannot be met is named.
    """
    source = read_source(schema)
    counts = _counts(rows or ())
    written = asyncio.run(_written(source, model, base_url, counts, seed)) if model else None
    drafted = draft_database(source, rows=counts, seed=seed, written=written.rows if written else None)
    try:
        write_database(drafted.database, file)
    except OSError as error:
        raise EigenGraphError(f"cannot write {file}: {error.strerror}; name another file with --out") from error
    for note in written.notes if written else ():
        errors.print(note, highlight=False, markup=False, soft_wrap=True)
    out.print(_summary(drafted, file), highlight=False, markup=False, soft_wrap=True)


def _counts(rows: Iterable[str]) -> dict[str, int]:
    counts = {}
    for given in rows:
        table, _, number = given.partition("=")
        if not table or not number.isdecimal():
            raise EigenGraphError(f"--rows {given}: write TABLE=N, for example --rows orders=60")
        counts[table] = int(number)
    return counts


async def _written(source: Source, model: str, base_url: str | None, counts: dict[str, int], seed: int) -> RowsWritten:
    async with Cast.build(model, base_url=base_url) as cast:
        await cast.preflight()
        return await write_rows(source, cast, rows=counts, seed=seed)


def _summary(drafted: Drafted, file: Path) -> str:
    told = ", ".join(f"{len(rows)} {table}" for table, rows in drafted.database.items())
    mended = drafted.mended
    redrawn = f"; {mended.redrawn} draws went into meeting the invariants" if mended.redrawn else ""
    left_out = "".join(
        f"; {count} {table} left out, which no draw made fit" for table, count in mended.left_out.items()
    )
    return f"{file}: {told}{redrawn}{left_out}"

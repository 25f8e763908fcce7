"""Parts of a lineage in words."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from rich.table import Table

from eigen_graph.cli.console import money
from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.evolving.blueprint import Blueprint, said
from eigen_graph.graphs.evolving.gate import Effect
from eigen_graph.graphs.evolving.operations import PatchError
from eigen_graph.graphs.evolving.patch import Patch
from eigen_graph.graphs.evolving.yields import Yield
from eigen_graph.runs import CandidateRow, GenerationRow


def blueprint_of(row: GenerationRow) -> Blueprint:
    """A generation's blueprint.

    Raises:
        EigenGraphError: This version cannot use it.
    """
    try:
        return Blueprint.from_json(row.blueprint)
    except ValidationError as error:
        raise EigenGraphError(f"generation {row.number} cannot be used: {said(error)}") from error


def patch_in_words(one: CandidateRow) -> str:
    """A candidate's patch; a refused one may be anything."""
    try:
        return str(Patch.from_json(one.patch))
    except PatchError:
        return "no patch that can be read"


def effect_in_words(effect: Effect) -> str:
    """A gain with its interval and p-value."""
    gain, low, high = ("unbounded" if share is None else f"{share:+.1%}" for share in (effect.gain, *effect.interval))
    return f"{gain} ({low} to {high}, p {effect.p:.2g})"


def cost_in_words(one: CandidateRow) -> str:
    """What a candidate's trials came to."""
    return f"{one.tokens:,.0f} tokens" + (f", {money(one.usd)}" if one.usd else "")


def rate_in_words(made: Yield) -> str:
    """Accepted dialogues by what they cost."""
    if made.per_million_tokens is not None:
        return f"{made.per_million_tokens:.3g}"
    return "-" if made.per_usd is None else f"{made.per_usd:.3g} per $"


def yield_to_json(made: Yield) -> dict[str, Any]:
    """A yield with what follows from it."""
    return {
        "accepted": made.accepted,
        "tried": made.tried,
        "acceptance": made.share,
        "interval": made.interval,
        "per_million_tokens": made.per_million_tokens,
        "per_usd": made.per_usd,
    }


def grid(columns: int) -> Table:
    """Columns without lines, the last of which wraps within itself."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for place in range(columns):
        table.add_column(no_wrap=place < columns - 1, overflow="fold", style="" if place else "dim")
    return table

"""Clause, tool and difficulty: what was planned together, and what of it the data set exercises."""

from __future__ import annotations

from collections.abc import Sequence

from eigen_graph.core import Domain
from eigen_graph.report.data import Cell, Clause, Figure
from eigen_graph.runs import LedgerReader


def cells(ledger: LedgerReader) -> tuple[Cell, ...]:
    """Every planned combination with what came of it."""
    return tuple(Cell(**cell._asdict()) for cell in ledger.cells())


def clauses(coverage: Sequence[Cell], domain: Domain | None) -> tuple[Clause, ...]:
    """The policy's clauses; without the domain, the numbers of those that were planned."""
    if domain is not None:
        return tuple(Clause(number=number, text=text) for number, text in domain.policy.clauses.items())
    return tuple(Clause(number=number, text="") for number in dict.fromkeys(cell.clause for cell in coverage) if number)


def covered(coverage: Sequence[Cell]) -> Figure:
    """How much of what was planned is there."""
    there = sum(cell.accepted > 0 for cell in coverage)
    holes = len(coverage) - there
    return Figure(
        label="coverage",
        value=f"{there:,} of {len(coverage):,}",
        note=f"combinations of clause, tool and difficulty; {holes:,} without a dialogue",
    )

"""Rollback: production goes back to an earlier generation, and so does what is patched next."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from eigen_graph.graphs.lineage import publish
from eigen_graph.runs import GenerationRow, Ledger, NoteRow


async def roll_back(ledger: Ledger, number: int) -> int | None:
    """Let production use a generation, and write its prompts and workflow to the run's folder, to the byte.

    The generations that were patched from it are patched no further; those of other lineages live on. Done again, it
    only writes the folder again.

    Args:
        ledger: Of the run.
        number: The generation.

    Returns:
        The generation that production has used so far.

    Raises:
        LedgerError: There is none of that number, or the ledger could not be written.
        EigenGraphError: The folder could not be written; the ledger has been, and doing it again is enough.
    """
    row, before = ledger.generation(number), ledger.production_generation()
    if before != number:
        notes = ledger.notes()
        note = NoteRow(
            seq=1 + max((note.seq for note in notes), default=-1),
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            kind="rollback",
            data={"from": before, "to": number},
        )
        later = _patched_from(number, ledger.generations())
        retired = [one.model_copy(update={"live": False, "champion": False}) for one in later]
        await ledger.put(note, *retired, row.model_copy(update={"live": True, "champion": True}))
    await asyncio.to_thread(publish, ledger)
    return before


def _patched_from(number: int, generations: Sequence[GenerationRow]) -> list[GenerationRow]:
    """All that come from a generation, however many patches later. A parent's number is the lower one."""
    family = {number}
    for row in sorted(generations, key=lambda row: row.number):
        if row.parent in family:
            family.add(row.number)
    return [row for row in generations if row.number in family - {number}]

"""`evolve log`: how the engine of a run evolved."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from eigen_graph.cli.generation import Generation
from eigen_graph.cli.telling import (
    cost_in_words,
    effect_in_words,
    grid,
    patch_in_words,
    rate_in_words,
    yield_to_json,
)
from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.evolving.gate import Objective
from eigen_graph.graphs.evolving.yields import Yield, comparison_of, yield_of
from eigen_graph.graphs.lineage import WORKFLOW
from eigen_graph.runs import CandidateRow, GenerationRow, LedgerReader, NoteRow, RoundRow, RunFolder

_WHY = 210
"""Characters of a proposer's reason in the log: three lines."""
_COLORS = {"accepted": "green", "rejected": "", "refused": "dim", "unfinished": "yellow", "unscreened": "dim"}


@dataclass(frozen=True)
class History:
    """What the ledger of a run tells of its evolution."""

    path: Path
    generations: list[GenerationRow]
    yields: list[Yield]
    candidates: list[CandidateRow]
    rounds: list[RoundRow]
    notes: list[NoteRow]
    objective: Objective
    tokens: tuple[int, int]
    """Spent on what is not in the data set, and in all."""

    @classmethod
    def of(cls, folder: RunFolder, ledger: LedgerReader) -> Self:
        """Read it.

        Raises:
            EigenGraphError: It cannot be read.
        """
        generations, candidates, notes = ledger.generations(), ledger.candidates(), ledger.notes()
        begun = (folder.info.settings.get("request") or {}).get("evolve")
        sessions = [note.data.get("evolve") for note in notes if note.kind == "session"]
        settings = next((found for found in [*reversed(sessions), begun] if isinstance(found, dict)), {})
        objective: Objective = (
            "acceptance" if (settings.get("gate") or {}).get("objective") == "acceptance" else "per_cost"
        )
        yields = [yield_of(row, candidates, ledger) for row in generations]
        sums = [spent.input_tokens + spent.output_tokens for spent in (ledger.trial_spent(), ledger.spent())]
        tokens = (sums[0], sums[1])
        return cls(folder.path, generations, yields, candidates, ledger.rounds(), notes, objective, tokens)

    def generation(self, number: int) -> Generation:
        """One of its generations.

        Raises:
            EigenGraphError: There is none of that number.
        """
        rows = {row.number: row for row in self.generations}
        made = {row.number: one for row, one in zip(self.generations, self.yields, strict=True)}
        if number not in rows:
            raise EigenGraphError(
                f"the run in {self.path} has no generation {number}; there are {', '.join(map(str, rows))}"
            )
        row = rows[number]
        parent = rows.get(row.parent) if row.parent is not None else None
        return Generation(self.path, row, made[number], parent, self._candidate(row))

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "run": str(self.path),
            "objective": self.objective,
            "production": next((row.number for row in self.generations if row.champion), None),
            "generations": [
                row.to_json() | yield_to_json(made) for row, made in zip(self.generations, self.yields, strict=True)
            ],
            "rounds": [
                row.to_json()
                | {
                    "candidates": [
                        one.to_json() | {"in_words": patch_in_words(one)}
                        for one in self.candidates
                        if one.round == row.number
                    ]
                }
                for row in self.rounds
            ],
            "notes": [note.to_json() for note in self.notes],
            "trial_tokens": self.tokens[0],
            "tokens": self.tokens[1],
        }

    def told(self) -> Iterator[RenderableType]:
        """Its generations and all that was tried, on one screen."""
        yield self._table()
        for row in self.rounds:
            yield Text(f"\nround {row.number}, on generation {row.parent}: {self._ended(row)}", "bold")
            table = grid(2)
            for one in self.candidates:
                if one.round == row.number:
                    table.add_row(f"  {one.name}", self._tried(one))
            yield table

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for name in ("gen", "from", "accepted", "share (95%)", "per 1M tokens", "gain on fresh tasks (95%)"):
            table.add_column(name, no_wrap=True)
        for row, made in zip(self.generations, self.yields, strict=True):
            low, high = made.interval or (0.0, 0.0)
            table.add_row(
                f"{row.number}{'*' if row.champion else ''}",
                "" if row.parent is None else str(row.parent),
                f"{made.accepted}/{made.tried}" if made.tried else "-",
                "-" if made.share is None else f"{made.share:.0%} ({low:.0%}-{high:.0%})",
                rate_in_words(made),
                self._gain(row),
            )
        table.caption, table.caption_justify = "the first columns: all that it made for the data set", "left"
        return table

    def _gain(self, row: GenerationRow) -> str:
        """What a generation's confirmation said: its tasks and its parent's were the same."""
        one = self._candidate(row)
        test = comparison_of(one, one.confirm) if one else None
        return effect_in_words(test.on(self.objective)).partition(", p")[0] + ")" if test else "-"

    def _candidate(self, row: GenerationRow) -> CandidateRow | None:
        return next((one for one in self.candidates if one.name == row.candidate), None)

    def _ended(self, row: RoundRow) -> str:
        kept = {one.candidate: one.number for one in self.generations}
        names = [one.name for one in self.candidates if one.round == row.number and one.name in kept]
        return ", ".join(f"{name} is generation {kept[name]}" for name in names) or row.ended or "not over yet"

    def _tried(self, one: CandidateRow) -> Text:
        text = Text(one.fate, _COLORS.get(one.fate, "cyan")).append(f"  {patch_in_words(one)}", "default")
        tests = [("same", one.screen), ("fresh", one.confirm)]
        told = [
            f"{comparison.pairs} {which} tasks {effect_in_words(comparison.on(self.objective))}"
            for which, data in tests
            if (comparison := comparison_of(one, data))
        ]
        if one.fate != "accepted":  # what was not kept is told in short, so that all of it fits a screen
            return text.append(f"\n{'; '.join([*told, one.reason])}", "dim")
        why = f"why: {textwrap.shorten(one.why, _WHY, placeholder='...')}" if one.why else ""
        for line in filter(None, ("; ".join([*told, cost_in_words(one)]), one.reason, why)):
            text.append(f"\n{line}", "default" if line == one.reason else "dim")
        return text

    def ending(self) -> Iterator[str]:
        """How it stands, a line at a time."""
        for note in self.notes:
            if note.kind == "rollback":
                yield f"{note.at}: rolled back from generation {note.data.get('from')} to {note.data.get('to')}"
        last = next((note for note in reversed(self.notes) if note.kind != "rollback"), None)
        if last and last.kind == "ended":
            spent = f"{self.tokens[0]:,} of {self.tokens[1]:,} tokens were for trials"
            yield f"evolution ended: {last.data.get('why')}; {spent}"
        else:
            yield f"evolution is not over: eigen-graph {'evolve' if last else 'resume'} {self.path} goes on"
        for row in self.generations:
            if row.champion:
                yield f"production uses generation {row.number} (* above): {self.path / WORKFLOW}"

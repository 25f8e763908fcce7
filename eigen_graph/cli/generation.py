"""`evolve show`: one generation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from eigen_graph.cli.telling import blueprint_of, cost_in_words, grid, patch_in_words, yield_to_json
from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.evolving.drawing import draw, prompt_diff, rule_in_words
from eigen_graph.graphs.evolving.yields import Yield, comparison_of
from eigen_graph.graphs.lineage import GENERATIONS
from eigen_graph.runs import CandidateRow, GenerationRow


@dataclass(frozen=True)
class Generation:
    """One generation beside what it was patched from."""

    run: Path
    """The run's folder."""
    row: GenerationRow
    made: Yield
    parent: GenerationRow | None
    candidate: CandidateRow | None

    @property
    def folder(self) -> Path:
        """Where its blueprint lies."""
        return self.run / GENERATIONS / str(self.row.number)

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        tests = self.candidate.to_json() if self.candidate else {}
        return {
            **self.row.to_json(),
            **yield_to_json(self.made),
            "patch": tests.get("patch"),
            "in_words": patch_in_words(self.candidate) if self.candidate else "",
            "test": {name: tests.get(name) for name in ("fate", "reason", "screen", "confirm", "guards")},
            "diff": self._diff(),
            "mermaid": self._drawing(),
            "folder": str(self.folder),
        }

    def summary(self) -> Table:
        """Why it was kept, and how it was tested."""
        row, one, table = self.row, self.candidate, grid(2)
        born = f", {row.candidate} of generation {row.parent}" if one else ""
        table.add_row("generation", Text(f"{row.number}{born}{'; production uses it' if row.champion else ''}"))
        table.add_row("why", Text(row.why or "-"))
        if one:
            unit = "USD" if one.usd else "tokens"
            table.add_row("patch", Text(patch_in_words(one)))
            for name, data in (("same tasks", one.screen), ("fresh tasks", one.confirm)):
                comparison = comparison_of(one, data)
                table.add_row(name, Text(comparison.said(unit) if comparison else "not tried"))
            table.add_row("gate", Text(", ".join(filter(None, (one.fate, one.reason)))))
            for number, guard in enumerate(one.guards):
                table.add_row("" if number else "guards", Text(str(guard.get("said") or guard.get("name"))))
            table.add_row("spent", Text(f"{cost_in_words(one)} on its trials"))
        return table

    def texts(self) -> Iterator[tuple[str, str]]:
        """What is best copied as it stands, each with its title."""
        since = "the bundled engine" if self.parent is None else f"generation {self.parent.number}"
        yield f"prompts, plan rules and limits since {since}", self._diff() or "as they were"
        if rules := blueprint_of(self.row).plans:
            yield "plan rules in force", "\n".join(map(rule_in_words, rules))
        yield f"workflow since {since} (Mermaid)", self._drawing().rstrip()

    def _before(self) -> Blueprint:
        return blueprint_of(self.parent) if self.parent else Blueprint()

    def _diff(self) -> str:
        return prompt_diff(self._before(), blueprint_of(self.row))

    def _drawing(self) -> str:
        return draw(blueprint_of(self.row).workflow, self._before().workflow)

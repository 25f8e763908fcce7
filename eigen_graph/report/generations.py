"""How a run's engine evolved: each generation's yield, prompts and workflow, and every patch that was tried."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Self

from pydantic import ValidationError

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.evolving.gate import Comparison, Objective
from eigen_graph.graphs.evolving.operations import PatchError
from eigen_graph.graphs.evolving.patch import Patch
from eigen_graph.graphs.evolving.yields import Yield, comparison_of, yield_of
from eigen_graph.graphs.workflow import DEFAULT, WorkflowSpec
from eigen_graph.report.data import Candidate, Drawing, Estimate, Generation, PromptDiff
from eigen_graph.report.drawing import draw
from eigen_graph.report.rates import rate_interval
from eigen_graph.runs import CandidateRow, GenerationRow, LedgerReader, RunFolder

_MILLION = 1e6


@dataclass(frozen=True)
class Lineage:
    """What a ledger tells of a run's evolution; empty for one that did not evolve."""

    generations: list[GenerationRow]
    candidates: list[CandidateRow]
    yields: dict[int, Yield]
    intervals: dict[int, tuple[float, float]]
    """Of accepted dialogues per 1M tokens, by generation."""
    objective: Objective

    @classmethod
    def of(cls, folder: RunFolder, ledger: LedgerReader, accepted: Collection[str]) -> Self:
        """Read it.

        Args:
            folder: The run's.
            ledger: Its ledger.
            accepted: Ids of the accepted instances.

        Raises:
            EigenGraphError: It cannot be read.
        """
        generations, candidates = ledger.generations(), ledger.candidates()
        yields = {row.number: yield_of(row, candidates, ledger) for row in generations}
        intervals = {}
        for row in generations:
            costs = ledger.costs(ledger.finished_ids(row.number))
            outcomes = [(name in accepted, float(cost.tokens)) for name, cost in sorted(costs.items())]
            if (found := rate_interval(outcomes)) is not None:
                intervals[row.number] = (found[0] * _MILLION, found[1] * _MILLION)
        return cls(generations, candidates, yields, intervals, _objective(folder, ledger))

    def candidate_of(self, row: GenerationRow) -> CandidateRow | None:
        """What a generation was before it was accepted."""
        return next((one for one in self.candidates if one.name == row.candidate), None)


def generations_of(lineage: Lineage) -> tuple[Generation, ...]:
    """Every accepted blueprint beside what it came from."""
    rows = {row.number: row for row in lineage.generations}
    return tuple(
        _generation(row, rows.get(row.parent) if row.parent is not None else None, lineage) for row in rows.values()
    )


def candidates_of(lineage: Lineage) -> tuple[Candidate, ...]:
    """Every patch that was tried."""
    return tuple(
        Candidate(
            id=one.name,
            round=one.round,
            summary=_in_words(one),
            fate=one.fate,
            reason=one.reason,
            screened=_gain(comparison_of(one, one.screen), lineage.objective),
            confirmed=_gain(comparison_of(one, one.confirm), lineage.objective),
            guards=tuple(_stopped_by(one)),
        )
        for one in lineage.candidates
    )


def workflow_of(folder: RunFolder) -> Drawing:
    """The workflow of a run that did not evolve."""
    kept = (folder.info.settings.get("context") or {}).get("workflow")
    try:
        spec = WorkflowSpec.model_validate(kept) if kept else DEFAULT
    except ValidationError:
        spec = DEFAULT
    return Drawing(title="workflow", svg=draw(spec, title="workflow"))


def _generation(row: GenerationRow, parent: GenerationRow | None, lineage: Lineage) -> Generation:
    made, one = lineage.yields[row.number], lineage.candidate_of(row)
    after, before = _blueprint(row), _blueprint(parent) if parent else Blueprint()
    confirmed = comparison_of(one, one.confirm) if one else None
    rate, unit = made.per_million_tokens, "1M tokens"
    if rate is None:
        rate, unit = made.per_usd, "USD"
    low, high = lineage.intervals.get(row.number, (None, None)) if unit != "USD" else (None, None)
    return Generation(
        number=row.number,
        parent=row.parent,
        champion=row.champion,
        summary=_in_words(one) if one else row.why,
        tried=made.tried,
        accepted=made.accepted,
        **{"yield": _share(made)},
        per_cost=None if rate is None else Estimate(value=rate, low=low, high=high),
        cost_unit=unit if rate is not None else "",
        gain=_gain(confirmed, lineage.objective),
        workflow=_drawing(row, after, before if parent else None),
        prompts=tuple(prompt_diffs(before, after)) if after and before else (),
        changes=tuple(_operations(one)),
    )


def prompt_diffs(before: Blueprint, after: Blueprint) -> Iterator[PromptDiff]:
    """What differs in each prompt; one that a blueprint does not hold is the bundled one, or not there."""
    for name in sorted({*before.prompts, *after.prompts}):
        old, new = (_text(blueprint, name) for blueprint in (before, after))
        found = unified_diff(old.splitlines(), new.splitlines(), f"a/{name}.md", f"b/{name}.md", lineterm="")
        if diff := "\n".join(found):
            yield PromptDiff(prompt=name, diff=diff)


def _text(blueprint: Blueprint, name: str) -> str:
    try:
        return blueprint.prompt(name).to_text()
    except EigenGraphError:  # a prompt of a node that the other one does not have
        return ""


def _blueprint(row: GenerationRow) -> Blueprint | None:
    """None: this version cannot read it."""
    try:
        return Blueprint.from_json(row.blueprint)
    except ValidationError:
        return None


def _drawing(row: GenerationRow, after: Blueprint | None, before: Blueprint | None) -> Drawing | None:
    if after is None:
        return None
    title = f"workflow of generation {row.number}"
    return Drawing(title=title, svg=draw(after.workflow, before.workflow if before else None, title=title))


def _share(made: Yield) -> Estimate | None:
    if made.share is None or made.interval is None:
        return None
    return Estimate(value=made.share, low=made.interval[0], high=made.interval[1])


def _gain(test: Comparison | None, objective: Objective) -> Estimate | None:
    """None: it was not tested, or its parent got nothing accepted, so that no gain is a share of it."""
    if test is None or (effect := test.on(objective)).gain is None:
        return None
    return Estimate(value=effect.gain, low=effect.interval[0], high=effect.interval[1])


def _in_words(one: CandidateRow) -> str:
    return "; ".join(_operations(one)) or "no patch that can be read"


def _operations(one: CandidateRow | None) -> Iterator[str]:
    """A refused patch may be anything."""
    if one is None:
        return
    try:
        yield from map(str, Patch.from_json(one.patch).ops)
    except PatchError:
        return


def _stopped_by(one: CandidateRow) -> Iterator[str]:
    for guard in one.guards:
        if guard.get("stopped"):
            yield str(guard.get("said") or guard.get("name") or json.dumps(guard))


def _objective(folder: RunFolder, ledger: LedgerReader) -> Objective:
    """What the latest session was asked to raise."""
    begun: Any = (folder.info.settings.get("request") or {}).get("evolve")
    sessions = [note.data.get("evolve") for note in ledger.notes() if note.kind == "session"]
    settings = next((found for found in [*reversed(sessions), begun] if isinstance(found, dict)), {})
    return "acceptance" if (settings.get("gate") or {}).get("objective") == "acceptance" else "per_cost"

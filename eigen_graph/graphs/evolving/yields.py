"""What a generation of the engine is worth: the share of its tasks that were accepted, and at what cost."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.evolving.blueprint import said
from eigen_graph.graphs.evolving.gate import Comparison
from eigen_graph.runs import CandidateRow, GenerationRow, LedgerReader


@dataclass(frozen=True)
class Yield:
    """Accepted dialogues, out of how many, at what cost."""

    accepted: int
    tried: int
    """Tasks that came to an end; those whose server failed are none."""
    tokens: float | None
    """None when it was counted in USD."""
    usd: float | None
    """None when any call's price is unknown."""

    @property
    def share(self) -> float | None:
        """Accepted, of those tried; None when none was."""
        return self.accepted / self.tried if self.tried else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The share's 95 % interval (Wilson 1927)."""
        from scipy.stats import binomtest  # noqa: PLC0415  # SciPy takes most of a second

        if not self.tried:
            return None
        low, high = binomtest(self.accepted, self.tried).proportion_ci(0.95, method="wilson")
        return float(low), float(high)

    @property
    def per_million_tokens(self) -> float | None:
        """Accepted dialogues for 1M tokens."""
        return 1e6 * self.accepted / self.tokens if self.tokens else None

    @property
    def per_usd(self) -> float | None:
        """Accepted dialogues for one USD."""
        return self.accepted / self.usd if self.usd else None


def yield_of(row: GenerationRow, candidates: Collection[CandidateRow], ledger: LedgerReader) -> Yield:
    """The yield of a generation over what it made for the data set.

    What it made as a candidate on its parent's seeds is not in it: it was chosen for that, so it would look too good. A
    generation that has made nothing for the data set is known by its confirmation.

    Raises:
        EigenGraphError: This version cannot read that.
    """
    counts = ledger.counts(row.number)
    if counts.total:
        costs = ledger.costs(ledger.finished_ids(row.number)).values()
        usd = [cost.usd for cost in costs if cost.usd is not None]
        tokens = sum(cost.tokens for cost in costs)
        return Yield(
            counts.accepted, counts.accepted + counts.rejected, tokens, sum(usd) if len(usd) == len(costs) else None
        )
    confirmed = next((one for one in candidates if one.name == row.candidate and one.confirm), None)
    test = comparison_of(confirmed, confirmed.confirm) if confirmed else None
    if confirmed is None or test is None:
        return Yield(0, 0, 0, None)
    in_usd = bool(confirmed.usd)
    return Yield(test.accepted[1], test.pairs, None if in_usd else test.cost[1], test.cost[1] if in_usd else None)


def comparison_of(one: CandidateRow, data: dict[str, Any] | None) -> Comparison | None:
    """A candidate's test; None when it had none.

    Raises:
        EigenGraphError: This version cannot read it.
    """
    try:
        return Comparison.model_validate(data) if data else None
    except ValidationError as error:
        raise EigenGraphError(f"the test of {one.name} cannot be read: {said(error)}") from error

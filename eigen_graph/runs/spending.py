"""What the model calls of a run came to: in all, by model, by instance."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from eigen_graph.runs.schema import dump_json


@dataclass(frozen=True)
class Spent:
    """What model calls came to, finished instances or not."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    """None when no call had a price."""
    unpriced_calls: int = 0
    """Calls whose price is unknown, not in `cost_usd`."""
    seconds: float = 0.0
    """Time spent waiting for models, summed over calls."""


@dataclass(frozen=True)
class Cost:
    """The price of something, in both currencies."""

    tokens: int = 0
    """Input and output."""
    usd: float | None = 0.0
    """None when any call's price is unknown."""


_SUMS = """
    select total(calls), total(input_tokens), total(output_tokens), sum(cost_usd), total(unpriced_calls), total(seconds)
"""
_SPENT = f"""
    {_SUMS} from (
      select calls, input_tokens, output_tokens, cost_usd, unpriced_calls, seconds from usage union all
      select 1, input_tokens, output_tokens, cost_usd, cost_usd is null, seconds from replies)
"""  # noqa: S608  # constants
_TRIAL_SPENT = f"{_SUMS} from usage where instance in (select id from instances where trial <> '')"  # noqa: S608  # constants
_BY_MODEL = """
    select role, model, sum(calls) calls, sum(input_tokens) input_tokens, sum(output_tokens) output_tokens,
      sum(cost_usd) cost_usd, sum(unpriced_calls) unpriced_calls
    from (
      select role, model, calls, input_tokens, output_tokens, cost_usd, unpriced_calls from usage union all
      select role, model, 1, input_tokens, output_tokens, cost_usd, cost_usd is null from replies)
    group by role, model order by role, model
"""
_COSTS = """
    select instance, sum(input_tokens + output_tokens), case when sum(unpriced_calls) = 0 then total(cost_usd) end
    from usage where instance in (select value from json_each(?)) group by instance
"""


def sum_spent(ledger: sqlite3.Connection, *, trials_only: bool = False) -> Spent:
    """All calls, or only those of finished instances that are in a trial."""
    calls, tokens_in, tokens_out, cost, unpriced, seconds = ledger.execute(
        _TRIAL_SPENT if trials_only else _SPENT
    ).fetchone()
    return Spent(int(calls), int(tokens_in), int(tokens_out), cost, int(unpriced), seconds)


def sum_by_model(ledger: sqlite3.Connection) -> list[dict[str, Any]]:
    """All calls, a dict for each role and model."""
    return [dict(found) for found in ledger.execute(_BY_MODEL)]


def sum_costs(ledger: sqlite3.Connection, ids: Collection[str]) -> dict[str, Cost]:
    """The cost of each of these instances; one that made no call cost nothing."""
    found = {name: Cost(tokens, usd) for name, tokens, usd in ledger.execute(_COSTS, (dump_json(list(ids)),))}
    return {name: found.get(name, Cost()) for name in ids}

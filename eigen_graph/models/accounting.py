"""What calls cost: one record each, sums by role, and a budget that ends the spending."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from eigen_graph.core import EigenGraphError
from eigen_graph.models.errors import BudgetExceededError
from eigen_graph.models.scene import Role


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One paid model call."""

    key: str
    """Names the call, the same in a resumed run: recording it twice is recording it once."""
    scene: str
    role: Role
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    """None: the model's prices are unknown."""
    seconds: float
    """Wall time, retries included."""
    reply: dict[str, Any]
    """The reply as JSON values, for `recall`; empty for a model that gives it again for free."""


class CallStore(Protocol):
    """Where calls are kept; a run's ledger is one."""

    async def recall(self, key: str) -> dict[str, Any] | None:
        """The reply recorded under a key, None when there is none."""

    async def record(self, call: CallRecord) -> None:
        """Keep a call."""


class MemoryStore:
    """A `CallStore` without a ledger behind it: calls are kept as long as the process lives."""

    def __init__(self) -> None:
        self.calls: dict[str, CallRecord] = {}

    async def recall(self, key: str) -> dict[str, Any] | None:
        """The reply recorded under a key."""
        call = self.calls.get(key)
        return call.reply if call else None

    async def record(self, call: CallRecord) -> None:
        """Keep a call; the first under its key stays."""
        self.calls.setdefault(call.key, call)


class NullStore:
    """A `CallStore` that keeps nothing: the meter alone knows what was spent."""

    async def recall(self, key: str) -> dict[str, Any] | None:  # noqa: ARG002  # the protocol's signature
        """Nothing."""
        return None

    async def record(self, call: CallRecord) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Budget:
    """How much may be spent: money, tokens, or both. None: no bound."""

    usd: float | None = None
    tokens: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `$5`, `5usd`, `200000tokens`, `2Mtokens` or `500k tokens`.

        Raises:
            EigenGraphError: It is neither.
        """
        match = _BUDGET.match(text.strip().lower())
        if match and not match["scale"] and (match["unit"] == "usd" or (match["dollar"] and not match["unit"])):
            return cls(usd=float(match["number"]))
        if match and not match["dollar"] and match["unit"] == "tokens":
            return cls(tokens=int(float(match["number"]) * _SCALES[match["scale"] or ""]))
        raise EigenGraphError(f"budget {text!r} is neither money nor tokens: write $5, 5usd, 200000tokens or 2Mtokens")

    def __str__(self) -> str:
        """As `parse` reads it, when one bound is set."""
        if self.usd is None:
            return f"{self.tokens or 0}tokens"
        return "$" + f"{self.usd:.6f}".rstrip("0").rstrip(".")


_BUDGET = re.compile(
    r"^(?P<dollar>\$)?\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<scale>[km])?\s*(?P<unit>usd|tokens)?$",
)
_SCALES = {"": 1, "k": 1_000, "m": 1_000_000}


@dataclass(slots=True)
class Usage:
    """Sums of calls."""

    calls: int = 0
    recalled: int = 0
    """Calls answered from the store: free, and in none of the other sums."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    unpriced_calls: int = 0
    """Calls whose cost is unknown and therefore not in `cost_usd`."""
    seconds: float = 0.0

    def add(self, other: Usage) -> None:
        """Add sums to sums."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class Meter:
    """What was spent, by role, and whether more may be."""

    budget: Budget = field(default_factory=Budget)
    by_role: dict[Role, Usage] = field(default_factory=lambda: defaultdict(Usage))
    before_usd: float = 0.0
    """Spent by earlier processes of the same run."""
    before_tokens: int = 0
    """Spent by earlier processes of the same run."""

    def charge(self, call: CallRecord) -> None:
        """Count a paid call."""
        usage = self.by_role[call.role]
        usage.calls += 1
        usage.input_tokens += call.input_tokens
        usage.output_tokens += call.output_tokens
        usage.seconds += call.seconds
        if call.cost_usd is None:
            usage.unpriced_calls += 1
        else:
            usage.cost_usd += call.cost_usd

    def recall(self, role: Role) -> None:
        """Count a call that was answered from the store."""
        self.by_role[role].recalled += 1

    @property
    def total(self) -> Usage:
        """All roles together, this process only."""
        total = Usage()
        for usage in self.by_role.values():
            total.add(usage)
        return total

    def check(self) -> None:
        """Make sure that one more call may be paid.

        Raises:
            BudgetExceededError: The budget is spent. Calls under way may still come in, so it can be exceeded by as
                many calls as run at once.
        """
        if self.budget.usd is None and self.budget.tokens is None:
            return
        total = self.total
        spent = self.before_usd + total.cost_usd
        tokens = self.before_tokens + total.input_tokens + total.output_tokens
        if self.budget.usd is not None and spent >= self.budget.usd:
            raise BudgetExceededError(
                f"the budget of ${self.budget.usd:g} is spent (${spent:.4f}): resume with a larger --budget"
            )
        if self.budget.tokens is not None and tokens >= self.budget.tokens:
            raise BudgetExceededError(
                f"the budget of {self.budget.tokens:,} tokens is spent ({tokens:,}): resume with a larger --budget"
            )


def require_prices(budget: Budget, prices: Mapping[str, tuple[float, float] | None]) -> None:
    """Refuse a budget in money over models whose prices nobody gave.

    Args:
        budget: The budget.
        prices: By model: USD per million tokens in and out, or None.

    Raises:
        EigenGraphError: It names the model and says how to give its prices.
    """
    if budget.usd is None:
        return
    for model, price in prices.items():
        if price is None:
            raise EigenGraphError(
                f"a budget in USD needs the prices of {model}: give them per million tokens in the model's spec "
                f"(openai:NAME?in=0.15&out=0.60), or give the budget in tokens (2Mtokens)"
            )

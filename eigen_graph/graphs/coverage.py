"""What the plans of a run must cover: policy clause with tool, difficulty and persona, pairwise."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from covertable import make

from eigen_graph.core import DIFFICULTIES, PERSONAS, Difficulty, Domain, UnknownNameError

Pair = tuple[str, str]
"""A policy clause and a tool it has to do with; either may be empty."""


@dataclass(frozen=True)
class Row:
    """One plan's targets."""

    clause: str
    tool: str
    difficulty: Literal["easy", "medium", "hard"]
    persona: str

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def targets(domain: Domain, clauses: Collection[str] = ()) -> list[Pair]:
    """The (clause, tool) pairs worth covering: a clause with each tool it names, and every tool that none names.

    At least one pair, which names nothing where a domain has neither.

    Args:
        domain: Gives clauses and tools.
        clauses: Only these clauses, and no tool without one; empty: all.

    Raises:
        UnknownNameError: The policy has no such clause.
    """
    policy, pairs = domain.policy, []
    if unknown := sorted(set(clauses) - set(policy.clauses)):
        known = ", ".join(policy.clauses) or "none"
        raise UnknownNameError(f"the policy of {domain.name!r} has no clause {unknown[0]!r:.40}; it has {known}")
    tools = {tool.name for actor in ("assistant", "user") for tool in domain.tools_of(actor)}
    for clause in policy.clauses:
        if clauses and clause not in clauses:
            continue
        named = [tool for tool in policy.tools_named_in(clause) if tool in tools]
        pairs += [(clause, tool) for tool in named] or [(clause, "")]
    if clauses:
        return pairs
    covered = {tool for _, tool in pairs}
    return pairs + [("", tool) for tool in sorted(tools - covered)] or [("", "")]


def covering_rows(
    domain: Domain,
    count: int,
    *,
    seed: int,
    holes: Collection[Pair] = (),
    clauses: Collection[str] = (),
    difficulties: Sequence[Difficulty] = (),
) -> list[Row]:
    """Rows such that every pair of factor values occurs once, the widest coverage first.

    The factors are the target pair, the difficulty and the persona. Fewer than a full covering array spread over the
    targets first; more begin it again with another shuffle.

    Args:
        domain: Gives clauses and tools.
        count: How many rows.
        seed: Shuffles ties.
        holes: Targets that earlier rows left uncovered; they come first.
        clauses: Only for these clauses; empty: all, and the tools that none names.
        difficulties: Only of these difficulties; empty: all.

    Raises:
        UnknownNameError: The policy has no such clause.
    """
    rng = random.Random(f"coverage/{domain.name}/{seed}")
    pairs = targets(domain, clauses)
    rows: list[Row] = []
    while len(rows) < count:
        array = [
            Row(pairs[row["target"]][0], pairs[row["target"]][1], row["difficulty"], row["persona"])
            for row in make(
                {
                    "target": list(range(len(pairs))),
                    "difficulty": list(difficulties or DIFFICULTIES),
                    "persona": list(PERSONAS),
                },
                strength=2,
            )
        ]
        rng.shuffle(array)
        rows += _spread(array, holes)
    return rows[:count]


def _spread(array: list[Row], holes: Collection[Pair]) -> list[Row]:
    """Rows reordered so that the k-th row of every target comes before the k+1-th of any, holes foremost."""
    seen: dict[Pair, int] = {}
    ranked = []
    for row in array:
        pair = (row.clause, row.tool)
        seen[pair] = seen.get(pair, -1) + 1
        ranked.append((seen[pair], pair not in holes, row))
    return [row for _, _, row in sorted(ranked, key=lambda item: item[:2])]

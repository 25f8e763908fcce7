"""Plan rules: lasting amendments to the planner's pairs (P_s, P_e), which evolution may add.

The paper's reflection rewrites both plans of a pair. Pairs here are made afresh for every batch, so an amendment is
kept as a rule: which pairs it is for, and what it changes in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from eigen_graph.core import PERSONAS

_MATCHED = ("clause", "tool", "difficulty", "persona")


class PlanMatch(BaseModel):
    """Which pairs of plans: those that agree in everything that is not empty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clause: str = Field("", max_length=40, description="Number of the policy clause; empty: any.")
    tool: str = Field("", max_length=80, description="A tool that must matter; empty: any.")
    difficulty: Literal["", "easy", "medium", "hard"] = Field("", description="Empty: any.")
    persona: str = Field("", max_length=40, description="The user's manner; empty: any.")

    def fits(self, plan: Mapping[str, Any]) -> bool:
        """Whether a plan (`PlannerState.plans`) is meant."""
        found = {**plan, "tool": next(iter(plan.get("tools", ())), "")}
        return all(getattr(self, name) in {"", found.get(name, "")} for name in _MATCHED)

    @property
    def key(self) -> tuple[int, tuple[str, ...]]:
        """Orders rules from the general to the particular."""
        values = tuple(getattr(self, name) for name in _MATCHED)
        return sum(map(bool, values)), values

    def __str__(self) -> str:
        """In words."""
        named = [f"{name} {getattr(self, name)}" for name in _MATCHED if getattr(self, name)]
        return ", ".join(named) or "all"


class PlanRule(BaseModel):
    """An amendment to the pairs that it is for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    match: PlanMatch = PlanMatch()
    difficulty: Literal["", "easy", "medium", "hard"] = Field("", description="Plan it as this difficulty instead.")
    persona: str = Field("", max_length=40, description="Plan it for this persona instead.")
    synthesis: str = Field("", max_length=1000, description="Added to what the writer of the task is told.")
    evaluation: str = Field("", max_length=1000, description="Added to what the reviewer of the dialogue is told.")

    @property
    def empty(self) -> bool:
        """Whether it changes nothing."""
        return not (self.difficulty or self.persona or self.synthesis or self.evaluation)

    def faults(self) -> list[str]:
        """What cannot be meant, in words."""
        named = {self.persona, self.match.persona} - {"", *PERSONAS}
        return [f"no persona {name!r}; there are {', '.join(PERSONAS)}" for name in sorted(named)]


def amended(plan: Mapping[str, Any], rules: Sequence[PlanRule]) -> dict[str, Any]:
    """A plan with the rules that fit it applied; the particular ones last, so that they win."""
    changed = dict(plan)
    for rule in sorted(rules, key=lambda rule: rule.match.key):
        if rule.match.fits(plan):
            changed |= {name: value for name in ("difficulty", "persona") if (value := getattr(rule, name))}
            for name in ("synthesis", "evaluation"):
                if added := getattr(rule, name):
                    changed[name] = f"{changed.get(name, '')}\n{added}".strip()
    return changed

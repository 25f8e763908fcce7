"""How a checker stood its test, as the checker carries it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Shown(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    description: str


class Mutant(_Shown):
    """A wrong dialogue that the checker passed."""


class Variant(_Shown):
    """A right dialogue that the checker failed."""

    reason: str = ""
    """What the checker said."""


class Proof(BaseModel):
    """How a checker stood its test."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gold_passes: bool
    """The task's own solution passes."""
    mutants: int = 0
    """Wrong dialogues tried; those that come to the same as a solution are not counted."""
    killed: int = 0
    """Of these, failed by the checker."""
    kill_rate: float = 0.0
    """`killed / mutants`; 0 when there was none to try."""
    kinds: dict[str, tuple[int, int]] = Field(default_factory=dict)
    """The same two by kind of mutant; empty in proofs from before they were kept."""
    survivors: tuple[Mutant, ...] = ()
    """Wrong dialogues that passed; at most 20 are listed."""
    equivalent: int = 0
    """Mutants left out because they come to the same as a solution."""
    variants: int = 0
    """Other right dialogues tried."""
    rejected_variants: tuple[Variant, ...] = ()
    """Those that failed; at most 20 are listed."""
    sound: bool = False
    """The solution passes, no variant fails, and the kill rate is high enough."""
    reason: str = ""
    """Why it is not sound: the first failure, in words."""

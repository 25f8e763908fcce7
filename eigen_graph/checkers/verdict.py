"""What a checker says of a dialogue: a reward, a part for each thing it looked at, and whose fault a failure is."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from eigen_graph.core import EigenGraphError

Blame = Literal["task", "user", "agent", "tool", "checker", "infrastructure"]
"""Whose fault a failure is."""

MAX_REASON = 600
"""Characters a reason may have: it goes into prompts, tables and ledgers."""


class Part(BaseModel):
    """What one criterion found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """The criterion, as the checker's basis names it."""
    passed: bool | None
    """None: it could not be judged here, which never counts as passed."""
    reason: str = ""
    """What differed, in words; at most `MAX_REASON` characters."""
    fault: Blame | None = None
    """Whose fault a failure certainly is, where the criterion itself can tell: its own code broke, or the task's."""


class Opinion(BaseModel):
    """What a judge model thinks of one statement about a dialogue (`nl_assertions`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    met: bool
    reason: str = ""


class Verdict(BaseModel):
    """What a checker says of one dialogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reward: float
    """1 when every part passed, else 0 (tau2: the product over the reward basis)."""
    parts: tuple[Part, ...] = ()
    """Empty when the dialogue did not end by a stop: then nothing was looked at."""
    blame: Blame | None = None
    """None exactly when the reward is 1."""
    reason: str = ""

    @property
    def unjudged(self) -> bool:
        """Nothing failed, but a part could not be judged: the reward is not known, and stands as 0 only for safety."""
        states = [part.passed for part in self.parts]
        return None in states and False not in states

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Inverse of `to_json`.

        Raises:
            EigenGraphError: It is no verdict; the message says which field.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the top level"
            raise EigenGraphError(f"not a verdict: {where}: {first['msg']}") from error


def bounded(text: str, limit: int = MAX_REASON) -> str:
    """Text on one line, cut to a length."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"

"""What a fidelity measurement found, with its figures, and whether the user may enter RL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from eigen_graph.core import EigenGraphError
from eigen_graph.evaluation.intervals import Interval, mean_interval
from eigen_graph.rl.fidelity.faults import KINDS, MEANING, Fault, FaultKind
from eigen_graph.rl.fidelity.interval import rate_interval
from eigen_graph.rl.settings import FidelitySettings

_EXAMPLES = 2
_NAME_WIDTH = 16


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DialogueRecord(_Record):
    """One reference dialogue, asked turn by turn."""

    task: str
    turns: int = Field(ge=1)
    clean: int = Field(ge=0)
    """Turns without a fault."""
    faults: dict[FaultKind, int] = Field(default_factory=dict)
    due: bool = True
    """The user ends the reference, and so was tried on it."""
    kept: bool = True
    """They did end it there, with nothing after."""

    @property
    def total(self) -> int:
        """Its faults."""
        return sum(self.faults.values())


class FreeRecord(_Record):
    """Dialogues that the user led with the scripted agent, as the checkers judged them."""

    dialogues: int = Field(ge=1)
    passed: int = Field(ge=0)
    reference_passed: int = Field(ge=0)
    """Of the same tasks' reference dialogues."""
    endings: dict[str, int] = Field(default_factory=dict)
    """How the dialogues ended."""

    @property
    def share(self) -> float:
        """Of the dialogues that pass."""
        return self.passed / self.dialogues

    @property
    def reference_share(self) -> float:
        """Of the reference dialogues that pass."""
        return self.reference_passed / self.dialogues

    @property
    def interval(self) -> Interval:
        """Of `share`, over tasks (95 %)."""
        return mean_interval([1.0] * self.passed + [0.0] * (self.dialogues - self.passed))


class StopBehaviour(_Record):
    """How a user ends dialogues, turn by turn."""

    due: int
    """Turns at which the reference ends."""
    kept: int
    """Of these, how many end the dialogue, and no words after."""
    early: int
    """Dialogues that would have ended too soon, or amid words."""


class FidelityReport(_Record):
    """How faithfully a simulated user plays its part, beside reference dialogues."""

    format: Literal[1] = 1
    domain: str
    user: str
    """The user model's name."""
    records: tuple[DialogueRecord, ...] = Field(min_length=1)
    examples: tuple[Fault, ...] = ()
    """The first faults of each kind."""
    free: FreeRecord | None = None
    """None: no dialogue was led freely, for want of playbook cases, or because nobody asked for it."""
    lost: int = Field(0, ge=0)
    """Dialogues that the server failed in; they stand for nothing."""

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if any(record.clean > record.turns or min(record.faults.values(), default=0) < 0 for record in self.records):
            raise ValueError("a record has more clean turns than turns, or fewer faults than none")
        if self.free and max(self.free.passed, self.free.reference_passed) > self.free.dialogues:
            raise ValueError("more free dialogues passed than there were")
        return self

    @property
    def dialogues(self) -> int:
        """Reference dialogues that were asked to their end."""
        return len(self.records)

    @property
    def turns(self) -> int:
        """Turns that were asked."""
        return sum(record.turns for record in self.records)

    @property
    def clean_share(self) -> float:
        """Share of turns without a fault."""
        return sum(record.clean for record in self.records) / self.turns

    @property
    def faults(self) -> dict[FaultKind, int]:
        """Faults by kind, every kind named."""
        counts = Counter[FaultKind]()
        for record in self.records:
            counts.update(record.faults)
        return {kind: counts[kind] for kind in KINDS}

    @property
    def faults_per_100(self) -> float:
        """Faults per 100 dialogues."""
        return 100 * sum(record.total for record in self.records) / self.dialogues

    @property
    def interval(self) -> Interval:
        """Of `faults_per_100`, over dialogues as clusters of faults (95 %): see `rl.fidelity.interval`."""
        low, high = rate_interval([record.total for record in self.records])
        return Interval(100 * low, 100 * high)

    @property
    def stops(self) -> StopBehaviour:
        """How it ends dialogues."""
        due = [record for record in self.records if record.due]
        return StopBehaviour(
            due=len(due),
            kept=sum(record.kept for record in due),
            early=sum(record.faults.get("early_stop", 0) > 0 for record in self.records),
        )

    def passes(self, settings: FidelitySettings) -> bool:
        """Whether the user may enter RL: even the upper end of its faults' interval is low enough."""
        return self.interval.high <= settings.max_faults

    def verdict(self, settings: FidelitySettings) -> str:
        """The decision in a line, with what to do about it."""
        rate = f"{self.faults_per_100:.1f} faults per 100 dialogues (95 %: {_ends(self.interval)})"
        if self.passes(settings):
            return f"passes: {rate}, at most {settings.max_faults:g} are allowed"
        ways = ["train the user longer or choose another"] if self.faults_per_100 else []
        least = rate_interval([0] * self.dialogues).high * 100
        if least > settings.max_faults:
            ways.append(
                f"hold out more tasks (over {self.dialogues} dialogues, even no fault at all gives {least:.1f})"
            )
        return (
            f"does not pass: {rate}, but the upper end may be {settings.max_faults:g} at most "
            f"(user.fidelity.max_faults): {', and '.join(ways)}"
        )

    def table(self) -> str:
        """The report as text."""
        return "\n".join(self._lines())

    def to_json(self) -> dict[str, Any]:
        """As JSON values, the figures that follow from the records beside them."""
        return {
            **self.model_dump(mode="json"),
            "figures": {
                "dialogues": self.dialogues,
                "turns": self.turns,
                "clean_share": self.clean_share,
                "faults": self.faults,
                "faults_per_100": self.faults_per_100,
                "interval": list(self.interval),
                "stops": self.stops.model_dump(),
                "free_share": self.free.share if self.free else None,
                "free_interval": list(self.free.interval) if self.free else None,
                "reference_share": self.free.reference_share if self.free else None,
            },
        }

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Inverse of `to_json`; the figures are worked out again.

        Raises:
            EigenGraphError: It is no fidelity report; the message says what is wrong.
        """
        if not isinstance(data, dict):
            raise EigenGraphError("a fidelity report is a JSON object")
        try:
            return cls.model_validate({name: value for name, value in data.items() if name != "figures"})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the whole"
            raise EigenGraphError(f"not a fidelity report: {where}: {first['msg']}") from error

    def _lines(self) -> Iterator[str]:
        yield f"user {self.user} on {self.domain}: {self.dialogues} dialogues, {self.turns} turns asked one by one"
        yield f"  {'faults per 100':<{_NAME_WIDTH}} {self.faults_per_100:.1f}  (95 %: {_ends(self.interval)})"
        yield f"  {'clean turns':<{_NAME_WIDTH}} {self.clean_share:.1%}"
        stops = self.stops
        yield f"  {'stops':<{_NAME_WIDTH}} {stops.kept} of {stops.due} when due, too early in {stops.early} dialogues"
        if free := self.free:
            low, high = free.interval
            yield (
                f"  {'led freely':<{_NAME_WIDTH}} {free.passed} of {free.dialogues} pass (95 %: {low:.0%} to "
                f"{high:.0%}); the references: {free.reference_passed}"
            )
        if self.lost:
            yield f"  {'lost':<{_NAME_WIDTH}} {self.lost} dialogues, to a failing server"
        for kind, count in self.faults.items():
            if count:
                yield f"  {kind:<{_NAME_WIDTH}} {count}  {MEANING[kind]}"
                for fault in [fault for fault in self.examples if fault.kind == kind][:_EXAMPLES]:
                    yield f"    {fault.task} message {fault.turn}: {fault.said!r}: {fault.why}"


def _ends(interval: Interval) -> str:
    return f"{interval.low:.1f} to {interval.high:.1f}"

"""How a run's engine came to be what it is: its generations, the candidates that were tried, the rounds, the notes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Literal

from pydantic import Field

from eigen_graph.runs.rows import Row
from eigen_graph.runs.schema import dump_json
from eigen_graph.runs.spending import Cost

CandidateFate = Literal["proposed", "refused", "unscreened", "rejected", "accepted", "unfinished"]
"""What became of a candidate.

`proposed`: not yet known; `refused`: its patch is invalid or was tried before; `unscreened`: its round ended before its
turn; `unfinished`: its round ended during its trial.
"""
NoteKind = Literal["rollback", "session", "ended"]


class LineageRow(Row):
    """A row of the lineage; written over when one of its kind and name is put again."""

    WHAT: ClassVar[str]

    @property
    @abstractmethod
    def place(self) -> tuple[int | None, int]:
        """Its round, if it is of one, and its number among its kind."""

    @property
    def label(self) -> str:
        """Its name among its kind."""
        return str(self.place[1])


class GenerationRow(LineageRow):
    """A blueprint that was accepted; number 0 is the one that the run began with."""

    WHAT: ClassVar[str] = "generation"

    number: int = Field(ge=0)
    parent: int | None = None
    """Number of the generation it was patched from."""
    candidate: str | None = None
    """Name that it had as a candidate."""
    blueprint: dict[str, Any]
    digest: str
    """Of the blueprint."""
    why: str = ""
    score: float | None = None
    """Confirmed yield per cost."""
    live: bool = True
    """Whether it may be the parent of more."""
    champion: bool = False
    """Whether production uses it. Putting a row with it crowns; only crowning another one takes it."""

    @property
    def place(self) -> tuple[None, int]:
        """By number."""
        return None, self.number


class CandidateRow(LineageRow):
    """A patch that was proposed, with its trial and its fate."""

    WHAT: ClassVar[str] = "candidate"

    name: str = Field(pattern=r"^c\d+$")
    round: int
    parent: int
    """Number of the generation it patches."""
    patch: dict[str, Any]
    why: str = ""
    """The proposer's reason."""
    digest: str = ""
    """Of the blueprint it makes; empty when it makes none."""
    blueprint: dict[str, Any] | None = None
    fate: CandidateFate = "proposed"
    reason: str = ""
    """The validator's words, or which test or guard stopped it."""
    screen: dict[str, Any] | None = None
    """The test on its parent's seeds."""
    confirm: dict[str, Any] | None = None
    """The test on fresh seeds."""
    guards: list[dict[str, Any]] = Field(default_factory=list)
    tokens: float = 0.0
    """Spent on its trials."""
    usd: float | None = None
    """Spent on its trials; None when any call's price is unknown."""

    @property
    def label(self) -> str:
        """Its name."""
        return self.name

    @property
    def place(self) -> tuple[int, int]:
        """By the number in its name."""
        return self.round, int(self.name[1:])


class RoundRow(LineageRow):
    """One time of reflecting, testing and confirming."""

    WHAT: ClassVar[str] = "round"

    number: int = Field(ge=0)
    parent: int
    """Number of the generation that was reflected upon."""
    evidence: dict[str, Any] = Field(default_factory=dict)
    """What the reflector was shown: a bounded report."""
    proposals: int = 0
    """Patches that were proposed."""
    asked: int = 0
    """Times that the reflector was asked."""
    ended: str = ""
    """How it ended; empty while it goes on."""
    spent: Cost = Cost()

    @property
    def place(self) -> tuple[int, int]:
        """By number."""
        return self.number, self.number


class NoteRow(LineageRow):
    """Something that happened to the run as a whole."""

    WHAT: ClassVar[str] = "note"

    seq: int = Field(ge=0)
    """Its place among the notes; a second note in one place replaces the first."""
    at: str
    """UTC, ISO 8601."""
    kind: NoteKind
    data: dict[str, Any] = Field(default_factory=dict)

    @property
    def place(self) -> tuple[None, int]:
        """By number."""
        return None, self.seq

    def comparable(self) -> dict[str, Any]:
        """All but when it was and how many notes came before: a resumed run has more sessions."""
        return self.model_dump(mode="json", include={"kind", "data"})


def lineage_to_sql(row: LineageRow) -> list[tuple[Any, ...]]:
    """A row as parameters of `schema.PUT_LINEAGE`, one tuple for each time that it is to be run."""
    data = row.to_json()
    crown = [crown_to_sql(row.number)] if isinstance(row, GenerationRow) and data.pop("champion") else []
    return [(f"{row.WHAT}-{row.label}", row.WHAT, *row.place, dump_json(data)), *crown]


def crown_to_sql(number: int) -> tuple[Any, ...]:
    """The generation that production uses, as parameters of `schema.PUT_LINEAGE`: one row, so that there is one."""
    return ("champion", "champion", None, number, "{}")

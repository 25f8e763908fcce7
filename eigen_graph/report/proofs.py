"""What the proofs of a run's checkers say: which wrong dialogues they were tried on, and which they let pass."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pydantic import ValidationError

from eigen_graph.checkers import Proof
from eigen_graph.report.data import Figure, Kills, Survivor
from eigen_graph.runs import InstanceRow

ANY = "any kind"
"""Kind of the mutants of proofs from before kinds were kept."""
_MOST_SURVIVORS = 200


@dataclass
class Proofs:
    """Proven checkers counted one by one."""

    tried: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    rates: list[float] = field(default_factory=list)
    survivors: list[Survivor] = field(default_factory=list)
    survived: int = 0
    """All of them; only so many are listed."""

    def add(self, row: InstanceRow) -> None:
        """Count an instance's checker, if it is proven; what cannot be read is left out."""
        try:
            proof = Proof.model_validate((row.checker or {}).get("proof"))
        except ValidationError:
            return
        if not proof.sound:
            return
        self.rates.append(proof.kill_rate)
        for kind, (tried, killed) in (proof.kinds or {ANY: (proof.mutants, proof.killed)}).items():
            self.tried[kind] += tried
            self.killed[kind] += killed
        self.survived += proof.mutants - proof.killed
        room = _MOST_SURVIVORS - len(self.survivors)
        self.survivors += [
            Survivor(instance=row.id, kind=mutant.kind, description=mutant.description)
            for mutant in proof.survivors[: max(0, room)]
        ]

    def kills(self) -> tuple[Kills, ...]:
        """By kind, the kind that is let pass most often first."""
        found = [Kills(kind=kind, mutants=count, killed=self.killed[kind]) for kind, count in self.tried.items()]
        return tuple(sorted(found, key=lambda one: (one.killed / one.mutants if one.mutants else 1.0, one.kind)))

    def figures(self) -> tuple[Figure, ...]:
        """The kill rate in one number."""
        if not self.rates:
            return ()
        tried, killed = self.tried.total(), self.killed.total()
        mean = sum(self.rates) / len(self.rates)
        note = f"mean of {len(self.rates):,} proven checkers; {killed:,} of {tried:,} wrong dialogues fail"
        return (Figure(label="kill rate", value=f"{mean:.1%}", note=note),)

"""How close what is exported comes to the tasks that the domain's benchmark tests by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from eigen_graph.checkers.contamination import Match, Neighbours, reserved_of, train_of
from eigen_graph.core import Domain, Task


class Close(NamedTuple):
    """An instance, and the task of the domain's own that it comes closest to."""

    id: str
    match: Match

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"id": self.id, "task": self.match.task, **self.match.similarity._asdict()}


@dataclass
class Overlap:
    """The overlap measured between an export and the domain's own tasks."""

    source: str
    """Where the domain's own tasks come from."""
    digest: str
    """Fingerprint of their file."""
    reserved: Neighbours
    """Those that nothing may come close to."""
    train: Neighbours | None
    """Those that may be synthesized from; None when there is no such split."""
    dropped: int = 0
    """Instances that were dropped while they were made, because their task came too close to a reserved one."""
    left_out: list[Close] = field(default_factory=list)
    """Accepted instances that come too close to a reserved task all the same, and are not exported."""
    closest: Close | None = None
    """The exported instance that comes closest to a reserved task."""
    like_train: int = 0
    """Exported instances whose task equals or nearly equals one of `train`."""

    @classmethod
    def of(cls, domain: Domain) -> Overlap | None:
        """Nothing measured yet; None for a domain that brings no tasks."""
        known = reserved_of(domain)
        if domain.tasks is None or known is None:
            return None
        return cls(domain.tasks.source, domain.tasks.digest, known, train_of(domain))

    def finds(self, instance: str, task: Task) -> bool:
        """Whether an accepted task comes too close to a reserved one; it is remembered then."""
        match = self.reserved.near(task)
        if match is not None:
            self.left_out.append(Close(instance, match))
        return match is not None

    def add(self, instance: str, task: Task) -> None:
        """Measure an instance that is exported."""
        match = self.reserved.closest(task)
        if match and (not self.closest or match.similarity.overall > self.closest.match.similarity.overall):
            self.closest = Close(instance, match)
        self.like_train += self.train is not None and self.train.near(task) is not None

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "source": self.source,
            "digest": self.digest,
            "reserved": len(self.reserved),
            "train": len(self.train) if self.train else 0,
            "dropped": self.dropped,
            "left_out": [close.to_json() for close in self.left_out],
            "closest": self.closest.to_json() if self.closest else None,
            "like_train": self.like_train,
        }

"""What an export came to."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from eigen_graph.runs.datasets.duplicates import Duplicate
from eigen_graph.runs.datasets.overlap import Overlap


@dataclass
class ExportReport:
    """What an export wrote and what it left out."""

    folder: Path
    files: dict[str, int] = field(default_factory=dict)
    """Rows by file name."""
    accepted: int = 0
    """Accepted instances in the ledger."""
    exported: int = 0
    """Those of them that are no duplicates and come close to no reserved task."""
    duplicates: list[Duplicate] = field(default_factory=list)
    kill_rates: list[float] = field(default_factory=list)
    """Of the exported instances' checkers."""
    workflows: dict[str, int] = field(default_factory=dict)
    """Exported instances by the digest of the workflow that made them."""
    overlap: Overlap | None = None
    """With the tasks that the domain brings; None when it brings none."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        data = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            **data,
            "folder": str(self.folder),
            "duplicates": [duplicate._asdict() for duplicate in self.duplicates],
            "overlap": self.overlap.to_json() if self.overlap else None,
        }

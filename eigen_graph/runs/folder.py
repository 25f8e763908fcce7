"""A run's folder: what was asked for, and where everything lies.

OUT/run.json            what made it, with which settings
OUT/ledger.sqlite       the truth
OUT/checkpoints.sqlite  LangGraph's, of the outer graph only
OUT/export/             views of the ledger
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eigen_graph import __version__
from eigen_graph.core.errors import EigenGraphError
from eigen_graph.runs.ledger import Ledger
from eigen_graph.runs.lock import RunLock
from eigen_graph.runs.reader import LedgerReader

FORMAT = 1
"""Of the folder; one of another format is refused."""
LOCK = "ledger.sqlite.lock"
_LEFT_BY_A_BAD_START = frozenset({LOCK, "ledger.sqlite.pid", "run.json.part"})


class RunInfo(BaseModel):
    """The contents of `run.json`."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    eigen_graph: str = __version__
    """Version that started the run."""
    created: str
    """UTC, ISO 8601."""
    domain: str
    database: str
    """Digest of the domain's databases: a task means something only beside the data it was written for."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """As they were given."""


@dataclass(frozen=True)
class RunFolder:
    """A run on disk. Make it with `create` or `open`."""

    path: Path
    info: RunInfo

    @classmethod
    def create(
        cls, path: str | os.PathLike[str], settings: Mapping[str, Any], *, domain: str = "", database: str = ""
    ) -> Self:
        """Start a run in a folder that is new or empty.

        Args:
            path: The folder; its parents are made too.
            settings: What the run was asked for, as JSON values.
            domain: Name of the domain; `settings["domain"]` when left out.
            database: Digest of the domain's databases.

        Raises:
            EigenGraphError: The folder holds a run or something else, or cannot be written.
        """
        root = Path(path)
        info = RunInfo(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            domain=domain or str(settings.get("domain", "")),
            database=database,
            settings=json.loads(json.dumps(dict(settings))),
        )
        try:
            root.mkdir(parents=True, exist_ok=True)
            _check_free(root)
            with RunLock(root / LOCK):
                _check_free(root)  # somebody may have been quicker
                draft = root / "run.json.part"
                draft.write_text(info.model_dump_json(indent=2) + "\n")
                draft.replace(root / "run.json")
        except (FileExistsError, NotADirectoryError):
            raise EigenGraphError(f"cannot start a run in {root}: it is no folder; choose another one") from None
        except OSError as error:
            raise EigenGraphError(
                f"cannot write to {root}: {error.strerror or error}; choose another folder"
            ) from error
        return cls(root, info)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Find the run in a folder.

        Raises:
            EigenGraphError: There is none, or it is of another format.
        """
        root = Path(path)
        try:
            data = json.loads((root / "run.json").read_text())
        except (FileNotFoundError, NotADirectoryError):
            raise EigenGraphError(f"there is no run in {root} (no run.json): name the folder of one") from None
        except (OSError, ValueError) as error:
            raise EigenGraphError(f"cannot read {root / 'run.json'}: {error}") from error
        found = data.get("format") if isinstance(data, dict) else None
        if found != FORMAT:
            maker = data.get("eigen_graph", "unknown") if isinstance(data, dict) else "unknown"
            raise EigenGraphError(
                f"the run in {root} has format {found}, this eigen_graph ({__version__}) reads format {FORMAT}: "
                f"use eigen_graph {maker}, which made it, or start a new run"
            )
        try:
            return cls(root, RunInfo.model_validate(data))
        except ValidationError as error:
            raise EigenGraphError(f"{root / 'run.json'} is damaged: {error.errors()[0]['loc'][0]} is wrong") from error

    def require(self, settings: Mapping[str, Any], *, free: Collection[str] = ()) -> None:
        """Make sure that a run is resumed as it was begun.

        Args:
            settings: What is asked for now; only what is named here is compared.
            free: Settings that may differ, such as how many run at once.

        Raises:
            EigenGraphError: One differs.
        """
        missing = object()
        for name, value in json.loads(json.dumps(dict(settings))).items():
            begun = self.info.settings.get(name, missing)
            if name not in free and begun != value:
                was = "not set" if begun is missing else json.dumps(begun)
                raise EigenGraphError(
                    f"the run in {self.path} was begun with {name} {was}, not {json.dumps(value)}: "
                    f"resume it without that option, or start a new run"
                )

    @property
    def ledger_path(self) -> Path:
        """The ledger's file."""
        return self.path / "ledger.sqlite"

    @property
    def checkpoints_path(self) -> Path:
        """The file of LangGraph's checkpoints."""
        return self.path / "checkpoints.sqlite"

    @property
    def export_path(self) -> Path:
        """Where exports go."""
        return self.path / "export"

    def ledger(self) -> Ledger:
        """The ledger, to be written: `async with folder.ledger() as ledger`."""
        return Ledger(self.ledger_path)

    def reader(self) -> LedgerReader:
        """The ledger, to be read, also while it is written."""
        return LedgerReader(self.ledger_path)


def _check_free(root: Path) -> None:
    present = sorted(entry.name for entry in root.iterdir() if entry.name not in _LEFT_BY_A_BAD_START)
    if "run.json" in present:
        raise EigenGraphError(f"{root} holds a run already: resume it, or choose another folder")
    if present:
        raise EigenGraphError(f"{root} is no run folder but holds {present[0]!r}: choose another folder")

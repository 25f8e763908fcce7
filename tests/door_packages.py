"""Exported packages, and recordings put into them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from replays import Recording


def exported(folder: Path, name: str, domain: str = "hotel") -> Path:
    """The package that a run's export in a format makes."""
    for words in (
        ["synthesize", domain, "--count", "2", "--seed", "3", "--out", str(folder / "run")],
        ["export", str(folder / "run"), "--format", name],
    ):
        subprocess.run([sys.executable, "-m", "eigen_graph", *words], check=True, capture_output=True, timeout=120)
    return folder / "run" / "export" / name


def put(recorded: list[Recording], file: Path) -> None:
    """Let a package have recordings for its tasks."""
    file.write_text("".join(json.dumps(recording.row) + "\n" for recording in recorded), encoding="utf-8")

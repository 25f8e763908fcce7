"""The command line as a person meets it: a process with arguments, two streams and an exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eigen_graph.runs import RunFolder

COMMAND = (sys.executable, "-W", "error", "-m", "eigen_graph")
_UNSET = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "FORCE_COLOR", "TTY_COMPATIBLE")


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's, without keys and servers, 80 columns wide."""
    kept = {name: value for name, value in os.environ.items() if name not in _UNSET}
    return {**kept, "COLUMNS": "80", "NO_COLOR": "1", **(extra or {})}


def start(*arguments: object, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
    """Begin a command; both its streams are pipes."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(env),
        **options,
    )


def run(
    *arguments: object,
    expect: int | None = 0,
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
    **options: Any,
) -> Done:
    """Run a command to its end.

    Args:
        arguments: Its arguments.
        expect: The exit status it must have; None: any.
        env: Environment variables to set.
        timeout: Seconds after which it counts as hung.
        options: For `subprocess.Popen`.
    """
    process = start(*arguments, env=env, **options)
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        process.kill()
    assert expect is None or process.returncode == expect, f"{arguments}: {process.returncode}\n{out}{err}"
    return Done(process.returncode, out, err)


def refused(*arguments: object, saying: tuple[str, ...] = (), status: int = 2, **options: Any) -> str:
    """Run a command that cannot work; its one line on stderr, which says all of `saying`."""
    done = run(*arguments, expect=status, **options)
    lines = done.err.splitlines()
    assert done.out == ""
    assert len(lines) == 1, done.err
    assert lines[0].startswith("error: ")
    for text in saying:
        assert text in lines[0]
    return lines[0]


def snapshot(path: Path) -> list[dict[str, Any]]:
    """All that must be equal between two ways to the same run."""
    with RunFolder.open(path).reader() as ledger:
        return list(ledger.snapshot())


def finished(path: Path) -> int:
    """Rows so far; 0 while the folder is being made."""
    try:
        with RunFolder.open(path).reader() as ledger:
            return ledger.counts().total
    except Exception:  # noqa: BLE001  # it may be half made when we look
        return 0

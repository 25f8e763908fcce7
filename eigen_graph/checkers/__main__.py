"""Judge one dialogue from the shell: `python -m eigen_graph.checkers CHECKER.json TRAJECTORY.json`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eigen_graph.checkers import Checker
    from eigen_graph.core import Domain

_ABOUT = """\
Judge a dialogue by its checker and print the verdict as JSON.

  exit 0   reward 1: every part passed
  exit 1   reward 0: the verdict says what differed, and whose fault it is
  exit 2   unusable input: one line on stderr says what is wrong
"""
_EXAMPLES = """\
examples:
  python -m eigen_graph.checkers checker.json trajectory.json
  python -m eigen_graph.checkers task.json trajectory.json --domain hotel
  python -m eigen_graph.checkers task.json - --domain mine.py:domain --tau2 < trajectory.json
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    asked = _parser().parse_args(arguments)
    # Imported late: `--help` and a mistyped option answer at once.
    from eigen_graph.core import EigenGraphError, Trajectory  # noqa: PLC0415
    from eigen_graph.domains import load_domain  # noqa: PLC0415

    try:
        domain = load_domain(asked.domain) if asked.domain else None
        checker = _checker(_read(asked.checker), domain, tau2=asked.tau2)
        verdict = checker.judge(Trajectory.from_json(_read(asked.trajectory)), domain)
    except EigenGraphError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201  # a command's voice
        return 2
    print(json.dumps(verdict.to_json(), indent=2, ensure_ascii=False))  # noqa: T201  # a command's answer
    return 0 if verdict.reward == 1 else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eigen_graph.checkers",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checker", metavar="CHECKER.json", help="a checker, or a bare task together with --domain")
    parser.add_argument(
        "trajectory", metavar="TRAJECTORY.json", help="the dialogue: {messages, termination} or a list of messages"
    )
    parser.add_argument("--domain", help="name, package.module:attr or file.py:attr; left out: what the checker names")
    parser.add_argument("--tau2", action="store_true", help="judge by the task's reward_basis, exactly as tau2 does")
    return parser


def _checker(data: Any, domain: Domain | None, *, tau2: bool) -> Checker:
    from eigen_graph.checkers import Checker, build_checker  # noqa: PLC0415  # as in main
    from eigen_graph.core import EigenGraphError, Task  # noqa: PLC0415

    if isinstance(data, dict) and "task" in data:
        checker = Checker.from_json(data)
        return Checker.from_json({**data, "basis": checker.task.criteria.reward_basis}) if tau2 else checker
    if domain is None:
        raise EigenGraphError("this is no checker; if it is a bare task, name its domain by --domain")
    task = Task.from_json(data)
    return build_checker(task, domain, basis="tau2" if tau2 else None)


def _read(name: str) -> Any:
    from eigen_graph.core import EigenGraphError  # noqa: PLC0415  # as in main

    try:
        return json.loads(sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise EigenGraphError(f"{name} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise EigenGraphError(f"{name} is not JSON: {error}") from error


if __name__ == "__main__":
    sys.exit(main())

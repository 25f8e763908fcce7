"""Verify a run: replay and judge everything in its ledger again, trusting nothing that was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from eigen_graph.checkers import Checker, Verdict, prove, untrue
from eigen_graph.core import Domain, EigenGraphError, Task, ToolError, Trajectory
from eigen_graph.runs.reader import LedgerReader
from eigen_graph.runs.rows import InstanceRow


@dataclass(frozen=True)
class Finding:
    """Something that does not hold."""

    instance: str
    problem: str


def verify_run(ledger: LedgerReader, domain: Domain, *, proofs: bool = False) -> Iterator[InstanceRow | Finding]:
    """Check every instance; yields each row once it has been checked, its findings before it.

    For every dialogue: each call, run again from the task's initial state, gives the recorded result, and the checker
    gives the recorded verdict. For every accepted one: its checker has a sound proof and its reward is 1.

    Args:
        ledger: The run's.
        domain: Its domain, as it was.
        proofs: Also prove every accepted checker again.
    """
    for row in ledger.instances():
        yield from (Finding(row.id, problem) for problem in _problems(row, domain, proofs=proofs))
        yield row


def _problems(row: InstanceRow, domain: Domain, *, proofs: bool) -> Iterator[str]:
    if row.task is None or row.checker is None or row.trajectory is None:
        if row.fate == "accepted":
            yield "accepted without a task, a checker or a dialogue"
        return
    try:
        task, checker = Task.from_json(row.task), Checker.from_json(row.checker)
        trajectory = Trajectory.from_json(row.trajectory)
        recorded = None if row.verdict is None else Verdict.model_validate(row.verdict)
        again = "answers otherwise when it is run again"
        yield from (f"message {step.at}: {step.call.name} {again}" for step in untrue(task, trajectory, domain))
        verdict = checker.judge(trajectory, domain)
    except (EigenGraphError, ToolError, ValidationError) as error:
        yield f"cannot be judged again: {' '.join(str(error).split())}"
        return
    if recorded is not None and _gist(recorded) != _gist(verdict):
        yield f"judged {_gist(recorded)} when it was made, {_gist(verdict)} now"
    if row.fate == "accepted":
        if verdict.reward != 1:
            yield f"accepted, but judged {verdict.reward:g}: {verdict.reason}"
        if checker.proof is None or not checker.proof.sound:
            yield "accepted with a checker that has no sound proof"
        if proofs and not (proof := prove(checker, domain)).sound:
            yield f"its checker does not stand a second proof: {proof.reason}"
    elif verdict.reward == 1 and (row.review or {}).get("decision") == "accept":
        yield f"{row.fate}, but its checker passes it and its reviewer accepts it"


def _gist(verdict: Verdict) -> str:
    """What a verdict comes to: its words may change from version to version, this must not."""
    marks = {True: "passed", False: "failed", None: "not judged"}
    return f"{verdict.reward:g} ({', '.join(f'{part.name} {marks[part.passed]}' for part in verdict.parts)})"

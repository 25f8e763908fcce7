"""Whole runs through the command line: what is accepted holds, what is rejected carries the right blame."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from statistics import mean

import pytest

from eigen_graph.core import Cue, Domain
from eigen_graph.domains import load_domain
from eigen_graph.models import planned_faults
from eigen_graph.runs import InstanceRow, RunFolder

RATE = 0.3


def eigen_graph(*arguments: str, cwd: Path | None = None, expect: int = 0) -> str:
    """Run the command; its stdout."""
    command = [sys.executable, "-m", "eigen_graph", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=280, check=False)
    assert done.returncode == expect, done.stderr + done.stdout
    return done.stdout


@pytest.fixture(scope="module", params=["hotel", "broadband"])
def faulty(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Domain]:
    """A run of 200 accepted dialogues by models that err."""
    path = tmp_path_factory.mktemp("runs") / request.param
    model = f"scripted?faults={RATE}"
    eigen_graph("synthesize", request.param, "--count", "200", "--model", model, "--seed", "11", "--out", str(path))
    return path, load_domain(request.param)


def rows(path: Path) -> list[InstanceRow]:
    with RunFolder.open(path).reader() as ledger:
        return list(ledger.instances())


def expected_blame(row: InstanceRow, domain: Domain, attempt: int) -> str | None:
    """Whom the planted faults of an instance's attempt make guilty; None: nobody."""
    assert row.task is not None
    assert domain.playbook is not None
    case = domain.playbook.case(domain, Cue.model_validate(row.task["eigen"]["cue"]))
    writing = planned_faults(domain, case, RATE, 0, "writing")
    talking = planned_faults(domain, case, RATE, attempt, "dialogue")
    if talking and talking.blame:
        return talking.blame
    return writing.blame if writing else None


def test_verify_confirms_every_accepted_dialogue(faulty: tuple[Path, Domain]) -> None:
    found = json.loads(eigen_graph("verify", str(faulty[0]), "--proofs", "--json"))
    assert found["accepted"] >= 200
    assert found["findings"] == []


def test_accepted_dialogues_have_no_planted_fault_that_matters(faulty: tuple[Path, Domain]) -> None:
    path, domain = faulty
    for row in rows(path):
        if row.fate == "accepted":
            assert expected_blame(row, domain, len(row.attempts)) is None, row.id


def test_the_blame_is_that_of_the_planted_fault(faulty: tuple[Path, Domain]) -> None:
    path, domain = faulty
    blamed: Counter[str] = Counter()
    for row in rows(path):
        ends = [(number, attempt.blame) for number, attempt in enumerate(row.attempts)]
        ends += [(len(row.attempts), row.blame)] if row.fate == "rejected" else []
        for attempt, blame in ends:
            assert blame == expected_blame(row, domain, attempt), (row.id, attempt, row.reason)
            blamed[blame or "none"] += 1
    assert set(blamed) == {"agent", "user", "task"}
    assert blamed.total() > 40


def test_evidence_points_at_the_culprits_messages(faulty: tuple[Path, Domain]) -> None:
    roles = {"agent": {"assistant", "tool"}, "user": {"user", "tool"}}
    for row in rows(faulty[0]):
        if row.fate == "rejected" and row.blame in roles:
            assert row.trajectory is not None
            assert row.evidence, row.id
            assert row.trajectory["messages"][row.evidence[-1]]["role"] in roles[row.blame], (row.id, row.reason)


def test_kill_rate_of_accepted_checkers(faulty: tuple[Path, Domain]) -> None:
    proofs = [row.checker["proof"] for row in rows(faulty[0]) if row.fate == "accepted" and row.checker]
    assert mean(proof["kill_rate"] for proof in proofs) >= 0.95
    assert all(proof["variants"] > 0 and not proof["rejected_variants"] for proof in proofs)


def test_doing_nothing_is_sometimes_right_and_sometimes_wrong(faulty: tuple[Path, Domain]) -> None:
    path, domain = faulty
    writing = 0
    accepted = [row for row in rows(path) if row.fate == "accepted"]
    for row in accepted:
        assert row.task is not None
        actions = row.task["evaluation_criteria"]["actions"]
        writing += any(action["name"] in domain.write_tools for action in actions)
    assert 0.2 < writing / len(accepted) < 0.98


def test_the_same_seed_gives_the_same_run(tmp_path: Path) -> None:
    for name, concurrency in (("a", "1"), ("b", "7")):
        eigen_graph(
            *("synthesize", "hotel", "--count", "12", "--model", "scripted?faults=0.4", "--seed", "5"),
            *("--concurrency", concurrency, "--out", str(tmp_path / name)),
        )
    assert [row.comparable() for row in rows(tmp_path / "a")] == [row.comparable() for row in rows(tmp_path / "b")]

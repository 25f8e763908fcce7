"""A run that evolves, stopped in a trial by a person, a budget or a server that goes away, ends as if it never was."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import run, snapshot, start
from openai_server import OpenAIServer

from eigen_graph.domains import load_domain
from eigen_graph.models import ScriptedChat
from eigen_graph.runs import InstanceRow, LedgerReader, RunFolder

ORDER = ("synthesize", "hotel", "--count", 10, "--seed", 1, "--concurrency", 8)
SIZES = ("--evolve", "--rounds", 2, "--pilot", 16, "--looks", "8,16", "--proposals", 2, "--level", 0.3)
OFFLINE = ("--model", "scripted?faults=0.6")
SERVED = ("--model", "openai:scripted?send_case=true")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the order comes to when nothing happens."""
    path = tmp_path_factory.mktemp("stops") / "whole"
    run(*ORDER, *SIZES, *OFFLINE, "--out", path, timeout=250)
    with reader(path) as ledger:
        assert sorted(row.fate for row in ledger.candidates(1)) == ["accepted", "rejected"]
    return path


def reader(path: Path) -> LedgerReader:
    return RunFolder.open(path).reader()


def in_trial(path: Path, fits: Callable[[InstanceRow], bool]) -> int:
    """Instances in trials that fit; 0 while the folder is being made."""
    try:
        with reader(path) as ledger:
            return sum(bool(row.trial) and fits(row) for row in ledger.instances(trial=None))
    except Exception:  # noqa: BLE001  # it may be half made when we look
        return 0


def wait_for(count: int, path: Path, process: subprocess.Popen[str], fits: Callable[[InstanceRow], bool]) -> None:
    while in_trial(path, fits) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def is_confirming(row: InstanceRow) -> bool:
    return row.index >= 16


def paused(told: str, status: int) -> str:
    assert status == 3, told
    assert "Traceback" not in told
    return told.splitlines()[-1]


@pytest.mark.parametrize("fits", [lambda row: row.index < 16, is_confirming], ids=["screening", "confirmation"])
def test_a_signal_in_a_trial_lets_what_is_in_work_finish(
    whole: Path, tmp_path: Path, fits: Callable[[InstanceRow], bool]
) -> None:
    path = tmp_path / "run"
    process = start(*ORDER, *SIZES, *OFFLINE, "--out", path)
    wait_for(3, path, process, fits)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert "what is in work is finished first" in told
    line = paused(told, process.returncode)
    assert f"stopped; what is finished is kept: eigen-graph resume {path}" in line
    assert line.endswith("; the best confirmed generation is 0")
    with reader(path) as ledger:
        assert ledger.counts().dropped == 0
        assert not ledger._reads.execute("select count(*) from replies where instance like 'c%'").fetchone()[0]
    run("resume", path, timeout=250)
    assert snapshot(path) == snapshot(whole)


@pytest.mark.parametrize("round_", [1, 2])
def test_a_run_budget_that_is_spent_in_a_trial_pauses_the_run(whole: Path, tmp_path: Path, round_: int) -> None:
    path = tmp_path / "run"
    arms = [{"g0"}, {"c1", "c2"}] if round_ == 1 else [{"g0", "c1", "c2"}, {"c3", "c4"}]
    with reader(whole) as ledger:
        ids = [[row.id for row in ledger.instances(trial=None) if row.arm in some] for some in arms]
        before, then = (sum(cost.tokens for cost in ledger.costs(some).values()) for some in ids)
    enough = before + then // 2
    done = run(*ORDER, *SIZES, *OFFLINE, "--budget", f"{enough}tokens", "--out", path, expect=None, timeout=250)
    line = paused(done.err, done.status)
    assert f"the budget of {enough:,} tokens is spent" in line
    assert line.endswith(f"(eigen-graph resume {path}); the best confirmed generation is {round_ - 1}")
    run("resume", path, "--budget", "50Mtokens", timeout=250)
    assert snapshot(path) == snapshot(whole)


def test_what_is_over_is_not_evolved_again_when_its_checkpoints_are_lost(whole: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(whole, tmp_path / "run"))
    (path / "checkpoints.sqlite").unlink()
    run("resume", path)
    assert snapshot(path) == snapshot(whole)


def test_a_round_is_finished_when_its_checkpoints_are_lost(tmp_path: Path) -> None:
    path = tmp_path / "run"
    process = start(*ORDER, *SIZES, *OFFLINE, "--out", path)
    wait_for(3, path, process, is_confirming)
    process.send_signal(signal.SIGINT)
    paused(process.communicate(timeout=60)[1], process.returncode)
    (path / "checkpoints.sqlite").unlink()
    run("resume", path, timeout=250)
    with reader(path) as ledger:
        assert [round_.number for round_ in ledger.rounds()] == [1, 2]
        assert all(round_.ended for round_ in ledger.rounds())
        assert not any(row.fate == "proposed" for row in ledger.candidates())
        assert [note.data["why"] for note in ledger.notes()] == ["all rounds are done"]
        indexes = [row.index for row in ledger.instances()]
        assert len(set(indexes)) == len(indexes)


@pytest.mark.slow
def test_a_server_that_is_gone_in_the_confirmation(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "run"
    with OpenAIServer(scripted()) as server:
        url = server.url
        process = start(*ORDER, *SIZES, *SERVED, "--base-url", url, "--out", path)
        wait_for(3, path, process, is_confirming)
    _, told = process.communicate(timeout=200)
    line = paused(told, process.returncode)
    assert "calls in a row failed: stopping, nothing is lost" in line
    assert line.endswith(f"(eigen-graph resume {path}); the best confirmed generation is 0")
    with OpenAIServer(scripted(), port=int(url.split(":")[2].removesuffix("/v1"))):
        run("resume", path, timeout=250)
    assert told_of(path) == told_of(whole)


def scripted() -> ScriptedChat:
    return ScriptedChat(faults=0.6, domains={"hotel": load_domain("hotel")})


def told_of(path: Path) -> tuple[list[Any], list[Any]]:
    """What became of every instance and every patch, prices aside."""
    with reader(path) as ledger:
        rows = [row.comparable() for row in ledger.instances(trial=None)]
        patches = [(row.name, row.patch, row.fate, row.reason) for row in ledger.candidates()]
    return rows, patches

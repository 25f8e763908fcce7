"""A run that evolves, as a person at a shell has it: what it makes, what it keeps, and what a kill leaves of it."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from command import run, snapshot, start

from eigen_graph.graphs import DEFAULT, Blueprint, Patch
from eigen_graph.runs import LedgerReader, RunFolder

ORDER = ("hotel", "--count", 90, "--model", "scripted?faults=0.4", "--seed", 3, "--evolve", "--rounds", 2)
SIZES = ("--pilot", 48, "--looks", "24,48", "--proposals", 2)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that evolved undisturbed."""
    path = tmp_path_factory.mktemp("evolution") / "whole"
    done = run("synthesize", *ORDER, *SIZES, "--out", path, timeout=280)
    assert f"eigen-graph evolve log {path}" in done.out
    return path


def reader(path: Path) -> LedgerReader:
    return RunFolder.open(path).reader()


def test_an_edge_is_patched_and_confirmed_to_pay(whole: Path) -> None:
    with reader(whole) as ledger:
        champion = ledger.champion()
        accepted = [row for row in ledger.candidates() if row.fate == "accepted"]
        assert champion is not None
        assert champion.number >= 1
    assert accepted
    for row in accepted:
        assert row.confirm is not None
        effect = row.confirm["per_cost"]
        assert effect["candidate"] > effect["parent"]
        assert effect["p"] <= 0.05
        assert not any(guard["stopped"] for guard in row.guards)
        assert row.blueprint is not None
        assert Blueprint.from_json(row.blueprint).workflow.edges != DEFAULT.edges


def test_generations_follow_from_their_patches(whole: Path) -> None:
    with reader(whole) as ledger:
        generations = {row.number: row for row in ledger.generations()}
        candidates = {row.name: row for row in ledger.candidates()}
    for row in generations.values():
        if row.parent is None:
            continue
        before = Blueprint.from_json(generations[row.parent].blueprint)
        after = Patch.from_json(candidates[row.candidate or ""].patch).apply(before)
        assert after == Blueprint.from_json(row.blueprint)
        assert after.digest == row.digest


def test_a_seed_stands_in_the_data_set_once(whole: Path) -> None:
    with reader(whole) as ledger:
        rows = list(ledger.instances())
        trials = list(ledger.instances(trial=None))
        counts = ledger.counts()
    indexes = [row.index for row in rows]
    assert sorted(indexes) == list(range(len(indexes)))
    assert counts.accepted >= 90
    assert len(trials) > len(rows)
    tasks = {}
    for row in trials:  # the same seed and plan: a pair, whoever works it
        if row.task is not None and row.fate == "accepted":
            text = json.dumps(row.task["user_scenario"], sort_keys=True)
            assert tasks.setdefault(row.index, text) == text


def test_the_run_is_verified_and_exported_without_its_trials(whole: Path, tmp_path: Path) -> None:
    with reader(whole) as ledger:
        accepted = ledger.counts().accepted
    assert run("verify", whole, "--json").json["accepted"] == accepted
    done = run("export", whole, "--out", tmp_path / "out", expect=None)
    assert done.status == 0, done.err
    rows = [json.loads(line) for line in next((tmp_path / "out").rglob("rl*.jsonl")).read_text().splitlines()]
    assert len({row["id"] for row in rows}) == len(rows) <= accepted


def test_what_it_came_to_works_elsewhere(whole: Path, tmp_path: Path) -> None:
    engine, out = whole / "workflow", tmp_path / "elsewhere"
    run("synthesize", "broadband", "--count", 4, "--workflow", engine, "--out", out)
    with reader(out) as ledger, reader(whole) as made:
        champion = made.champion()
        assert champion is not None
        digests = {row.workflow for row in ledger.instances()}
    assert digests == {Blueprint.from_json(champion.blueprint).workflow.digest}
    assert Blueprint.read(engine) == Blueprint.from_json(champion.blueprint)


def test_evolution_goes_on_in_a_finished_run(tmp_path: Path) -> None:
    path = tmp_path / "run"
    run("synthesize", "hotel", "--count", 40, "--model", "scripted?faults=0.4", "--seed", 5, "--out", path)
    sizes = ("--rounds", 1, "--pilot", 48, "--looks", "24,48", "--proposals", 1)
    run("evolve", path, *sizes, timeout=200)
    with reader(path) as ledger:
        assert len(ledger.rounds()) == 1
        kinds = [note.kind for note in ledger.notes()]
        assert kinds == ["session", "ended"]
        indexes = [row.index for row in ledger.instances()]
    assert sorted(indexes) == list(range(len(indexes)))
    run("evolve", path, *sizes, timeout=200)
    with reader(path) as ledger:
        assert [round_.number for round_ in ledger.rounds()] == [1, 2]
    assert run("verify", path, "--json").status == 0


PHASES = ("generation 0 works", "reflecting", "c1 works", "c2 works", "fresh tasks", "is generation 1", "round 2: c")


@pytest.mark.slow
def test_a_kill_in_every_phase_leaves_the_lineage_of_an_undisturbed_run(whole: Path, tmp_path: Path) -> None:
    killed, rng = tmp_path / "killed", random.Random(11)
    process = start("synthesize", *ORDER, *SIZES, "--out", killed)
    for phase in PHASES:
        kill_in(process, phase, rng.random() * 1.5)
        process = start("resume", killed)
    _, complaint = process.communicate(timeout=280)
    assert process.returncode == 0, complaint
    assert told(killed) == told(whole)
    assert files(killed) == files(whole)


def kill_in(process: Any, phase: str, wait: float) -> None:
    """Kill a process some seconds after it says that it has come to a phase."""
    for line in process.stderr:
        if phase in line:
            break
    else:
        pytest.fail(f"{phase!r} never came: {process.wait()}")
    time.sleep(wait)
    assert process.poll() is None, f"it was over before it could be killed in {phase!r}"
    process.send_signal(signal.SIGKILL)
    process.communicate()


def told(path: Path) -> list[dict[str, Any]]:
    return snapshot(path)


def files(path: Path) -> dict[str, bytes]:
    """The blueprints that a run has written."""
    found = [file for name in ("generations", "workflow") for file in (path / name).rglob("*") if file.is_file()]
    return {str(file.relative_to(path)): file.read_bytes() for file in found}

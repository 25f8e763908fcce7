"""A run that is stopped before its end, by a person, a budget or a server that goes away, ends as if it never was."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from command import finished, run, snapshot, start
from openai_server import OpenAIServer, Serve

from eigen_graph.domains import load_domain
from eigen_graph.models import ScriptedChat
from eigen_graph.runs import RunFolder

ORDER = ("synthesize", "hotel", "--count", 24, "--seed", 9, "--concurrency", 4)
SERVED = ("--model", "openai:scripted?send_case=true&structured=tool")


def scripted(**options: Any) -> ScriptedChat:
    return ScriptedChat(domains={"hotel": load_domain("hotel")}, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the order comes to when nothing happens, made offline."""
    path = tmp_path_factory.mktemp("whole") / "run"
    run(*ORDER, "--out", path)
    return dialogues(path)


def dialogues(path: Path) -> list[dict[str, Any]]:
    with RunFolder.open(path).reader() as ledger:
        return [row.comparable() for row in ledger.instances()]


def wait_for(rows: int, path: Path, process: subprocess.Popen[str]) -> None:
    while finished(path) < rows:
        assert process.poll() is None, process.communicate()


def last_line(told: str, *, status: int, expected: int = 3) -> str:
    assert status == expected, told
    assert "Traceback" not in told
    return told.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_lets_what_is_in_work_finish(
    serve: Serve, tmp_path: Path, whole: list[dict[str, Any]], number: signal.Signals
) -> None:
    server = serve(scripted(), latency=0.02)
    path = tmp_path / "run"
    process = start(*ORDER, *SERVED, "--base-url", server.url, "--out", path)
    wait_for(3, path, process)
    before = finished(path)
    process.send_signal(number)
    out, told = process.communicate(timeout=60)
    assert out == ""
    assert "what is in work is finished first" in told
    line = last_line(told, status=process.returncode)
    assert line.endswith(f"stopped; what is finished is kept: eigen-graph resume {path}")
    with RunFolder.open(path).reader() as ledger:
        assert before <= ledger.counts().total < 24
        assert ledger.counts().dropped == 0
        assert not ledger._reads.execute("select count(*) from replies where instance like 'g%'").fetchone()[0]
    run("resume", path)
    assert dialogues(path) == whole


def test_a_second_signal_stops_at_once(serve: Serve, tmp_path: Path, whole: list[dict[str, Any]]) -> None:
    server = serve(scripted(), latency=0.2)
    path = tmp_path / "run"
    process = start(*ORDER, *SERVED, "--base-url", server.url, "--out", path)
    while sum(server.answered.values()) < 30:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    first = ""
    while "once more" not in first:
        first = process.stderr.readline()
    answered = sum(server.answered.values())
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    line = last_line(told, status=process.returncode)
    assert "stopped at once" in line
    assert f"eigen-graph resume {path}" in line
    assert sum(server.answered.values()) <= answered + 8
    server.latency = 0
    run("resume", path)
    assert dialogues(path) == whole


def test_a_spent_budget_and_a_larger_one(serve: Serve, tmp_path: Path, whole: list[dict[str, Any]]) -> None:
    server = serve(scripted())
    path = tmp_path / "run"
    done = run(*ORDER, *SERVED, "--base-url", server.url, "--budget", "150ktokens", "--out", path, expect=3)
    line = last_line(done.err, status=done.status)
    assert "the budget of 150,000 tokens is spent" in line
    assert f"eigen-graph resume {path}" in line
    answered = sum(server.answered.values())
    again = run("resume", path, expect=3)  # the budget is the run's own until another is given
    assert "150,000" in again.err.splitlines()[-1]
    assert sum(server.answered.values()) == answered
    run("resume", path, "--budget", "50Mtokens")
    assert dialogues(path) == whole
    unbounded = tmp_path / "unbounded"
    run(*ORDER, *SERVED, "--base-url", server.url, "--out", unbounded)
    assert snapshot(path) == snapshot(unbounded)


def test_a_budget_binds_the_scripted_model_too(tmp_path: Path, whole: list[dict[str, Any]]) -> None:
    path = tmp_path / "run"
    done = run(*ORDER, "--budget", "200ktokens", "--out", path, expect=3)
    assert "the budget of 200,000 tokens is spent" in last_line(done.err, status=done.status)
    run("resume", path, "--budget", "50Mtokens")
    assert dialogues(path) == whole


@pytest.mark.slow
def test_a_server_that_goes_away_and_comes_back(tmp_path: Path, whole: list[dict[str, Any]]) -> None:
    path = tmp_path / "run"
    with OpenAIServer(scripted(), latency=0.01) as server:
        url = server.url
        process = start(*ORDER, *SERVED, "--base-url", url, "--out", path)
        wait_for(3, path, process)
    _, told = process.communicate(timeout=200)
    line = last_line(told, status=process.returncode)
    assert re.search(r"calls in a row failed", line)
    assert url in line
    assert line.endswith(f"(eigen-graph resume {path})")
    assert run("status", path, "--json").json["accepted"] < 24
    with OpenAIServer(scripted(), port=int(url.split(":")[2].removesuffix("/v1"))) as server:
        assert server.url == url
        run("resume", path)
    assert dialogues(path) == whole

"""`kill -9` at any moment and `resume`: nothing lost, nothing doubled, nothing paid for twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from openai_server import Serve

from eigen_graph.domains import load_domain
from eigen_graph.models import ScriptedChat
from eigen_graph.runs import RunFolder

ORDER = ("hotel", "--count", "300", "--model", "scripted?faults=0.3", "--seed", "21")


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "eigen_graph", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def finish(*arguments: str) -> None:
    process = start(*arguments)
    _, complaint = process.communicate(timeout=280)
    assert process.returncode == 0, complaint


def snapshot(path: Path) -> list[dict[str, Any]]:
    with RunFolder.open(path).reader() as ledger:
        return list(ledger.snapshot())


def finished(path: Path) -> int:
    """Rows so far, 0 while there is no ledger yet."""
    if not (path / "ledger.sqlite").exists():
        return 0
    with RunFolder.open(path).reader() as ledger:
        return ledger.counts().total


@pytest.mark.slow
def test_twenty_kills_leave_the_ledger_of_an_uninterrupted_run(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish("synthesize", *ORDER, "--out", str(whole))
    expected = snapshot(whole)
    total = sum("instance" in row for row in expected)
    rng = random.Random(5)
    process = start("synthesize", *ORDER, "--out", str(killed))
    kills = 0
    for threshold in sorted(rng.sample(range(1, total - 40), 20)):
        while process.poll() is None and finished_or_zero(killed) < threshold:
            time.sleep(0.005)
        if process.poll() is not None:
            break
        time.sleep(rng.random() * 0.05)
        kill(process)
        kills += 1
        process = start("resume", str(killed))
    _, complaint = process.communicate(timeout=280)
    assert process.returncode == 0, complaint
    assert kills == 20
    assert snapshot(killed) == expected


def finished_or_zero(path: Path) -> int:
    try:
        return finished(path)
    except Exception:  # noqa: BLE001  # the folder may be half made when we look
        return 0


def test_no_finished_dialogue_is_paid_for_twice(serve: Serve, tmp_path: Path) -> None:
    server = serve(ScriptedChat(domains={"hotel": load_domain("hotel")}), latency=0.005)
    model = ("--model", "openai:scripted?send_case=true", "--base-url", server.url)
    path = tmp_path / "run"
    process = start("synthesize", "hotel", "--count", "30", *model, "--concurrency", "6", "--out", str(path))
    for threshold in (5, 12, 20):
        while process.poll() is None and finished_or_zero(path) < threshold:
            time.sleep(0.01)
        kill(process)
        process = start("resume", str(path))
    _, complaint = process.communicate(timeout=120)
    assert process.returncode == 0, complaint
    with RunFolder.open(path).reader() as ledger:
        paid, accepted = ledger.spent().calls, ledger.counts().accepted
    assert accepted >= 30
    # Only replies that were under way at a kill can have been answered without being recorded: 6 at once, 3 kills.
    assert paid <= sum(server.answered.values()) <= paid + 3 * 6

"""Whole runs over somebody else's tools: written, proven, exported, judged with the server gone, and interrupted."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command import environment, run, snapshot, start
from openai_server import OpenAIServer, Serve
from shop.brain import ShopBrain
from shop.servers import HERE, Server, openapi_document, shop_folder

from eigen_graph.checkers import Checker
from eigen_graph.core import Trajectory
from eigen_graph.domains import load_domain
from eigen_graph.runs import RunFolder

COUNT = 3
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("api") / "shop.json"
    path.write_text(openapi_document())
    return path


@pytest.fixture
def model(serve: Serve) -> OpenAIServer:
    return serve(ShopBrain(), names=("brain",))


def api_folder(folder: Path, document: Path, server: Server) -> Path:
    source = {"openapi": str(document), "base_url": server.url, "reset": "POST /reset", "timeout": 10}
    return shop_folder(folder, source, ("reset", "trouble"))


def order(folder: Path, out: Path, model: OpenAIServer, count: int = COUNT, **options: Any) -> tuple[object, ...]:
    given = {"model": "openai:brain", "base-url": model.url, "count": count, "concurrency": 2, "seed": 3, "plans": 12}
    every = {**given, "out": out, **options}
    return ("synthesize", f"{folder}/", *(text for name, value in every.items() for text in (f"--{name}", value)))


def rows(path: Path) -> list[Any]:
    with RunFolder.open(path).reader() as ledger:
        return list(ledger.instances())


def test_a_run_over_an_api_is_judged_with_the_api_gone(document: Path, tmp_path: Path, model: OpenAIServer) -> None:
    out = tmp_path / "run"
    with Server("api_server.py") as server:
        folder = api_folder(tmp_path / "shop", document, server)
        done = run(*order(folder, out, model), timeout=200)
        assert "judged by the journal of writes" in done.err
        made = rows(out)
        accepted = [row for row in made if row.fate == "accepted"]
        assert len(accepted) >= COUNT
        assert all(row.kill_rate == 1 and row.checker["proof"]["mutants"] >= 6 for row in accepted)
        wrong = [row for row in made if row.fate == "rejected"]
        assert [row.blame for row in wrong] == ["agent"]
        assert "is missing" in wrong[0].verdict["reason"]
        asked = model.requests
        tasks = tmp_path / "run" / "export" / "rl.jsonl"
        run("export", out)
        results = tmp_path / "eval"
        options = ("--agent", "openai:brain", "--user", "openai:brain", "--base-url", model.url, "--task-file", tasks)
        found = run("eval", f"{folder}/", *options, "--trials", 1, "--out", results, "--json", timeout=200).json
        assert found["judged"] == len(accepted)
        assert model.requests > asked
    # From here on the API is gone.
    assert run("verify", out, timeout=200).status == 0
    card = (out / "export" / "README.md").read_text()
    assert "**Judged by the journal of writes" in card
    exported = [json.loads(line) for line in tasks.read_text().splitlines()]
    domain = load_domain(str(folder))
    for row, one in zip(accepted, exported, strict=True):
        checker = Checker.from_json(one["checker"])
        assert checker.domain == str(folder / "domain.yaml")
        assert "not the server's state" in checker.judged_by
        assert checker.judge(Trajectory.from_json(row.trajectory), domain).to_json() == row.verdict
        assert checker.judge(Trajectory.from_json(without_writes(row.trajectory)), domain).reward == 0
    (tmp_path / "checker.json").write_text(json.dumps(exported[0]["checker"]))
    (tmp_path / "trajectory.json").write_text(json.dumps(accepted[0].trajectory))
    command = [sys.executable, "-W", "error", "-m", "eigen_graph.checkers", "checker.json", "trajectory.json"]
    judged = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment(), timeout=120
    )
    assert (judged.returncode, judged.stderr) == (0, ""), judged.stdout
    again = run("judge", results / "results.json", "--domain", f"{folder}/", "--json").json
    assert again["agrees"]
    assert again["counts"] == {"equal": len(accepted)}


def without_writes(trajectory: dict[str, Any]) -> dict[str, Any]:
    """The same dialogue with its writes, and their results, left out."""
    writes = {
        call["id"]
        for message in trajectory["messages"]
        for call in message.get("tool_calls") or ()
        if call["function"]["name"] in {"place_order", "cancel_order"}
    }
    kept = [
        message
        for message in trajectory["messages"]
        if message.get("tool_call_id") not in writes
        and not any(call["id"] in writes for call in message.get("tool_calls") or ())
    ]
    return {**trajectory, "messages": kept}


def test_a_run_over_an_mcp_server(tmp_path: Path, model: OpenAIServer) -> None:
    source = {"mcp": {"command": "python", "args": [str(HERE / "mcp_server.py")], "reset": "reset"}}
    folder = shop_folder(tmp_path / "shop", source, ("reset", "hang", "die", "shout", "babble"))
    out = tmp_path / "run"
    run(*order(folder, out, model, 2), timeout=250)
    manifest = folder / "domain.yaml"
    manifest.write_text(manifest.read_text().replace("mcp_server.py", "gone.py"))
    assert run("verify", out).status == 0


@pytest.fixture
def uninterrupted(document: Path, tmp_path: Path, model: OpenAIServer) -> list[dict[str, Any]]:
    """What a run comes to that nobody interrupts."""
    with Server("api_server.py") as server:
        folder = api_folder(tmp_path / "whole" / "shop", document, server)
        run(*order(folder, tmp_path / "whole" / "run", model), timeout=200)
    return comparable(tmp_path / "whole")


def comparable(folder: Path) -> list[dict[str, Any]]:
    """A run's rows, whatever the folder is called and whatever it had to do twice."""
    text = json.dumps(snapshot(folder / "run")).replace(str(folder), "FOLDER")
    return [row for row in json.loads(text) if "call" not in row]


def test_the_server_killed_amid_a_run_and_the_run_resumed(
    document: Path, tmp_path: Path, model: OpenAIServer, uninterrupted: list[dict[str, Any]]
) -> None:
    out = tmp_path / "cut" / "run"
    with Server("api_server.py") as server:
        folder = api_folder(tmp_path / "cut" / "shop", document, server)
        process = start(*order(folder, out, model))
        recording = folder / "recording.sqlite"
        for _ in range(600):
            if recording.is_file() and recording_size(recording) > 40:
                break
            time.sleep(0.05)
        server.stop()
        _, complaint = process.communicate(timeout=200)
        assert process.returncode == 3, complaint
        assert f"eigen-graph resume {out}" in complaint.replace("\n", "")
        assert "Traceback" not in complaint
        assert all(row.blame == "infrastructure" for row in rows(out) if row.fate == "dropped")
        again = run("resume", out, expect=3, timeout=200)
        assert "calls of tools in a row failed" in again.err
        server.start()
        run("resume", out, timeout=200)
    cut = comparable(tmp_path / "cut")
    made, wanted = instances(cut), instances(uninterrupted)
    dropped = {name for name, row in made.items() if row["fate"] == "dropped"}  # of batches that were over by then
    planned, plans = {row["plan"]["id"]: row for row in cut if "plan" in row}, [r for r in uninterrupted if "plan" in r]
    # Later batches plan for what is not covered yet, so what was dropped may change their plans.
    same = {row["plan"]["id"] for row in plans if planned.get(row["plan"]["id"]) == row}
    both = [name for name, row in wanted.items() if row["plan_id"] in same and name in made and name not in dropped]
    assert both
    assert [made[name] for name in both] == [wanted[name] for name in both]
    assert sum(row["fate"] == "accepted" for row in made.values()) >= COUNT
    assert all(made[name]["blame"] == "infrastructure" for name in dropped)
    assert run("verify", out).status == 0


def instances(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Instances by id, of which none may come twice."""
    found = [row["instance"] for row in rows if "instance" in row]
    assert len({row["id"] for row in found}) == len(found)
    return {row["id"]: row for row in found}


def test_the_run_itself_killed_and_resumed(
    document: Path, tmp_path: Path, model: OpenAIServer, uninterrupted: list[dict[str, Any]]
) -> None:
    out = tmp_path / "cut" / "run"
    with Server("api_server.py") as server:
        folder = api_folder(tmp_path / "cut" / "shop", document, server)
        process = start(*order(folder, out, model))
        for answers in (25, 60, 90):
            for _ in range(600):
                if process.poll() is not None or recording_size(folder / "recording.sqlite") > answers:
                    break
                time.sleep(0.05)
            process.kill()
            process.communicate()
            process = (
                start("resume", out) if (out / "checkpoints.sqlite").is_file() else start(*order(folder, out, model))
            )
        _, complaint = process.communicate(timeout=200)
        assert process.returncode == 0, complaint
        assert comparable(tmp_path / "cut") == uninterrupted


def recording_size(path: Path) -> int:
    """Answers so far."""
    if not path.is_file():
        return 0
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM answers").fetchone()[0])
    except sqlite3.Error:
        return 0

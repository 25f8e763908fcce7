"""The graphs in LangGraph's own development server, offline: listed, drawn, run, read back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from eigen_graph.graphs import Context
from eigen_graph.runs import RunFolder

ROOT = Path(__file__).parents[2]
GRAPHS = json.loads((ROOT / "langgraph.json").read_text())["graphs"]
QUIET = {
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGGRAPH_NO_VERSION_CHECK": "1",
    "LANGSMITH_TRACING": "false",
    "LOG_LEVEL": "WARNING",
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`langgraph dev` on a copy of `langgraph.json`; its URL."""
    home = tmp_path_factory.mktemp("studio")
    shutil.copy(ROOT / "langgraph.json", home)
    (home / "pyproject.toml").write_text("")  # its `dependencies: ["."]` wants a project here; ours is installed
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "langgraph"), "dev", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--no-browser", "--no-reload", "--n-jobs-per-worker", "4"]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=home, env={**os.environ, **QUIET}, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"  # a busy port would be replaced without a word: then nobody answers here
    try:
        while not answers(f"{url}/ok"):
            assert process.poll() is None, (home / "log").read_text()
            time.sleep(0.1)
        yield url
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()
    assert not (ROOT / ".langgraph_api").exists()
    log_text = (home / "log").read_text()
    assert "Blocking call" not in log_text
    assert "Traceback" not in log_text


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:  # noqa: S310  # loopback
            return bool(json.load(reply)["ok"])
    except OSError:
        return False


@pytest.fixture
async def client(server: str) -> Any:
    async with get_client(url=server, api_key=None) as found:
        yield found


async def test_every_graph_is_listed_with_its_forms(client: LangGraphClient) -> None:
    found = {one["graph_id"]: one for one in await client.assistants.search(limit=100)}
    assert set(found) == set(GRAPHS)
    for name, assistant in found.items():
        schemas = await client.assistants.get_schemas(assistant["assistant_id"])
        assert (schemas["input_schema"] or {})["properties"], name
        settings = (schemas["context_schema"] or {})["properties"]
        assert set(settings) == set(Context.model_fields)
        assert all(setting["description"] for setting in settings.values())


async def test_pipeline_is_drawn_with_its_children(client: LangGraphClient) -> None:
    graph = await client.assistants.get_graph("pipeline", xray=True)
    nodes = {str(node["id"]) for node in graph["nodes"]}
    assert {"scenario:draft", "checker:prove", "dialogue:agent", "reviewer:review", "judge"} <= nodes


async def test_pipeline_runs_and_is_read_back_and_its_dialogue_streams(client: LangGraphClient) -> None:
    thread = (await client.threads.create())["thread_id"]
    done: Any = await client.runs.wait(thread, "pipeline", input={"id": "s1", "seed": 1}, context={"domain": "hotel"})
    assert done["fate"] == "accepted"
    state: Any = await client.threads.get_state(thread)
    assert state["values"] == done
    history = await client.threads.get_history(thread, limit=50)
    assert [past["next"] for past in history[1:5]] == [["accept"], ["reviewer"], ["judge"], ["dialogue"]]

    messages: list[Any] = []
    async for part in client.runs.stream(None, "dialogue", input={"task": done["task"]}, stream_mode="updates"):
        assert part.event != "error", part.data
        for update in part.data.values() if part.event == "updates" else ():
            messages += update.get("messages", [])
    assert messages == done["trajectory"]["messages"]


async def test_orchestrator_keeps_a_run_folder(client: LangGraphClient, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    settings: Any = {"domain": "broadband", "out": str(folder)}
    thread = (await client.threads.create())["thread_id"]
    events: list[Any] = []
    async for part in client.runs.stream(
        thread, "orchestrator", input={"count": 3}, context=settings, stream_mode=["custom", "updates"]
    ):
        assert part.event != "error", part.data
        events += [part.data] if part.event == "custom" else []
    state: Any = await client.threads.get_state(thread)
    assert state["values"]["ended"] == "complete"
    assert state["values"]["out"] == str(folder)
    with RunFolder.open(folder).reader() as ledger:
        rows = [row.comparable() for row in ledger.instances()]
    assert len(rows) == len(events) == state["values"]["tried"]
    again: Any = await client.runs.wait(None, "orchestrator", input={"count": 3}, context=settings)
    assert again["ended"] == "complete"
    with RunFolder.open(folder).reader() as ledger:
        assert [row.comparable() for row in ledger.instances()] == rows


async def test_evolution_keeps_a_run_folder_and_its_lineage(client: LangGraphClient, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    gate = {"looks": [12, 24], "screen_size": 16, "permutations": 999, "resamples": 199}
    evolve = {"rounds": 1, "proposals": 1, "pilot": 24, "gate": gate}
    settings: Any = {"domain": "hotel", "model": "scripted?faults=0.5", "out": str(folder)}
    phases: list[str] = []
    async for part in client.runs.stream(
        None, "evolution", input={"count": 12, "evolve": evolve}, context=settings, stream_mode=["custom", "updates"]
    ):
        assert part.event != "error", part.data
        phases += [part.data["phase"]] if part.event == "custom" and "phase" in part.data else []
    assert phases[0] == "generation 0 works 24 tasks"
    assert phases[-1].startswith("evolution ended")
    with RunFolder.open(folder).reader() as ledger:
        assert len(ledger.rounds()) == 1
        assert ledger.candidates()[0].screen is not None
        assert ledger.counts().accepted >= 12


@pytest.mark.parametrize("name", ["planner", "scenario"])
async def test_other_graphs_run_with_their_defaults(client: LangGraphClient, name: str) -> None:
    done: Any = await client.runs.wait(None, name, input={"count": 3} if name == "planner" else {"seed": 4})
    assert len(done["plans"]) == 3 if name == "planner" else done["outcome"] == "written"

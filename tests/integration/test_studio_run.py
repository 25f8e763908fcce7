"""A run that a command began, killed amid a batch: opened, looked at, and gone on with in LangGraph's server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from command import run, start
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from studio_server import Studio, studio

from eigen_graph.graphs import DEFAULT, Blueprint, Context, Edge, NodeSpec, Run, RunRequest, WorkflowSpec
from eigen_graph.runs import RunFolder
from eigen_graph.runs.lineage import GenerationRow

pytestmark = pytest.mark.slow
COUNT = 24
WITH_VERIFIER = WorkflowSpec(
    nodes={**DEFAULT.nodes, "verifier": NodeSpec(kind="verifier")},
    edges=(
        *(edge for edge in DEFAULT.edges if (edge.source, edge.outcome) != ("scenario", "written")),
        Edge(source="scenario", outcome="written", target="verifier"),
        Edge(source="verifier", outcome="sound", target="checker"),
        Edge(source="verifier", outcome="flawed", target="reject"),
    ),
)


def made(folder: Path) -> list[Any]:
    with RunFolder.open(folder).reader() as ledger:
        return [row.comparable() for row in ledger.instances()]


def killed(folder: Path) -> None:
    """Begin a run, and kill -9 it when it has made a few instances."""
    process = start("synthesize", "hotel", "--count", COUNT, "--seed", 3, "--concurrency", 2, "--out", folder)
    try:
        until = time.monotonic() + 120
        while not ((folder / "ledger.sqlite").exists() and (folder / "checkpoints.sqlite").exists() and made(folder)):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        process.kill()
        process.communicate()
    assert 0 < len(made(folder)) < COUNT


async def evolved(folder: Path) -> None:
    """Give the run two generations; the second one checks its tasks."""
    async with RunFolder.open(folder).ledger() as ledger:
        for number, workflow in enumerate((DEFAULT, WITH_VERIFIER)):
            blueprint = Blueprint(workflow=workflow)
            row = GenerationRow(
                number=number,
                blueprint=blueprint.to_json(),
                digest=blueprint.digest,
                why=f"reason {number}",
                champion=number == 0,
            )
            await ledger.put(row)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("studio-run") / "killed"
    killed(found)
    asyncio.run(evolved(found))
    return found


@pytest.fixture(scope="module")
def opened(folder: Path) -> Iterator[Studio]:
    home = folder.parent / "home"
    with studio(home, str(folder)) as started:
        yield started
    assert (folder / "studio/.langgraph_api").is_dir()  # edited assistants are there again the next time
    assert not (home / ".langgraph_api").exists()


@pytest.fixture
async def client(opened: Studio) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=opened.url, api_key=None) as found:
        yield found


async def test_each_generation_is_an_assistant_that_is_drawn_and_runs_as_it_is(
    client: LangGraphClient, opened: Studio, folder: Path
) -> None:
    told = {one["name"]: one["id"] for one in opened.told["assistants"]}
    assert list(told) == ["run killed", "killed, generation 0 (in use)", "killed, generation 1"]
    listed = await client.assistants.search(metadata={"run": str(folder)}, limit=100)
    assert {one["name"]: one["assistant_id"] for one in listed} == told
    drawn = []
    for name in list(told)[1:]:
        graph = await client.assistants.get_graph(told[name], xray=True)
        drawn.append({(edge["source"], edge["target"]) for edge in graph["edges"]})
    assert ("verifier:verify", "checker:build") in drawn[1] - drawn[0]
    thread = (await client.threads.create())["thread_id"]
    done: Any = await client.runs.wait(thread, told["killed, generation 1"], input={"seed": 1})
    assert list(done["visits"]) == ["scenario", "verifier", "checker", "dialogue", "judge", "reviewer"]
    history = await client.threads.get_history(thread, limit=20)
    assert history[-3]["next"] == ["verifier"]


async def test_the_killed_run_is_gone_on_with(client: LangGraphClient, opened: Studio, folder: Path) -> None:
    [thread] = opened.told["threads"]
    own = opened.told["assistants"][0]["id"]
    state: Any = await client.threads.get_state(thread["id"])
    assert (state["next"], state["values"]["count"], state["values"]["tried"]) == (["batch"], COUNT, 0)
    history = await client.threads.get_history(thread["id"])
    assert [past["next"] for past in history] == [["batch"], ["plan"], ["begin"], ["__start__"]]

    stranger: Any = await client.runs.wait(thread["id"], "orchestrator", raise_error=False)
    assert "where does this run lie?" in stranger["__error__"]["message"]
    before = len(made(folder))
    done: Any = await client.runs.wait(thread["id"], own)
    assert (done["ended"], done["accepted"]) == ("complete", COUNT)
    assert before < len(made(folder))
    async with Run.open(folder.parent / "whole", Context(), RunRequest(count=COUNT, seed=3)) as whole:
        assert [event async for event in whole.events()]
    assert made(folder) == made(folder.parent / "whole")
    assert f"{COUNT} accepted" in run("resume", folder).out


def test_generations_are_listed_on_a_server_that_runs(opened: Studio, folder: Path) -> None:
    told = run("studio", folder, "--url", opened.url, "--json").json
    assert told["assistants"] == opened.told["assistants"]
    done = run("studio", folder, "--url", "http://127.0.0.1:9", expect=2)
    assert done.err.startswith("error: no LangGraph server answers at http://127.0.0.1:9:")

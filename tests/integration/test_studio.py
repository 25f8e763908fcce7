"""The graphs in LangGraph's own development server, offline: listed, drawn, run, edited, asked, read back, forked."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from command import run
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from studio_server import Studio, studio

from eigen_graph.core import Task
from eigen_graph.graphs import Context
from eigen_graph.graphs.dialogue import instructions
from eigen_graph.graphs.forms import NODES
from eigen_graph.graphs.prompting import bundled
from eigen_graph.graphs.studio.served import SERVED
from eigen_graph.runs import RunFolder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """`eigen-graph studio` in an empty folder, as somebody starts it who has installed the package."""
    with studio(tmp_path_factory.mktemp("studio")) as started:
        yield started


@pytest.fixture
async def client(opened: Studio) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=opened.url, api_key=None) as found:
        yield found


async def test_every_graph_is_listed_with_its_forms(client: LangGraphClient) -> None:
    found = {one["graph_id"]: one for one in await client.assistants.search(limit=100)}
    assert {name: one["description"] for name, one in found.items()} == dict(SERVED)
    for name, assistant in found.items():
        schemas = await client.assistants.get_schemas(assistant["assistant_id"])
        settings = (schemas["context_schema"] or {})["properties"]
        assert set(settings) == {*Context.model_fields, *(f"{role}_prompt" for role in NODES)}
        for fields in (settings, *((schemas[form] or {})["properties"] for form in ("input_schema", "state_schema"))):
            assert fields, name
            assert all(field["description"] for field in fields.values()), name


async def test_models_are_picked_and_prompts_edited_on_their_nodes(client: LangGraphClient) -> None:
    [assistant] = await client.assistants.search(graph_id="dialogue")
    schemas = await client.assistants.get_schemas(assistant["assistant_id"])
    settings = (schemas["context_schema"] or {})["properties"]
    nodes = {str(node["id"]) for node in (await client.assistants.get_graph("dialogue"))["nodes"]}
    for role in ("user", "agent"):
        model, prompt = settings[f"{role}_model"], settings[f"{role}_prompt"]
        assert model["__template_metadata__"] == {"kind": "llm"}
        assert (prompt["langgraph_type"], prompt["default"]) == ("prompt", bundled(role).to_text())
        assert {role} == nodes & set(prompt["langgraph_nodes"]) == nodes & set(model["langgraph_nodes"])


async def test_pipeline_is_drawn_with_its_children(client: LangGraphClient) -> None:
    graph = await client.assistants.get_graph("pipeline", xray=True)
    nodes = {str(node["id"]) for node in graph["nodes"]}
    assert {"scenario:draft", "checker:prove", "dialogue:agent", "reviewer:review", "judge"} <= nodes
    assert ("judge", "reviewer:review") in {(edge["source"], edge["target"]) for edge in graph["edges"]}


async def test_an_instance_is_made_read_back_and_forked(client: LangGraphClient) -> None:
    thread = (await client.threads.create())["thread_id"]
    done: Any = await client.runs.wait(thread, "pipeline", input={"id": "s1", "seed": 1}, context={"domain": "hotel"})
    assert done["fate"] == "accepted"
    state: Any = await client.threads.get_state(thread)
    assert state["values"] == done
    history = await client.threads.get_history(thread, limit=50)
    assert [past["next"] for past in history[1:5]] == [["accept"], ["reviewer"], ["judge"], ["dialogue"]]

    verdict = done["verdict"] | {"reward": 0.0}
    fork: Any = await client.threads.update_state(
        thread, {"verdict": verdict, "outcome": "fail"}, checkpoint=history[2]["checkpoint"], as_node="judge"
    )
    again: Any = await client.runs.wait(thread, "pipeline", checkpoint=fork["checkpoint"])
    assert again["fate"] == "rejected"
    assert again["trajectory"] == done["trajectory"]


async def test_a_prompt_edited_on_its_node_is_what_the_agent_is_told(client: LangGraphClient) -> None:
    text = bundled("agent").to_text().replace("## Contract\n", "## Contract\n\n- Sign every message with *M*.\n", 1)
    edited = await client.assistants.create("dialogue", context={"agent_prompt": text}, name="signs")
    task = (await client.runs.wait(None, "scenario", input={"seed": 4}))["task"]  # type: ignore[call-overload]
    done: Any = await client.runs.wait(None, edited["assistant_id"], input={"task": task})
    plain = instructions(Context(), Task.from_json(task))["assistant"]
    assert done["agent_system"] == plain.replace("## Contract\n", "## Contract\n\n- Sign every message with *M*.\n", 1)
    assert done["trajectory"]["termination"] == "user_stop"


async def test_a_dialogue_streams(client: LangGraphClient) -> None:
    task = (await client.runs.wait(None, "scenario", input={"seed": 4}))["task"]  # type: ignore[call-overload]
    messages: list[Any] = []
    done: Any = None
    async for part in client.runs.stream(None, "dialogue", input={"task": task}, stream_mode=["updates", "values"]):
        assert part.event != "error", part.data
        done = part.data if part.event == "values" else done
        for update in part.data.values() if part.event == "updates" else ():
            messages += update.get("messages", [])
    assert messages == done["trajectory"]["messages"]


async def test_a_person_is_asked_and_answers_by_a_form(client: LangGraphClient) -> None:
    asks: Any = {"approve": ["dialogue"]}
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "pipeline", input={"id": "s1", "seed": 1}, context=asks)
    assert (await client.threads.get(thread))["status"] == "interrupted"
    state: Any = await client.threads.get_state(thread)
    [question] = state["interrupts"]
    assert question["value"]["before"] == "dialogue"
    assert question["response_schema"]["properties"]["decision"]["enum"] == ["go on", "skip"]
    wrong: Any = await client.runs.wait(
        thread, "pipeline", command={"resume": {"decision": "perhaps"}}, context=asks, raise_error=False
    )
    assert "Input should be 'go on' or 'skip'" in wrong["__error__"]["message"]
    done: Any = await client.runs.wait(thread, "pipeline", command={"resume": {"decision": "go on"}}, context=asks)
    assert done["fate"] == "accepted"


async def test_settings_that_cannot_be_used_are_told(client: LangGraphClient) -> None:
    wrong: list[Any] = [{"workflow": {"nodes": {}}}, {"agent_prompt": "Be brief."}, {"domain": "nowhere.py:domain"}]
    for settings, why in zip(wrong, ("workflow", "prompt 'agent', line 1", "nowhere.py"), strict=True):
        done: Any = await client.runs.wait(None, "pipeline", input={"seed": 1}, context=settings, raise_error=False)
        assert why in done["__error__"]["message"]


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


async def test_evolution_asks_before_its_round_and_keeps_its_lineage(client: LangGraphClient, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    gate = {"looks": [12, 24], "screen_size": 16, "permutations": 999, "resamples": 199}
    request = {"count": 12, "evolve": {"rounds": 1, "proposals": 1, "pilot": 24, "gate": gate}}
    settings: Any = {"domain": "hotel", "model": "scripted?faults=0.5", "out": str(folder), "approve": ["evolve"]}
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "evolution", input=request, context=settings)
    state: Any = await client.threads.get_state(thread)
    assert (state["next"], state["interrupts"][0]["value"]["round"]) == (["reflect"], 1)
    phases: list[str] = []
    async for part in client.runs.stream(
        thread,
        "evolution",
        command={"resume": {"decision": "go on"}},
        context=settings,
        stream_mode=["custom", "updates"],
    ):
        assert part.event != "error", part.data
        phases += [part.data["phase"]] if part.event == "custom" and "phase" in part.data else []
    assert phases[0] == "round 1: reflecting on generation 0"
    assert phases[-1].startswith("evolution ended")
    with RunFolder.open(folder).reader() as ledger:
        assert len(ledger.rounds()) == 1
        assert ledger.candidates()[0].screen is not None
        assert ledger.counts().accepted >= 12


async def test_other_graphs_run_with_their_defaults(client: LangGraphClient) -> None:
    done: Any = await client.runs.wait(None, "planner", input={"count": 3})
    assert len(done["plans"]) == 3


def test_a_busy_port_is_said_and_not_replaced(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        done = run("studio", "--port", port, expect=2, cwd=tmp_path)
    assert done.err == f"error: port {port} is taken: name another one with --port, or 0 for any\n"
    assert list(tmp_path.iterdir()) == []

"""Our graphs inside somebody else's: drawn, streamed, asked; with our context, one that extends it, or theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command
from pydantic import Field
from typing_extensions import TypedDict

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs import Context, dialogue, pipeline, scenario


class Mine(TypedDict, total=False):
    id: str
    seed: int
    task: dict[str, Any]
    fate: str
    trajectory: dict[str, Any]
    turns: int


class Wider(Context):
    greeting: str = Field("hello", description="Something of one's own.")


@dataclass
class Theirs:
    domain: str = "hotel"


async def count(state: Mine) -> Mine:
    return {"turns": len(state["trajectory"]["messages"])}


def around(name: str, node: Any, context: type[Any] = Context) -> StateGraph[Any, Any, Any, Any]:
    graph = StateGraph(Mine, context_schema=context)
    graph.add_node(name, node)
    graph.add_node(count)
    graph.add_edge(START, name)
    graph.add_edge(name, "count")
    graph.add_edge("count", END)
    return graph


@pytest.mark.parametrize("context", [None, Context(domain="broadband"), Wider(domain="broadband")])
async def test_a_pipeline_is_a_node_of_a_graph_of_ones_own(context: Context | None) -> None:
    graph = around("make", pipeline, type(context) if context else Context).compile()
    done = await graph.ainvoke({"id": "i", "seed": 1}, context=context)
    alone = await pipeline.ainvoke({"id": "i", "seed": 1}, context=context)
    assert done["fate"] == "accepted"
    assert done["trajectory"]["messages"] == alone["trajectory"]["messages"]
    assert done["turns"] == len(done["trajectory"]["messages"])


def test_the_drawing_shows_what_is_inside() -> None:
    nodes = set(around("make", pipeline).compile().get_graph(xray=True).nodes)
    assert {"make:judge", "make:accept", "count"} <= nodes
    deep = set(around("make", pipeline).compile().get_graph(xray=2).nodes)
    assert {"make:dialogue:agent", "make:scenario:draft"} <= deep


async def test_it_streams_what_happens_inside() -> None:
    graph = around("make", pipeline).compile()
    parts = [
        part
        async for part in graph.astream(
            {"id": "i", "seed": 1}, stream_mode=["updates", "custom"], subgraphs=True, version="v2"
        )
    ]
    told = [part["data"] for part in parts if part["type"] == "custom"]
    assert [one["node"] for one in told] == ["scenario", "checker", "dialogue", "judge", "reviewer"]
    assert told[-1] == {"node": "reviewer", "kind": "reviewer", "outcome": "accept", "reason": told[-1]["reason"]}
    turns = [part for part in parts if part["type"] == "updates" and len(part["ns"]) == 2 and "agent" in part["data"]]
    assert turns
    assert [name.split(":")[0] for name in turns[0]["ns"]] == ["make", "dialogue"]


async def test_it_asks_through_the_graph_around_it() -> None:
    graph = around("make", pipeline).compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    context = Context(approve=("dialogue",))
    out = await graph.ainvoke({"id": "i", "seed": 1}, config, context=context, version="v2")
    assert out.interrupts[0].value["before"] == "dialogue"
    done = await graph.ainvoke(Command(resume={"decision": "go on"}), config, context=context)
    assert done["fate"] == "accepted"


async def test_graphs_are_composed_step_by_step() -> None:
    graph = StateGraph(Mine, context_schema=Context)
    graph.add_node("write", scenario)
    graph.add_node("play", dialogue)
    graph.add_edge(START, "write")
    graph.add_edge("write", "play")
    done = await graph.compile().ainvoke({"id": "i", "seed": 1}, context=Context())
    assert done["trajectory"]["termination"] == "user_stop"


async def make(state: Mine, runtime: Runtime[Theirs]) -> Any:
    """A node of somebody whose context is their own."""
    request: Any = {"id": state["id"], "seed": state["seed"]}
    return await pipeline.ainvoke(request, context=Context(domain=runtime.context.domain))


async def test_a_context_of_ones_own_is_translated_in_a_node() -> None:
    graph = around("make", make, Theirs).compile()
    assert (await graph.ainvoke({"id": "i", "seed": 1}, context=Theirs()))["fate"] == "accepted"
    assert "make:judge" in graph.get_graph(xray=True).nodes


async def test_a_strange_context_is_refused_in_words() -> None:
    with pytest.raises(EigenGraphError, match="runs with a Context, not with Theirs: let that extend Context, or call"):
        await around("make", pipeline, Theirs).compile().ainvoke({"id": "i", "seed": 1}, context=Theirs())


def test_every_way_through_a_pipeline_is_drawn_with_all_its_outcomes() -> None:
    edges = {(edge.source, edge.target): edge.data for edge in pipeline.get_graph().edges}
    assert edges["judge", "reviewer"] == "pass or fail"
    assert edges["checker", "scenario"] == "unproven"
    assert edges["checker", "reject"] == edges["judge", "reject"] == "otherwise"
    assert edges["reviewer", "reject"] is None  # as the outcome is called

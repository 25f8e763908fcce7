"""Graphs that ask a person before a costly step: what they say, what they take for an answer, what comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command, GraphOutput
from pydantic import ValidationError

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs import Context, Run, RunRequest, pipeline
from eigen_graph.graphs.evolution import checkpointed as evolving
from eigen_graph.graphs.orchestrator import checkpointed as producing
from eigen_graph.graphs.synthesis import thread_of
from eigen_graph.runs import RunFolder

THREAD: RunnableConfig = {"configurable": {"thread_id": "1"}}


def saved_pipeline() -> Any:
    graph = pipeline.copy()
    graph.checkpointer = InMemorySaver()
    return graph


async def asked(graph: Any, given: Any, context: Context) -> GraphOutput:
    return await graph.ainvoke(given, THREAD, context=context, version="v2")  # type: ignore[no-any-return]


async def test_a_dialogue_waits_for_its_answer() -> None:
    graph, context = saved_pipeline(), Context(approve=("dialogue",))
    out = await asked(graph, {"id": "i", "seed": 1}, context)
    [question] = out.interrupts
    assert (question.value["before"], question.value["node"]) == ("dialogue", "dialogue")
    assert out.value["task"]["user_scenario"]["instructions"]["reason_for_call"] in question.value["scenario"]
    assert question.response_schema["properties"]["decision"]["enum"] == ["go on", "skip"]
    assert "trajectory" not in out.value
    with pytest.raises(ValidationError):  # the question stands
        await asked(graph, Command(resume={"decision": "perhaps"}), context)
    done = (await asked(graph, Command(resume={"decision": "go on"}), context)).value
    alone = await pipeline.ainvoke({"id": "i", "seed": 1}, context=Context())
    assert done["fate"] == "accepted"
    assert done["trajectory"]["messages"] == alone["trajectory"]["messages"]


async def test_an_instance_is_skipped() -> None:
    graph, context = saved_pipeline(), Context(approve=("dialogue",))
    await asked(graph, {"id": "i", "seed": 1}, context)
    done = (await asked(graph, Command(resume={"decision": "skip"}), context)).value
    assert (done["fate"], done["blame"], done["reason"]) == ("dropped", None, "skipped before dialogue")
    assert "trajectory" not in done


def counted(folder: Path) -> int:
    with RunFolder.open(folder).reader() as ledger:
        return ledger.counts().total


async def test_a_batch_is_made_smaller_and_the_run_stopped_and_gone_on_with(tmp_path: Path) -> None:
    graph, folder = producing(InMemorySaver()), tmp_path / "run"
    context = Context(approve=("batch", "dialogue"), out=str(folder))  # instances of a batch are never asked for
    request = RunRequest(count=4, max_tries=8, plans=4, seed=2, generation=0)
    out = await asked(graph, request, context)
    told = {"before": "batch", "count": 4, "accepted": 0, "tried": 0, "max_tries": 8, "batch": 4}
    assert out.interrupts[0].value == told
    out = await asked(graph, Command(resume={"count": 3}), context)
    assert (out.interrupts[0].value["tried"], out.interrupts[0].value["batch"], counted(folder)) == (3, 1, 3)
    out = await asked(graph, Command(resume={"decision": "stop"}), context)
    assert (out.value["ended"], out.interrupts, counted(folder)) == ("stopped", (), 3)
    async with Run.open(folder, Context()) as run:  # as `eigen-graph resume` does
        assert [event async for event in run.events()]
    assert counted(folder) >= 4


async def test_a_run_that_was_stopped_can_be_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    async with Run.open(folder, Context(), RunRequest(count=2)) as run:
        config: RunnableConfig = {"configurable": {"thread_id": thread_of(run.folder.info.created)}}
    async with AsyncSqliteSaver.from_conn_string(str(folder / "checkpoints.sqlite")) as saver:
        graph, context = producing(saver), Context(approve=("batch",), out=str(folder))
        await graph.ainvoke({"count": 2}, config, context=context)
        out = await graph.ainvoke(Command(resume={"decision": "stop"}), config, context=context)
        assert (out["ended"], counted(folder)) == ("stopped", 0)
    async with Run.open(folder, Context()) as run:  # as `eigen-graph resume` does
        assert len([event async for event in run.events()]) == 2


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"model": "scripted?faults=0.5"}, 'begun with model "scripted", not "scripted.faults=0.5"'),
        ({"clauses": ("1",)}, "begun with clauses null, not"),
        ({"out": None}, "where does this run lie"),
    ],
)
async def test_a_run_goes_on_with_its_own_settings(tmp_path: Path, settings: dict[str, Any], fault: str) -> None:
    graph, context = producing(InMemorySaver()), Context(approve=("batch",), out=str(tmp_path / "run"))
    await asked(graph, {"count": 2}, context)
    graph.update_state(THREAD, {"out": ""})  # as for a run that a command began
    with pytest.raises(EigenGraphError, match=fault):
        await asked(graph, None, context.model_copy(update={"approve": (), **settings}))
    free = {"approve": (), "concurrency": 2, "base_url": "http://127.0.0.1:9/v1"}
    assert (await asked(graph, None, context.model_copy(update=free))).value["tried"] == 2


async def test_who_works_on_a_run_folder_is_not_asked(tmp_path: Path) -> None:
    async with Run.open(tmp_path / "run", Context(approve=("batch",)), RunRequest(count=1)) as run:
        with pytest.raises(EigenGraphError, match="nobody is asked"):
            _ = [event async for event in run.events()]


EVOLVE = {"rounds": 2, "proposals": 1, "pilot": 8}


@pytest.mark.parametrize("decision", ["skip", "stop"])
async def test_a_round_is_not_begun(tmp_path: Path, decision: str) -> None:
    folder = tmp_path / "run"
    context = Context(approve=("evolve",), out=str(folder), model="scripted?faults=0.5")
    graph = evolving(InMemorySaver())
    out = await asked(graph, {"count": 6, "evolve": EVOLVE}, context)
    told = out.interrupts[0].value
    assert (told["before"], told["round"], told["last_round"], told["tried"]) == ("evolve", 1, 2, 8)
    with pytest.raises(ValidationError, match="budget"):
        await asked(graph, Command(resume={"budget": "a lot"}), context)
    out = await asked(graph, Command(resume={"decision": decision}), context)
    assert out.interrupts == ()
    assert out.value["ended"] == ("stopped" if decision == "stop" else "complete")
    with RunFolder.open(folder).reader() as ledger:
        assert ledger.rounds() == []
        assert [note.data["why"] for note in ledger.notes()] == (["a person ended it"] if decision == "skip" else [])


async def test_the_budget_of_trials_is_the_answers(tmp_path: Path) -> None:
    context = Context(approve=("evolve",), out=str(tmp_path / "run"), model="scripted?faults=0.5")
    graph = evolving(InMemorySaver())
    await asked(graph, {"count": 6, "evolve": EVOLVE}, context)
    out = await asked(graph, Command(resume={"budget": "1tokens"}), context)
    assert out.value["evolve"]["budget"] == "1tokens"
    assert out.value["finished"] == "the budget of the trials is spent"

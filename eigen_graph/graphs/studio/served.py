"""What LangGraph's server serves: every graph, and the steps of a run where one is named."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from pydantic import ValidationError

from eigen_graph.graphs.pipeline import pipeline, pipeline_for
from eigen_graph.graphs.workflow import WorkflowSpec

CHECKPOINTS = "EIGEN_GRAPH_CHECKPOINTS"
"""Environment variable that names the checkpoints' file of the run that is served."""
SERVED: Mapping[str, str] = {
    "pipeline": "One instance: a task is written, its checker proven, the dialogue played, judged and reviewed.",
    "planner": "Pairs of plans that cover policy clauses, tools, difficulty and personas.",
    "scenario": "A writer explores the database and submits a task, whose solution is run at once.",
    "verifier": "A written task is read before a dialogue is paid for: sound, or flawed and why.",
    "dialogue": "A simulated user and the agent talk and act until one ends it.",
    "checker": "A checker is built from a task and held to mutants and valid variants.",
    "reviewer": "A judged dialogue is accepted, repaired or rejected, with blame and evidence.",
    "reflector": "From a generation's failures to valid patches of workflow, prompts and plans.",
    "orchestrator": "A whole run: plan, make a batch, count, again or end.",
    "evolution": "A run whose engine improves itself: pilot, reflect, screen, confirm, decide, again; then the rest.",
}
"""The graphs by name, with what each does."""
_HERE = "eigen_graph.graphs.studio"
_QUIET = {"LANGSMITH_TRACING": "false", "LOG_LEVEL": "WARNING"}


def make_pipeline(config: RunnableConfig) -> Any:
    """The pipeline of an assistant, with the assistant's own workflow: so each generation is drawn as it runs.

    Args:
        config: Of the server, which puts an assistant's context among what is `configurable`.

    Returns:
        The graph; the bundled one where the workflow is none, which fails a run with the reason: an error here would
        only be a failing server.
    """
    given = config.get("configurable", {}).get("workflow")
    if not given:
        return pipeline
    try:
        return pipeline_for(WorkflowSpec.model_validate(given))
    except ValidationError:
        return pipeline


@asynccontextmanager
async def checkpointer() -> AsyncIterator[AsyncSqliteSaver]:
    """The steps of the run that `CHECKPOINTS` names, for the server to read and go on with.

    LangGraph's server calls checkpointers other than its own an alpha feature.
    """
    async with AsyncSqliteSaver.from_conn_string(os.environ[CHECKPOINTS]) as saver:
        yield saver


def configuration(*, of_run: bool = False) -> dict[str, Any]:
    """The contents of a `langgraph.json` that serves every graph.

    Args:
        of_run: Whether threads are kept in the checkpoints that `CHECKPOINTS` names.
    """
    paths = {name: f"eigen_graph.graphs.{name}:{name}" for name in SERVED} | {"pipeline": f"{_HERE}:make_pipeline"}
    return {
        "python_version": "3.11",
        "dependencies": ["."],
        "graphs": {name: {"path": paths[name], "description": text} for name, text in SERVED.items()},
        "env": dict(_QUIET),
        **({"checkpointer": {"path": f"{Path(__file__).resolve()}:checkpointer"}} if of_run else {}),
    }

"""The graphs, each compiled and able to run alone: `await pipeline.ainvoke({"seed": 1}, context=Context())`."""

from eigen_graph.graphs.checker import checker
from eigen_graph.graphs.context import Context
from eigen_graph.graphs.dialogue import dialogue
from eigen_graph.graphs.orchestrator import RunPausedError, RunRequest, orchestrator
from eigen_graph.graphs.pipeline import pipeline, pipeline_for
from eigen_graph.graphs.planner import planner
from eigen_graph.graphs.prompting import Prompt
from eigen_graph.graphs.reviewer import reviewer
from eigen_graph.graphs.scenario import scenario
from eigen_graph.graphs.synthesis import Run
from eigen_graph.graphs.verifier import verifier
from eigen_graph.graphs.workflow import DEFAULT, Edge, NodeSpec, WorkflowSpec

__all__ = [
    "DEFAULT",
    "Context",
    "Edge",
    "NodeSpec",
    "Prompt",
    "Run",
    "RunPausedError",
    "RunRequest",
    "WorkflowSpec",
    "checker",
    "dialogue",
    "orchestrator",
    "pipeline",
    "pipeline_for",
    "planner",
    "reviewer",
    "scenario",
    "verifier",
]

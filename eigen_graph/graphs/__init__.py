"""The graphs, each compiled and able to run alone: `await pipeline.ainvoke({"seed": 1}, context=Context())`."""

from eigen_graph.graphs.batches import RunPausedError
from eigen_graph.graphs.checker import checker
from eigen_graph.graphs.context import Context
from eigen_graph.graphs.dialogue import dialogue
from eigen_graph.graphs.evolution import evolution
from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.evolving.patch import Patch
from eigen_graph.graphs.evolving.settings import EvolutionSettings
from eigen_graph.graphs.orchestrator import RunRequest, orchestrator
from eigen_graph.graphs.pipeline import pipeline, pipeline_for
from eigen_graph.graphs.planner import planner
from eigen_graph.graphs.prompting import Prompt
from eigen_graph.graphs.reflector import reflector
from eigen_graph.graphs.reviewer import reviewer
from eigen_graph.graphs.scenario import scenario
from eigen_graph.graphs.synthesis import Run
from eigen_graph.graphs.verifier import verifier
from eigen_graph.graphs.workflow import DEFAULT, Edge, NodeSpec, WorkflowSpec

__all__ = [
    "DEFAULT",
    "Blueprint",
    "Context",
    "Edge",
    "EvolutionSettings",
    "NodeSpec",
    "Patch",
    "Prompt",
    "Run",
    "RunPausedError",
    "RunRequest",
    "WorkflowSpec",
    "checker",
    "dialogue",
    "evolution",
    "orchestrator",
    "pipeline",
    "pipeline_for",
    "planner",
    "reflector",
    "reviewer",
    "scenario",
    "verifier",
]

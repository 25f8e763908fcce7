"""The graphs, each compiled and able to run alone: `await pipeline.ainvoke({"seed": 1}, context=Context())`.

All take the same `Context` (a domain, models, limits), go into a graph of your own as a node, and stream with
`astream(..., subgraphs=True, version="v2")`. Saved by a checkpointer, they ask before costly steps if told to
(`Context.approve`).
"""

from langgraph.graph.state import CompiledStateGraph

from eigen_graph.graphs.batches import RunPausedError
from eigen_graph.graphs.checker import CheckerRequest, CheckerState
from eigen_graph.graphs.checker import checker as _checker
from eigen_graph.graphs.context import Context
from eigen_graph.graphs.dialogue import DialogueRequest, DialogueState
from eigen_graph.graphs.dialogue import dialogue as _dialogue
from eigen_graph.graphs.evolution import EvolutionRequest, EvolutionState
from eigen_graph.graphs.evolution import evolution as _evolution
from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.evolving.patch import Patch
from eigen_graph.graphs.evolving.settings import EvolutionSettings
from eigen_graph.graphs.instance import Instance, Order
from eigen_graph.graphs.orchestrator import RunRequest, RunState
from eigen_graph.graphs.orchestrator import orchestrator as _orchestrator
from eigen_graph.graphs.pipeline import pipeline as _pipeline
from eigen_graph.graphs.pipeline import pipeline_for
from eigen_graph.graphs.planner import PlannerRequest, PlannerState
from eigen_graph.graphs.planner import planner as _planner
from eigen_graph.graphs.prompting import Prompt
from eigen_graph.graphs.reflector import ReflectRequest, ReflectState
from eigen_graph.graphs.reflector import reflector as _reflector
from eigen_graph.graphs.reviewer import ReviewRequest, ReviewState
from eigen_graph.graphs.reviewer import reviewer as _reviewer
from eigen_graph.graphs.scenario import ScenarioRequest, ScenarioState
from eigen_graph.graphs.scenario import scenario as _scenario
from eigen_graph.graphs.synthesis import Run
from eigen_graph.graphs.verifier import VerificationRequest, VerificationState
from eigen_graph.graphs.verifier import verifier as _verifier
from eigen_graph.graphs.workflow import DEFAULT as _DEFAULT
from eigen_graph.graphs.workflow import Edge, NodeSpec, WorkflowSpec

__all__ = [  # noqa: RUF022  # in the order of the API page
    "pipeline",
    "pipeline_for",
    "planner",
    "scenario",
    "verifier",
    "checker",
    "dialogue",
    "reviewer",
    "reflector",
    "orchestrator",
    "evolution",
    "Context",
    "Run",
    "RunPausedError",
    "WorkflowSpec",
    "NodeSpec",
    "Edge",
    "DEFAULT",
    "Blueprint",
    "Patch",
    "EvolutionSettings",
    "Prompt",
    "CheckerRequest",
    "CheckerState",
    "DialogueRequest",
    "DialogueState",
    "EvolutionRequest",
    "EvolutionState",
    "Instance",
    "Order",
    "PlannerRequest",
    "PlannerState",
    "ReflectRequest",
    "ReflectState",
    "ReviewRequest",
    "ReviewState",
    "RunRequest",
    "RunState",
    "ScenarioRequest",
    "ScenarioState",
    "VerificationRequest",
    "VerificationState",
]

planner: CompiledStateGraph[PlannerState, Context, PlannerRequest, PlannerState] = _planner
"""Pairs of plans, one for the writer and one for the reviewer, that cover clause, tool, difficulty and persona.

Takes `PlannerRequest` (`count`, `seed`), leaves `plans`.
"""
scenario: CompiledStateGraph[ScenarioState, Context, ScenarioRequest, ScenarioState] = _scenario
"""A writer looks around the database and submits a task, whose solution is run at once.

Takes `ScenarioRequest` (`plan`, `seed`), leaves `task`, `outcome` (`written` or `failed`) and `reason`.
"""
verifier: CompiledStateGraph[VerificationState, Context, VerificationRequest, VerificationState] = _verifier
"""A written task is read before a dialogue is paid for.

Takes `task`, leaves `verification` and `outcome` (`sound` or `flawed`).
"""
checker: CompiledStateGraph[CheckerState, Context, CheckerRequest, CheckerState] = _checker
"""A checker is built from a task's reference solution and held to mutants and valid variants.

Takes `task`, leaves `checker`, `kill_rate` and `outcome` (`proven` or `unproven`).
"""
dialogue: CompiledStateGraph[DialogueState, Context, DialogueRequest, DialogueState] = _dialogue
"""A simulated user and the agent talk and act until one of them or a limit ends it.

Takes `task`, leaves `trajectory`.
"""
reviewer: CompiledStateGraph[ReviewState, Context, ReviewRequest, ReviewState] = _reviewer
"""A judged dialogue is accepted, repaired or rejected, with blame and evidence.

Takes `task`, `trajectory` and `verdict`, leaves `review` and `outcome`.
"""
pipeline: CompiledStateGraph[Instance, Context, Order, Instance] = _pipeline
"""One instance from its plan to its fate, by the bundled workflow (`DEFAULT`); `pipeline_for` makes that of another.

Takes `plan` (or nothing: the writer is free) and `seed`, leaves all of an `Instance`, its `fate` among it.
"""
reflector: CompiledStateGraph[ReflectState, Context, ReflectRequest, ReflectState] = _reflector
"""From what became of a generation to patches of workflow, prompts and plans, each valid.

Takes `evidence`, leaves `proposals`, `refused` and a `diagnosis`.
"""
orchestrator: CompiledStateGraph[RunState, Context, RunRequest, RunState] = _orchestrator
"""A whole run: plan, make a batch, count, again or end; its instances go to a run folder (`Context.out`).

Takes `RunRequest` (`count`, `seed`), leaves counts and `out`. `Run` does it without a checkpointer of yours.
"""
evolution: CompiledStateGraph[EvolutionState, Context, EvolutionRequest, EvolutionState] = _evolution
"""A run whose engine improves itself first: pilot, reflect, screen, confirm, decide, again.

Takes `EvolutionRequest` (`count`, `evolve`), leaves what the `orchestrator` leaves; generations are in the run folder.
"""
DEFAULT: WorkflowSpec = _DEFAULT
"""The bundled workflow: a task whose proof fails is rewritten once, a dialogue that its reviewer would repair is played
once more."""

"""Pipeline: one instance from its plan to its fate, along the edges of a WorkflowSpec.

`pipeline_for(spec)` compiles a spec into a graph whose nodes are the sibling graphs; `pipeline` is the default one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from langgraph.graph import END, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from eigen_graph.checkers import Checker, attribute
from eigen_graph.core import Task, Trajectory
from eigen_graph.graphs.approval import DialogueApproval, ask
from eigen_graph.graphs.checker import checker
from eigen_graph.graphs.context import Context, context_of
from eigen_graph.graphs.dialogue import dialogue
from eigen_graph.graphs.instance import Instance, Order
from eigen_graph.graphs.prefix import before_fault
from eigen_graph.graphs.reviewer import reviewer
from eigen_graph.graphs.scenario import scenario
from eigen_graph.graphs.verifier import verifier
from eigen_graph.graphs.workflow import DEFAULT, REJECT, START, Kind, NodeSpec, WorkflowSpec
from eigen_graph.models import InfrastructureError

_GONE = "infrastructure"
"""Outcome of any node whose model server failed through all retries."""
_OTHERWISE = "otherwise"
"""The way out that needs no outcome: the server is gone, or the next node has been visited often enough."""


Node = Callable[[Instance, Runtime[Context], NodeSpec, int], Awaitable[dict[str, Any]]]
"""Works on an instance as its spec says, on its n-th visit (from 0); what it leaves, its `outcome` among it."""


async def write(state: Instance, runtime: Runtime[Context], node: NodeSpec, visit: int) -> dict[str, Any]:
    """Scenario: a task, or why there is none."""
    request: Any = {key: state.get(key) for key in ("id", "seed", "plan", "problem") if key in state}
    done = await scenario.ainvoke(request | {"attempt": visit, "prompt": node.prompt}, context=runtime.context)
    found = {"outcome": done["outcome"]}
    if done["outcome"] == "written":
        return {**found, "task": done["task"], "reason": ""}
    return {**found, "blame": "task", "reason": done["reason"]}


async def verify(state: Instance, runtime: Runtime[Context], node: NodeSpec, visit: int) -> dict[str, Any]:
    """Verifier: whether the task is worth a dialogue, or what its writer is to mend."""
    request: Any = {key: state.get(key) for key in ("task", "plan") if key in state}
    done = await verifier.ainvoke(request | {"attempt": visit, "prompt": node.prompt}, context=runtime.context)
    found = {"outcome": done["outcome"], "verification": done["verification"]}
    if done["outcome"] == "sound":
        return found
    reason = done["verification"]["reason"]
    return {**found, "blame": "task", "reason": reason, "problem": reason, "evidence": []}


async def prove(state: Instance, runtime: Runtime[Context], _node: NodeSpec, _visit: int) -> dict[str, Any]:
    """Checker: built and proven, or what its proof found wrong with the task."""
    done = await checker.ainvoke({"task": state["task"], "seed": state.get("seed", 0)}, context=runtime.context)
    found = {key: done[key] for key in ("outcome", "checker", "kill_rate") if key in done}
    if done["outcome"] == "proven":
        return found
    # The checker follows from the task, its program included: whatever cannot be proven was written so.
    return {**found, "blame": "task", "reason": done["reason"], "problem": done["reason"]}


async def talk(state: Instance, runtime: Runtime[Context], _node: NodeSpec, _visit: int) -> dict[str, Any]:
    """Dialogue: played from the start."""
    request: Any = {"task": state["task"], "attempt": state.get("plays", 0)}
    return _played(state, await dialogue.ainvoke(request, context=runtime.context))


async def mend(state: Instance, runtime: Runtime[Context], _node: NodeSpec, _visit: int) -> dict[str, Any]:
    """Repair: the dialogue is kept up to its first fault, and played on from there."""
    kept = before_fault(state["trajectory"]["messages"], state.get("evidence") or ())
    request: Any = {"task": state["task"], "attempt": state.get("plays", 0), "history": kept}
    return _played(state, await dialogue.ainvoke(request, context=runtime.context))


def _played(state: Instance, done: Mapping[str, Any]) -> dict[str, Any]:
    """What a play leaves; an earlier one is kept as an attempt, and all are counted, so that each is sampled anew."""
    found = {key: done[key] for key in ("trajectory", "agent_system", "user_system")}
    earlier = [_attempt(state)] if "trajectory" in state else []
    return {"outcome": "finished", **found, "plays": state.get("plays", 0) + 1, "attempts": earlier}


async def judge(state: Instance, runtime: Runtime[Context], _node: NodeSpec, _visit: int) -> dict[str, Any]:
    """Judge: the checker's verdict, and whose fault a failure is."""
    domain = (await context_of(runtime)).resolved_domain
    trajectory, proven = Trajectory.from_json(state["trajectory"]), Checker.from_json(state["checker"])
    waits = "code" in proven.basis or domain.blocking
    verdict = await asyncio.to_thread(proven.judge, trajectory, domain) if waits else proven.judge(trajectory, domain)
    found = {"verdict": verdict.model_dump(mode="json"), "outcome": "pass" if verdict.reward == 1 else "fail"}
    if verdict.reward == 1:
        return found | {"attribution": {}, "blame": None, "reason": "", "evidence": []}
    cause = attribute(verdict, trajectory, Task.from_json(state["task"]), domain)
    blame = {"blame": cause.blame, "reason": cause.reason, "evidence": list(cause.evidence)}
    return found | blame | {"attribution": blame}


async def read(state: Instance, runtime: Runtime[Context], node: NodeSpec, visit: int) -> dict[str, Any]:
    """Reviewer: its decision, and the blame that stands."""
    wanted = ("task", "trajectory", "verdict", "attribution", "plan")
    request: Any = {key: state.get(key) for key in wanted if key in state}
    done = await reviewer.ainvoke(request | {"attempt": visit, "prompt": node.prompt}, context=runtime.context)
    found, blame = done["review"], done["review"]["blame"]
    return {
        "review": found,
        "outcome": done["outcome"],
        "blame": None if blame == "none" else blame,
        "reason": found["reason"],
        "evidence": found["evidence"],
        **({"problem": found["reason"]} if blame == "task" else {}),
    }


KINDS: Mapping[Kind, Node] = {
    "scenario": write,
    "verifier": verify,
    "checker": prove,
    "dialogue": talk,
    "repair": mend,
    "judge": judge,
    "reviewer": read,
}


async def accept(state: Instance) -> dict[str, Any]:
    """The instance enters the dataset; whatever the edges say, not without a proven checker and a full reward."""
    proof = (state.get("checker") or {}).get("proof") or {}
    if not proof.get("sound"):
        reason = f"its checker is not proven: {proof.get('reason', '')}"
        return {"fate": "rejected", "blame": "task", "reason": reason, "seconds": _seconds(state)}
    if (state.get("verdict") or {}).get("reward") != 1:
        return {"fate": "rejected", "blame": state.get("blame") or "agent", "seconds": _seconds(state)}
    return {"fate": "accepted", "blame": None, "reason": "", "evidence": [], "seconds": _seconds(state)}


async def reject(state: Instance) -> dict[str, Any]:
    """The instance ends here, with its blame."""
    if state.get("outcome") == _GONE:
        return {"fate": "dropped", "seconds": _seconds(state)}
    return {"fate": "rejected", "blame": state.get("blame") or "task", "seconds": _seconds(state)}


def pipeline_for(
    spec: WorkflowSpec, *, standalone: bool = True
) -> CompiledStateGraph[Instance, Context, Order, Instance]:
    """Compile a workflow; the same spec gives the same graph object.

    Every visit of a node is told as a custom event: `{"node", "kind", "outcome", "reason"}`.

    Args:
        spec: The topology.
        standalone: Whether a checkpointer may save its steps, and a person be asked. The orchestrator's pipelines are
            not saved: the ledger is their record.
    """
    return _compiled(spec.model_dump_json(), standalone)


@lru_cache(maxsize=64)
def _compiled(spec_json: str, standalone: bool) -> CompiledStateGraph[Instance, Context, Order, Instance]:  # noqa: FBT001  # cache key
    spec = WorkflowSpec.model_validate_json(spec_json)
    graph = StateGraph(Instance, context_schema=Context, input_schema=Order)
    for name, node in spec.nodes.items():
        kin = [other for other, one in spec.nodes.items() if one.kind == node.kind]
        graph.add_node(
            name,
            _guarded(name, node, kin, standalone=standalone),
            metadata={"kind": node.kind, "workflow": spec.digest},
        )
        targets = spec.targets(name)
        labels = _labels(targets)
        ways: dict[Hashable, str] = {label: target for target, label in labels.items()}
        graph.add_conditional_edges(name, _route(spec, targets, labels), ways)
    for end in (accept, reject):
        graph.add_node(end)
        graph.add_edge(end.__name__, END)
    graph.add_edge(START, spec.entry)
    return graph.compile(checkpointer=None if standalone else False, name=f"pipeline-{spec.digest}")


def _guarded(name: str, node: NodeSpec, kin: Sequence[str], *, standalone: bool) -> Any:
    """A node with its visits counted, its time bounded, and server failures tried again and then turned into a fate.

    Args:
        name: The node's.
        node: Its spec.
        kin: All nodes of its kind. They count as one when it comes to which try this is: a second reviewer must be
            asked anew, not answered with what the first one said.
        standalone: Whether a person may be asked first.
    """
    act = KINDS[node.kind]

    async def run(state: Instance, runtime: Runtime[Context]) -> dict[str, Any]:
        visits = state.get("visits", {})
        visit = sum(visits.get(other, 0) for other in kin)
        update: dict[str, Any] = {
            "visits": {name: visits.get(name, 0) + 1},
            "stage": node.kind,
            "began": state.get("began", time.time()),
        }
        costly = standalone and node.kind in {"dialogue", "repair"}
        if costly and _declined(state, await context_of(runtime), name):
            return update | {"outcome": _GONE, "blame": None, "reason": f"skipped before {name}", "evidence": []}
        problem = ""
        for _ in range(node.retries + 1):
            try:
                async with asyncio.timeout(node.timeout_s):
                    return _told(update | await act(state, runtime, node, visit), name, runtime)
            except InfrastructureError as error:
                problem = str(error)
            except TimeoutError:
                problem = f"no end of {name} within {node.timeout_s:g} s"
        gone = update | {"outcome": _GONE, "blame": "infrastructure", "reason": problem, "evidence": []}
        return _told(gone, name, runtime)

    run.__name__ = name
    run.__wrapped__ = act  # type: ignore[attr-defined]  # where LangGraph looks for the child graph, to draw it
    return run


def _declined(state: Instance, context: Context, name: str) -> bool:
    if "dialogue" not in context.approve:
        return False
    told = {"node": name, "instance": state.get("id", ""), "scenario": str(Task.from_json(state["task"]).user_scenario)}
    return ask(context.approve, "dialogue", told, DialogueApproval).decision == "skip"


def _told(update: dict[str, Any], name: str, runtime: Runtime[Context]) -> dict[str, Any]:
    told = {"kind": update["stage"], "outcome": update["outcome"], "reason": update.get("reason", "")}
    runtime.stream_writer({"node": name, **told})
    return update


def _labels(targets: Mapping[str, str]) -> dict[str, str]:
    """What the edge to each target is called: one label, because LangGraph draws one for two nodes."""
    names = {target: " or ".join(name for name in targets if targets[name] == target) for target in targets.values()}
    return {REJECT: _OTHERWISE} | names


def _route(
    spec: WorkflowSpec, targets: Mapping[str, str], labels: Mapping[str, str]
) -> Callable[[Instance], Awaitable[str]]:
    async def route(state: Instance) -> str:
        if state["outcome"] == _GONE:
            return labels[REJECT]
        target = targets[state["outcome"]]
        node = spec.nodes.get(target)
        spent = node is not None and state["visits"].get(target, 0) >= node.visits
        return labels[REJECT if spent else target]

    return route


def _attempt(state: Instance) -> dict[str, Any]:
    kept = {key: state.get(key) for key in ("stage", "blame", "trajectory", "verdict", "review")}
    return {**kept, "reason": state.get("reason", "")}


def _seconds(state: Instance) -> float:
    return round(time.time() - state["began"], 3)


pipeline = pipeline_for(DEFAULT)

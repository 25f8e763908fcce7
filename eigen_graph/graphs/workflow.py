"""The pipeline's topology as data: what evolution reads and patches, and what is compiled into a graph."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

START = "__start__"
ACCEPT, REJECT = "accept", "reject"
"""Where every path ends: the instance enters the dataset, or is recorded with its blame."""

Kind = Literal["scenario", "verifier", "checker", "dialogue", "repair", "judge", "reviewer"]
OUTCOMES: Mapping[Kind, tuple[str, ...]] = {
    "scenario": ("written", "failed"),
    "verifier": ("sound", "flawed"),
    "checker": ("proven", "unproven"),
    "dialogue": ("finished",),
    "repair": ("finished",),
    "judge": ("pass", "fail"),
    "reviewer": ("accept", "repair", "reject"),
}
"""How each kind of node can come out. A server that is gone is no outcome: it ends the instance as dropped."""


_NEEDS: Mapping[Kind, tuple[Kind, ...]] = {
    "scenario": (),
    "verifier": ("scenario",),
    "checker": ("scenario",),
    "dialogue": ("scenario",),
    "repair": ("dialogue", "judge"),
    "judge": ("checker", "dialogue"),
    "reviewer": ("judge",),
}
"""Whose work a kind of node works on."""
_OUTDATES: Mapping[Kind, tuple[Kind, ...]] = {
    "scenario": ("checker", "dialogue", "judge"),
    "dialogue": ("judge",),
    "repair": ("judge",),
}
"""Whose earlier work a kind of node makes worthless."""
_PROMPTED: tuple[Kind, ...] = ("scenario", "verifier", "reviewer")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NodeSpec(_Frozen):
    """One node."""

    kind: Kind
    prompt: str = ""
    """Name of the prompt that a scenario, verifier or reviewer node works with; empty: its kind's own."""
    retries: int = Field(1, ge=0, le=5)
    """How often it is tried again when the model server fails."""
    timeout_s: float = Field(1800.0, gt=0, allow_inf_nan=False)
    """Longest time for one visit, in seconds; beyond it counts as an infrastructure failure."""
    visits: int = Field(1, ge=1, le=8)
    """How often one instance may come here; a further visit ends it as rejected."""


class Edge(_Frozen):
    """Where an outcome leads."""

    source: str
    outcome: str = ""
    """Empty only on the edge out of the start."""
    target: str


class WorkflowSpec(_Frozen):
    """Nodes and edges that form a graph which always can end.

    They are kept in one order, breadth first from the entry, however they were written down: the same content has the
    same JSON and the same digest.

    Raises:
        pydantic.ValidationError: They do not; the message names every fault found.
    """

    nodes: dict[str, NodeSpec] = Field(min_length=1, max_length=32)
    edges: tuple[Edge, ...]

    @model_validator(mode="after")
    def _is_a_graph(self) -> Self:
        if faults := list(self._faults()):
            raise ValueError("; ".join(faults))
        self._put_in_order()
        return self

    @property
    def digest(self) -> str:
        """Twelve hex digits that name this topology."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    @property
    def entry(self) -> str:
        """The node where an instance begins."""
        return next(edge.target for edge in self.edges if edge.source == START)

    def targets(self, node: str) -> dict[str, str]:
        """Where each outcome of a node leads."""
        return {edge.outcome: edge.target for edge in self.edges if edge.source == node}

    def _put_in_order(self) -> None:
        ways = {(edge.source, edge.outcome): edge for edge in self.edges}
        edges = [ways[START, ""]]
        order: list[str] = []
        for edge in edges:  # which grows on the way
            if edge.target in self.nodes and edge.target not in order:
                order.append(edge.target)
                edges += [ways[edge.target, outcome] for outcome in OUTCOMES[self.nodes[edge.target].kind]]
        object.__setattr__(self, "nodes", {name: self.nodes[name] for name in order})
        object.__setattr__(self, "edges", tuple(edges))

    def _faults(self) -> Iterator[str]:
        if reserved := {START, ACCEPT, REJECT} & set(self.nodes):
            yield f"{', '.join(sorted(reserved))}: reserved names"
        dangling = [
            edge
            for edge in self.edges
            if edge.source not in {START, *self.nodes} or edge.target not in {ACCEPT, REJECT, *self.nodes}
        ]
        yield from (f"edge {edge.source} -> {edge.target} names an unknown node" for edge in dangling)
        if dangling:
            return
        starts = [edge for edge in self.edges if edge.source == START]
        if len(starts) != 1 or starts[0].outcome or starts[0].target in {ACCEPT, REJECT}:
            yield "exactly one edge without an outcome leaves the start, to a node"
        for name, node in self.nodes.items():
            taken = sorted(edge.outcome for edge in self.edges if edge.source == name)
            if taken != sorted(OUTCOMES[node.kind]):
                yield f"{name!r} needs one edge for each of {OUTCOMES[node.kind]}, has {tuple(taken)}"
        reached, ends = self._closure(START, forward=True), self._closure(ACCEPT, forward=False)
        yield from (f"{name!r} is unreachable" for name in self.nodes if name not in reached)
        yield from (f"no path leads from {name!r} to accept" for name in self.nodes if name not in ends)
        yield from (f"{n!r}: a {s.kind} node has no prompt" for n, s in self.nodes.items() if self._misprompted(s))
        yield from self._missing_input()
        yield from self._endless()

    @staticmethod
    def _misprompted(node: NodeSpec) -> bool:
        return bool(node.prompt) and node.kind not in _PROMPTED

    def _missing_input(self) -> Iterator[str]:
        """A node can only work on what others have left on every way to it, and not on what is outdated since."""
        wants = {ACCEPT: ("checker", "judge"), **{name: _NEEDS[node.kind] for name, node in self.nodes.items()}}
        for target, kinds in wants.items():
            for kind in kinds:
                if target in self._closure(START, forward=True, without=kind):
                    yield f"{target!r} can be reached without any {kind!r} node before it"
                for name, node in self.nodes.items():
                    stale = kind in _OUTDATES.get(node.kind, ())
                    if stale and target in self._after(name, without=kind):
                        yield f"{target!r} can be reached from {name!r} without a {kind!r} node between them"

    def _endless(self) -> Iterator[str]:
        single = {
            name: {edge.target for edge in self.edges if edge.source == name}
            for name, node in self.nodes.items()
            if len(OUTCOMES[node.kind]) == 1
        }
        try:
            TopologicalSorter(single).prepare()
        except CycleError as error:
            yield f"a loop without a decision: {' -> '.join(error.args[1])}"

    def _after(self, name: str, *, without: Kind) -> set[str]:
        """Nodes that come after a node (itself, where a way leads back to it), not passing through nodes of a kind."""
        targets = self.targets(name).values()
        return set().union(*(self._closure(target, forward=True, without=without) for target in targets))

    def _closure(self, root: str, *, forward: bool, without: Kind | None = None) -> set[str]:
        """Nodes that can be reached from `root` (or reach it), not passing through nodes of a kind."""
        blocked = {name for name, node in self.nodes.items() if node.kind == without}
        steps = [(e.source, e.target) if forward else (e.target, e.source) for e in self.edges]
        seen, frontier = {root}, {root}
        while frontier:
            frontier = {b for a, b in steps if a in frontier and a not in blocked} - seen
            seen |= frontier
        return seen


DEFAULT = WorkflowSpec(
    nodes={
        "scenario": NodeSpec(kind="scenario", visits=2),
        "checker": NodeSpec(kind="checker", visits=2),
        "dialogue": NodeSpec(kind="dialogue", visits=2),
        "judge": NodeSpec(kind="judge", visits=2),
        "reviewer": NodeSpec(kind="reviewer", visits=2),
    },
    edges=(
        Edge(source=START, target="scenario"),
        Edge(source="scenario", outcome="written", target="checker"),
        Edge(source="scenario", outcome="failed", target=REJECT),
        Edge(source="checker", outcome="proven", target="dialogue"),
        Edge(source="checker", outcome="unproven", target="scenario"),
        Edge(source="dialogue", outcome="finished", target="judge"),
        Edge(source="judge", outcome="pass", target="reviewer"),
        Edge(source="judge", outcome="fail", target="reviewer"),
        Edge(source="reviewer", outcome="accept", target=ACCEPT),
        Edge(source="reviewer", outcome="repair", target="dialogue"),
        Edge(source="reviewer", outcome="reject", target=REJECT),
    ),
)
"""A task whose proof fails is rewritten once; a dialogue that its reviewer would repair is played once more."""

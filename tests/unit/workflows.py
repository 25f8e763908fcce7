"""Workflows that tests share."""

from __future__ import annotations

from eigen_graph.graphs.workflow import DEFAULT, Edge, NodeSpec, WorkflowSpec


def rewired(*changes: tuple[str, str, str], nodes: dict[str, NodeSpec] | None = None) -> dict[str, object]:
    """The default with edges (source, outcome) sent elsewhere or added."""
    edges = {(edge.source, edge.outcome): edge.target for edge in DEFAULT.edges}
    edges |= {(source, outcome): target for source, outcome, target in changes}
    return {
        "nodes": nodes or DEFAULT.nodes,
        "edges": [Edge(source=source, outcome=outcome, target=target) for (source, outcome), target in edges.items()],
    }


def gated() -> WorkflowSpec:
    """The default with a verifier before the checker, and repairs that go on from before the fault."""
    nodes = {
        **DEFAULT.nodes,
        "verifier": NodeSpec(kind="verifier", visits=2),
        "repair": NodeSpec(kind="repair", visits=1),
    }
    changes = [
        ("scenario", "written", "verifier"),
        ("verifier", "sound", "checker"),
        ("verifier", "flawed", "scenario"),
        ("reviewer", "repair", "repair"),
        ("repair", "finished", "judge"),
    ]
    return WorkflowSpec.model_validate(rewired(*changes, nodes=nodes))


def repairing() -> WorkflowSpec:
    """The default whose reviewer sends dialogues to a repair instead of to the start."""
    nodes = {**DEFAULT.nodes, "repair": NodeSpec(kind="repair", visits=2)}
    nodes |= {name: DEFAULT.nodes[name].model_copy(update={"visits": 3}) for name in ("judge", "reviewer")}
    edges = [edge for edge in DEFAULT.edges if edge.outcome != "repair"]
    edges += [Edge(source="reviewer", outcome="repair", target="repair")]
    edges += [Edge(source="repair", outcome="finished", target="judge")]
    return WorkflowSpec(nodes=nodes, edges=tuple(edges))

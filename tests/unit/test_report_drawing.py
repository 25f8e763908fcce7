"""Workflows as drawings: everything is in them, nothing is on top of anything else, whatever the workflow."""

from __future__ import annotations

import random
import re
from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_patches import random_patch
from workflows import gated, repairing, rewired

from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.workflow import ACCEPT, DEFAULT, REJECT, START, WorkflowSpec
from eigen_graph.report.drawing import draw
from eigen_graph.report.layers import Box, Layout, layout

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '"><script>alert(1)</script>&\x00\x1b'


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314  # our own


def outcomes(svg: str) -> set[tuple[str, str, str]]:
    """Every edge of a drawing: from, outcome, to."""
    return {
        (str(group.get("data-from")), outcome, str(group.get("data-to")))
        for group in parsed(svg).iter(f"{SVG}g")
        if group.get("data-from")
        for outcome in str(group.get("data-outcome")).split(", ")
    }


def wanted(spec: WorkflowSpec) -> set[tuple[str, str, str]]:
    return {(edge.source, edge.outcome, edge.target) for edge in spec.edges}


def evolved(seed: int) -> WorkflowSpec:
    rng, blueprint = random.Random(seed), Blueprint()
    for _ in range(rng.randrange(1, 6)):
        blueprint = random_patch(blueprint, rng).apply(blueprint)
    return blueprint.workflow


def apart(one: Box, other: Box) -> bool:
    return (
        one.left + one.width <= other.left
        or other.left + other.width <= one.left
        or one.top + one.height <= other.top
        or other.top + other.height <= one.top
    )


@pytest.mark.parametrize("spec", [DEFAULT, gated(), repairing()])
def test_every_node_and_edge_is_there(spec: WorkflowSpec) -> None:
    svg = draw(spec)
    assert outcomes(svg) == wanted(spec)
    nodes = {group.get("data-node") for group in parsed(svg).iter(f"{SVG}g")} - {None}
    assert nodes == {START, *spec.nodes, ACCEPT, REJECT}
    texts = {node.text for node in parsed(svg).iter(f"{SVG}text")}
    assert texts >= {*spec.nodes, "start", "accept", "reject", "written", "visits 2"}
    spoken = "".join(node.text or "" for node in parsed(svg).findall(f"{SVG}desc"))
    assert all(f"{edge.outcome} leads to {edge.target}" in spoken for edge in spec.edges if edge.outcome)
    assert svg == draw(spec)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_any_evolved_workflow_can_be_drawn(seed: int) -> None:
    spec = evolved(seed)
    svg = draw(spec, DEFAULT)
    assert outcomes(svg) == wanted(spec)
    assert set(re.findall(r'(?:fill|stroke)="([^"]*)"', svg)) == {"none", "currentColor"}
    boxes = [
        Box(*(float(str(rect.get(name))) for name in ("x", "y", "width", "height")))
        for rect in parsed(svg).iter(f"{SVG}rect")
    ]
    assert len(boxes) == len(spec.nodes) + 3
    assert all(apart(one, other) for one, other in combinations(boxes, 2))
    _, _, width, height = map(float, str(parsed(svg).get("viewBox")).split())
    assert all(box.left >= 0 and box.left + box.width <= width and box.top + box.height <= height for box in boxes)


graphs = st.integers(2, 9).flatmap(
    lambda size: st.lists(
        st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)).filter(lambda pair: pair[0] != pair[1]),
        min_size=1,
        max_size=18,
        unique=True,
    ).map(lambda pairs: (size, pairs))
)


@settings(max_examples=60, deadline=None)
@given(graphs)
def test_lines_meet_no_box_and_no_label(graph: tuple[int, list[tuple[int, int]]]) -> None:
    size, pairs = graph
    edges = [(f"n{a}", f"n{b}", f"from {a} to {b}") for a, b in pairs]
    widths = {label: 70.0 for *_, label in edges}
    found = layout({f"n{number}": (60.0 + 9 * number, 36.0) for number in range(size)}, edges, widths, {"n1": 30.0})
    assert {(link.source, link.target, link.label) for link in found.links} == set(edges)
    labels = [Box(link.label_at[0] - 35, link.label_at[1] - 8, 70, 16) for link in found.links]
    assert all(apart(one, other) for one, other in combinations([*found.boxes.values(), *labels], 2))
    for x, y in passed(found):
        inside = [box for box in (*found.boxes.values(), *labels) if within(x, y, box)]
        assert not inside


def passed(found: Layout) -> list[tuple[float, float]]:
    """Points on all lines: bends lie between the rows, so the ends of every piece and straight middles tell it all."""
    points = []
    for link in found.links:
        for part in link.parts:
            for (x, y), (to_x, to_y) in pairwise(part):
                points += [(x + (to_x - x) * share, y + (to_y - y) * share) for share in (0.25, 0.5, 0.75)]
    return points


def within(x: float, y: float, box: Box) -> bool:
    return box.left + 0.01 < x < box.left + box.width - 0.01 and box.top + 0.01 < y < box.top + box.height - 0.01


def test_what_a_generation_changed_is_marked() -> None:
    svg = draw(repairing(), DEFAULT)
    marked = {
        str(group.get("data-node")): str(group.get("class"))
        for group in parsed(svg).iter(f"{SVG}g")
        if "wf-new" in str(group.get("class")) or "wf-changed" in str(group.get("class"))
    }
    assert {name: "wf-new" in classes for name, classes in marked.items()} == {
        "repair": True,
        "judge": False,
        "reviewer": False,
    }
    texts = {node.text for node in parsed(svg).iter(f"{SVG}text")}
    assert {"new · visits 2", "visits 2 → 3"} <= texts


def test_names_of_any_kind_are_text() -> None:
    names = {"checker": HOSTILE}
    hostile = WorkflowSpec(
        nodes={names.get(name, name): node for name, node in DEFAULT.nodes.items()},
        edges=tuple(
            edge.model_copy(
                update={side: names.get(name := getattr(edge, side), name) for side in ("source", "target")}
            )
            for edge in DEFAULT.edges
        ),
    )
    svg = draw(hostile, title=HOSTILE)
    assert "<script" not in svg
    assert not any(ord(char) < 32 for char in svg)
    assert any('"><script>alert(1)' in str(node.text) for node in parsed(svg).iter(f"{SVG}text"))


def test_a_node_may_lead_to_itself() -> None:
    again = rewired(("scenario", "failed", "scenario"), ("judge", "fail", REJECT))
    spec = WorkflowSpec.model_validate(again)
    assert outcomes(draw(spec)) == wanted(spec)

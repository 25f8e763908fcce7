"""A WorkflowSpec is a graph that can end, or it is refused with every fault in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from workflows import gated, rewired

from eigen_graph.graphs.pipeline import pipeline_for
from eigen_graph.graphs.workflow import ACCEPT, DEFAULT, OUTCOMES, REJECT, START, NodeSpec, WorkflowSpec


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ([("judge", "pass", "nowhere")], "unknown node"),
        ([("dialogue", "finished", REJECT)], "'judge' is unreachable"),
        ([("checker", "proven", REJECT)], "no path leads from 'scenario' to accept"),
        ([("judge", "pass", ACCEPT), ("judge", "fail", ACCEPT)], "'reviewer' is unreachable"),
        ([("scenario", "written", "dialogue")], "'judge' can be reached without any 'checker' node before it"),
        ([("scenario", "failed", ACCEPT)], "'accept' can be reached without any 'checker' node before it"),
        ([("scenario", "sideways", REJECT)], "needs one edge for each of"),
        ([(START, "", "dialogue")], "'dialogue' can be reached without any 'scenario' node before it"),
        ([(START, "", ACCEPT)], "exactly one edge without an outcome leaves the start"),
        ([("dialogue", "finished", "dialogue")], "loop without a decision"),
        (
            [("reviewer", "reject", "judge"), ("checker", "unproven", "judge")],
            "'judge' can be reached without any 'dialogue'",
        ),
        (
            [("reviewer", "repair", "scenario"), ("checker", "unproven", "judge")],
            "'judge' can be reached from 'scenario'",
        ),
    ],
)
def test_a_broken_graph_is_refused_in_words(changes: list[tuple[str, str, str]], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        WorkflowSpec.model_validate(rewired(*changes))


def test_a_prompt_is_for_nodes_that_have_one() -> None:
    nodes = {**DEFAULT.nodes, "judge": NodeSpec(kind="judge", prompt="strict")}
    with pytest.raises(ValidationError, match="'judge': a judge node has no prompt"):
        WorkflowSpec.model_validate(rewired(nodes=nodes))


def test_reserved_names_are_refused() -> None:
    with pytest.raises(ValidationError, match="reserved names"):
        WorkflowSpec.model_validate({"nodes": {"accept": NodeSpec(kind="judge")}, "edges": []})


def test_a_second_reviewer_is_a_valid_workflow() -> None:
    nodes = {**DEFAULT.nodes, "second": NodeSpec(kind="reviewer")}
    spec = WorkflowSpec.model_validate(
        rewired(
            ("reviewer", "accept", "second"),
            ("second", "accept", ACCEPT),
            ("second", "repair", "dialogue"),
            ("second", "reject", REJECT),
            nodes=nodes,
        )
    )
    drawing = pipeline_for(spec).get_graph().draw_mermaid()
    assert "reviewer -. &nbsp;accept&nbsp; .-> second" in drawing
    assert spec.digest != DEFAULT.digest


def test_compiling_is_cached_by_content() -> None:
    again = WorkflowSpec.model_validate_json(DEFAULT.model_dump_json())
    assert pipeline_for(again) is pipeline_for(DEFAULT)


targets = st.sampled_from([*DEFAULT.nodes, ACCEPT, REJECT])


@given(st.fixed_dictionaries({(e.source, e.outcome): targets for e in DEFAULT.edges if e.source != START}))
def test_whatever_is_accepted_always_can_end(wiring: dict[tuple[str, str], str]) -> None:
    """Law: in a valid spec every node reaches the end, and only by a checker and a judge does anything reach accept."""
    changes = [(source, outcome, target) for (source, outcome), target in wiring.items()]
    try:
        spec = WorkflowSpec.model_validate(rewired(*changes))
    except ValidationError:
        return
    for name in spec.nodes:
        assert reachable(spec, name, without="") & {ACCEPT, REJECT}
    for kind in ("checker", "judge"):
        blocked = next(name for name, node in spec.nodes.items() if node.kind == kind)
        assert ACCEPT not in reachable(spec, spec.entry, without=blocked)
    assert all(set(spec.targets(name)) == set(OUTCOMES[node.kind]) for name, node in spec.nodes.items())


def reachable(spec: WorkflowSpec, start: str, *, without: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen and name != without:
            seen.add(name)
            waiting += spec.targets(name).values() if name in spec.nodes else []
    return seen


def test_a_repair_needs_a_judged_dialogue_and_is_judged_again() -> None:
    nodes = {**DEFAULT.nodes, "repair": NodeSpec(kind="repair")}
    for changes, fault in (
        (
            [("reviewer", "repair", "repair"), ("repair", "finished", "reviewer")],
            "'reviewer' can be reached from 'repair'",
        ),
        (
            [("scenario", "written", "repair"), ("repair", "finished", "checker")],
            "without any 'dialogue' node before it",
        ),
        ([("dialogue", "finished", "repair"), ("repair", "finished", "judge")], "without any 'judge' node before it"),
        ([("reviewer", "repair", "repair"), ("repair", "finished", "repair")], "loop without a decision"),
    ):
        with pytest.raises(ValidationError, match=fault):
            WorkflowSpec.model_validate(rewired(*changes, nodes=nodes))


def test_no_way_leads_from_a_repair_to_itself_without_a_judge() -> None:
    nodes = {**DEFAULT.nodes, "repair": NodeSpec(kind="repair"), "again": NodeSpec(kind="checker")}
    changes = [
        ("reviewer", "repair", "repair"),
        ("repair", "finished", "again"),
        ("again", "proven", "judge"),
        ("again", "unproven", "repair"),
    ]
    with pytest.raises(ValidationError, match="'repair' can be reached from 'repair' without a 'judge' node"):
        WorkflowSpec.model_validate(rewired(*changes, nodes=nodes))


def test_the_bundled_workflow_keeps_its_name() -> None:
    assert DEFAULT.digest == "5e0b3dfe401b"  # it stands in the ledgers of earlier runs


@given(st.data())
def test_one_content_has_one_digest_in_whatever_order_it_is_written(data: st.DataObject) -> None:
    spec = data.draw(st.sampled_from([DEFAULT, gated()]))
    nodes = data.draw(st.permutations(list(spec.nodes.items())))
    shuffled = WorkflowSpec(nodes=dict(nodes), edges=tuple(data.draw(st.permutations(spec.edges))))
    assert shuffled.model_dump_json() == spec.model_dump_json()
    assert (shuffled, shuffled.digest) == (spec, spec.digest)
    assert WorkflowSpec.model_validate_json(spec.model_dump_json()).digest == spec.digest

"""What changed, drawn and told: Mermaid that parses, every change marked, diffs that say all."""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_patches import random_patch

from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.evolving.drawing import draw, prompt_diff, rule_in_words
from eigen_graph.graphs.evolving.patch import Patch
from eigen_graph.graphs.plan_rules import PlanMatch, PlanRule
from eigen_graph.graphs.prompting import bundled
from eigen_graph.graphs.workflow import DEFAULT, START, WorkflowSpec

BUNDLED = Blueprint()
seeds = st.integers(0, 2**32)
_NODE = re.compile(r'  ([A-Za-z]\w*)(?:\["([^"]*)"\]|\(\[(start|accept|reject)\]\))')
_EDGE = re.compile(r'  ([A-Za-z]\w*) (-->|-\.->)(?:\|"([^"]*)"\|)? ([A-Za-z]\w*)')
_RESERVED = {"end", "graph", "flowchart", "subgraph", "style", "class", "click", "call", "href", "default", "direction"}


class Drawn:
    """A flowchart, read by the part of Mermaid's grammar that `draw` uses; anything else fails."""

    def __init__(self, text: str) -> None:
        lines = text.splitlines()
        assert lines[0] == "flowchart TD"
        self.nodes: dict[str, str] = {}
        self.edges: list[tuple[str, str, str, str]] = []
        self.classes: dict[str, set[str]] = defaultdict(set)
        self.links: dict[str, set[int]] = defaultdict(set)
        styles = set()
        for line in lines[1:]:
            if node := _NODE.fullmatch(line):
                assert node[1] not in self.nodes
                self.nodes[node[1]] = node[2] or node[3]
            elif edge := _EDGE.fullmatch(line):
                self.edges.append((edge[1], edge[3] or "", edge[4], edge[2]))
            elif style := re.fullmatch(r"  classDef (\w+) [\w:#,\- ]+", line):
                styles.add(style[1])
            elif members := re.fullmatch(r"  class ([\w,]+) (\w+)", line):
                assert members[2] in styles
                self.classes[members[2]] |= {*members[1].split(",")}
            elif link := re.fullmatch(r"  linkStyle ([\d,]+) [\w:#,\- ]+", line):
                self.links["new" if "2b8a3e" in line else "gone"] |= {*map(int, link[1].split(","))}
            else:
                raise AssertionError(line)
        known = {*self.nodes}
        met = {end for source, _, target, _ in self.edges for end in (source, target)}
        assert met <= known <= met | {"reject"}  # where an instance ends whose visits are spent, if no edge leads there
        assert not known & _RESERVED
        assert set().union(*self.classes.values()) <= known
        assert set().union(*self.links.values()) <= {*range(len(self.edges))}


def test_the_bundled_workflow() -> None:
    drawn = Drawn(draw(DEFAULT))
    assert {*drawn.nodes} == {"START", *DEFAULT.nodes, "accept", "reject"}
    assert drawn.nodes["judge"] == "judge<br/>visits 2"
    assert ("judge", "pass", "reviewer", "-->") in drawn.edges
    assert not drawn.classes
    assert not drawn.links


@settings(max_examples=60, deadline=None)
@given(seeds, seeds)
def test_every_change_is_marked_and_nothing_else(one: int, other: int) -> None:
    """Law."""
    before, after = (random_patch(BUNDLED, random.Random(seed)).apply(BUNDLED).workflow for seed in (one, other))
    drawn = Drawn(draw(after, before))
    assert drawn.classes["added"] == after.nodes.keys() - before.nodes.keys()
    assert drawn.classes["removed"] == before.nodes.keys() - after.nodes.keys()
    both = after.nodes.keys() & before.nodes.keys()
    assert drawn.classes["changed"] == {name for name in both if after.nodes[name] != before.nodes[name]}
    new, gone = {*after.edges} - {*before.edges}, {*before.edges} - {*after.edges}
    for marked, edges, shaft in ((drawn.links["new"], new, "-->"), (drawn.links["gone"], gone, "-.->")):
        ends = {(edge.source.replace(START, "START"), edge.outcome, edge.target, shaft) for edge in edges}
        assert {drawn.edges[place] for place in marked} == ends
    assert len(drawn.edges) == len(after.edges) + len(gone)


@pytest.mark.parametrize(
    "name", [*sorted(_RESERVED), "START", "N6a", "j", 'a "b"', "a|b", "é", "<b>", "a\nb", "\ud800", "#x;"]
)
def test_any_name_can_be_drawn(name: str) -> None:
    data = json.dumps(DEFAULT.model_dump()).replace('"judge"', json.dumps(name))
    spec = WorkflowSpec.model_validate(json.loads(data.replace(f'"kind": {json.dumps(name)}', '"kind": "judge"')))
    assert len(Drawn(draw(spec, DEFAULT)).nodes) == 9


def test_numbers_that_changed_are_told() -> None:
    patch = Patch.from_json(
        {
            "ops": [
                {"op": "set_param", "node": "judge", "name": "visits", "value": 3},
                {"op": "set_param", "node": "reviewer", "name": "timeout_s", "value": 90.5},
                {"op": "set_param", "node": "scenario", "name": "retries", "value": 0},
            ]
        }
    )
    drawn = Drawn(draw(patch.apply(BUNDLED).workflow, DEFAULT))
    assert drawn.nodes["judge"] == "judge<br/>visits 2 to 3"
    assert drawn.nodes["reviewer"] == "reviewer<br/>timeout_s 1800 to 90.5<br/>visits 2"
    assert drawn.nodes["scenario"] == "scenario<br/>retries 1 to 0<br/>visits 2"


def reworded(name: str, opening: str = "Take your time.") -> str:
    return bundled(name).to_text().replace("## Role\n\n", f"## Role\n\n{opening} ", 1)


def test_a_prompt_differs_from_the_bundled_one() -> None:
    after = Blueprint(prompts={"agent": reworded("agent")})
    lines = prompt_diff(BUNDLED, after).splitlines()
    assert lines[:2] == ["--- a/prompts/agent.md", "+++ b/prompts/agent.md"]
    changed = [line for line in lines[2:] if line[0] in "+-"]
    assert [line[:22] for line in changed] == ["-You are the service a", "+Take your time. You a"]
    assert prompt_diff(after, after) == ""
    assert prompt_diff(after, BUNDLED).splitlines()[:2] == lines[:2]


def test_a_nodes_own_prompt_is_new_as_a_whole() -> None:
    nodes = {**DEFAULT.nodes, "reviewer": DEFAULT.nodes["reviewer"].model_copy(update={"prompt": "strict"})}
    workflow = {**DEFAULT.model_dump(), "nodes": {name: node.model_dump() for name, node in nodes.items()}}
    after = Blueprint.from_json({"workflow": workflow, "prompts": {"strict": reworded("reviewer")}})
    told = prompt_diff(BUNDLED, after)
    assert told.startswith("--- a/prompts/strict.md\n+++ b/prompts/strict.md\n@@ -0,0 +1,")
    assert all(line.startswith("+") for line in told.splitlines()[3:])
    assert "prompt its kind's own to strict" in draw(after.workflow, DEFAULT)


def test_rules_and_limits_in_words() -> None:
    old, new = (PlanRule(match=PlanMatch(clause="2"), synthesis=text) for text in ("Be late.", "Be early."))
    before = Blueprint.from_json({"plans": [old.model_dump()], "settings": {"max_steps": 40}})
    after = Blueprint.from_json({"plans": [new.model_dump()], "settings": {"max_errors": 3}})
    assert prompt_diff(before, after).splitlines() == [
        "- plans of clause 2: the writer is also told 'Be late.'",
        "+ plans of clause 2: the writer is also told 'Be early.'",
        "max_steps: 40 to the run's own",
        "max_errors: the run's own to 3",
    ]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({}, "plans of all: as they are"),
        ({"difficulty": "hard", "evaluation": "Look."}, "difficulty becomes hard, the reviewer is also told 'Look.'"),
        ({"match": {"tool": "book"}, "persona": "terse"}, "plans of tool book: persona becomes terse"),
    ],
)
def test_a_rule_in_words(rule: dict[str, object], words: str) -> None:
    assert words in rule_in_words(PlanRule.model_validate(rule))

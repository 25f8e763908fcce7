"""Blueprints: one content, one JSON and one digest; a folder that is the same to the byte whatever was in it before."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from random_patches import random_patch

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs import Context
from eigen_graph.graphs.evolving.blueprint import Blueprint, Settings
from eigen_graph.graphs.plan_rules import PlanMatch, PlanRule
from eigen_graph.graphs.prompting import bundled
from eigen_graph.graphs.workflow import DEFAULT

BUNDLED = Blueprint()
seeds = st.integers(0, 2**32)
a_law = settings(max_examples=60, deadline=None)  # drawing a blueprint takes milliseconds, on a busy machine more


def mutant(seed: int, patches: int = 3) -> Blueprint:
    rng, found = random.Random(seed), BUNDLED
    for _ in range(patches):
        found = random_patch(found, rng).apply(found)
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def reworded(name: str, opening: str = "Take your time.") -> str:
    """A bundled prompt with other first words."""
    return bundled(name).to_text().replace("## Role\n\n", f"## Role\n\n{opening} ", 1)


@a_law
@given(seeds, seeds)
def test_a_folder_holds_what_was_written_last_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, one: int, other: int
) -> None:
    folder, a, b = tmp_path_factory.mktemp("workflow"), mutant(one), mutant(other)
    a.write(folder)
    first = files(folder)
    assert Blueprint.read(folder) == a
    b.write(folder)
    assert Blueprint.read(folder) == b
    assert Blueprint.read(folder).digest == b.digest
    a.write(folder)
    assert files(folder) == first


def test_what_a_killed_writer_left_goes(tmp_path: Path) -> None:
    BUNDLED.write(tmp_path)
    first = files(tmp_path)
    for name in ("workflow.json.part", "prompts/agent.md.part", "prompts/old.md"):
        (tmp_path / name).write_text("half")
    BUNDLED.write(tmp_path)
    assert files(tmp_path) == first


def test_files_are_for_reading(tmp_path: Path) -> None:
    Blueprint(prompts={"agent": reworded("agent", "Ünïcode.")}).write(tmp_path)
    assert set(files(tmp_path)) == {"workflow.json", "plans.json", "settings.json", "prompts/agent.md"}
    assert "## Role\n\nÜnïcode. You" in (tmp_path / "prompts/agent.md").read_text(encoding="utf-8")
    assert '\n  "nodes": {' in (tmp_path / "workflow.json").read_text(encoding="utf-8")


def test_a_folder_may_be_edited_by_hand(tmp_path: Path) -> None:
    """With any editor's line ends and blank lines, and with the files that say nothing left out."""
    BUNDLED.write(tmp_path)
    (tmp_path / "plans.json").unlink()
    (tmp_path / "settings.json").write_text('{"max_steps": 40}')
    text = bundled("agent").to_text().replace("## Role\n\n", "## Role\n").replace("\n", "\r\n")
    (tmp_path / "prompts/agent.md").write_bytes(f"\r\n{text.replace('one user', 'one caller')}\r\n\r\n".encode())
    found = Blueprint.read(tmp_path)
    assert "You talk with one caller" in found.prompts["agent"]
    assert "\r" not in found.prompts["agent"]
    assert found.settings == Settings(max_steps=40)


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("workflow.json", b"", "cannot read the workflow in"),
        ("workflow.json", b"\xff\xfe", "cannot read the workflow in"),
        ("workflow.json", b"[" * 100_000, "cannot read the workflow in"),
        ("workflow.json", b"[]", "workflow: Input should be a valid dictionary"),
        ("workflow.json", b'{"nodes": {}, "edges": []}', "workflow.nodes: Dictionary should have at least 1"),
        ("settings.json", b'{"min_kill_rate": NaN}', "settings.min_kill_rate"),
        ("settings.json", b'{"max_stepz": 5}', "settings.max_stepz: Extra inputs"),
        ("plans.json", b'[{"persona": "rude"}]', "no persona 'rude'"),
        ("plans.json", b'[{"synthesis": "a"}, {"synthesis": "b"}]', "two plan rules are for the same pairs"),
        ("plans.json", b'[{"synthesis": "\\ud800"}]', "plans.0.synthesis"),
        ("prompts/agent.md", b"Be brief.", "line 1: text outside a section"),
        ("prompts/agent.md", b"# system\n\n## Role\n\nBe brief.\n", "{{now}}, {{policy}} must stay in it"),
        ("prompts/poet.md", b"# system\n\n## Role\n\nRhyme.\n", "'poet' is no prompt that may change"),
        ("prompts/agent.md", b"\xff", "cannot read the workflow in"),
    ],
)
def test_a_spoilt_folder_is_refused_in_words(tmp_path: Path, name: str, content: bytes, fault: str) -> None:
    BUNDLED.write(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EigenGraphError) as refusal:
        Blueprint.read(tmp_path)
    assert fault in str(refusal.value)
    assert str(tmp_path) in str(refusal.value)


def test_no_workflow_there(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere", Path("\x00")):
        with pytest.raises(EigenGraphError, match=r"workflow\.json|null"):
            Blueprint.read(folder)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EigenGraphError, match="cannot write the workflow to"):
        BUNDLED.write(tmp_path / "file")


def test_what_says_nothing_is_not_kept() -> None:
    same = Blueprint(
        prompts={"agent": bundled("agent").to_text()},
        plans=(PlanRule(match=PlanMatch(clause="1")), PlanRule()),
        settings=Settings(max_steps=None),
    )
    assert same == BUNDLED
    assert same.digest == BUNDLED.digest


def test_order_does_not_matter() -> None:
    rules = [PlanRule(match=PlanMatch(clause=clause), synthesis="More.") for clause in ("2", "", "1")]
    prompts = {name: reworded(name) for name in ("writer", "agent")}
    one = Blueprint(prompts=prompts, plans=tuple(rules))
    other = Blueprint(prompts=dict(reversed(prompts.items())), plans=tuple(reversed(rules)))
    assert json.dumps(one.to_json()) == json.dumps(other.to_json())
    assert [rule.match.clause for rule in one.plans] == ["", "1", "2"]


@a_law
@given(seeds)
def test_what_a_context_runs_with_is_the_blueprint(seed: int) -> None:
    blueprint = mutant(seed)
    context = Context(model="scripted?faults=0.1", concurrency=3)
    worked = blueprint.on(context)
    assert (worked.model, worked.concurrency, worked.workflow) == (context.model, 3, blueprint.workflow)
    kept = Context.model_validate(json.loads(json.dumps(worked.kept())))
    assert kept.model_dump() == worked.model_dump()
    again = Blueprint.of(kept)
    assert (again.workflow, again.prompts, again.plans) == (blueprint.workflow, blueprint.prompts, blueprint.plans)
    for name, value in blueprint.settings.model_dump(exclude_none=True).items():
        assert getattr(kept, name) == value
    assert context.model_dump() == Context(model="scripted?faults=0.1", concurrency=3).model_dump()


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({"prompts": {"agent": "x" * 2_000_000}}, "at most 1000000 characters"),
        ({"prompts": {"agent": "\ud800"}}, "prompts.agent"),
        ({"prompts": {"reflector": "# system\n\n## Role\n\nx\n"}}, "'reflector' is no prompt that may change"),
        ({"prompts": {"agent": bundled("agent").to_text() + "\n"}}, "not in the form"),
        ({"prompts": {"agent": bundled("agent").to_text().replace("Role", "R" * 81)}}, "a name of more than 80"),
        ({"plans": [{"synthesis": "x"}] * 65}, "at most 64"),
        ({"workflow": {**DEFAULT.model_dump(), "nodes": {}}}, "at least 1 item"),
        ({"colour": "blue"}, "Extra inputs"),
    ],
)
def test_what_cannot_be_is_refused(data: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Blueprint.from_json(data)


def test_a_nodes_own_prompt_is_for_its_kind() -> None:
    nodes = {**DEFAULT.nodes, "reviewer": DEFAULT.nodes["reviewer"].model_copy(update={"prompt": "strict"})}
    workflow = {**DEFAULT.model_dump(), "nodes": {name: node.model_dump() for name, node in nodes.items()}}
    own = Blueprint.from_json({"workflow": workflow, "prompts": {"strict": reworded("reviewer")}})
    assert own.role_of("strict") == "reviewer"
    assert "Take your time" in own.prompt("strict").to_text()
    with pytest.raises(ValidationError, match="node 'reviewer': no prompt 'strict'"):
        Blueprint.from_json({"workflow": workflow})
    with pytest.raises(ValidationError, match=r"part request: nothing fills|must stay in it"):
        Blueprint.from_json({"workflow": workflow, "prompts": {"strict": reworded("writer")}})

"""What a run's settings are as JSON: enough to resume it, wherever it is resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from eigen_graph.domains import absolute_reference, load_domain
from eigen_graph.graphs import DEFAULT, Context, WorkflowSpec
from eigen_graph.graphs.recording import free_folder
from eigen_graph.models import Budget, ScriptedChat


def with_reviewer(**fields: Any) -> WorkflowSpec:
    nodes = {**DEFAULT.nodes, "reviewer": DEFAULT.nodes["reviewer"].model_copy(update=fields)}
    return WorkflowSpec.model_validate({**DEFAULT.model_dump(), "nodes": nodes})


def test_settings_survive_run_json() -> None:
    prompts = {"agent": "# system\n\n## Role\n\nBe brief.\n"}
    context = Context(domain="broadband", model="scripted?faults=0.2", concurrency=3, prompts=prompts)
    again = Context.model_validate(json.loads(json.dumps(context.kept())))
    assert again.model_dump() == context.model_dump()


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"prompts": {"agent": "Be brief."}}, "prompt 'agent', line 1: text outside a section"),
        ({"workflow": with_reviewer(prompt="strict")}, "no prompt 'strict'; there are agent, planner, "),
    ],
)
def test_a_prompt_that_cannot_be_used_is_told_at_once(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Context(**fields)


def test_a_workflow_of_ones_own_is_kept_and_the_bundled_one_is_not() -> None:
    own = with_reviewer(visits=1)
    assert "workflow" not in Context().kept()
    assert Context.model_validate(Context(workflow=own).kept()).workflow == own


def test_objects_are_kept_by_name() -> None:
    hotel = load_domain("hotel")
    kept = Context(domain=hotel, model=ScriptedChat(domains={"hotel": hotel})).kept()
    assert (kept["domain"], kept["model"]) == ("hotel", "ScriptedChat")
    json.dumps(kept)


def test_only_paths_depend_on_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("hotel", "package.module:attribute", "htoel"):
        assert absolute_reference(name) == name
    assert absolute_reference("inn.py") == f"{tmp_path}/inn.py:domain"
    assert absolute_reference("./inns/inn.py:sea") == f"{tmp_path}/inns/inn.py:sea"
    assert absolute_reference(f"{tmp_path}/inn.py:sea") == f"{tmp_path}/inn.py:sea"


@pytest.mark.parametrize("budget", [Budget(usd=5.0), Budget(usd=0.25), Budget(usd=1e6), Budget(tokens=2_500_000)])
def test_budgets_are_written_as_they_are_read(budget: Budget) -> None:
    assert Budget.parse(str(budget)) == budget


def test_the_first_free_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert free_folder("hotel") == Path("runs/hotel-1")
    Path("runs/hotel-1").mkdir(parents=True)
    assert free_folder("hotel") == Path("runs/hotel-2")

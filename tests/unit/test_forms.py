"""What LangGraph Studio shows of a graph: every field described, models to pick, prompts on the nodes that say them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.graph.state import CompiledStateGraph
from pydantic import ValidationError

from eigen_graph import graphs
from eigen_graph.graphs import Context
from eigen_graph.graphs.forms import NODES, gathered, spread_out
from eigen_graph.graphs.prompting import bundled
from eigen_graph.graphs.studio.served import SERVED, configuration, make_pipeline

FORM = Context.model_json_schema()["properties"]
SERVED_GRAPHS: dict[str, CompiledStateGraph] = {name: getattr(graphs, name) for name in SERVED}
EDITED = "# system\n\n## Role\n\nBe brief.\n"


def undescribed(schema: dict[str, Any]) -> list[str]:
    return [name for name, field in schema["properties"].items() if not field.get("description")]


@pytest.mark.parametrize("name", SERVED)
def test_every_field_of_every_form_says_what_it_is(name: str) -> None:
    graph = SERVED_GRAPHS[name]
    assert undescribed(graph.get_input_jsonschema()) == []
    assert undescribed(graph.get_output_jsonschema()) == []
    assert undescribed(graph.get_context_jsonschema() or {}) == []


def test_a_state_inherits_descriptions_and_keeps_its_reducers() -> None:
    dialogue = graphs.dialogue.get_output_jsonschema()["properties"]
    assert dialogue["task"]["description"] == "A task, as JSON."
    assert dialogue["messages"]["description"] == "What has been said and done, as trajectory messages."
    assert type(graphs.dialogue.channels["messages"]).__name__ == "BinaryOperatorAggregate"


def test_the_form_of_an_evolution_is_typed() -> None:
    schema = graphs.evolution.get_input_jsonschema()
    assert schema["properties"]["evolve"]["description"]
    assert schema["properties"]["evolve"]["properties"]["rounds"]["maximum"] == 1000


def test_models_are_picked_and_prompts_edited_on_nodes_that_there_are() -> None:
    drawn = {name: set(graph.get_graph().nodes) for name, graph in SERVED_GRAPHS.items()}
    assert set(NODES) == {name for name in NODES if bundled(name)}
    for role, nodes in NODES.items():
        prompt, model = FORM[f"{role}_prompt"], FORM[f"{role}_model"]
        assert prompt["langgraph_type"] == "prompt"
        assert prompt["default"] == bundled(role).to_text()
        assert model["__template_metadata__"] == {"kind": "llm"}
        assert prompt["langgraph_nodes"] == model["langgraph_nodes"] == list(nodes)
        for node in nodes:
            assert node == "verifier" or any(node in names for names in drawn.values())


@pytest.mark.parametrize("role", NODES)
def test_an_edited_prompt_is_the_prompt(role: str) -> None:
    edited = Context.model_validate({f"{role}_prompt": EDITED})
    assert edited.prompts == {role: EDITED}
    assert spread_out(edited.kept())[f"{role}_prompt"] == EDITED


def test_a_form_that_sends_all_that_it_shows_changes_nothing() -> None:
    shown = {name: field["default"] for name, field in FORM.items() if "default" in field}
    assert Context.model_validate(shown).kept() == Context().kept()
    crlf = bundled("agent").to_text().replace("\n", "\r\n")
    assert (
        Context.model_validate({"agent_prompt": crlf, "user_prompt": "", "agent_model": ""}).kept() == Context().kept()
    )


@given(st.dictionaries(st.sampled_from([*NODES, "strict"]), st.just(EDITED)))
def test_a_context_as_a_form_is_the_same_context(prompts: dict[str, str]) -> None:
    fields = {"domain": "hotel", **({"prompts": prompts} if prompts else {})}
    assert gathered(spread_out(fields)) == fields


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"agent_prompt": EDITED, "prompts": {"agent": EDITED + "Really.\n"}}, "the agent's prompt is given twice"),
        ({"agent_prompt": "Be brief."}, "prompt 'agent', line 1: text outside a section"),
        ({"nobody_prompt": EDITED}, "nobody_prompt"),
        ({"agent_prompt": 7}, "agent"),
        ({"model": ""}, "model"),
    ],
)
def test_what_a_form_cannot_send(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Context.model_validate(fields)


def test_a_picked_model_is_one_of_ours() -> None:
    context = Context.model_validate({"model": "openai/gpt-5-mini", "user_model": " scripted "})
    assert (context.model, context.user_model) == ("openai:gpt-5-mini", "scripted")


def test_the_repository_serves_what_the_command_serves() -> None:
    written = json.loads((Path(__file__).parents[2] / "langgraph.json").read_text())
    assert written == configuration()
    assert set(SERVED) == {name for name in graphs.__all__ if isinstance(getattr(graphs, name), CompiledStateGraph)}


def test_a_served_pipeline_is_that_of_its_assistant() -> None:
    short = graphs.DEFAULT.model_dump()
    short["nodes"]["dialogue"]["visits"] = 1
    own = make_pipeline({"configurable": {"workflow": short, "thread_id": "any"}})
    assert own is graphs.pipeline_for(graphs.WorkflowSpec.model_validate(short))
    assert make_pipeline({}) is make_pipeline({"configurable": {"workflow": {"nodes": {}}}}) is graphs.pipeline

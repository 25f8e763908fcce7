"""OpenAPI documents as tools: names, schemas, where each argument goes, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from eigen_graph.core import EigenGraphError, ToolError, ToolTraits
from eigen_graph.core.domain import bind
from eigen_graph.core.json_schema import JsonSchema
from eigen_graph.domains.foreign.openapi import OpenApiTools, _request
from eigen_graph.domains.foreign.openapi_document import Operation, operations
from eigen_graph.domains.foreign.split import described

PETS: dict[str, Any] = yaml.safe_load("""
openapi: 3.0.3
servers:
- url: http://{host}/v1
  variables:
    host: {default: '127.0.0.1:9'}
paths:
  /pets/{pet}:
    parameters:
    - {$ref: '#/components/parameters/Pet'}
    get:
      summary: One pet
      parameters:
      - name: fields
        in: query
        explode: false
        schema:
          type: array
          items: {type: string}
      - name: tag
        in: query
        schema:
          type: array
          items: {type: string}
      - name: filter
        in: query
        style: deepObject
        schema: {type: object}
      - name: X-Trace
        in: header
        schema: {type: string}
      - name: Authorization
        in: header
        schema: {type: string}
      - name: pet
        in: query
        schema: {type: boolean}
    put:
      operationId: change pet
      requestBody:
        required: true
        content:
          application/json:
            schema:
              allOf:
              - {$ref: '#/components/schemas/Base'}
              - {$ref: '#/components/schemas/Pet'}
  /pets:
    post:
      operationId: change pet
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema:
              properties:
                name: {type: string}
                old: {type: boolean}
    patch:
      operationId: many
      requestBody:
        required: true
        content:
          application/vnd.api+json:
            schema:
              type: array
              items: {$ref: '#/components/schemas/Pet'}
components:
  parameters:
    Pet:
      name: pet
      in: path
      required: true
      description: Its number.
      schema: {type: string}
  schemas:
    Base:
      type: object
      required: [id]
      properties:
        id: {type: integer, readOnly: true}
    Pet:
      type: object
      required: [name]
      properties:
        name: {type: string}
        age: {type: integer, minimum: 0, exclusiveMinimum: true, nullable: true}
        nullable: {type: string}
        mother: {$ref: '#/components/schemas/Pet'}
""")


@pytest.fixture(scope="module")
def found() -> dict[str, Operation]:
    return {operation.spec.name: operation for operation in operations(PETS, "pets.json")}


def test_every_operation_is_a_tool(found: dict[str, Operation]) -> None:
    assert {name: (one.method, one.path, one.spec.writes) for name, one in found.items()} == {
        "get_pets_pet": ("GET", "/pets/{pet}", False),
        "change_pet": ("PUT", "/pets/{pet}", True),
        "change_pet_2": ("POST", "/pets", True),
        "many": ("PATCH", "/pets", True),
    }
    parameters = found["change_pet"].spec.parameters
    assert parameters["required"] == ["pet", "name"], "what the server sets is not asked for"
    assert set(parameters["properties"]) == {"pet", "name", "age", "nullable", "mother"}
    assert parameters["properties"]["pet"] == {"type": "string", "description": "Its number."}
    age = parameters["properties"]["age"]
    assert age == {"type": ["integer", "null"], "exclusiveMinimum": 0}
    assert parameters["properties"]["mother"] == {}, "a schema within itself ends somewhere"
    assert found["get_pets_pet"].spec.description == "One pet"
    names = {"pet", "fields", "tag", "filter", "X-Trace", "pet_query"}
    assert set(found["get_pets_pet"].spec.parameters["properties"]) == names


def test_every_argument_goes_where_it_belongs(found: dict[str, Operation]) -> None:
    given = {
        "pet": "a/b ?",
        "fields": ["x", "y"],
        "tag": ["p", "q"],
        "filter": {"age": 3},
        "X-Trace": "t",
        "pet_query": True,
    }
    path, options = _request(found["get_pets_pet"], given)
    assert path == "/pets/a%2Fb%20%3F"
    assert options["params"] == [("fields", "x,y"), ("tag", "p"), ("tag", "q"), ("filter[age]", "3"), ("pet", "true")]
    assert options["headers"] == {"X-Trace": "t"}
    assert _request(found["change_pet"], {"pet": "1", "name": "Rex", "age": None}) == (
        "/pets/1",
        {"json": {"name": "Rex", "age": None}},
    )
    assert _request(found["many"], {"body": [{"name": "Rex"}]}) == ("/pets", {"json": [{"name": "Rex"}]})
    sent = {"data": {"name": "Rex", "old": "true"}}
    assert _request(found["change_pet_2"], {"name": "Rex", "old": True}) == ("/pets", sent)
    for bad in ({"pet": ".."}, {"pet": ""}, {"pet": "1", "X-Trace": "a\r\nb"}):
        with pytest.raises(ValueError, match="cannot stand in"):
            _request(found["get_pets_pet"], bad)


@given(
    st.dictionaries(
        st.sampled_from(["pet", "name", "age", "nullable", "mother", "more"]),
        st.one_of(st.text(max_size=3), st.integers(-2, 2), st.none(), st.just({"name": "x"})),
    )
)
def test_a_definition_takes_what_its_schema_takes(arguments: dict[str, Any]) -> None:
    """What a model is shown, and what we check, are the source's own schema."""
    spec = next(one.spec for one in operations(PETS, "pets.json") if one.spec.name == "change_pet")
    bound = bind(described(spec, ToolTraits(writes=True)))
    shown = bound.openai["function"]["parameters"]
    fits = jsonschema.Draft202012Validator(spec.parameters).is_valid(arguments)
    assert jsonschema.Draft202012Validator(shown).is_valid(arguments) == fits
    try:
        assert bound.read(arguments) == arguments
    except ToolError:
        assert not fits
    else:
        assert fits


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"openapi": "2.0"}, "no OpenAPI document"),
        ({"openapi": "", "swagger": "2.0"}, "Swagger 2.0"),
        ({"paths": {}}, "no operations"),
        ({"paths": []}, "no `paths`"),
        ({"paths": {"/x": {"get": {"parameters": [{"$ref": "#/nowhere"}]}}}}, "there is no '#/nowhere'"),
        ({"paths": {"/x": {"get": {"parameters": [{"$ref": "other.json#/x"}]}}}}, "bundle the document"),
        ({"paths": {"/x": {"$ref": "#/paths/~1x"}}}, "goes in a circle"),
        ({"paths": {"/x": {"post": {"requestBody": {"content": {"image/png": {}}}}}}}, "only JSON and forms"),
    ],
)
def test_what_cannot_be_read_is_said(change: dict[str, Any], says: str) -> None:
    with pytest.raises(EigenGraphError, match=says):
        operations({**PETS, **change}, "pets.json")


def test_files_that_are_none(tmp_path: Path) -> None:
    for text, says in (("{", "neither JSON nor YAML"), ("[]", "no OpenAPI document"), ("a: &a [*a]", "no OpenAPI")):
        (tmp_path / "api.json").write_text(text)
        with pytest.raises(EigenGraphError, match=says):
            OpenApiTools("api.json", tmp_path).tools()
    with pytest.raises(EigenGraphError, match="cannot be read"):
        OpenApiTools("none.json", tmp_path).tools()


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "array"}, "not an object"),
        ({"properties": {"a": {"type": "date"}}}, "its schema is wrong at properties/a/type"),
        ({"properties": {"a": {"$ref": "http://127.0.0.1:9/x"}}}, "which is outside of it"),
    ],
)
def test_schemas_that_are_none(schema: dict[str, Any], says: str) -> None:
    with pytest.raises(EigenGraphError, match=says):
        JsonSchema("tool", schema)


def test_a_pattern_that_python_does_not_know_is_the_tools_to_judge() -> None:
    schema = JsonSchema("tool", {"properties": {"a": {"type": "string", "pattern": "^\\p{L}+$"}}})
    assert schema.read({"a": "x"}) == {"a": "x"}

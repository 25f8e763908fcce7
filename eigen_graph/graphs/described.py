"""Fields of a graph's state that say what they are, also where only their JSON schema is seen: in a form."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

S = TypeVar("S")


@dataclass(frozen=True)
class ShownAs:
    """Lets a field that holds JSON be shown as what it is read as: states keep plain values, forms have fields."""

    model: type[BaseModel]

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The model's schema."""
        return handler(TypeAdapter(self.model).core_schema)


@dataclass(frozen=True)
class _Said:
    """A description that does not crowd the API pages, where the docstring stands already."""

    text: str

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(core), "description": self.text}

    def __repr__(self) -> str:
        return "..."


def described(state: type[S]) -> type[S]:
    """Make the docstring under each field of a TypedDict the field's description in its JSON schema.

    Pydantic does so for a class's own fields (`use_attribute_docstrings`), not for those that it inherits; and a
    description must stand before a reducer, which LangGraph looks for in the last place.

    Args:
        state: A TypedDict, defined after all that its fields name.
    """
    hints = get_type_hints(state, include_extras=True)
    for name, text in _docstrings(state):
        kind, *rest = get_args(hints[name]) if get_origin(hints[name]) is Annotated else (hints[name],)
        reducers = [one for one in rest if callable(one)]
        others = [one for one in rest if not callable(one)]
        hints[name] = Annotated[(kind, *others, _Said(text), *reducers)]
    state.__annotations__ = hints
    return state


def _docstrings(state: type[Any]) -> Iterator[tuple[str, str]]:
    try:
        source = textwrap.dedent(inspect.getsource(state))
    except OSError:  # installed without its source: forms are less telling, nothing else
        return
    body = ast.parse(source).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    for field, after in pairwise(statements):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(after, ast.Expr):
            text = ast.literal_eval(after.value)
            yield field.target.id, " ".join(inspect.cleandoc(text).split())

"""Calls that look right and are not: the same tool with one argument plausibly wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from eigen_graph.core.task import Action

if TYPE_CHECKING:
    import random

    from eigen_graph.core.database import Database
    from eigen_graph.core.domain import Domain

_DATE = re.compile(r"^(\d{4})-(\d{2})-(\d{2})(.*)$")


def wrong_arguments(domain: Domain, database: Database, action: Action, rng: random.Random) -> Iterator[Action]:
    """Variants of a call with one argument changed, the most telling first.

    A value that is a record's key becomes another key of that table; one of an enumeration another of it; a number,
    a flag, a date or a text changes a little; a list loses or changes an element. Whether a variant means something
    else is for the caller to find out by running it.

    Args:
        domain: Gives the tools' schemas.
        database: The caller's side, where keys are looked up.
        action: The call to vary.
        rng: Picks among equals.
    """
    side = domain.side(action.requestor)
    bound = side.toolbox.get(action.name)
    properties = bound.openai["function"]["parameters"].get("properties", {}) if bound else {}
    for name in sorted(action.arguments, key=lambda n: not isinstance(action.arguments[n], str)):
        for value in _other_values(action.arguments[name], properties.get(name, {}), database, rng):
            yield action.model_copy(update={"arguments": {**action.arguments, name: value}})


def _other_values(value: Any, schema: Mapping[str, Any], database: Database, rng: random.Random) -> Iterator[Any]:
    choices = [choice for choice in _enumeration(schema) if choice != value]
    if choices:
        yield rng.choice(choices)
    elif isinstance(value, str):
        yield from _other_texts(value, database, rng)
    elif isinstance(value, list | tuple):
        yield from _other_lists(list(value), schema, database, rng)
    elif isinstance(value, dict):
        for key in sorted(value):
            for other in _other_values(value[key], schema.get("properties", {}).get(key, {}), database, rng):
                yield {**value, key: other}
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield round(value + (1 if isinstance(value, int) else 10), 2)


def _other_lists(
    value: list[Any], schema: Mapping[str, Any], database: Database, rng: random.Random
) -> Iterator[list[Any]]:
    if value:
        yield value[:-1]
        for other in _other_values(value[0], schema.get("items", {}), database, rng):
            yield [other, *value[1:]]


def _other_texts(value: str, database: Database, rng: random.Random) -> Iterator[str]:
    for table in database.values():
        if value in table:
            others = [key for key in table if key != value]
            if others:
                yield rng.choice(others)
                return
    if match := _DATE.match(value):
        day = int(match[3])
        yield f"{match[1]}-{match[2]}-{day + 1 if day < 28 else day - 1:02d}{match[4]}"  # noqa: PLR2004  # every month has 28 days
    else:
        yield f"{value} II" if value else "something"


def _enumeration(schema: Mapping[str, Any]) -> list[Any]:
    if "enum" in schema:
        return list(schema["enum"])
    return [choice for option in schema.get("anyOf", ()) for choice in option.get("enum", ())]

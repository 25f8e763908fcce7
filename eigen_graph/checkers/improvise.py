"""Calls made up from a database: plausible, and known to work because they were tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from eigen_graph.checkers.difference import same_end
from eigen_graph.core import Action

if TYPE_CHECKING:
    import random

    from eigen_graph.core import Actor, Database, Domain, Environment, Record
    from eigen_graph.core.tool import BoundTool

_TRIES = 12


def working_calls(env: Environment, actor: Actor, rng: random.Random, *, writes: bool) -> Iterator[Action]:
    """Calls of one party's tools, at most one a tool, that succeed here; those of writing tools change something.

    Arguments come from records: a parameter takes the value of the field of that name, or the key of the table that
    it names, from a record picked at random or one it refers to.
    """
    side = env.domain.agent if actor == "assistant" else env.domain.user
    if side is None:
        return
    database = env.agent_db if actor == "assistant" else env.user_db
    tools = [bound for bound in side.toolbox.values() if bound.traits.writes is writes]
    rng.shuffle(tools)
    for bound in tools:
        for _ in range(_TRIES):
            action = Action(
                requestor=actor,
                name=bound.tool.name,
                arguments=_arguments(bound, _context(database, rng) if database else {}, env.domain, rng),
            )
            if works(env, action, writes=writes):
                yield action
                break


def works(env: Environment, action: Action, *, writes: bool) -> bool:
    """Whether a call succeeds here and, if it should write, changes something."""
    after = env.fork()
    outcome = after.run(action.name, action.arguments, action.requestor)
    return not outcome.error and (not writes or not same_end(after, env))


def _context(database: Database, rng: random.Random) -> dict[str, Any]:
    """What is known of a random record and of those that its fields name, by parameter name."""
    filled = [table for table in database.values() if len(table)]
    if not filled:
        return {}
    table = rng.choice(filled)
    key = rng.choice(list(table))
    known = _known(table.name, key, table[key])
    for value in list(known.values()):
        for other in filled:
            if isinstance(value, str) and value in other:
                known = {**_known(other.name, value, other[value]), **known}
    return known


def _known(table: str, key: str, record: Record) -> dict[str, Any]:
    fields = {name: value for name, value in record.model_dump(mode="json").items() if value is not None}
    singular = table.removesuffix("ies") + "y" if table.endswith("ies") else table.removesuffix("s")
    return {f"{singular}_id": key, singular: key, **fields}


def _arguments(bound: BoundTool, known: Mapping[str, Any], domain: Domain, rng: random.Random) -> dict[str, Any]:
    parameters = bound.openai["function"]["parameters"]
    required = parameters.get("required", [])
    return {
        name: _value(name, schema, known, domain, rng)
        for name, schema in parameters.get("properties", {}).items()
        if name in required
    }


def _value(name: str, schema: Mapping[str, Any], known: Mapping[str, Any], domain: Domain, rng: random.Random) -> Any:
    if "enum" in schema:
        return rng.choice(schema["enum"])
    if name in known:
        return known[name]
    if schema.get("type") == "array":
        return [_value(name.removesuffix("s"), schema.get("items", {}), known, domain, rng)]
    otherwise = domain.now[:10] if "date" in name else "as discussed"
    return {"boolean": rng.choice([True, False]), "integer": rng.randint(1, 3), "number": 10.0, "object": {}}.get(
        schema.get("type", ""), otherwise
    )

"""How two ends of one beginning differ: in words for people, and as data for checker programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eigen_graph.core import Database, Environment, Record

Same = Callable[["Record | None", "Record | None"], bool]
"""When two records count as equal."""

_MAX_VALUE = 80


def same_values(one: Record | None, other: Record | None) -> bool:
    """Equal values, numbers as numbers: 2 equals 2.0."""
    if one == other:
        return True
    # A foreign tool may have stored plain JSON where the record has a model.
    return one is not None and other is not None and _json(one) == _json(other)


def same_json(one: Record | None, other: Record | None) -> bool:
    """Equal JSON texts, as tau2's database hash sees them: 2 differs from 2.0, keys in any order, lists in theirs."""
    return one is other or _dump(one) == _dump(other)


def same_order(found: Environment, wanted: Environment) -> bool:
    """Whether new records of tables that are kept as lists came in the same order, as tau2's hash wants it."""
    return all(
        table.added == theirs[name].added
        for _, mine, theirs in _sides(found, wanted)
        for name, table in mine.items()
        if table.ordered
    )


def differences(
    found: Environment, wanted: Environment, same: Same = same_values, *, agent_only: bool = False
) -> Iterator[str]:
    """What differs, a line a field, e.g. `bookings/B0042: status is 'cancelled', should be 'confirmed'`.

    Both environments must stem from one (`Environment.fork`): then only records that either touched are looked at;
    with `agent_only`, those of the agent's side.
    """
    for label, mine, theirs in _sides(found, wanted, agent_only=agent_only):
        for table, key in _touched(mine, theirs):
            one, other = mine[table].get(key), theirs[table].get(key)
            if not same(one, other):
                yield from _describe(f"{label}{table}/{key}", one, other)


def same_end(found: Environment, wanted: Environment, same: Same = same_values, *, agent_only: bool = False) -> bool:
    """Whether nothing differs; as `differences`."""
    return all(
        same(mine[table].get(key), theirs[table].get(key))
        for _, mine, theirs in _sides(found, wanted, agent_only=agent_only)
        for table, key in _touched(mine, theirs)
    )


def changes(start: Environment, end: Environment) -> list[dict[str, Any]]:
    """What became of each record that is not as it was: `{"side", "table", "key", "before", "after"}`.

    `before` is None for a new record, `after` for a removed one; the agent's side comes first.
    """
    found = []
    for side, (_, before, after) in zip(("assistant", "user"), _sides(start, end), strict=False):
        for table, key in _touched(before, after):
            one, other = before[table].get(key), after[table].get(key)
            if one != other:
                found.append({"side": side, "table": table, "key": key, "before": _json(one), "after": _json(other)})
    return found


def _sides(
    one: Environment, other: Environment, *, agent_only: bool = False
) -> Iterator[tuple[str, Database, Database]]:
    yield "", one.agent_db, other.agent_db
    if not agent_only and one.user_db is not None and other.user_db is not None:
        yield "the user's ", one.user_db, other.user_db


def _touched(one: Database, other: Database) -> Iterator[tuple[str, str]]:
    for name, table in one.items():
        for key in sorted(table.touched | other[name].touched):
            yield name, key


def _describe(where: str, found: Record | None, wanted: Record | None) -> Iterator[str]:
    if found is None:
        yield f"{where}: is missing"
    elif wanted is None:
        yield f"{where}: exists, should not"
    else:
        one, other = found.model_dump(mode="json", warnings=False), wanted.model_dump(mode="json", warnings=False)
        for field in {**other, **one}:
            # By JSON text, so that a difference only tau2 sees (2 against 2.0) is shown too; for plain
            # equality such a field is noise, but it can only stand beside one that truly differs.
            if _text(one.get(field)) != _text(other.get(field)):
                yield f"{where}: {field} is {_brief(one.get(field))}, should be {_brief(other.get(field))}"


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 1]}…"


def _json(record: Record | None) -> dict[str, Any] | None:
    return None if record is None else record.model_dump(mode="json", warnings=False)


def _dump(record: Record | None) -> str:
    return _text(None if record is None else record.model_dump(warnings=False))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)

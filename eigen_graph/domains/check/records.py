"""Records: immutable through and through, the same after a trip through JSON, consistent among themselves."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from eigen_graph.core import Database, Domain, Record
from eigen_graph.core.domain import Side
from eigen_graph.domains.check.finding import Finding, error, warning

_MUTABLE: Final = (list, dict, set, bytearray)
_SAMPLE: Final = 25


def check_records(domain: Domain) -> Iterator[Finding]:
    """Field types, JSON round trips, invariants on the base databases, `sync` on them."""
    for which, database in _databases(domain):
        for name, table in database.items():
            where = f"{which} table {name}"
            for field in [] if table.copies else _mutable_fields(table.record_type):
                yield warning(
                    where,
                    f"field {field!r} can be changed in place, behind the forks' backs",
                    "use tuples and nested Records instead of lists, sets and dicts",
                )
            for key, record in islice(table.items(), _SAMPLE):
                yield from _check_round_trip(where, key, record)
    if not domain.invariants:
        yield warning("invariants", "there are none", "write functions that say what must always hold")
    yield from check_invariants(domain, domain.agent.database, _user_database(domain), "the database")
    yield from _check_sync(domain)


def check_invariants(domain: Domain, agent: Database, user: Database | None, where: str) -> Iterator[Finding]:
    """What the domain's invariants complain of."""
    for invariant in domain.invariants:
        name = getattr(invariant, "__name__", "an invariant")
        try:
            complaints = invariant(agent, user)
        except Exception as problem:  # noqa: BLE001  # foreign code: whatever it raises is the finding
            yield error(
                where, f"invariant {name} fails: {type(problem).__name__}: {problem}", "let it return its words"
            )
            continue
        if complaints:
            more = f", and {len(complaints) - 1} more" if len(complaints) > 1 else ""
            yield error(where, f"{name}: {complaints[0]}{more}", "mend the records, or the tool that made them so")


def private_copy(domain: Domain) -> Domain:
    """The domain over copies of its databases, which may be damaged."""
    return replace(domain, agent=_copied(domain.agent), user=_copied(domain.user) if domain.user is not None else None)


def _copied(side: Side) -> Side:
    return replace(side, database=side.database.copy())


def _databases(domain: Domain) -> Iterator[tuple[str, Database]]:
    yield "agent", domain.agent.database
    if domain.user is not None:
        yield "user", domain.user.database


def _user_database(domain: Domain) -> Database | None:
    return domain.user.database if domain.user is not None else None


def _mutable_fields(record_type: type[BaseModel]) -> list[str]:
    return [name for name, field in record_type.model_fields.items() if _is_mutable(field.annotation)]


def _is_mutable(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in {Union, types.UnionType, Annotated, tuple}:
        return any(_is_mutable(argument) for argument in get_args(annotation))
    kind = origin or annotation
    if not isinstance(kind, type):
        return False
    if issubclass(kind, BaseModel):
        return not kind.model_config.get("frozen", False) or bool(_mutable_fields(kind))
    return issubclass(kind, _MUTABLE)


def _check_round_trip(where: str, key: str, record: Record) -> Iterator[Finding]:
    try:
        same = type(record).model_validate(record.model_dump(mode="json")) == record
    except ValidationError as problem:
        reason = problem.errors()[0]["msg"]
        yield error(where, f"record {key!r} does not come back from JSON: {reason}", "use types that JSON can hold")
        return
    if not same:
        yield error(where, f"record {key!r} is another after JSON", "use types that JSON can hold")


def _check_sync(domain: Domain) -> Iterator[Finding]:
    if domain.sync is None or domain.user is None:
        return
    agent, user = domain.agent.database.fork(), domain.user.database.fork()
    domain.sync(agent, user)
    if not (agent.same_as(domain.agent.database) and user.same_as(domain.user.database)):
        yield warning("sync", "the base databases are not in step", "run it once when they are generated")
    again = agent.fork(), user.fork()
    domain.sync(*again)
    if not (agent.same_as(again[0]) and user.same_as(again[1])):
        yield error("sync", "run twice, it changes something the second time", "let it set values, never add to them")

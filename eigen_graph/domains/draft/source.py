"""What is to be drafted: record types and invariants, found in a module or a domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eigen_graph.core import Database, Domain, EigenGraphError, Record, UnknownNameError, references
from eigen_graph.core.domain import Invariant
from eigen_graph.core.loading import find_module, split_reference
from eigen_graph.domains.registry import domain_in, domain_names, load_domain

_NOW = "2025-06-02T09:00:00"


@dataclass(frozen=True)
class Source:
    """What a draft goes by."""

    schema: Mapping[str, type[Record]]
    """Record type of each table."""
    invariants: tuple[Invariant, ...] = (references,)
    about: str = ""
    """What it is, in words: for a model that writes rows."""
    now: str = _NOW
    """The domain's present, ISO 8601: dates are drawn from the sixty days before it."""
    user: Database | None = None
    """The user's side, as it is: invariants may look at it."""


def read_source(reference: str) -> Source:
    """Find what to draft.

    Args:
        reference: `path/to/records.py` or `package.module`, with a mapping `SCHEMA` of record types by table, perhaps
            `INVARIANTS` and `NOW`; `:attribute` names another mapping, or a domain; or an installed domain's name. A
            domain is drafted by its agent's side.

    Raises:
        UnknownNameError: There is no such module or attribute.
        EigenGraphError: What is there is neither a schema nor a domain, or its code does not run.
    """
    if reference in domain_names():
        return _of_domain(load_domain(reference))
    target, attribute = split_reference(reference)
    module = find_module(target, "schema")
    attribute = attribute or ("SCHEMA" if hasattr(module, "SCHEMA") else "domain")
    if not hasattr(module, attribute):
        raise UnknownNameError(
            f"{module.__file__} has no {attribute!r} to draft a database for: name record types by table, as in "
            f"SCHEMA = {{'orders': Order}}, or give a domain"
        )
    found = getattr(module, attribute)
    if not isinstance(found, Mapping):
        return _of_domain(domain_in(module, attribute, reference))
    for table, record_type in found.items():
        if not (isinstance(table, str) and isinstance(record_type, type) and issubclass(record_type, Record)):
            raise EigenGraphError(
                f"{attribute} in {module.__file__} maps {table!r} to {record_type!r:.80}: it must map table names to "
                f"subclasses of eigen_graph.core.Record"
            )
    return Source(
        schema=dict(found),
        invariants=_with_references(getattr(module, "INVARIANTS", ())),
        about=module.__doc__ or "",
        now=getattr(module, "NOW", _NOW),
    )


def _of_domain(domain: Domain) -> Source:
    schema = {name: table.record_type for name, table in domain.agent.database.items()}
    user = domain.user.database if domain.user is not None else None
    return Source(schema, _with_references(domain.invariants), domain.title, domain.now, user)


def _with_references(invariants: Any) -> tuple[Invariant, ...]:
    given = tuple(invariants)
    return given if references in given else (references, *given)

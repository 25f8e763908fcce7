"""The domains that dialogues are run again in, where they are there and still those that they were made on."""

from __future__ import annotations

from dataclasses import replace

from eigen_graph.checkers import database_digest
from eigen_graph.core import Domain
from eigen_graph.domains import load_domain
from eigen_graph.domains.foreign.backend import Backend
from eigen_graph.domains.foreign.journal import JournalWorld
from eigen_graph.report.dialogues import Setting
from eigen_graph.report.words import line

_MAX_REASON = 200


class Settings:
    """Domains by name and digest of their databases; each is loaded once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Setting] = {}

    def __call__(self, domain: str, database: str) -> Setting:
        """A domain to run dialogues again in; without one where it cannot be loaded, or holds other data now.

        Args:
            domain: Its name.
            database: Digest of the databases that the dialogues were made on; empty: unknown.
        """
        if (domain, database) not in self._found:
            self._found[domain, database] = _load(domain, database)
        return self._found[domain, database]


def _load(domain: str, database: str) -> Setting:
    try:
        found = load_domain(domain)
        digest = database_digest(found)
    except Exception as error:  # noqa: BLE001  # a foreign domain's code runs here
        return Setting(why_not=f"domain {domain!r} cannot be loaded ({line(error, _MAX_REASON)})")
    if database and database != digest:
        return Setting(why_not=f"domain {domain!r} has database {digest} now, the dialogues were made on {database}")
    return Setting(recorded_only(found))


def recorded_only(domain: Domain) -> Domain:
    """The domain; foreign tools are answered by their recording alone: a report must never reach a live server."""
    world = domain.environment_type
    if not isinstance(world, JournalWorld) or world.backend.pool is None:
        return domain
    backend = Backend(world.backend.recording, None, place=world.backend.place)
    return replace(domain, environment_type=JournalWorld(backend))

"""The domain that dialogues are run again in, where it is there and still the one that they were made on."""

from __future__ import annotations

from eigen_graph.checkers import database_digest
from eigen_graph.domains import load_domain
from eigen_graph.report.dialogues import Setting
from eigen_graph.report.words import line

_MAX_REASON = 200


def setting_for(domain: str, database: str) -> Setting:
    """Load a domain to run dialogues again in; one that cannot be loaded, or holds other data now, is left out.

    Args:
        domain: Its name.
        database: Digest of the databases that the dialogues were made on; empty: unknown.
    """
    try:
        found = load_domain(domain)
        digest = database_digest(found)
    except Exception as error:  # noqa: BLE001  # a foreign domain's code runs here
        return Setting(why_not=f"domain {domain!r} cannot be loaded ({line(error, _MAX_REASON)})")
    if database and database != digest:
        return Setting(why_not=f"domain {domain!r} has database {digest} now, the dialogues were made on {database}")
    return Setting(found)

"""Whether the parts of a domain agree: what `eigen-graph domains check NAME` proves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from eigen_graph.core import Domain
from eigen_graph.domains.check.behaviour import check_behaviour
from eigen_graph.domains.check.finding import SEVERITIES, Finding, Severity, warning
from eigen_graph.domains.check.foreign import check_foreign
from eigen_graph.domains.check.playbook import check_playbook
from eigen_graph.domains.check.policy import check_policy
from eigen_graph.domains.check.records import check_records, private_copy
from eigen_graph.domains.check.tools import check_tools

__all__ = ["SEVERITIES", "Finding", "Severity", "check_domain"]

_MANY = 6
"""From so many on, warnings that say the same are told as one."""


def check_domain(domain: Domain) -> list[Finding]:
    """Prove a domain, on a copy: it takes seconds and leaves the domain as it was.

    Tools are described and their schemas sound; read tools change nothing and failing writes leave nothing behind;
    policy and tools name each other; invariants hold on the databases and after every playbook case; `sync` settles
    at once; the playbook's cases replay, end as they claim, and keep to the procedure that the tools ask for. Of tools
    with a world of their own: that reads answer, and answer the same again.

    Returns:
        What was found, errors first; empty when all is well.
    """
    findings = dict.fromkeys(_all(domain))  # each once, in order
    return sorted(_folded(findings), key=lambda finding: SEVERITIES.index(finding.severity))


def _folded(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The same warning about many things is one warning."""
    places: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if finding.severity == "error":
            yield finding
        else:
            places.setdefault((finding.what, finding.mend), []).append(finding)
    for alike in places.values():
        if len(alike) < _MANY:
            yield from alike
        else:
            first, second, *rest = alike
            yield replace(first, where=f"{first.where}, {second.where} and {len(rest)} more")


def _all(domain: Domain) -> Iterator[Finding]:
    broken = list(check_tools(domain))
    yield from broken
    yield from check_policy(domain)
    if domain.judged_by:  # no records of ours, and no calls that somebody's server would not forget
        yield from check_foreign(domain) if not any(f.severity == "error" for f in broken) else ()
        return
    unfit = list(check_records(domain))
    yield from unfit
    if any(finding.severity == "error" for finding in (*broken, *unfit)):
        return  # what follows calls the tools on a copy of the records
    yield from check_behaviour(private_copy(domain))
    if domain.playbook is None:
        yield warning("playbook", "there is none", "without one, only a real model can play this domain")
    else:
        yield from check_playbook(private_copy(domain), domain.playbook)

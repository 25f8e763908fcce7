"""Policy and tools name each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from eigen_graph.core import Domain, PlainPolicy, Policy
from eigen_graph.domains.check.finding import Finding, error, warning

_NUMBER = re.compile(r"^(\d+(?:\.\d+)*)[.)]\s", re.MULTILINE)


def check_policy(domain: Domain) -> Iterator[Finding]:
    """Clauses exist, are numbered once, and speak of tools that exist; every tool is spoken of."""
    policy = domain.policy
    if not policy.clauses:
        yield error("policy", "has no numbered clauses", "start each rule's line with its number: `7. Cancel only ...`")
    if not isinstance(policy, PlainPolicy):  # whose numbers and backticks mean nothing to us
        yield from _check_numbers(policy)
    tools = {tool.name for actor in ("assistant", "user") for tool in domain.tools_of(actor)}
    for number in () if isinstance(policy, PlainPolicy) else policy.clauses:
        for name in policy.tools_named_in(number):
            if name not in tools:
                yield error(
                    f"clause {number}",
                    f"names `{name}`, which is no tool",
                    "keep backticks for tools, and spell them as they are called",
                )
    unnamed = [name for name in sorted(tools) if not re.search(rf"\b{re.escape(name)}\b", policy.text)]
    if unnamed and isinstance(policy, PlainPolicy):
        names = ", ".join(unnamed)
        yield warning("policy", f"does not mention {names}", "a model learns of them by their schemas only")
        unnamed = []
    for name in unnamed:
        yield warning(f"tool {name}", "is not mentioned in the policy", "name it in the clause that governs it")
    yield from _check_present(domain)


def _check_numbers(policy: Policy) -> Iterator[Finding]:
    numbers = _NUMBER.findall(policy.text)
    for number in sorted({number for number in numbers if numbers.count(number) > 1}):
        yield error(f"clause {number}", "stands in the policy more than once", "number every clause differently")


def _check_present(domain: Domain) -> Iterator[Finding]:
    try:
        datetime.fromisoformat(domain.now)
    except ValueError:
        yield error("now", f"{domain.now!r} is no ISO date or date-time", "write it like 2026-05-11T10:00:00")
        return
    if domain.now[:10] not in domain.policy.text:
        yield warning("policy", "does not say which day it is", f"say that today is {domain.now[:10]}")

"""Tools as they behave: reads that change nothing, failures that leave nothing behind, errors that are answers."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any, Final

from eigen_graph.core import Actor, Database, Domain, environment_of
from eigen_graph.core.tool import BoundTool
from eigen_graph.domains.check.arguments import Suggester
from eigen_graph.domains.check.finding import Finding, error, warning
from eigen_graph.domains.check.records import private_copy

_TRIES: Final = 12
_ACCIDENT = re.compile(r"Error: ([A-Z]\w*(?:Error|Exception|Warning|Iteration)): ")


def check_behaviour(domain: Domain) -> Iterator[Finding]:
    """Call every tool, plausibly and not, on a domain whose databases may be damaged."""
    before = _contents(domain)
    yield from _call_all(domain, _bound(domain))
    if _contents(domain) == before:
        return
    # Some tool reached through its fork to the base. Find out which, each on a copy of its own.
    for actor, bound in _bound(domain):
        copy = private_copy(domain)
        before = _contents(copy)
        for _ in _call_all(copy, [(actor, bound)]):
            pass
        if _contents(copy) != before:
            yield error(
                f"{_side(actor)} tool {bound.tool.name}",
                "changes a record in place, which every other episode sees",
                "change records only through Table.update, and keep them immutable",
            )


def _bound(domain: Domain) -> list[tuple[Actor, BoundTool]]:
    actors: tuple[Actor, ...] = ("assistant", "user") if domain.user is not None else ("assistant",)
    return [(actor, bound) for actor in actors for bound in domain.side(actor).toolbox.values()]


def _contents(domain: Domain) -> list[Any]:
    return [domain.side(actor).database.to_json() for actor in dict.fromkeys(actor for actor, _ in _bound(domain))]


def _side(actor: Actor) -> str:
    return "agent" if actor == "assistant" else "user"


def _call_all(domain: Domain, tools: list[tuple[Actor, BoundTool]]) -> Iterator[Finding]:
    suggesters: dict[Actor, Suggester] = {}
    for actor, bound in tools:
        rng = random.Random(f"{domain.name}/{bound.tool.name}")
        if actor not in suggesters:
            suggesters[actor] = Suggester(_database(domain, actor), rng)
        suggester = suggesters[actor]
        suggester.rng = rng
        parameters = bound.openai["function"].get("parameters", {})
        where = f"{_side(actor)} tool {bound.tool.name}"
        for _ in range(_TRIES):
            yield from _try(domain, actor, bound, suggester.plausible(parameters), where)
        for arguments in suggester.rubbish(parameters):
            yield from _try(domain, actor, bound, arguments, where)


def _database(domain: Domain, actor: Actor) -> Database:
    return domain.side(actor).database


def _try(domain: Domain, actor: Actor, bound: BoundTool, arguments: Any, where: str) -> Iterator[Finding]:
    env = environment_of(domain)
    before = env.fork()
    try:
        outcome = env.run(bound.tool.name, arguments, actor)
    except (Exception, SystemExit) as problem:  # noqa: BLE001  # what must never happen, whatever it is
        yield error(
            where,
            f"does not come back: {type(problem).__name__}: {problem!s:.120}",
            "raise ToolError, nothing that leaves the environment",
        )
        return
    if not env.same_as(before) and (outcome.error or not bound.traits.writes):
        # Foreign rules may let a failed call leave what it changed; a read must never change anything.
        yield (warning if domain.environment_type is not None and bound.traits.writes else error)(
            where,
            f"changed the database although it {'only reads' if not bound.traits.writes else 'failed'}",
            "let it only look, or make it with @domain_tool(writes=True) and change things through the world's `db`",
        )
    if outcome.error and (accident := _ACCIDENT.match(outcome.content)):
        yield warning(
            where,
            f"answers some arguments with a bare {accident[1]}",
            "check them first and raise ToolError in words a caller can use",
        )

"""A domain whose tools have a world of their own: what can be proven of it by asking them, and what cannot."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from eigen_graph.core import Actor, Domain, EigenGraphError, ToolError, environment_of
from eigen_graph.core.tool import BoundTool
from eigen_graph.domains.check.arguments import Suggester
from eigen_graph.domains.check.finding import Finding, error, warning
from eigen_graph.domains.foreign.backend import Backend
from eigen_graph.domains.foreign.journal import JournalWorld
from eigen_graph.domains.foreign.source import Call

_TRIES: Final = 3


def check_foreign(domain: Domain) -> Iterator[Finding]:
    """Reads answer, twice the same, and leave the journal alone; a tool gone is one error, not a hundred.

    Writes are not called: whatever stands behind the tools may be somebody's.
    """
    yield warning(
        "judging",
        f"a checker goes by {domain.judged_by}",
        "a task is right when the right writes were made; what they did to the server, nobody looks at",
    )
    if writes := ", ".join(name for actor, name in _tools(domain, writes=True)):
        yield warning(
            f"tools {writes}",
            "write, and were not called: that they do what they say is not proven",
            "try them on a test server; never point a domain at one whose data matter",
        )
    try:
        for actor, name in _tools(domain, writes=False):
            yield from _check_read(domain, actor, name)
    except EigenGraphError as problem:
        yield error("tools", f"do not answer: {problem}", "start what runs them, or say `answers: recorded`")


def _tools(domain: Domain, *, writes: bool) -> Iterator[tuple[Actor, str]]:
    actors: tuple[Actor, ...] = ("assistant", "user")
    for actor in actors:
        for tool in domain.tools_of(actor):
            if domain.side(actor).toolbox[tool.name].traits.writes is writes:
                yield actor, tool.name


def _check_read(domain: Domain, actor: Actor, name: str) -> Iterator[Finding]:
    bound: BoundTool = domain.side(actor).toolbox[name]
    where = f"{'agent' if actor == 'assistant' else 'user'} tool {name}"
    suggester = Suggester(domain.side(actor).database, random.Random(f"{domain.name}/{name}"))
    parameters = bound.openai["function"].get("parameters", {})
    worked, asked = False, []
    for _ in range(_TRIES):
        env = environment_of(domain)
        before, arguments = env.fork(), suggester.plausible(parameters)
        outcome = env.run(name, arguments, actor)
        worked = worked or not outcome.error
        if not env.same_as(before):
            yield error(where, "wrote in the journal although it only reads", "name it under `writes`")
        with suppress(ToolError, ValueError):
            asked.append(Call.of(name, bound.read(arguments)))
    world = domain.environment_type
    if isinstance(world, JournalWorld) and any(_differs(world.backend, call) for call in asked):
        yield warning(
            where,
            "answers otherwise when it is asked again, with nothing written in between",
            "name it under `writes` if it changes something; if it tells the time, the first answer stands for all",
        )
    if not worked:
        yield warning(
            where,
            "was never called rightly: of its answers nothing is proven",
            "describe its arguments with examples or enumerations in its schema",
        )


def _differs(backend: Backend, call: Call) -> bool:
    now = backend.asked_again(call)
    return now is not None and now != backend.recording.find((), call)

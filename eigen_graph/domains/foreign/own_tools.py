"""A domain from LangChain tools, made in Python."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool

from eigen_graph.core import Database, Domain, EigenGraphError, Policy, Side, ToolTraits
from eigen_graph.core.domain import runtime_parameter
from eigen_graph.core.tool import traits_of
from eigen_graph.domains.foreign import background
from eigen_graph.domains.foreign.backend import Backend
from eigen_graph.domains.foreign.load import kept
from eigen_graph.domains.foreign.pool import Pool
from eigen_graph.domains.foreign.python import PythonTools, Tools
from eigen_graph.domains.foreign.recording import Recording
from eigen_graph.domains.foreign.split import Split, journal_domain


def domain_of_tools(
    name: str,
    policy: str | Policy,
    *,
    agent: Sequence[BaseTool],
    user: Sequence[BaseTool] = (),
    writes: Collection[str] | None = None,
    confirm: Collection[str] = (),
    after: Mapping[str, Sequence[str]] | None = None,
    database: Database | None = None,
    user_database: Database | None = None,
    anew: Tools | None = None,
    recording: Path | str | None = None,
    timeout: float = 30.0,
    **rest: Any,
) -> Domain:
    """A domain from tools that you have.

    Tools that take their world from us (`runtime: ToolRuntime[World]`) work on a `database`, and are judged by its
    state. Any others have a world of their own: it is not ours to see, so tasks are judged by the journal of writes,
    and `anew` must make the tools with a fresh world, or no tool may write.

    Args:
        name: The domain's.
        policy: Markdown with numbered clauses.
        agent: The agent's tools.
        user: The user's own.
        writes: Names of the tools that may change something; None: each says so itself (`@domain_tool`, or
            `metadata={"writes": ...}`).
        confirm: Names of those that need the user's yes first.
        after: For a tool, those of which one must have succeeded before.
        database: The agent's side, of tools that take it.
        user_database: The user's side; left out: the same tables, empty.
        anew: Makes all the tools again, over a world in which nothing was written.
        recording: File that answers are recorded in, of tools with a world of their own; None: kept in memory, so
            dialogues cannot be judged by another process.
        timeout: Seconds that a call of such a tool may take.
        rest: More fields of `Domain` (`now`, `title`, `invariants`, ...).

    Raises:
        EigenGraphError: A name is no tool's, a tool does not say whether it writes, or the tools do not fit the world.
    """
    if isinstance(policy, str):
        policy = Policy(policy)
    every = [*agent, *user]
    if writes is None:
        traits = {tool.name: traits_of(tool) for tool in every}
        writes = [name for name, trait in traits.items() if trait.writes]
        confirm = [*confirm, *(name for name, trait in traits.items() if trait.confirm)]
        after = {name: trait.after for name, trait in traits.items() if trait.after} | dict(after or {})
    split = Split(
        agent=[tool.name for tool in agent],
        user=[tool.name for tool in user],
        writes=list(writes),
        confirm=list(confirm),
        after=after or {},
    )
    split.require(dict.fromkeys(tool.name for tool in every), f"domain_of_tools({name!r})")
    if database is not None:
        sides = {"agent": Side(database, tuple(_over(tool, split.traits(tool.name), timeout) for tool in agent))}
        if user:
            theirs = user_database if user_database is not None else Database({})
            sides["user"] = Side(theirs, tuple(_over(tool, split.traits(tool.name), timeout) for tool in user))
        waits = any(_is_asynchronous(tool) for tool in every)
        return Domain(name=name, policy=policy, **sides, blocking=waits, **rest)  # type: ignore[arg-type]
    source = PythonTools(anew or every, timeout=timeout, place=f"the tools of {name!r}")
    if split.writes and not source.repeatable:
        raise EigenGraphError(
            f"domain_of_tools({name!r}): {', '.join(split.writes)} may write into a world that nothing brings back, so "
            f"an episode would see what another wrote: give `anew=`, a function that makes the tools afresh, or let "
            f"them take `runtime: ToolRuntime[World]` and give a `database=`"
        )
    tools = source.tools()
    if missing := {tool.name for tool in every} - {tool.name for tool in tools}:
        raise EigenGraphError(f"domain_of_tools({name!r}): `anew` makes no tool called {', '.join(sorted(missing))}")
    kept_in = Recording(Path(recording) if recording is not None else None)
    if kept_in.tools() != tools:
        kept_in.describe(tools)
    backend = kept(Backend(kept_in, Pool(source, tools), place=source.place))
    return journal_domain(name=name, policy=policy, tools=tools, split=split, backend=backend, **rest)


def _over(tool: BaseTool, traits: ToolTraits, timeout: float) -> BaseTool:
    """A tool over a database of ours."""
    if traits.writes and runtime_parameter(tool) is None:
        raise EigenGraphError(
            f"tool {tool.name!r} writes and takes no `runtime: ToolRuntime[World]`: what it does would not be in the "
            f"database; give it one, or leave `database` out"
        )
    changes: dict[str, Any] = {"metadata": {**(tool.metadata or {}), "eigen": replace(traits)}}
    if _is_asynchronous(tool) and isinstance(tool, StructuredTool) and (act := tool.coroutine):

        @wraps(act)
        def at_once(**given: Any) -> Any:
            return background.wait(background.submit(act(**given)), timeout, tool.name)

        changes["func"] = at_once
    return tool.model_copy(update=changes)


def _is_asynchronous(tool: BaseTool) -> bool:
    return isinstance(tool, StructuredTool) and tool.func is None

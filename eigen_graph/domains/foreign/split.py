"""Who has which tool, and what each does: stated for every tool, never guessed."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from langchain_core.tools import BaseTool, StructuredTool

from eigen_graph.core import Domain, EigenGraphError, Policy, Side, ToolTraits
from eigen_graph.domains.foreign.backend import Backend
from eigen_graph.domains.foreign.journal import JUDGED_BY, MADE_UP, JournalWorld, empty_journal
from eigen_graph.domains.foreign.source import ToolSpec


@dataclass(frozen=True)
class Split:
    """Names of tools: each stands in exactly one of the first three lists."""

    agent: Sequence[str]
    user: Sequence[str] = ()
    left_out: Sequence[str] = ()
    writes: Sequence[str] = ()
    """Tools that may change something."""
    confirm: Sequence[str] = ()
    """Tools that need the user's yes first."""
    after: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """For a tool, those of which one must have succeeded before."""

    def require(self, known: Iterable[str], where: str) -> None:
        """Make sure that it speaks of all tools that there are, and of no others.

        Args:
            known: The tools.
            where: What stated it, for messages.

        Raises:
            EigenGraphError: A name is no tool's, a tool stands in two lists or in none; it names what and where.
        """
        names, lists = list(known), {"agent": self.agent, "user": self.user, "left_out": self.left_out}
        for name, where_named in self._named():
            if name not in names:
                close = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                raise EigenGraphError(
                    f"{where}: `{where_named}` names {name!r:.80}, which is no tool; {hint}The tools are "
                    f"{', '.join(names) or 'none'}"
                )
        for name in names:
            stands = [which for which, listed in lists.items() for _ in range(listed.count(name))]
            if len(stands) > 1:
                raise EigenGraphError(f"{where}: {name!r} stands in {' and in '.join(stands)}: give it to one side")
            if not stands:
                raise EigenGraphError(
                    f"{where}: {name!r} stands in none of agent, user, left_out: say who has it (left_out: nobody)"
                )
        for name in {*self.writes, *self.confirm, *self.after} & {*self.left_out}:
            raise EigenGraphError(f"{where}: {name!r} is left out, so nothing need be said of it: remove it elsewhere")
        for name in self.confirm:
            if name not in self.writes:
                raise EigenGraphError(
                    f"{where}: {name!r} stands in `confirm` and not in `writes`: only writes need a yes"
                )
        if not self.agent:
            raise EigenGraphError(f"{where}: the agent has no tools: name some under `agent`")

    def traits(self, name: str) -> ToolTraits:
        """What the engine must know about a tool."""
        return ToolTraits(
            writes=name in self.writes, confirm=name in self.confirm, after=tuple(self.after.get(name, ()))
        )

    def _named(self) -> Iterator[tuple[str, str]]:
        for which in ("agent", "user", "left_out", "writes", "confirm", "after"):
            yield from ((name, which) for name in getattr(self, which))
        for name, before in self.after.items():
            yield from ((other, f"after: {name}") for other in before)


def journal_domain(
    *,
    name: str,
    policy: Policy,
    tools: Collection[ToolSpec],
    split: Split,
    backend: Backend,
    made_up: bool = False,
    **rest: Any,
) -> Domain:
    """A domain whose world is a journal.

    Args:
        name: The domain's.
        policy: The agent's.
        tools: What there is; those left out are not in it.
        split: Who has which, already required to fit.
        backend: Answers their calls.
        made_up: Some answers are a model's.
        rest: More fields of `Domain`.
    """
    by_name = {tool.name: tool for tool in tools}
    used = [*split.agent, *split.user]
    stated = [[by_name[name].model_dump(), split.traits(name).writes, name in split.user] for name in used]
    text = json.dumps([name, sorted(stated, key=str)], sort_keys=True)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()[:16]
    sides = [
        Side(empty_journal(fingerprint), tuple(described(by_name[name], split.traits(name)) for name in names))
        for names in (split.agent, split.user)
    ]
    return Domain(
        name=name,
        policy=policy,
        agent=sides[0],
        user=sides[1] if split.user else None,
        environment_type=JournalWorld(backend),
        blocking=True,
        judged_by=f"{JUDGED_BY}{MADE_UP if made_up else ''}",
        **rest,
    )


def described(spec: ToolSpec, traits: ToolTraits) -> BaseTool:
    """A tool that can be shown to a model, and called in an episode of its domain alone."""

    def refuse(**_: Any) -> NoReturn:
        raise EigenGraphError(
            f"tool {spec.name!r} was called outside an episode: its domain's Environment answers its calls"
        )

    return StructuredTool(
        name=spec.name,
        description=spec.description,
        args_schema=spec.parameters,
        func=refuse,
        metadata={"eigen": traits},
    )

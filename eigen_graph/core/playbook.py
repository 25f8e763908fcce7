"""A playbook: intents that can be acted out on a domain's database, exactly and without a model.

An intent is a plain function that walks through its dialogue once on a `Stage`: it picks records, says lines, makes
calls. The offline `scripted` model plays its roles from the resulting `Case`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from eigen_graph.core.case import DIFFICULTIES, Case, Cue, Difficulty, Ending, Intent, NoCaseError
from eigen_graph.core.errors import EigenGraphError, UnknownNameError
from eigen_graph.core.stage import Stage

if TYPE_CHECKING:
    from eigen_graph.core.domain import Domain

_MAX_CACHED = 512


@dataclass
class Playbook:
    """The intents of a domain."""

    intents: dict[str, Intent] = field(default_factory=dict)
    _cases: dict[tuple[int, Cue], Case] = field(default_factory=dict, repr=False)
    """Cases acted out lately: every role of a dialogue asks for the same one."""

    def intent(
        self,
        name: str,
        *,
        clauses: Sequence[str],
        tools: Sequence[str],
        ending: Ending = "done",
        difficulties: Sequence[Difficulty] = DIFFICULTIES,
    ) -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
        """Register the function that follows as an intent.

        Raises:
            EigenGraphError: `clauses` or `tools` is a bare string, or there is an intent of that name.
        """
        if isinstance(clauses, str) or isinstance(tools, str):
            raise EigenGraphError(f'intent {name!r}: clauses and tools are lists, also of one: clauses=["1"]')

        def register(play: Callable[[Stage], None]) -> Callable[[Stage], None]:
            if name in self.intents:
                raise EigenGraphError(f"there are two intents called {name!r}")
            self.intents[name] = Intent(name, tuple(clauses), tuple(tools), ending, tuple(difficulties), play)
            return play

        return register

    def ranked(self, cue: Cue) -> list[Intent]:
        """The intents for a cue, best first: those that exercise its clause and its tool, ties drawn by the seed."""
        if cue.intent:
            if cue.intent not in self.intents:
                raise UnknownNameError(f"no intent {cue.intent!r}; there are {', '.join(self.intents)}")
            return [self.intents[cue.intent]]
        order = list(self.intents.values())
        random.Random(f"intent/{cue.seed}").shuffle(order)
        return sorted(
            order,
            key=lambda intent: (
                4 * (cue.clause in intent.clauses)
                + 2 * (cue.tool in intent.tools)
                + (cue.difficulty in intent.difficulties)
            ),
            reverse=True,
        )

    def case(self, domain: Domain, cue: Cue) -> Case:
        """Act out the best intent for which the database has records. Deterministic in the cue.

        Raises:
            NoCaseError: No intent finds records under this seed.
        """
        key = (id(domain), cue)
        if (case := self._cases.get(key)) is None:
            if len(self._cases) >= _MAX_CACHED:
                self._cases.clear()
            case = self._cases[key] = self._act(domain, cue)
        return case

    def _act(self, domain: Domain, cue: Cue) -> Case:
        for intent in self.ranked(cue):
            stage = Stage(domain, cue, intent)
            try:
                intent.play(stage)
            except NoCaseError:
                continue
            return stage.case()
        raise NoCaseError(f"no intent of domain {domain.name!r} finds records for {cue}")

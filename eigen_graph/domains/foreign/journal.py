"""The world of a foreign domain: which of its tools have written, with what arguments, and how often.

What is behind the tools cannot be forked or compared. What an episode wrote can: so the journal is an ordinary
database, checkers and their mutants work on it unchanged, and a task is judged by the journal of its writes, not by the
server's state. Two episodes that wrote the same, in any order, count as equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from eigen_graph.core import Database, Environment, Outcome, Record, ToolError
from eigen_graph.domains.foreign.backend import Backend
from eigen_graph.domains.foreign.source import Call, History

if TYPE_CHECKING:
    from eigen_graph.core import Actor, Domain, Task
    from eigen_graph.core.tool import BoundTool

TABLE = "writes"
JUDGED_BY = "the journal of writes (which tools wrote, with what arguments, how often), not the server's state"
"""What a checker of such a domain goes by."""
MADE_UP = "; a model made up what the tools answered"
"""Added where that is so."""


class Write(Record):
    """A call that wrote. `arguments` is never changed in place."""

    tool: str
    arguments: dict[str, Any]
    times: int = 1


def empty_journal(fingerprint: str) -> Database:
    """A journal of nothing.

    Args:
        fingerprint: Stands for the tools, so that checkers of other tools do not take this world for theirs.
    """
    database = Database({TABLE: Write})
    database._base_digest.append(fingerprint)  # noqa: SLF001  # its contents are nothing, and alike in every domain
    return database


class JournalWorld:
    """Makes the environments of a domain (`Domain.environment_type`), which share one backend."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def __call__(self, domain: Domain, task: Task | None = None) -> JournalEnvironment:
        """A new world for one episode; raises as `Environment`."""
        return JournalEnvironment(self.backend, domain, task)


class JournalEnvironment(Environment):
    """As `Environment`, but a call is answered by a backend, and a write that succeeded is entered in the journal."""

    __slots__ = ("_backend", "_history")

    def __init__(self, backend: Backend, domain: Domain, task: Task | None = None) -> None:
        self._backend = backend
        self._history: History = ()
        super().__init__(domain, task)

    @property
    def history(self) -> History:
        """The writes so far, of both sides, in order: what answers depend on."""
        return self._history

    def fork(self) -> Self:
        """A second environment in the same state."""
        twin = super().fork()
        twin._backend, twin._history = self._backend, self._history  # noqa: SLF001  # one of its own kind
        return twin

    def run(
        self, name: str, arguments: Mapping[str, Any] | str, actor: Actor, *, call_id: str = "", sync: bool = True
    ) -> Outcome:
        """As `Environment.run`; see the class."""
        before = self._history
        outcome = super().run(name, arguments, actor, call_id=call_id, sync=sync)
        if outcome.error:
            self._history = before
        return outcome

    def _invoke(self, bound: BoundTool, arguments: Mapping[str, Any] | str, actor: Actor, call_id: str) -> str:
        del call_id
        if isinstance(arguments, str):
            raise ToolError("the arguments are not a JSON object")
        call = Call.of(bound.tool.name, bound.read(arguments))
        answer = self._backend.answer(self._history, call, writes=bound.traits.writes)
        if answer.error:
            raise ToolError(answer.content)
        if bound.traits.writes:
            self._enter(call, actor)
        return answer.content

    def _enter(self, call: Call, actor: Actor) -> None:
        table, key = self._database(actor)[TABLE], f"{call.tool}({call.arguments})"
        times = table[key].times + 1 if key in table else 1
        table.put(key, Write(tool=call.tool, arguments=call.decoded(), times=times))
        self._history = (*self._history, call)

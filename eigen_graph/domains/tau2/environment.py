"""An episode's world under tau2's own rules for calls (tau2-bench, `environment/environment.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from eigen_graph.core import Environment, Outcome, ToolError, UnknownNameError
from eigen_graph.domains.tau2.starts import Start, keep, recall
from eigen_graph.domains.tau2.toolkit import as_text, invoke

if TYPE_CHECKING:
    from eigen_graph.core import Actor, Assertion, Domain, Setup, Task, ToolCall

_BY_NAME, _BY_PLACE = "requestor", ("self", "tool_name")
"""Parameters of tau2's own way to a tool: an argument of such a name is one too many there."""
_MAX_DEPTH, _MAX_BITS = 200, 13_900
"""What tau2 stores beyond these cannot be written as JSON again, and it judges no such dialogue."""


class Tau2Environment(Environment):
    """As `Environment`, but a call is what tau2 makes of it.

    Arguments go to the tool as they are, unvalidated; whatever it raises is `Error: ...` in its own words; a tool that
    breaks half-way leaves what it changed, and the other side learns of that with the next call that succeeds.
    """

    __slots__ = ("_stale",)

    def __init__(self, domain: Domain, task: Task | None = None) -> None:
        self._stale = True
        if (start := recall(domain, task)) is not None:
            self.domain, self._stale = domain, False
            self._agent_db, self._user_db = start
            return
        super().__init__(domain, task)
        try:
            self.sync()
        except Exception as error:  # whatever a task's initial data do to it
            raise ToolError(f"initial state: {error}") from error
        keep(domain, task, Start(self._agent_db, self._user_db))

    def fork(self) -> Self:
        """A second environment in the same state."""
        twin = super().fork()
        twin._stale = self._stale  # noqa: SLF001  # one of its own kind
        return twin

    def run(
        self, name: str, arguments: Mapping[str, Any] | str, actor: Actor, *, call_id: str = "", sync: bool = True
    ) -> Outcome:
        """As `Environment.run`; see the class."""
        del call_id
        try:
            return Outcome(as_text(self._call(name, arguments, actor, sync=sync)), error=False)
        except Exception as error:  # noqa: BLE001  # whatever a tool raises is the caller's to read
            return Outcome(f"Error: {error}", error=True)

    def replay(self, call: ToolCall, actor: Actor) -> bool:
        """As `Environment.replay`; the result is never put into words, which would cost as much as the call."""
        try:
            self._call(call.name, call.arguments, actor)
        except Exception:  # noqa: BLE001  # as above
            return True
        return False

    def _call(self, name: str, arguments: Mapping[str, Any] | str, actor: Actor, *, sync: bool = True) -> Any:
        side = self.domain.agent if actor == "assistant" else self.domain.user
        if isinstance(arguments, str):  # tau2 knows no such call
            raise ToolError("the arguments are not a JSON object")
        _require_passable(arguments)
        if side is None:
            raise ToolError("User tools not available")
        if (bound := side.toolbox.get(name)) is None:
            raise ToolError(f"Tool '{name}' not found.")
        if bound.traits.writes:
            _require_storable(arguments)
            self._stale = True
        result = invoke(self._database(actor), name, dict(arguments), writes=bound.traits.writes)
        if sync and self._stale:
            self.sync()
        return result

    def sync(self) -> None:
        """Carry what one side did over to the other."""
        super().sync()
        self._stale = False

    def prepare(self, setup: Setup) -> None:
        """Run one initial action: any method of its side's toolkit. Raises as `Environment`."""
        side = self.domain.side(setup.env_type)
        if setup.func_name not in side.setups and setup.func_name not in side.toolbox:
            known = ", ".join([*side.setups, *side.toolbox])
            raise UnknownNameError(
                f"no initial action {setup.func_name!r} on the {setup.env_type} side; known: {known}"
            )
        try:
            _require_storable(setup.arguments)
            invoke(self._database(setup.env_type), setup.func_name, dict(setup.arguments), writes=True)
            self.sync()
        except Exception as error:
            raise ToolError(f"initial action {setup.func_name}: {error}") from error

    def holds(self, assertion: Assertion) -> bool:
        """Whether a named assertion comes out as it says; raises as `Environment`."""
        side = self.domain.side(assertion.env_type)
        if assertion.func_name not in side.assertions and assertion.func_name not in side.toolbox:
            known = ", ".join(side.assertions) or "none"
            raise UnknownNameError(
                f"no assertion {assertion.func_name!r} on the {assertion.env_type} side; known: {known}"
            )
        # A tool may write; what an assertion looks at must stay as it is.
        world = self if assertion.func_name in side.assertions else self.fork()
        try:
            database = world._database(assertion.env_type)  # noqa: SLF001  # one of its own kind
            value = invoke(database, assertion.func_name, dict(assertion.arguments), writes=world is not self)
        except Exception as error:
            raise ToolError(f"assertion {assertion.func_name}: {error}") from error
        if not isinstance(value, bool):
            raise ToolError(f"assertion {assertion.func_name} answered {value!r}, which is no bool")
        return value is assertion.assert_value

    def _load(self, data: Mapping[str, Any], actor: Actor) -> None:
        """Merge initial data into the database: mappings deep, everything else replaced (tau2's `update_db`)."""
        if not data:
            return
        database: Any = self._database(actor)
        try:
            database.merge(data)
        except Exception as error:
            raise ToolError(f"initial data: {error}") from error


def _require_passable(arguments: Mapping[str, Any]) -> None:
    """Refuse arguments that never get as far as a tool, in Python's words for it."""
    way = "Environment.make_tool_call() got multiple values for"
    if _BY_NAME in arguments:
        raise ToolError(f"tau2.environment.environment.{way} keyword argument {_BY_NAME!r}")
    if taken := next((name for name in arguments if name in _BY_PLACE), None):
        raise ToolError(f"{way} argument {taken!r}")


def _require_storable(arguments: Mapping[str, Any]) -> None:
    if not all(_is_storable(value) for value in arguments.values()):
        raise ToolError("the arguments are nested too deep or hold a number too long")


def _is_storable(value: Any, room: int = _MAX_DEPTH) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return room > 0 and all(_is_storable(item, room - 1) for item in value)
    return not isinstance(value, int) or value.bit_length() <= _MAX_BITS

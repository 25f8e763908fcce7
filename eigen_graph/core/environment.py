"""One episode's world: forked databases, the tools bound to them, and errors as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from langchain_core.messages import ToolMessage
from langchain_core.tools import ToolException
from langgraph.prebuilt import ToolRuntime
from pydantic import BaseModel, ValidationError

from eigen_graph.core.errors import NOTHING_KNOWN, ToolError, UnknownNameError
from eigen_graph.core.tool import BoundTool, World
from eigen_graph.core.trajectory import Message, ToolCall

if TYPE_CHECKING:
    from langchain_core.messages import ToolCall as LangChainToolCall

    from eigen_graph.core.database import Database
    from eigen_graph.core.domain import Domain
    from eigen_graph.core.task import Actor, Assertion, Setup, Task

_MAX_ERROR_CHARS = 600


class Outcome(NamedTuple):
    """What a call came to."""

    content: str
    error: bool


class Environment:
    """A domain as one task finds it, to be changed by one dialogue.

    Making one forks the databases and runs the task's initial state; nothing reaches the domain or another
    environment.

    Raises:
        UnknownNameError: The initial state names a setup, tool or table that the domain lacks.
        ToolError: An initial action fails, or initial data does not fit.
    """

    __slots__ = ("_agent_db", "_user_db", "domain")

    def __init__(self, domain: Domain, task: Task | None = None) -> None:
        self.domain = domain
        self._agent_db = domain.agent.database.fork()
        self._user_db = domain.user.database.fork() if domain.user else None
        initial = task.initial_state if task else None
        if initial is None:
            return
        for key, actor in (("agent_data", "assistant"), ("user_data", "user")):
            self._load((initial.initialization_data or {}).get(key) or {}, actor)  # type: ignore[arg-type]
        for setup in initial.initialization_actions or ():
            self.prepare(setup)

    @property
    def agent_db(self) -> Database:
        """The agent's side as it is now."""
        return self._agent_db

    @property
    def user_db(self) -> Database | None:
        """The user's side as it is now; None when the user has none."""
        return self._user_db

    def fork(self) -> Self:
        """A second environment in the same state."""
        twin = object.__new__(type(self))
        twin.domain = self.domain
        twin._agent_db = self._agent_db.fork()
        twin._user_db = self._user_db.fork() if self._user_db is not None else None
        return twin

    def same_as(self, other: Environment) -> bool:
        """Both sides' databases are equal."""
        if (self._user_db is None) != (other._user_db is None):
            return False
        return self._agent_db.same_as(other._agent_db) and (
            self._user_db is None or other._user_db is None or self._user_db.same_as(other._user_db)
        )

    def execute(self, call: LangChainToolCall, actor: Actor) -> ToolMessage:
        """Run a tool call for one party and let the other side catch up (`Domain.sync`).

        Never raises for what a caller can get wrong: an unknown tool, wrong arguments, a refusing or broken tool, a
        result beyond `Domain.max_result_chars` come back as `Error: ...` with status `error`, both databases as they
        were.

        Raises:
            InfrastructureError, OutageError: What runs the domain's tools is out of reach: nothing is known of the
                call, so nobody is to blame for it.
        """
        outcome = self.run(call["name"], call["args"], actor, call_id=call.get("id") or "")
        return ToolMessage(
            outcome.content,
            name=call["name"],
            tool_call_id=call.get("id") or "",
            status="error" if outcome.error else "success",
        )

    def answer(self, call: ToolCall, actor: Actor) -> Message:
        """As `execute`, in a trajectory's terms."""
        outcome = self.run(call.name, call.arguments, actor, call_id=call.id)
        return Message(role="tool", content=outcome.content, tool_call_id=call.id, requestor=actor, error=outcome.error)

    def run(
        self, name: str, arguments: Mapping[str, Any] | str, actor: Actor, *, call_id: str = "", sync: bool = True
    ) -> Outcome:
        """As `execute`, without the message; `sync=False` leaves the other side behind (tau2's gold replay)."""
        side = self.domain.agent if actor == "assistant" else self.domain.user
        bound = side.toolbox.get(name) if side else None
        if bound is None:
            known = ", ".join(side.toolbox) if side and side.toolbox else "none"
            return Outcome(f"Error: there is no tool {name!r:.80}. Tools: {known}", error=True)
        before = self._agent_db, self._user_db
        if bound.traits.writes:
            self._agent_db = self._agent_db.fork()
            self._user_db = self._user_db.fork() if self._user_db is not None else None
        try:
            text = _as_text(self._invoke(bound, arguments, actor, call_id))
            if len(text) > self.domain.max_result_chars:
                raise ToolError(  # noqa: TRY301  # the one way out of a call is the handler below
                    f"the result of {name} is too long ({len(text)} characters, at most "
                    f"{self.domain.max_result_chars}); ask for less"
                )
            if sync and bound.traits.writes:
                self.sync()
        except NOTHING_KNOWN:
            self._agent_db, self._user_db = before
            raise
        except Exception as error:  # noqa: BLE001  # whatever a tool raises is the caller's to read
            self._agent_db, self._user_db = before
            return Outcome(f"Error: {_reason(error)}"[:_MAX_ERROR_CHARS], error=True)
        return Outcome(text, error=False)

    def replay(self, call: ToolCall, actor: Actor) -> bool:
        """Run a recorded call again for what it does; whether it failed."""
        return self.run(call.name, call.arguments, actor, call_id=call.id).error

    def sync(self) -> None:
        """Carry what one side did over to the other."""
        if self.domain.sync and self._user_db is not None:
            self.domain.sync(self._agent_db, self._user_db)

    def prepare(self, setup: Setup) -> None:
        """Run one initial action: a setup function of its side, or else a tool.

        Raises:
            UnknownNameError: There is neither.
            ToolError: It fails.
        """
        side = self.domain.side(setup.env_type)
        if (function := side.setups.get(setup.func_name)) is not None:
            try:
                function(self._database(setup.env_type), **setup.arguments)
                self.sync()
            except Exception as error:  # whatever the arguments of a model's task do to it
                raise ToolError(f"initial action {setup.func_name}: {_reason(error)}") from error
        elif setup.func_name in side.toolbox:
            outcome = self.run(setup.func_name, setup.arguments, setup.env_type)
            if outcome.error:
                raise ToolError(f"initial action {setup.func_name}: {outcome.content}")
        else:
            names = ", ".join([*side.setups, *side.toolbox])
            raise UnknownNameError(
                f"no initial action {setup.func_name!r} on the {setup.env_type} side; known: {names}"
            )

    def holds(self, assertion: Assertion) -> bool:
        """Whether a named assertion comes out as it says.

        Raises:
            UnknownNameError: There is no assertion of that name on its side.
            ToolError: It fails, or answers with something that is no bool.
        """
        side = self.domain.side(assertion.env_type)
        if (predicate := side.assertions.get(assertion.func_name)) is None:
            known = ", ".join(side.assertions) or "none"
            raise UnknownNameError(
                f"no assertion {assertion.func_name!r} on the {assertion.env_type} side; known: {known}"
            )
        try:
            value = predicate(self._database(assertion.env_type), **assertion.arguments)
        except Exception as error:  # as above
            raise ToolError(f"assertion {assertion.func_name}: {_reason(error)}") from error
        if not isinstance(value, bool):
            raise ToolError(f"assertion {assertion.func_name} answered {value!r}, which is no bool")
        return value is assertion.assert_value

    def _invoke(self, bound: BoundTool, arguments: Mapping[str, Any] | str, actor: Actor, call_id: str) -> Any:
        if isinstance(arguments, str):
            raise ToolError("the arguments are not a JSON object")
        given = bound.read(arguments)
        runtime: ToolRuntime[World, dict[str, Any]] = ToolRuntime(
            state={},
            context=World(self._database(actor), self.domain.now),
            config={},
            stream_writer=_silent,
            tool_call_id=call_id,
            store=None,
        )
        if bound.function is None:
            # A foreign tool: through LangChain's own door, the runtime injected by name as ToolNode does.
            return bound.tool.invoke({**given, **({bound.runtime_name: runtime} if bound.runtime_name else {})})
        if bound.runtime_name:
            given[bound.runtime_name] = runtime
        return bound.function(**given)

    def _database(self, actor: Actor) -> Database:
        if actor == "assistant":
            return self._agent_db
        if self._user_db is None:
            raise UnknownNameError(f"in domain {self.domain.name!r} the user has no database")
        return self._user_db

    def _load(self, data: Mapping[str, Mapping[str, Any]], actor: Actor) -> None:
        if not isinstance(data, Mapping):
            raise ToolError(f"initial data: it is a {type(data).__name__}, not tables by name")
        for name, rows in data.items():
            table = self._database(actor)[name]
            try:
                for key, row in rows.items():
                    table.put(key, table.record_type.model_validate(row))
            except (AttributeError, ValidationError) as error:
                raise ToolError(f"initial data: {name}: {_reason(error)}") from error


def environment_of(domain: Domain, task: Task | None = None) -> Environment:
    """A new world for one episode, of the kind that the domain asks for; raises as `Environment` does."""
    made: Environment = (domain.environment_type or Environment)(domain, task)
    return made


def _silent(_: Any) -> None:
    """Tools outside a graph have nobody to stream to."""


def _as_text(result: Any) -> str:
    if isinstance(result, str):
        return result
    return json.dumps(_as_json(result), ensure_ascii=False)


def _as_json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_as_json(item) for item in value]
    return value


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{where}: {first['msg']}" if where else first["msg"]
    if isinstance(error, ToolError | ToolException | UnknownNameError):
        return str(error)
    if isinstance(error, KeyError):
        return f"nothing is stored under {error}"
    return f"{type(error).__name__}: {error}"

"""A domain: a policy, tools and databases, for the agent's side and, where the user has tools too, for the user's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from langchain_core.tools import BaseTool, StructuredTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.prebuilt import ToolRuntime

from eigen_graph.core.database import Database
from eigen_graph.core.errors import EigenGraphError, UnknownNameError
from eigen_graph.core.json_schema import JsonSchema
from eigen_graph.core.tool import BoundTool, traits_of

if TYPE_CHECKING:
    from eigen_graph.core.case import Repertoire
    from eigen_graph.core.policy import Policy
    from eigen_graph.core.task import Actor, Task
    from eigen_graph.core.taskset import TaskSet

Setup = Callable[..., None]
"""`setup(db, **arguments)`: brings one side's database into a starting condition (breaks a router, say)."""
Predicate = Callable[..., bool]
"""`predicate(db, **arguments)`: a named assertion over one side's database."""
Invariant = Callable[[Database, "Database | None"], "list[str]"]
"""`invariant(agent_db, user_db)`: what is inconsistent, in words; empty when all is well."""


class Briefing(Protocol):
    """How a benchmark words what both sides are told, where it prescribes that."""

    def agent(self, domain: Domain) -> str:
        """The agent's system message."""

    def user(self, domain: Domain, task: Task) -> str:
        """The simulated user's system message."""


@dataclass(frozen=True)
class Side:
    """What one party has: a database, tools over it, named setups and named assertions."""

    database: Database
    tools: tuple[BaseTool, ...] = ()
    setups: Mapping[str, Setup] = field(default_factory=dict)
    assertions: Mapping[str, Predicate] = field(default_factory=dict)

    @cached_property
    def toolbox(self) -> dict[str, BoundTool]:
        """The tools by name, ready to be called many times."""
        return {tool.name: bind(tool) for tool in self.tools}


@dataclass(frozen=True, eq=False)
class Domain:
    """A world in which dialogues take place. Two are equal only if they are one.

    Raises:
        EigenGraphError: Two tools of a side share a name, or a tool is asynchronous only or does not say whether it
            writes.
    """

    name: str
    policy: Policy
    agent: Side
    user: Side | None = None
    """The user's own tools and devices; None when the user can only talk."""
    sync: Callable[[Database, Database], None] | None = None
    """`sync(agent_db, user_db)`: carries what one side did over to the other; runs after every call."""
    now: str = "2025-06-02T09:00:00"
    """The domain's fixed present, ISO 8601."""
    playbook: Repertoire | None = None
    """What `scripted` plays; None: the domain needs a model."""
    invariants: tuple[Invariant, ...] = ()
    max_result_chars: int = 20_000
    """A longer tool result is refused with an error that says so."""
    title: str = ""
    """One line for lists."""
    tasks: TaskSet | None = None
    """Tasks that come with it."""
    briefing: Briefing | None = None
    """The wording that its own benchmark gives both sides; None: there is only ours."""
    environment_type: Callable[[Domain, Task | None], Any] | None = None
    """Makes an episode's world (a kind of `Environment`), where a foreign domain has rules of its own for calls."""
    blocking: bool = False
    """Its tools wait for something outside (a server, a process): graphs run them in threads."""
    judged_by: str = ""
    """What checkers go by where that is not the state of its databases, in words; it is said wherever verdicts are."""
    reference: str = ""
    """What `load_domain` finds it by again, where its name is not enough."""

    def __post_init__(self) -> None:
        for side in filter(None, (self.agent, self.user)):
            names = [tool.name for tool in side.tools]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise EigenGraphError(f"domain {self.name!r}: more than one tool is called {', '.join(twice)}")
            for tool in side.tools:
                traits_of(tool)
                if isinstance(tool, StructuredTool) and tool.func is None:
                    raise EigenGraphError(
                        f"tool {tool.name!r} is asynchronous only: an episode is replayed call by call, so give it a "
                        f"plain function (StructuredTool.from_function(func=...))"
                    )

    def side(self, actor: Actor) -> Side:
        """The agent's or the user's side.

        Raises:
            UnknownNameError: The user's side of a domain whose user has none.
        """
        if actor == "assistant":
            return self.agent
        if self.user is None:
            raise UnknownNameError(f"in domain {self.name!r} the user has no tools and no database")
        return self.user

    def tools_of(self, actor: Actor) -> tuple[BaseTool, ...]:
        """The tools one party may call; none for a user without a side."""
        side = self.agent if actor == "assistant" else self.user
        return side.tools if side else ()

    @cached_property
    def write_tools(self) -> tuple[str, ...]:
        """Names of the agent's tools that write."""
        return tuple(name for name, bound in self.agent.toolbox.items() if bound.traits.writes)


def runtime_parameter(tool: BaseTool) -> str | None:
    """The parameter by which a tool takes its world (`ToolRuntime`); None: it takes none."""
    function = (tool.func or tool.coroutine) if isinstance(tool, StructuredTool) else None
    for name, parameter in inspect.signature(function or tool._run, eval_str=True).parameters.items():  # noqa: SLF001  # a foreign tool's one function
        annotation = parameter.annotation
        if annotation is ToolRuntime or getattr(annotation, "__origin__", None) is ToolRuntime:
            return name
    return None


def bind(tool: BaseTool) -> BoundTool:
    """Work out once what calling a tool needs."""
    given: Any = tool.args_schema
    schema: Any = JsonSchema(tool.name, given) if isinstance(given, dict) else tool.tool_call_schema
    return BoundTool(
        tool=tool,
        traits=traits_of(tool),
        schema=schema,
        function=tool.func if isinstance(tool, StructuredTool) else None,
        runtime_name=runtime_parameter(tool),
        openai=convert_to_openai_tool(tool),
    )

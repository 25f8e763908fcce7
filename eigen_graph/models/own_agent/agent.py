"""An agent of one's own as it is given, and how it becomes something to run."""

from __future__ import annotations

import inspect
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable
from langgraph.graph import StateGraph
from langgraph.pregel.protocol import PregelProtocol

from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.core.loading import attribute_of, broken, find_module, split_reference
from eigen_graph.models.own_agent.sitting import Manner
from eigen_graph.models.own_agent.tools import tools_of
from eigen_graph.models.spec import ATTRIBUTE, Memory, ModelSpec, Policy

_WANTED = "a graph, a Runnable over messages, or a function that makes one (it may take `tools`)"


@dataclass(frozen=True)
class OwnAgent:
    """An agent of one's own, where it is not named by a reference, and how it is to be treated.

    `evaluate("hotel", agent=OwnAgent(my_graph, policy="system", prices=(0.15, 0.60)))`
    """

    agent: Any
    """A graph, a Runnable over messages, or a function that makes one; if it takes `tools`, it is given the domain's.
    It may be asynchronous, or an asynchronous context manager that is left when all is over."""
    name: str = ""
    """In results; its own when left out."""
    policy: Policy | None = None
    """`system`: the instructions, with the domain's policy, are its first message. None: if it is made with `tools`."""
    memory: Memory | None = None
    """`own`: it remembers the dialogue and is given only what is new. None: if it is a graph with a checkpointer."""
    timeout: float | None = None
    """Seconds that it may take for a message; None: as for a model's reply."""
    prices: tuple[float, float] | None = None
    """USD per million tokens in and out of its models, for a budget in USD."""

    @classmethod
    def of(cls, given: Any) -> OwnAgent:
        """From whatever takes the place of a model: a spec, an object, or one of these."""
        if isinstance(given, OwnAgent):
            return given
        if isinstance(given, ModelSpec):
            return cls(
                given.name,
                given.title,
                policy=given.policy,
                memory=given.memory,
                timeout=given.timeout,
                prices=given.prices,
            )
        return cls(given)

    @property
    def title(self) -> str:
        """Its name in records and results."""
        if self.name or isinstance(self.agent, str):
            return self.name or self.agent
        own = getattr(self.agent, "name", None) or getattr(self.agent, "__name__", None)
        return str(own or type(self.agent).__name__)


def is_own_agent(model: Any) -> bool:
    """Whether something that takes the place of a model is an agent of one's own: neither a spec nor a chat model."""
    if isinstance(model, str):
        return ModelSpec.parse(model).kind == "agent"
    if isinstance(model, ModelSpec):
        return model.kind == "agent"
    return not isinstance(model, BaseChatModel)


def loaded(own: OwnAgent) -> Any:
    """What an agent's reference leads to, or what was given as such.

    Raises:
        EigenGraphError: It leads nowhere, or to nothing that could be an agent.
    """
    if not isinstance(own.agent, str):
        found = own.agent
    else:
        target, attribute = split_reference(own.agent)
        found = attribute_of(find_module(target, "agent"), attribute or ATTRIBUTE, _WANTED)
    if not callable(found) and not isinstance(found, Runnable | StateGraph):
        raise EigenGraphError(f"the agent {own.title} is {type(found).__name__}: it must be {_WANTED}")
    return found


async def made(own: OwnAgent, found: Any, domain: Domain, patience: float, stack: AsyncExitStack) -> Manner:
    """The agent, ready to run.

    Args:
        own: How it is to be treated.
        found: What `loaded` gave.
        domain: Whose tools it is given.
        patience: Seconds for one message.
        stack: Where a context that it is made in is left.

    Raises:
        EigenGraphError: Its code does not run, or what it makes is no agent.
    """
    told = False
    if not isinstance(found, Runnable | StateGraph):
        given = _arguments(found, domain, own.title)
        told = bool(given)
        try:
            found = found(**given)
            if inspect.isawaitable(found):
                found = await found
            if hasattr(found, "__aenter__") and not isinstance(found, Runnable):
                found = await stack.enter_async_context(found)
        except EigenGraphError:
            raise
        except (Exception, SystemExit) as error:
            raise broken("agent", f"{own.title}()", error) from error
    if isinstance(found, StateGraph):
        found = found.compile()
    if not isinstance(found, Runnable):
        raise EigenGraphError(f"the agent {own.title} makes {type(found).__name__}: it must be {_WANTED}")
    return Manner(
        label=own.title,
        graph=found,
        keyed=_is_keyed(found, own.title),
        told=told if own.policy is None else own.policy == "system",
        remembers=_has_checkpointer(found) if own.memory is None else own.memory == "own",
        patience=patience,
    )


def _arguments(maker: Any, domain: Domain, label: str) -> dict[str, Any]:
    """What a function that makes an agent asks for."""
    parameters = inspect.signature(maker).parameters.values()
    asked = [p.name for p in parameters if p.default is p.empty and p.kind not in {p.VAR_KEYWORD, p.VAR_POSITIONAL}]
    if other := [name for name in asked if name != "tools"]:
        raise EigenGraphError(
            f"the agent {label} is a function of {', '.join(other)}: a function that makes an agent takes `tools`, or "
            "nothing; one that answers messages is wrapped in RunnableLambda"
        )
    return {"tools": tools_of(domain)} if any(p.name == "tools" for p in parameters) else {}


def _is_keyed(graph: Runnable[Any, Any], label: str) -> bool:
    """Whether it takes a state with `messages`."""
    try:
        schema = graph.get_input_jsonschema()
    except Exception:  # noqa: BLE001  # somebody's types need not have a schema
        schema = {}
    fields = schema.get("properties") or {}
    if not fields and "$ref" in schema:
        fields = (schema.get("$defs") or {}).get(schema["$ref"].rpartition("/")[2], {}).get("properties") or {}
    if "messages" in fields:
        return True
    if fields and isinstance(graph, PregelProtocol):
        raise EigenGraphError(
            f"the agent {label} is a graph over {', '.join(fields)}: its state must have `messages` (MessagesState)"
        )
    return False


def _has_checkpointer(graph: Any) -> bool:
    while (inner := getattr(graph, "bound", None)) is not None:
        graph = inner
    return bool(getattr(graph, "checkpointer", None))

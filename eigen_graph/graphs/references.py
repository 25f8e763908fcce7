"""How a context names a domain, a model or an agent: as such, or by text that a command or a form can send."""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable
from langgraph.graph import StateGraph
from pydantic import BeforeValidator, InstanceOf, PlainValidator, WithJsonSchema

from eigen_graph.core import Domain
from eigen_graph.models import ModelLike, OwnAgent

_TEXT = WithJsonSchema({"type": "string"})


def model_of_form(value: Any) -> Any:
    """A model's spec as a form may send it: `openai/NAME` is what pickers call `openai:NAME`, empty text is none."""
    if not isinstance(value, str):
        return value
    return value.replace("/", ":", 1) if value.startswith("openai/") else value.strip() or None


def model_or_agent_of_form(value: Any) -> Any:
    """As `agent_of_form`, where there must be one.

    Raises:
        ValueError: There is none.
    """
    if (found := agent_of_form(value)) is None:
        raise ValueError("a model is needed: scripted, openai:NAME, hf:FOLDER")
    return found


def agent_of_form(value: Any) -> Any:
    """As `model_of_form`, or an agent of one's own.

    Raises:
        ValueError: It is neither.
    """
    if value is None or isinstance(value, str):
        return model_of_form(value)
    if not isinstance(value, Runnable | OwnAgent | StateGraph) and not callable(value):
        name = type(value).__name__
        raise ValueError(f"{name} is neither a model nor an agent: give a graph or a Runnable")  # noqa: TRY004  # pydantic's
    return value


DomainRef = Annotated[str | InstanceOf[Domain], _TEXT]
ModelRef = Annotated[str | InstanceOf[BaseChatModel], BeforeValidator(model_of_form), _TEXT]
OwnModelRef = Annotated[ModelRef | None, BeforeValidator(model_of_form), _TEXT]
AgentRef = Annotated[ModelLike, PlainValidator(model_or_agent_of_form), _TEXT]
"""A model, or an agent of one's own: a reference, a graph, a Runnable, or a function that makes one."""
OwnAgentRef = Annotated[ModelLike | None, PlainValidator(agent_of_form), _TEXT]

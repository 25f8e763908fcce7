"""Agents as people have them, and dialogues of the tiny domain with one in the agent's chair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import Field
from told import BYE, DOMAIN, HELLO, TASK, told

from eigen_graph.agents import EpisodeTools, episode_tools
from eigen_graph.core import Trajectory
from eigen_graph.graphs import Context, dialogue
from eigen_graph.models import ScriptedChat

TOOLS = episode_tools(DOMAIN)


class Lines(BaseChatModel):
    """A model that says its lines in turn, the last one for ever, and keeps what it was asked. An error is raised."""

    lines: list[Any]
    asked: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "lines"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=tools, **kwargs)

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        self.asked.append(messages)
        line = self.lines[min(len(self.asked), len(self.lines)) - 1]
        if isinstance(line, Exception):
            raise line
        return ChatResult(generations=[ChatGeneration(message=line.model_copy(deep=True))])


def scripted(**options: Any) -> ScriptedChat:
    return ScriptedChat(domains={DOMAIN.name: DOMAIN}, **options)


def solver(model: BaseChatModel, tools: list[BaseTool] = TOOLS, **options: Any) -> Any:
    return create_agent(model, tools=tools, **options)


def by_hand(model: BaseChatModel, tools: list[BaseTool] = TOOLS) -> Any:
    """A graph with nodes of its own, which are synchronous: it runs in threads."""

    def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.bind_tools(tools).invoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", tools_condition)
    graph.add_edge("tools", "think")
    return graph


def nested(model: BaseChatModel, tools: list[BaseTool] = TOOLS) -> Any:
    """A Runnable over messages around a graph that it runs synchronously."""
    graph = by_hand(model, tools).compile()
    return RunnableLambda(lambda messages: graph.invoke({"messages": messages})["messages"][-1])


def with_own_tools(model: BaseChatModel) -> Any:
    """An agent whose own tools of the same names would do something else."""

    def stand_in(tool: BaseTool) -> BaseTool:
        def act(**_: Any) -> str:
            raise AssertionError("the agent's own tool was run")

        return StructuredTool.from_function(
            act, name=tool.name, description=tool.description, args_schema=tool.args_schema
        )

    return create_agent(model, tools=[stand_in(tool) for tool in TOOLS], middleware=[EpisodeTools()])


KINDS: dict[str, Callable[[BaseChatModel], Any]] = {
    "create_agent": solver,
    "with a checkpointer": lambda model: solver(model, checkpointer=MemorySaver()),
    "with its own tools": with_own_tools,
    "StateGraph": by_hand,
    "nested": nested,
    "given tools": lambda model: lambda tools: solver(model, tools),
    "bare model": lambda model: model.bind_tools(TOOLS),
    "with instructions of its own": lambda model: solver(model, system_prompt="Lend books."),
}


async def talk(agent: Any, *user: AIMessage, seed: int = 0, **fields: Any) -> Trajectory:
    """A dialogue in which the user says these lines, the last one for ever."""
    context = Context(domain=DOMAIN, user_model=told(user=list(user or (HELLO, BYE))), agent_model=agent, **fields)
    done = await dialogue.ainvoke({"task": TASK.to_json(), "seed": seed}, context=context)
    return Trajectory.from_json(done["trajectory"])


def instructed(messages: list[BaseMessage]) -> bool:
    return any(isinstance(message, SystemMessage) for message in messages)

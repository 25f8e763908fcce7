"""Tasks with references, and users that play their part but for what is planted in single turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool

from eigen_graph.checkers import build_checker
from eigen_graph.core import Domain, Task
from eigen_graph.domains import load_domain
from eigen_graph.evaluation import EvaluationSettings
from eigen_graph.evaluation.tasks import task_set
from eigen_graph.models import ScriptedChat
from eigen_graph.rl.episode import RlTask

Change = Callable[[AIMessage, str], AIMessage]
"""A reply and the scene that it is given in -> what is given instead."""


class ChangedUser(BaseChatModel):
    """The scripted user, its replies changed by a function."""

    inner: ScriptedChat | None = None
    """None: an empty reply is changed."""
    change: Any
    """A `Change`."""

    @property
    def _llm_type(self) -> str:
        return "changed"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("only asked asynchronously")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        assert run_manager
        reply = AIMessage("")
        if self.inner is not None:
            done = await self.inner._agenerate(messages, stop, run_manager, **kwargs)
            assert isinstance(done.generations[0].message, AIMessage)
            reply = done.generations[0].message
        scene = run_manager.metadata["eigen"]["scene"]
        return ChatResult(generations=[ChatGeneration(message=self.change(reply, scene))])


def changed(domain: Domain, change: Change) -> ChangedUser:
    """The scripted user of a domain, changed."""
    return ChangedUser(inner=ScriptedChat(domains={domain.name: domain}), change=change)


@cache
def tasks_of(name: str, count: int) -> tuple[Domain, tuple[RlTask, ...]]:
    """A domain and its first tasks, its own or acted out."""
    domain = load_domain(name)
    return domain, tasks_in(domain, count)


def tasks_in(domain: Domain, count: int) -> tuple[RlTask, ...]:
    """The first tasks of a domain."""
    found = list(task_set(domain, EvaluationSettings(count=count, seed=1)).tasks.values())[:count]
    return tuple(ready(task, domain) for task in found)


def ready(task: Task, domain: Domain) -> RlTask:
    """A task with its checker."""
    return RlTask(task, build_checker(task, domain), agent_system="", user_system="")

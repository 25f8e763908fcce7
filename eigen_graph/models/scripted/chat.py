"""`scripted`: a chat model without weights or network that plays every role from a domain's playbook.

It is no intelligence: it does what the case says. Which case that is travels beside the messages, in the call's
metadata, so it never reads English, and everything around it runs as it would with a hosted model.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, Field, InstanceOf, PrivateAttr

from eigen_graph.core import Action, Cue, Domain, EigenGraphError
from eigen_graph.models.scripted import agent, planner, reflector, reviewer, user, verifier, writer
from eigen_graph.models.scripted.fill import least
from eigen_graph.models.scripted.part import Line, Part
from eigen_graph.models.scripted.plans import FaultPlans

_ROLES: dict[str, Callable[[Part], Line]] = {
    "planner": planner.play,
    "writer": writer.play,
    "verifier": verifier.play,
    "user": user.play,
    "agent": agent.play,
    "reviewer": reviewer.play,
    "reflector": reflector.play,
}


class ScriptedChat(BaseChatModel):
    """Plays the role and the case that `config["metadata"]["eigen"]` names; without one it fills schemas.

    The metadata is `{"role", "cue", "attempt", "scene"}`, as a mapping or as JSON text. LangChain does not hand run
    metadata to a model that streams, so the call option `eigen` (`model.bind(eigen=...)`) says the same. A call with
    neither gets the least value of the schema it asks for, or a call of its first tool, or a short remark.
    """

    model_config = ConfigDict(populate_by_name=True, arbitrary_types_allowed=True)

    model_name: str = Field(default="scripted", alias="model")
    faults: float = Field(default=0.0, ge=0.0, le=1.0)
    """Probability of a planted fault per dialogue and per piece of writing."""
    domains: dict[str, InstanceOf[Domain]] = Field(default_factory=dict, exclude=True, repr=False)
    """The domains whose playbooks it plays, by name."""
    temperature: float = 0.0
    max_tokens: int | None = None
    timeout: float | None = None
    max_retries: int = 2
    stop_sequences: list[str] | None = Field(default=None, alias="stop")
    _plans: FaultPlans = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Ready the fault plans."""
        super().model_post_init(context)
        self._plans = FaultPlans(self.faults)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "faults": self.faults}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools; `tool_choice` names the one that must be called, or is `any`."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], tool_choice=tool_choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        message = self._reply(messages, stop, run_manager.metadata if run_manager else {}, kwargs)
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        # The base class would hop to a thread; there is nothing here to wait for.
        message = self._reply(messages, stop, run_manager.metadata if run_manager else {}, kwargs)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        whole = self._reply(messages, stop, run_manager.metadata if run_manager else {}, kwargs)
        for chunk in _chunks(whole):
            if run_manager:
                run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        whole = self._reply(messages, stop, run_manager.metadata if run_manager else {}, kwargs)
        for chunk in _chunks(whole):
            if run_manager:
                await run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
            yield chunk

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "scripted"
        params["ls_model_name"] = kwargs.get("model") or self.model_name
        return params

    def _reply(
        self, messages: list[BaseMessage], stop: list[str] | None, metadata: Mapping[str, Any], kwargs: dict[str, Any]
    ) -> AIMessage:
        told = kwargs.get("eigen") or metadata.get("eigen")
        tools = {tool["function"]["name"]: tool["function"] for tool in kwargs.get("tools") or ()}
        choice = _choice(kwargs.get("tool_choice"), tools)
        schema = ((kwargs.get("response_format") or {}).get("json_schema") or {}).get("schema")
        if told:
            line, scene = self._play(messages, told, tools)
        else:
            line, scene = _unscripted(messages, tools, choice, schema), ""
        if line.answer is not None and choice:
            line = Line(call=Action(name=choice, arguments=line.answer), broken=line.broken)
        message = _as_message(line, _id_seed(scene, messages, told), stop or self.stop_sequences)
        message.usage_metadata = _usage(messages, message)
        name = kwargs.get("model") or self.model_name
        message.response_metadata = {"model_name": name, "model_provider": "scripted"}
        return message

    def _play(
        self, messages: list[BaseMessage], told: Mapping[str, Any] | str, tools: Mapping[str, Any]
    ) -> tuple[Line, str]:
        told = json.loads(told) if isinstance(told, str) else told
        role, scene, attempt = str(told["role"]), str(told.get("scene", "")), int(told.get("attempt", 0))
        if role not in _ROLES:
            raise EigenGraphError(f"the scripted model plays {', '.join(_ROLES)}; nobody is called {role!r}")
        domain = case = None
        if told.get("cue"):
            cue = Cue.model_validate(told["cue"])
            domain = self._domain(cue.domain)
            case = domain.playbook.case(domain, cue) if domain.playbook else None
        part = Part(role, scene, attempt, messages, frozenset(tools), domain, case, self._plans)
        return _ROLES[role](part), f"{scene}/{attempt}/{role}"

    def _domain(self, name: str) -> Domain:
        domain = self.domains.get(name)
        if domain is None:
            known = ", ".join(self.domains) or "none"
            raise EigenGraphError(f"the scripted model was given no domain {name!r} to play (it has {known})")
        require_playbook(domain)
        return domain


def require_playbook(domain: Domain) -> None:
    """Refuse a domain that the scripted model cannot play.

    Raises:
        EigenGraphError: It has no playbook; the message names both ways out.
    """
    if domain.playbook is None:
        raise EigenGraphError(
            f"domain {domain.name!r} has no playbook, so the scripted model cannot play it: give it one "
            "(Domain(playbook=Playbook()), with intents), or name a model (--model openai:NAME)"
        )


def _unscripted(
    messages: Sequence[BaseMessage], tools: Mapping[str, Any], choice: str | None, schema: Mapping[str, Any] | None
) -> Line:
    text = messages[-1].text if messages else ""
    if choice or (tools and messages[-1].type == "human"):
        name = choice or next(iter(tools))
        return Line(call=Action(name=name, arguments=least(tools[name].get("parameters", {}), text)))
    if schema is not None:
        return Line(answer=least(schema, text))
    return Line(f"Noted: {text or 'done'}")


def _choice(wanted: Any, tools: Mapping[str, Any]) -> str | None:
    """The tool that must be called, whichever way OpenAI's `tool_choice` was written."""
    if isinstance(wanted, dict):
        wanted = (wanted.get("function") or {}).get("name")
    if wanted in {"any", "required", True}:
        return next(iter(tools), None)
    return wanted if wanted in tools else None


def _id_seed(scene: str, messages: Sequence[BaseMessage], told: Any) -> str:
    """Deterministic where a scene is played; else from the words themselves."""
    if told:
        return f"{scene}/{sum(isinstance(message, AIMessage) for message in messages)}"
    return f"{len(messages)}/{messages[-1].content if messages else ''}"


def _as_message(line: Line, id_seed: str, stop: list[str] | None) -> AIMessage:
    if line.answer is not None:
        text = json.dumps(line.answer, ensure_ascii=False)
        return AIMessage(text[: len(text) // 2] if line.broken else text)
    if line.call is not None:
        call_id = f"call_{hashlib.sha256(id_seed.encode('utf-8', 'replace')).hexdigest()[:16]}"
        if not line.broken:
            return AIMessage("", tool_calls=[tool_call(name=line.call.name, args=line.call.arguments, id=call_id)])
        text = json.dumps(line.call.arguments)
        text = text[: max(1, len(text) // 2)]
        return AIMessage("", invalid_tool_calls=[invalid_tool_call(name=line.call.name, args=text, id=call_id)])
    text = line.text
    for mark in stop or ():
        text = text.split(mark)[0]
    return AIMessage(text)


def _usage(messages: Sequence[BaseMessage], reply: AIMessage) -> UsageMetadata:
    """Tokens as a rough model of one counts them: four characters each, and a few a message."""
    given = sum(_size(message) // 4 + 4 for message in messages)
    made = _size(reply) // 4 + 1
    return UsageMetadata(input_tokens=given, output_tokens=made, total_tokens=given + made)


def _size(message: BaseMessage) -> int:
    size = len(message.content) if isinstance(message.content, str) else len(message.text)
    if isinstance(message, AIMessage):
        size += sum(len(call["name"]) + len(json.dumps(call["args"])) for call in message.tool_calls)
        size += sum(len(call["name"] or "") + len(call["args"] or "") for call in message.invalid_tool_calls)
    return size


def _chunks(whole: AIMessage) -> Iterator[ChatGenerationChunk]:
    for word in re.findall(r"\s*\S+\s*$|\s*\S+", str(whole.content)):
        yield ChatGenerationChunk(message=AIMessageChunk(content=word))
    calls = [(call["name"], json.dumps(call["args"]), call["id"]) for call in whole.tool_calls]
    calls += [(call["name"] or "", call["args"] or "", call["id"]) for call in whole.invalid_tool_calls]
    for index, (name, arguments, call_id) in enumerate(calls):
        part = tool_call_chunk(name=name, args=arguments, id=call_id, index=index)
        yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[part]))
    last = AIMessageChunk(content="", usage_metadata=whole.usage_metadata, chunk_position="last")
    last.response_metadata = whole.response_metadata
    yield ChatGenerationChunk(message=last)

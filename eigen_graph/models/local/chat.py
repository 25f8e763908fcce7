"""`hf:FOLDER`: a model in this process, as a LangChain chat model."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr

from eigen_graph.models.errors import AccessError, ContextLengthError
from eigen_graph.models.local.folder import check_folder, require_extra, resolve_device

if TYPE_CHECKING:
    from eigen_graph.models.local.model import LocalModel
    from eigen_graph.models.local.sampling import Draw, Drawn

MAX_TOKENS = 1024
"""Tokens of a reply, where a spec names no bound."""


class LocalChat(BaseChatModel):
    """A model folder played in this process.

    Replies that are asked for at the same time are generated together. With a seed, a reply depends on the seed and
    the conversation alone, whoever else is in the batch; but for rounding: a batch of another shape sums in another
    order, which changes a token once in a long while. The model is loaded when first asked, once per process.
    """

    path: str
    """A folder of transformers, or of a PEFT adapter."""
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = MAX_TOKENS
    """Tokens of a reply at most."""
    seed: int | None = None
    """Of all replies; else each call's own; else drawn anew each time."""
    device: str = "auto"
    """`cpu`, `cuda`, `cuda:1`; `auto`: the GPU where there is one."""

    _model: Any = PrivateAttr(default=None)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    @property
    def _llm_type(self) -> str:
        return "local"

    @property
    def name_of_model(self) -> str:
        """Its name in records and messages."""
        return f"hf:{self.path}"

    def check(self) -> None:
        """Make sure that it can be loaded, without loading its weights.

        Raises:
            EigenGraphError: An extra is missing, the folder holds no model, its tokenizer will not do, or there is no
                such device.
        """
        require_extra()
        from eigen_graph.models.local.chat_format import ChatFormat  # noqa: PLC0415  # seconds of imports, and an extra

        folder = check_folder(self.path)
        resolve_device(self.device)
        ChatFormat.load(folder)

    def load(self) -> LocalModel:
        """The model, loaded when it has not been.

        Raises:
            EigenGraphError: As `check`.
        """
        require_extra()
        from eigen_graph.models.local.model import LocalModel  # noqa: PLC0415  # as above

        with self._lock:
            if self._model is None:
                self._model = LocalModel.load(self.path, self.device)
            model: LocalModel = self._model
            return model

    def release(self) -> None:
        """Let the model go, if nobody else in the process has it."""
        with self._lock:
            self._model = None

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools offered.

        Args:
            tools: LangChain tools or OpenAI definitions.
            tool_choice: Not enforced: the model says what it says.
            kwargs: Further call options.
        """
        del tool_choice
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del stop, run_manager
        model = self.load()
        draw = self._draw(model, messages, kwargs)
        return _result(model, draw, model.batches.submit(draw).result())

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del stop, run_manager
        model = self._model or await asyncio.to_thread(self.load)
        draw = self._draw(model, messages, kwargs)
        return _result(model, draw, await asyncio.wrap_future(model.batches.submit(draw)))

    def _draw(self, model: LocalModel, messages: Sequence[BaseMessage], options: dict[str, Any]) -> Draw:
        from eigen_graph.models.local.sampling import Draw  # noqa: PLC0415  # as above

        tools = options.get("tools") or ()
        if tools and not model.format.calls_tools:
            raise AccessError(
                f"{self.name_of_model} cannot call tools: its chat template does not write calls as "
                f"<tool_call>JSON</tool_call>; give the role another model"
            )
        prompt = model.format.prompt(openai_messages(messages), tools)
        if len(prompt) + 1 > model.context:
            raise ContextLengthError(
                f"the conversation is longer than the context of {self.name_of_model}: {len(prompt)} tokens, and it "
                f"takes {model.context}"
            )
        bound = min(options.get("max_tokens") or self.max_tokens, model.context - len(prompt))
        seed = self.seed if self.seed is not None else options.get("seed")
        return Draw(prompt, bound, self.temperature, self.top_p, None if seed is None else _seed(seed, prompt))


def openai_messages(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """LangChain messages as OpenAI's; calls that were no JSON keep their arguments as they were."""
    return [_openai(message) for message in messages]


def _openai(message: BaseMessage) -> dict[str, Any]:
    if isinstance(message, SystemMessage):
        return {"role": "system", "content": message.text}
    if isinstance(message, ToolMessage):
        return {
            "role": "tool",
            "content": message.text,
            "tool_call_id": message.tool_call_id,
            "name": message.name or "",
        }
    if not isinstance(message, AIMessage):
        return {"role": "user", "content": message.text}
    calls = [(c["id"], c["name"], json.dumps(c["args"], ensure_ascii=False)) for c in message.tool_calls]
    calls += [(c["id"], c["name"] or "", c["args"] or "") for c in message.invalid_tool_calls]
    written = [
        {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for call_id, name, arguments in calls
    ]
    return {"role": "assistant", "content": message.text, **({"tool_calls": written} if written else {})}


def _seed(seed: int, prompt: Sequence[int]) -> int:
    """A reply's own seed: turns of one dialogue must not be drawn alike."""
    digest = hashlib.blake2b(repr((seed, list(prompt))).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def _result(model: LocalModel, draw: Draw, drawn: Drawn) -> ChatResult:
    reply = model.format.parse(drawn.ids)
    given, made = len(draw.prompt), len(drawn.ids)
    if "reasoning" in reply.additional_kwargs:  # under the name that servers give it
        reply.additional_kwargs["reasoning_content"] = reply.additional_kwargs.pop("reasoning")
    reply.usage_metadata = UsageMetadata(input_tokens=given, output_tokens=made, total_tokens=given + made)
    cut = not drawn.ids or drawn.ids[-1] != model.format.stop_id
    reply.response_metadata = {"model_name": model.name, "finish_reason": "length" if cut else "stop"}
    return ChatResult(generations=[ChatGeneration(message=reply)])

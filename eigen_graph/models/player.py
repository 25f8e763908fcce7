"""One model as the cast uses it: how to ask it, what it costs, and when to stop trying."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable

from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.models.errors import (
    AccessError,
    ContextLengthError,
    InfrastructureError,
    OutageError,
    RequestError,
)
from eigen_graph.models.failures import is_nonsense, translate
from eigen_graph.models.history import sendable
from eigen_graph.models.local.chat import LocalChat
from eigen_graph.models.openai import Endpoint, open_chat, probe
from eigen_graph.models.reply import bound
from eigen_graph.models.scripted import ScriptedChat
from eigen_graph.models.spec import ModelSpec, StructuredMode

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

OUTAGE_AFTER = 8
"""Failures in a row, over all scenes, after which a server counts as gone."""
_NONSENSE_WAITS = (0.3, 1.0)
"""Seconds before an answer that was no chat completion is asked for again."""
_PATIENCE = 60.0
"""Seconds that a call may take beyond all its tries, for the waits between them."""


class Player:
    """A chat model with its spec; roles that share a spec share it, and its connections.

    Args:
        label: The model's name in records and messages.
        chat: The chat model.
        structured: How it is asked for JSON.
        prices: USD per million tokens in and out, if known.
        server: Where it is, for messages.
        send_case: Send the case in the request body.
        endpoint: For `openai:` models.
        send_seed: Let a seed be sent with a request.
    """

    def __init__(
        self,
        label: str,
        chat: BaseChatModel,
        *,
        structured: StructuredMode = "json_schema",
        prices: tuple[float, float] | None = None,
        server: str = "",
        send_case: bool = False,
        endpoint: Endpoint | None = None,
        send_seed: bool = True,
    ) -> None:
        self.label = label
        self.chat = chat
        self.structured = structured
        self.prices = prices
        self.server = server or label
        self.send_case = send_case
        self.deterministic = isinstance(chat, ScriptedChat)
        """Gives the same reply again, for free: nothing to cache, nothing to bound."""
        self.plays_cases = self.deterministic or send_case
        """Is given the playbook case: scripted, here or behind a server. What it writes follows the case."""
        self._endpoint = endpoint
        seedable = endpoint is not None or isinstance(chat, LocalChat)
        self.takes_seed = send_seed and seedable and getattr(chat, "seed", None) is None
        """A seed can be given with a request: its spec names none, and does not refuse it."""
        self._speaks_openai = any(base.__name__ == "BaseChatOpenAI" for base in type(chat).__mro__)
        self._failures = 0
        self._last: Exception | None = None

    @classmethod
    def from_spec(cls, spec: ModelSpec, *, domain: Domain | None, endpoint: Endpoint | None) -> Player:
        """The player of a spec.

        Raises:
            EigenGraphError: There is no server for it.
        """
        if spec.kind == "scripted":
            chat = ScriptedChat(faults=spec.faults, domains={domain.name: domain} if domain else {})
            return cls(str(spec), chat, structured=spec.structured, prices=spec.prices)
        if spec.kind == "hf":
            given = {name: getattr(spec, name) for name in ("temperature", "top_p", "max_tokens", "seed")}
            known = {name: value for name, value in given.items() if value is not None}
            local = LocalChat(path=spec.name, device=spec.device, **known)
            return cls(f"hf:{spec.name}", local, structured="tool", prices=spec.prices)
        if endpoint is None:
            raise EigenGraphError(f"model {spec} needs a server")
        return cls(
            f"openai:{spec.name}",
            open_chat(spec, endpoint),
            structured=spec.structured,
            prices=spec.prices,
            server=endpoint.base_url,
            send_case=spec.send_case,
            endpoint=endpoint,
            send_seed=spec.send_seed,
        )

    @classmethod
    def from_chat(cls, chat: BaseChatModel) -> Player:
        """The player of a chat model that somebody made themselves."""
        params = chat._get_ls_params()  # noqa: SLF001  # LangChain's own place for a model's name
        name = params.get("ls_model_name") or type(chat).__name__
        player = cls(name, chat, prices=(0.0, 0.0) if isinstance(chat, ScriptedChat) else None)
        if not player.deterministic and not player._speaks_openai:
            player.structured = "tool"  # what every provider's bind_tools knows; response_format is OpenAI's
        return player

    async def ask(
        self, messages: Sequence[BaseMessage], metadata: Mapping[str, Any], options: Mapping[str, Any]
    ) -> AIMessage:
        """One reply, bounded.

        Args:
            messages: The conversation.
            metadata: What `Scene.metadata` gives.
            options: Call options: tools, response format.

        Raises:
            InfrastructureError: No usable answer after all retries.
            OutageError: The server has failed too often in a row.
            EigenGraphError: The request or the access is at fault, see `models.errors`.
        """
        config: Any = {"metadata": {"eigen": metadata}}
        if self.deterministic:
            return bound(await self.chat.ainvoke(list(messages), config, eigen=metadata, **options))
        self._require_server()
        model, given = self._bound(metadata, options)
        try:
            sent = list(messages) if isinstance(self.chat, LocalChat) else sendable(messages)
            reply = bound(await self._patiently(model, sent, config, given), spelled=bool(options.get("tools")))
        except Exception as error:
            problem = translate(error, model=self.label, server=self.server)
            # A context that is too long is this scene's own; any other refusal is likely to befall every scene.
            if isinstance(problem, InfrastructureError | RequestError) and not isinstance(problem, ContextLengthError):
                self._failures += 1
                self._last = problem
                self._require_server()
            raise problem from error
        self._failures = 0
        return reply

    async def preflight(self) -> None:
        """Make sure the model can be used; EigenGraphError with one clear line otherwise."""
        if self._endpoint is not None:
            await probe(self._as_openai(), self._endpoint)
        if isinstance(self.chat, LocalChat):
            await asyncio.to_thread(self.chat.check)

    async def aclose(self) -> None:
        """Close the connections that `from_spec` opened, let go of the model that it loaded."""
        if self._endpoint is not None:
            await self._as_openai().root_async_client.close()
        if isinstance(self.chat, LocalChat):
            self.chat.release()

    def _as_openai(self) -> ChatOpenAI:
        return self.chat  # type: ignore[return-value]  # whoever has an endpoint was made by open_chat

    def _require_server(self) -> None:
        if self._failures >= OUTAGE_AFTER:
            raise OutageError(
                f"{self._failures} calls in a row failed: stopping, nothing is lost; resume the run when this is put "
                f"right: {self._last}"
            )

    def _bound(
        self, metadata: Mapping[str, Any], options: Mapping[str, Any]
    ) -> tuple[Runnable[Any, AIMessage], Mapping[str, Any]]:
        """The model and options as its provider wants them."""
        if not self._speaks_openai:
            if "tools" not in options:
                return self.chat, options
            named = {"tool_choice": options["tools"][0]["function"]["name"]} if "tool_choice" in options else {}
            try:
                rest = {name: value for name, value in options.items() if name not in ("tools", "tool_choice")}
                return self.chat.bind_tools(options["tools"], **named), rest
            except NotImplementedError:  # how LangChain's base class says that a model has no tools
                raise AccessError(
                    f"{self.label} cannot call tools: its class has no bind_tools; give the role another model"
                ) from None
        body = dict(getattr(self.chat, "extra_body", None) or {})
        if self.send_case:
            body["metadata"] = {"eigen": json.dumps(metadata)}
        if "response_format" in options:
            # In the body, because the client parses by itself otherwise, and raises where ours repairs.
            body["response_format"] = options["response_format"]
        rest = {name: value for name, value in options.items() if name != "response_format"}
        return self.chat, {**rest, "extra_body": body} if body else rest

    async def _patiently(
        self, model: Runnable[Any, AIMessage], messages: list[BaseMessage], config: Any, options: Mapping[str, Any]
    ) -> BaseMessage:
        """The reply; an answer that is no chat completion is asked for again, and nothing lasts for ever."""
        waits = iter(_NONSENSE_WAITS)
        while True:
            try:
                async with asyncio.timeout(self._patience):
                    return await model.ainvoke(messages, config, **options)
            except Exception as error:
                wait = next(waits, None)
                if wait is None or not is_nonsense(error):
                    raise
            await asyncio.sleep(wait)

    @property
    def _patience(self) -> float | None:
        """Seconds for a call with all its retries: the client's own timeout is between bytes, not in all."""
        if self._endpoint is None:
            return None
        return (self._endpoint.timeout + 10) * (self._endpoint.max_retries + 1) + _PATIENCE

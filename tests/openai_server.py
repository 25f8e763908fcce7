"""A small OpenAI-compatible server on loopback that serves any LangChain chat model, with bad days on request.

It speaks `POST /v1/chat/completions` (not streamed: tools, tool_choice, response_format, usage) and `GET /v1/models`.
The request's `metadata.eigen` reaches the model as run metadata, so a served `ScriptedChat` plays just as it does in
process. It runs on a thread of its own; tests, graphs and subprocesses reach it by `url`.

    with OpenAIServer(ScriptedChat(domains={"hotel": domain})) as server:
        server.troubles = cycle(["429", None, "cut", None])   # one per request, None: a good one
        cast = Cast.build("openai:scripted?send_case=true", base_url=server.url)
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, Self

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call

Trouble = Literal["429", "500", "stall", "cut", "401", "no_choices", "garbage", "error_in_200", "too_long"]
"""What can go wrong with one request:

429, 500: that status, asking to be tried again at once. stall: no answer until the client gives up. cut: the connection
closes in the middle of the body. 401: the key is refused. no_choices, garbage, error_in_200: a 200 that is no chat
completion. too_long: a 400 that says the context is exceeded.
"""


class OpenAIServer:
    """The server; a context manager.

    Args:
        chat: The model that answers.
        names: Model names that exist; a request for another gets a 404.
        api_key: The one key that is accepted; None: any.
        stall: Seconds that a stalled request waits: more than the client's timeout.
        latency: Seconds that every answer takes.
        port: Where to listen; 0: on any that is free.
    """

    def __init__(
        self,
        chat: BaseChatModel,
        *,
        names: Iterable[str] = ("scripted",),
        api_key: str | None = None,
        stall: float = 30.0,
        latency: float = 0.0,
        port: int = 0,
    ) -> None:
        self.chat = chat
        self.names = tuple(names)
        self.api_key = api_key
        self.stall = stall
        self.latency = latency
        self.troubles: Iterator[Trouble | None] = iter(())
        """What befalls the next requests, in order; when it is exhausted, nothing."""
        self.answered: Counter[str] = Counter()
        """Good answers by scene ("" for calls without a case)."""
        self.troubled: Counter[str] = Counter()
        """Injected troubles by kind."""
        self.last_body: dict[str, Any] = {}
        """The body of the latest chat request."""
        self.most_at_once = 0
        self._now = 0
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="openai-server", daemon=True)
        self._ready = threading.Event()
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def requests(self) -> int:
        """Chat requests so far, good and bad."""
        return self.answered.total() + self.troubled.total()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connected, "127.0.0.1", self._port))
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in self._open:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._open, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        try:
            while (request := await _read_request(reader)) and await self._serve(*request, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _serve(self, line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection stays open."""
        if self.api_key is not None and headers.get("authorization") != f"Bearer {self.api_key}":
            return await _send(writer, 401, _error("Incorrect API key provided", "invalid_api_key"))
        if line.startswith("GET /v1/models "):
            return await _send(writer, 200, {"object": "list", "data": [_model(name) for name in self.names]})
        if not line.startswith("POST /v1/chat/completions "):
            return await _send(writer, 404, _error("no such route"))
        data = json.loads(body)
        self.last_body = data
        if trouble := next(self.troubles, None):
            self.troubled[trouble] += 1
            return await self._trouble(trouble, writer)
        if data["model"] not in self.names:
            return await _send(writer, 404, _error(f"The model `{data['model']}` does not exist", "model_not_found"))
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            answer = await self._answer(data)
        finally:
            self._now -= 1
        return await _send(writer, 200, answer)

    async def _answer(self, data: dict[str, Any]) -> dict[str, Any]:
        told = json.loads((data.get("metadata") or {}).get("eigen") or "{}")
        options = {key: data[key] for key in ("tools", "tool_choice", "response_format") if key in data}
        messages = [_from_openai(message) for message in data["messages"]]
        config: Any = {"metadata": {"eigen": told}} if told else {}
        reply = await self.chat.ainvoke(messages, config, **options)
        if self.latency:
            await asyncio.sleep(self.latency)
        self.answered[told.get("scene", "")] += 1
        return _completion(data["model"], reply)

    async def _trouble(self, trouble: Trouble, writer: asyncio.StreamWriter) -> bool:
        if trouble == "stall":
            await asyncio.sleep(self.stall)
            return False
        if trouble == "cut":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n")
            writer.write(b'{"id": "chatcmpl-1", "choices": [{"index": 0, "message": {"role": "assi')
            await writer.drain()
            return False
        status, body = _TROUBLES[trouble]
        return await _send(writer, status, body, {"Retry-After": "0", "retry-after-ms": "5"})


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes] | None:
    head = await reader.readuntil(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return line, headers, await reader.readexactly(int(headers.get("content-length", 0)))


async def _send(
    writer: asyncio.StreamWriter, status: int, body: dict[str, Any] | str, headers: dict[str, str] | None = None
) -> bool:
    raw = (body if isinstance(body, str) else json.dumps(body)).encode()
    lines = [f"HTTP/1.1 {status} Status", "Content-Type: application/json", f"Content-Length: {len(raw)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + raw)
    await writer.drain()
    return True


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "tests"}


def _error(message: str, code: str = "server_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": code, "code": code, "param": None}}


def _from_openai(data: dict[str, Any]) -> BaseMessage:
    text = data.get("content") or ""
    match data["role"]:
        case "system" | "developer":
            return SystemMessage(text)
        case "user":
            return HumanMessage(text)
        case "tool":
            return ToolMessage(text, tool_call_id=data["tool_call_id"])
    calls, broken = [], []
    for call in data.get("tool_calls") or ():
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        # As strict as most servers are with a history; our client sends broken calls back in a form that passes.
        read = json.loads(arguments)
        if set(read) == {"unreadable"}:
            broken.append(invalid_tool_call(name=name, args=read["unreadable"], id=call["id"]))
        else:
            calls.append(tool_call(name=name, args=read, id=call["id"]))
    return AIMessage(text, tool_calls=calls, invalid_tool_calls=broken)


def _completion(model: str, reply: AIMessage) -> dict[str, Any]:
    calls = [(call["id"], call["name"], json.dumps(call["args"])) for call in reply.tool_calls]
    calls += [(call["id"], call["name"], call["args"] or "") for call in reply.invalid_tool_calls]
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if calls:
        message["tool_calls"] = [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
            for call_id, name, arguments in calls
        ]
    usage = reply.usage_metadata or {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}],
        "usage": {
            "prompt_tokens": usage["input_tokens"],
            "completion_tokens": usage["output_tokens"],
            "total_tokens": usage["total_tokens"],
        },
    }


_TROUBLES: dict[str, tuple[int, dict[str, Any] | str]] = {
    "429": (429, _error("Rate limit reached", "rate_limit_exceeded")),
    "500": (500, _error("The server had an error")),
    "401": (401, _error("Incorrect API key provided", "invalid_api_key")),
    "too_long": (
        400,
        _error("This model's maximum context length is 4096 tokens, you asked for 5000.", "context_length_exceeded"),
    ),
    "no_choices": (200, {**_completion("m", AIMessage("")), "choices": []}),
    "garbage": (200, "<html>502 Bad Gateway</html>"),
    "error_in_200": (200, {**_completion("m", AIMessage("")), **_error("upstream failed")}),
}


Serve = Callable[..., OpenAIServer]
"""What the fixture `serve` gives: `serve(chat, **options)`."""

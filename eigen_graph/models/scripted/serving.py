"""`scripted` behind an OpenAI-compatible server on loopback: to rehearse what goes over the wire."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from langchain_core.messages import AIMessage, convert_to_messages, convert_to_openai_messages

from eigen_graph.core import EigenGraphError
from eigen_graph.models.scripted.chat import ScriptedChat

MODEL: Final = "scripted"
_MAX_BODY: Final = 16_000_000


class ScriptedServer(ThreadingHTTPServer):
    """Serves `POST /v1/chat/completions` and `GET /v1/models`; a context manager, `serve_forever` runs it.

    Args:
        chat: Who answers, by the case that a request's `metadata.eigen` names (`openai:scripted?send_case=true`).
        port: Where to listen on 127.0.0.1; 0: on any port that is free.

    Raises:
        OSError: The port is taken.
    """

    daemon_threads = True

    def __init__(self, chat: ScriptedChat, port: int = 0) -> None:
        self.chat = chat
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: the second would wait for the first one's acknowledgement
    server: ScriptedServer

    def do_GET(self) -> None:  # the base class calls it so
        if self.path != "/v1/models":
            self._refuse(404, f"there is no {self.path}: /v1/models and /v1/chat/completions are served")
            return
        self._send(
            200, {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "eigen"}]}
        )

    def do_POST(self) -> None:  # the base class calls it so
        length = int(self.headers.get("Content-Length") or 0)
        if self.path != "/v1/chat/completions" or length > _MAX_BODY:
            self.close_connection = True
            self._refuse(404, f"there is no {self.path}, or its body is too long")
            return
        try:
            body = json.loads(self.rfile.read(length))
            told = json.loads((body.get("metadata") or {}).get("eigen") or "null")
            messages = convert_to_messages(body["messages"])
        # NotImplementedError is how LangChain says that it knows no message of this kind.
        except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
            self._refuse(400, f"this is no chat request: {error}")
            return
        if not isinstance(told, dict):
            self._refuse(
                400, "scripted plays cases, and none came along: name the model openai:scripted?send_case=true"
            )
            return
        options = {name: body[name] for name in ("tools", "tool_choice", "response_format") if name in body}
        try:
            reply = self.server.chat.invoke(messages, {"metadata": {"eigen": told}}, **options)
        except EigenGraphError as error:
            self._refuse(400, str(error))
            return
        self._send(200, _completion(body.get("model", MODEL), reply))

    def _refuse(self, status: int, message: str) -> None:
        self._send(
            status, {"error": {"message": message, "type": "invalid_request_error", "code": None, "param": None}}
        )

    def _send(self, status: int, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Nothing: the run has its own ledger."""


def _completion(model: str, reply: AIMessage) -> dict[str, Any]:
    usage = reply.usage_metadata or {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": convert_to_openai_messages(reply),
                "finish_reason": "tool_calls" if reply.tool_calls else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": usage["input_tokens"],
            "completion_tokens": usage["output_tokens"],
            "total_tokens": usage["total_tokens"],
        },
    }

"""Tools that are the operations of an HTTP API, as its OpenAPI document describes them."""

from __future__ import annotations

import json
import os
import string
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpx
import yaml

from eigen_graph.core import EigenGraphError, InfrastructureError
from eigen_graph.domains.foreign.openapi_document import Argument, Operation, Where, operations
from eigen_graph.domains.foreign.source import Answer, Session, ToolSpec

_MOST_BYTES = 4_000_000
_PASSING = frozenset({408, 425, 429})
"""Client errors that pass by themselves."""


class OpenApiTools:
    """A source of an API's operations. All sessions share the one world behind it.

    Args:
        document: Its OpenAPI document: a file or a URL.
        folder: Where a file's path begins.
        base_url: Where the API is; left out: the document's first server.
        headers: Sent with every request; `${NAME}` takes the value from the environment.
        reset: The operation that brings its world back to the beginning: `POST /reset`, or a name.
        timeout: Seconds that a call may take.
    """

    worlds = 1

    def __init__(
        self,
        document: str,
        folder: Path,
        *,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        reset: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        self.remote = document.startswith(("http://", "https://"))
        self.repeatable = reset is not None
        self.place = f"the API of {document}"
        self._given = document
        self._folder = folder
        self._base_url = base_url
        self._headers = {
            name: string.Template(value).safe_substitute(os.environ) for name, value in (headers or {}).items()
        }
        self._reset = reset
        self._timeout = timeout
        self._read: tuple[tuple[Operation, ...], Any] | None = None

    def tools(self) -> tuple[ToolSpec, ...]:
        """The tools; raises as `Source.tools`."""
        return tuple(operation.spec for operation in self._operations()[0])

    def open(self) -> Session:
        """A world in which nothing was written; raises as `Source.open`."""
        found, document = self._operations()
        session = ApiSession(found, self._where(document), self._headers, self._reset, self._timeout)
        if self._reset is not None:
            try:
                session.restart()
            except BaseException:
                session.close()
                raise
        return session

    def _operations(self) -> tuple[tuple[Operation, ...], Any]:
        if self._read is None:
            document = _decoded(self._text(), self._given)
            found = operations(document, self._given)
            self._read = found, document
            if self._reset is not None:
                _request_of(self._reset, found, self._given)
        return self._read

    def _text(self) -> str:
        try:
            if not self.remote:
                return (self._folder / self._given).read_text(encoding="utf-8")
            with httpx.Client(headers=self._headers, timeout=self._timeout) as client:
                status, text = _body_of(client, "GET", self._given, {})
        except (OSError, UnicodeDecodeError) as error:
            raise EigenGraphError(f"{self._given} cannot be read: {error!s:.200}") from error
        if status != HTTPStatus.OK:
            raise InfrastructureError(f"{self._given} cannot be had: {status}")
        return text

    def _where(self, document: Any) -> str:
        """The API's base URL, without a slash at its end."""
        url = self._base_url
        if url is None:
            servers = document.get("servers")
            server = servers[0] if isinstance(servers, list) and servers and isinstance(servers[0], dict) else {}
            url = str(server.get("url") or "/")
            for name, variable in (server.get("variables") or {}).items():
                url = url.replace(f"{{{name}}}", str((variable or {}).get("default", "")))
            url = urljoin(self._given, url) if self.remote else url
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise EigenGraphError(f"{self._given} does not say where the API is: give `base_url: http://...`")
        return url.rstrip("/")


class ApiSession:
    """Requests to one API."""

    tools: tuple[ToolSpec, ...] | None = None

    def __init__(
        self,
        found: tuple[Operation, ...],
        base_url: str,
        headers: Mapping[str, str],
        reset: str | None,
        timeout: float,
    ) -> None:
        self._by_name = {operation.spec.name: operation for operation in found}
        self._base_url = base_url
        self._reset = _request_of(reset, found, base_url) if reset is not None else None
        self._client = httpx.Client(headers=dict(headers), timeout=timeout)

    def call(self, tool: str, arguments: dict[str, Any]) -> Answer:
        """As `Session.call`: 4xx is a refusal, 5xx and silence are no answer."""
        operation = self._by_name[tool]
        try:
            path, options = _request(operation, arguments)
        except (ValueError, TypeError) as error:
            return Answer(str(error), error=True)
        return self._ask(operation.method, path, options)

    def restart(self) -> bool:
        """As `Session.restart`."""
        if self._reset is None:
            return False
        method, path = self._reset
        if (answer := self._ask(method, path, {})).error:
            raise InfrastructureError(f"{self._base_url}, {method} {path}: {answer.content:.300}")
        return True

    def close(self) -> None:
        """As `Session.close`."""
        self._client.close()

    def _ask(self, method: str, path: str, options: dict[str, Any]) -> Answer:
        where = f"{self._base_url}, {method} {path}"
        status, text = _body_of(self._client, method, f"{self._base_url}{path}", options)
        if status == HTTPStatus.UNAUTHORIZED:
            raise EigenGraphError(f"{where}: 401: it wants another key: put one into the manifest's `headers`")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING:
            raise InfrastructureError(f"{where}: {status}: {text:.200}")
        if status >= HTTPStatus.BAD_REQUEST:
            return Answer(f"{_status(status)}: {text}" if text else _status(status), error=True)
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise EigenGraphError(f"{where}: {status}: it is somewhere else: mend `base_url`, or the path")
        return Answer(text or _status(status))


def _request(operation: Operation, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Path and options of a request; ValueError for what cannot be sent."""

    def given(where: Where) -> list[tuple[Argument, Any]]:
        found = [(argument, arguments.get(argument.name)) for argument in operation.arguments]
        return [(argument, value) for argument, value in found if argument.where == where and value is not None]

    path = operation.path
    for argument, value in given("path"):
        path = path.replace(f"{{{argument.field}}}", _segment(argument, value))
    query = [pair for argument, value in given("query") for pair in _pairs(argument, value)]
    headers = {argument.field: _header(argument, value) for argument, value in given("header")}
    options: dict[str, Any] = {"params": query} if query else {}
    if headers:
        options["headers"] = headers
    fields = [argument for argument in operation.arguments if argument.where == "body"]
    body: Any = {field.field: arguments[field.name] for field in fields if field.name in arguments}
    for _, value in given("whole_body"):
        body = value
    if operation.as_form and isinstance(body, dict):
        options["data"] = {name: _text(value) for name, value in body.items() if value is not None}
    elif body or fields:
        options["json"] = body
    return path, options


def _segment(argument: Argument, value: Any) -> str:
    text = _text(value)
    if text in {"", ".", ".."}:
        raise ValueError(f"{argument.name}: {text!r} cannot stand in a path")
    return quote(text, safe="")


def _header(argument: Argument, value: Any) -> str:
    text = _text(value)
    if not text.isascii() or not text.isprintable():
        raise ValueError(f"{argument.name}: it cannot stand in a header")
    return text


def _pairs(argument: Argument, value: Any) -> list[tuple[str, str]]:
    name = argument.field
    if isinstance(value, dict):
        return [(f"{name}[{key}]" if argument.deep else str(key), _text(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [(name, ",".join(map(_text, value)))] if argument.joined else [(name, _text(item)) for item in value]
    return [(name, _text(value))]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _body_of(client: httpx.Client, method: str, url: str, options: dict[str, Any]) -> tuple[int, str]:
    """Status and text of an answer, which is bounded in time and size."""
    try:
        with client.stream(method, url, **options) as response:
            taken, size = [], 0
            for chunk in response.iter_bytes():
                taken.append(chunk)
                size += len(chunk)
                if size > _MOST_BYTES:
                    break
            body = b"".join(taken)[:_MOST_BYTES]
            return response.status_code, body.decode(response.charset_encoding or "utf-8", "replace").strip()
    except (httpx.HTTPError, httpx.InvalidURL, LookupError) as error:
        raise InfrastructureError(f"{method} {url:.200}: {type(error).__name__}: {error!s:.200}") from error


def _request_of(reset: str, found: tuple[Operation, ...], place: str) -> tuple[str, str]:
    """Method and path of what brings the world back."""
    method, _, path = reset.partition(" ")
    if path.startswith("/") and method.isupper():
        return method, path
    for operation in found:
        if operation.spec.name == reset:
            return operation.method, operation.path
    raise EigenGraphError(
        f"{place}: `reset` names {reset!r:.80}, which is no operation: `POST /path`, or a tool's name"
    )


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _decoded(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise EigenGraphError(f"{place} is neither JSON nor YAML: {error!s:.200}") from error

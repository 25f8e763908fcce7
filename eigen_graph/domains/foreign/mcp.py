"""Tools that an MCP server has: a process spoken to over its standard streams, or a URL (streamable HTTP).

A session lives on the background loop, in one task from its beginning to its end, as the protocol's library wants it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import string
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eigen_graph.core import EigenGraphError, InfrastructureError
from eigen_graph.domains.foreign import background
from eigen_graph.domains.foreign.manifest import McpServer
from eigen_graph.domains.foreign.python import as_text
from eigen_graph.domains.foreign.source import Answer, Session, ToolSpec

if TYPE_CHECKING:
    from mcp import ClientSession
    from mcp.types import CallToolResult

_WORLDS = 8
"""Processes of one server at once."""
_START = 60.0
"""Seconds that a process may take to be ready, at least."""
_GOODBYE = 5.0
"""Seconds that a session may take to end."""
_REFUSALS = frozenset({-32601, -32602})
"""JSON-RPC: no such method, invalid parameters. The caller's fault, unlike what the transport says."""


class McpTools:
    """A source of an MCP server's tools.

    Args:
        server: The server.
        folder: Where a command is run.
        timeout: Seconds that a call may take.

    Raises:
        EigenGraphError: The extra is not installed.
    """

    remote = True

    def __init__(self, server: McpServer, folder: Path, *, timeout: float) -> None:
        try:
            import langchain_mcp_adapters  # noqa: F401, PLC0415  # optional, and slow to import
        except ImportError as error:
            raise EigenGraphError("tools of an MCP server need an extra: pip install 'eigen-graph[mcp]'") from error
        command = " ".join([server.command or "", *server.args])
        self.place = f"the MCP server {server.url or repr(command)}"
        # A process has a world of its own; behind a URL there is one for all.
        self.worlds = _WORLDS if server.command else 1
        self.repeatable = server.command is not None or server.reset is not None
        self._server = server
        self._folder = folder
        self._timeout = timeout

    def tools(self) -> tuple[ToolSpec, ...]:
        """The tools; raises as `Source.tools`."""
        session = McpSession(self._server, self._folder, self._timeout, self.place)
        session.close()
        found, reset = session.tools or (), self._server.reset
        if reset is not None and reset not in {tool.name for tool in found}:
            raise EigenGraphError(f"{self.place} has no tool {reset!r} to reset it by")
        return found

    def open(self) -> Session:
        """A world in which nothing was written; raises as `Source.open`."""
        session = McpSession(self._server, self._folder, self._timeout, self.place)
        if self._server.reset is not None:
            try:
                session.restart()
            except BaseException:
                session.close()
                raise
        return session


class McpSession:
    """A connection to a server.

    Raises:
        InfrastructureError: It does not answer.
        EigenGraphError: Its command cannot be run.
    """

    def __init__(self, server: McpServer, folder: Path, timeout: float, place: str) -> None:
        self._server = server
        self._folder = folder
        self._timeout = timeout
        self._place = place
        self._inbox: asyncio.Queue[tuple[str, dict[str, Any], concurrent.futures.Future[Any]] | None] = asyncio.Queue()
        self._pending: concurrent.futures.Future[Any] | None = None
        self._ready: concurrent.futures.Future[tuple[ToolSpec, ...]] = concurrent.futures.Future()
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  # closed in `close`
        self._life = background.submit(self._live())
        try:
            self.tools: tuple[ToolSpec, ...] | None = background.wait(
                self._ready, timeout if server.url else max(timeout, _START), place
            )
        except BaseException as error:
            said = self._said()
            self.close()
            if isinstance(error, FileNotFoundError | PermissionError):
                raise EigenGraphError(f"{place} cannot be started: {error.strerror}: {server.command}") from error
            raise InfrastructureError(f"{place} cannot be reached: {_root(error)}{said}") from error

    def call(self, tool: str, arguments: dict[str, Any]) -> Answer:
        """As `Session.call`."""
        from mcp.shared.exceptions import McpError  # noqa: PLC0415  # optional

        reply: concurrent.futures.Future[CallToolResult] = concurrent.futures.Future()
        if self._life.done():
            raise InfrastructureError(f"{self._place} is gone{self._said()}")
        background.loop().call_soon_threadsafe(self._inbox.put_nowait, (tool, arguments, reply))
        try:
            found = background.wait(reply, self._timeout, f"{self._place}, {tool}")
        except InfrastructureError:
            raise
        except McpError as error:
            if error.error.code in _REFUSALS:
                return Answer(error.error.message, error=True)
            raise InfrastructureError(f"{self._place}, {tool}: {error.error.message:.300}{self._said()}") from error
        except Exception as error:
            raise InfrastructureError(f"{self._place}, {tool}: {_root(error)}{self._said()}") from error
        blocks = [block.model_dump(mode="json", exclude_none=True) for block in found.content]
        return Answer(as_text(blocks) if blocks else "", error=bool(found.isError))

    def restart(self) -> bool:
        """As `Session.restart`."""
        if self._server.reset is None:
            return False
        answer = self.call(self._server.reset, {})
        if answer.error:
            raise InfrastructureError(f"{self._place}, {self._server.reset}: {answer.content:.300}")
        return True

    def close(self) -> None:
        """As `Session.close`."""
        if self._pending is not None and not self._pending.done():
            self._life.cancel()  # it hangs: no use to ask it politely
        background.loop().call_soon_threadsafe(self._inbox.put_nowait, None)
        with suppress(BaseException):
            self._life.result(_GOODBYE)
        self._life.cancel()
        self._log.close()

    async def _live(self) -> None:
        logging.getLogger("mcp").addHandler(logging.NullHandler())  # what it has to say comes as an error of ours
        try:
            async with self._connected() as session:
                await session.initialize()
                self._ready.set_result(await _tools_of(session))
                while (request := await self._inbox.get()) is not None:
                    name, arguments, self._pending = request
                    await self._serve(session, name, arguments)
        except BaseException as error:  # a group of the transport's, or its cancellation
            self._fail(error)
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
        finally:
            self._fail(ConnectionError("the connection is closed"))

    async def _serve(self, session: ClientSession, name: str, arguments: dict[str, Any]) -> None:
        reply = self._pending
        assert reply is not None  # noqa: S101  # set by the caller
        try:
            found = await session.call_tool(name, arguments, read_timeout_seconds=timedelta(seconds=self._timeout))
        except Exception as error:  # noqa: BLE001  # it is raised where it is waited for
            if not reply.done():
                reply.set_exception(error)
        else:
            if not reply.done():
                reply.set_result(found)

    def _fail(self, error: BaseException) -> None:
        """Whoever waits need not wait longer."""
        while not self._inbox.empty():
            if (request := self._inbox.get_nowait()) is not None and not request[2].done():
                request[2].set_exception(ConnectionError(_root(error)))
        for future in (self._ready, self._pending):
            if future is not None and not future.done():
                future.set_exception(error if isinstance(error, OSError) else ConnectionError(_root(error)))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[ClientSession]:
        """A session over what the server is reached by."""
        from langchain_mcp_adapters.sessions import create_session  # noqa: PLC0415  # optional
        from mcp import ClientSession, StdioServerParameters  # noqa: PLC0415
        from mcp.client.stdio import stdio_client  # noqa: PLC0415

        server = self._server
        if server.url is not None:
            async with create_session(
                {
                    "transport": "streamable_http",
                    "url": server.url,
                    "headers": _filled(server.headers),
                    "timeout": self._timeout,
                    "sse_read_timeout": self._timeout,
                }
            ) as session:
                yield session
            return
        command = sys.executable if server.command == "python" else server.command or ""
        parameters = StdioServerParameters(
            command=command, args=list(server.args), env=_filled(server.env), cwd=self._folder
        )
        # Not by `create_session`, which lets the server write all over our own stderr.
        async with stdio_client(parameters, errlog=self._log) as streams, ClientSession(*streams) as session:
            yield session

    def _said(self) -> str:
        """The last thing that a command wrote on its stderr."""
        with suppress(OSError, ValueError):
            self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - 2000))
            lines = [line.strip() for line in self._log.read().splitlines() if line.strip()]
            return f"; it said: {lines[-1][:300]}" if lines else ""
        return ""


async def _tools_of(session: ClientSession) -> tuple[ToolSpec, ...]:
    from langchain_mcp_adapters.tools import load_mcp_tools  # noqa: PLC0415  # optional

    specs = []
    for tool in await load_mcp_tools(session):
        says = (tool.metadata or {}).get("readOnlyHint")
        schema = tool.args_schema if isinstance(tool.args_schema, dict) else {"type": "object", "properties": {}}
        specs.append(
            ToolSpec(
                name=tool.name,
                description=tool.description or "",
                parameters=schema,
                writes=None if says is None else not says,
            )
        )
    return tuple(specs)


def _filled(values: Mapping[str, str]) -> dict[str, str]:
    """`${NAME}` replaced by what the environment has."""
    return {name: string.Template(value).safe_substitute(os.environ) for name, value in values.items()}


def _root(error: BaseException) -> str:
    """What lies at the root of an error, in words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error!s:.300}" if str(error) else type(error).__name__

"""LangGraph's development server as a process of ours: silent, on its own port, talking to nobody outside."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
import tempfile
import urllib.request
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.studio.served import CHECKPOINTS, configuration
from eigen_graph.runs import RunFolder

HOST = "127.0.0.1"
_REPLACED = "is already in use, using port"
"""How the server says that it listens somewhere else than it was told to."""
_SILENT = {
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGGRAPH_NO_VERSION_CHECK": "1",
    "LANGSMITH_TRACING": "false",
    "LOG_LEVEL": "WARNING",
    "NO_COLOR": "1",
}
_TALKATIVE = (  # with any of these the server reports what it runs
    "LANGSMITH_API_KEY",
    "LANGCHAIN_API_KEY",
    "LANGSMITH_CONTROL_PLANE_API_KEY",
    "LANGGRAPH_CLOUD_LICENSE_KEY",
    "LANGCHAIN_TRACING_V2",
    "LANGSMITH_TRACING_V2",
)
_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_ERROR = re.compile(r"[\w.]*(?:Error|Exception): ")
_AT_ONCE = 4
_START_S, _STOP_S = 120.0, 15.0


@dataclass
class Server:
    """A server that answers."""

    url: str
    process: Process

    async def wait(self) -> int:
        """Wait for its end; its exit status."""
        return await self.process.wait()


@asynccontextmanager
async def serve(
    port: int, run: RunFolder | None = None, *, say: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Server]:
    """Start the server, hand it out when it answers, and stop it at the end.

    Threads and assistants are kept beside the run, or in the working folder (`.langgraph_api`) as `langgraph dev` does.

    Args:
        port: Where it listens, on this machine only; 0: any free one.
        run: A run whose steps it reads and writes.
        say: Gets what the server prints, line by line.

    Raises:
        EigenGraphError: The server is not installed, the port is taken, or it does not start.
    """
    if find_spec("langgraph_api") is None or find_spec("langgraph_cli") is None:
        raise EigenGraphError("LangGraph's development server is not installed: pip install 'eigen-graph[studio]'")
    port = _free(port)
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        (home / "pyproject.toml").touch()  # what a dependency "." asks for
        file = home / "langgraph.json"
        file.write_text(json.dumps(configuration(of_run=run is not None)), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "langgraph_cli", "dev", "--config", str(file), "--host", HOST, "--port", str(port)),
            *("--no-browser", "--no-reload", "--n-jobs-per-worker", str(_AT_ONCE)),
            cwd=_own_folder(run),
            env=_environment(os.environ, run),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,  # Ctrl-C is ours to pass on
        )
        ear = _Ear(say)
        listener = asyncio.create_task(ear.listen(process))
        url = f"http://{HOST}:{port}"
        try:
            await _started(url, process, ear)
            ear.tells = True
            yield Server(url, process)
        finally:
            await _stopped(process)
            await listener


def _free(port: int) -> int:
    """The port, if it is free: for one that is not, the server would silently take another."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise EigenGraphError(f"port {port} is taken: name another one with --port, or 0 for any") from None
        return int(probe.getsockname()[1])


def _own_folder(run: RunFolder | None) -> Path:
    if run is None:
        return Path.cwd()
    folder = run.path / "studio"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise EigenGraphError(f"cannot write to {folder}: {error.strerror or error}") from error
    return folder


def _environment(outer: Mapping[str, str], run: RunFolder | None) -> dict[str, str]:
    kept = {name: value for name, value in outer.items() if name not in _TALKATIVE}
    found = [str(Path.cwd()), *filter(None, [outer.get("PYTHONPATH")])]  # domains of one's own are named from here
    checkpoints = {CHECKPOINTS: str(run.checkpoints_path.resolve())} if run else {}
    return {**kept, **_SILENT, **checkpoints, "PYTHONPATH": os.pathsep.join(found), "PYTHONUNBUFFERED": "1"}


class _Ear:
    """Hears what the server prints; its welcome is kept to itself."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.tells = False
        self.lines: list[str] = []

    async def listen(self, process: Process) -> None:
        assert process.stdout is not None  # noqa: S101  # asked for
        async for line in process.stdout:
            if text := _COLOR.sub("", line.decode(errors="replace")).strip():
                self.lines = [*self.lines[-99:], text]
                if self.tells:
                    self.say(text)

    @property
    def moved(self) -> bool:
        """Whether the server took another port."""
        return any(_REPLACED in line for line in self.lines)


async def _started(url: str, process: Process, ear: _Ear) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_START_S):
            while process.returncode is None and not ear.moved:
                if await asyncio.to_thread(answers, url):
                    return
                await asyncio.sleep(0.1)
    told = "; ".join([line for line in ear.lines if _ERROR.match(line)][-1:] or ear.lines[-5:]) or "it said nothing"
    raise EigenGraphError(f"LangGraph's development server does not answer at {url}: {told}")


def answers(url: str) -> bool:
    """Whether a LangGraph server answers there."""
    try:
        with urllib.request.urlopen(f"{url}/ok", timeout=5) as reply:  # noqa: S310  # loopback
            return bool(json.load(reply)["ok"])
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return False


async def _stopped(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()

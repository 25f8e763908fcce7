"""`studio`."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from eigen_graph.cli.console import errors, out, print_json
from eigen_graph.cli.running import found
from eigen_graph.cli.synthesize import AsJson
from eigen_graph.core import EigenGraphError
from eigen_graph.runs import RunFolder

_PAGE = "https://smith.langchain.com/studio/?baseUrl="


def studio(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN", help="A run to open: its steps, and each of its generations.", show_default=False
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Where it listens; 0: any free port.")
    ] = 2024,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="List the generations of RUN on the LangGraph server that runs there, and start none.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Start it, say what it serves, and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Open the graphs, and a RUN, in LangGraph Studio.

    Starts LangGraph's development server on this machine and says where to look. It reports to nobody and connects to
    nothing but the models that a graph is told to use. Every graph is served with its forms and prompts; of a RUN,
    every generation is an assistant that draws its own workflow, and its steps are a thread that can be followed and
    resumed (alpha, as LangGraph calls checkpointers of one's own). Ctrl-C ends it.
    """
    folder = RunFolder.open(run) if run else None
    if url is None:
        asyncio.run(_serve(folder, port, check=check, as_json=as_json))
    elif folder is None:
        raise typer.BadParameter("--url wants a RUN whose generations are to be listed there")
    else:
        asyncio.run(_list_there(folder, url, as_json=as_json))


async def _serve(folder: RunFolder | None, port: int, *, check: bool, as_json: bool) -> None:
    from eigen_graph.graphs.studio import serve  # noqa: PLC0415  # what Studio needs is an extra

    ended = _ctrl_c()
    async with serve(port, folder, say=_say) as server:
        told = await _told(server.url, folder)
        _print(told, as_json=as_json)
        if check:
            return
        waits = [asyncio.create_task(server.wait()), asyncio.create_task(ended.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()
        if not ended.is_set():
            raise EigenGraphError("LangGraph's development server ended by itself; what it printed says why")


async def _list_there(folder: RunFolder, url: str, *, as_json: bool) -> None:
    import httpx  # noqa: PLC0415  # what it takes to talk to a server
    from langgraph_sdk.errors import LangGraphError  # noqa: PLC0415

    from eigen_graph.graphs.studio import answers  # noqa: PLC0415

    if not await asyncio.to_thread(answers, url.rstrip("/")):
        raise EigenGraphError(f"no LangGraph server answers at {url}: start one with eigen-graph studio")
    try:
        told = await _told(url.rstrip("/"), folder)
    except (httpx.HTTPError, LangGraphError) as error:
        raise EigenGraphError(f"the server at {url} cannot be told of the run: {error}") from error
    _print(told, as_json=as_json)


async def _told(url: str, folder: RunFolder | None) -> dict[str, Any]:
    """Where to look, and what of a run is there, once the server knows of it."""
    from langgraph_sdk import get_client  # noqa: PLC0415  # what it takes to talk to a server

    from eigen_graph.graphs.studio import open_run  # noqa: PLC0415

    where: dict[str, Any] = {"url": url, "studio": _PAGE + url, "docs": f"{url}/docs"}
    if folder is None:
        return where
    context, _ = found(folder.path)
    async with get_client(url=url, api_key=None) as client:
        opened = await open_run(client, folder, context)
    assistants = [{"id": one.id, "graph": one.graph, "name": one.name} for one in opened.assistants]
    threads = [{"id": thread.id, "graph": thread.graph} for thread in opened.threads]
    return {**where, "assistants": assistants, "threads": threads}


def _print(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    lines = [f"LangGraph server: {told['url']} (its API: {told['docs']})"]
    lines += [f"assistant {one['id']} of {one['graph']}: {one['name']}" for one in told.get("assistants", ())]
    lines += [f"thread {one['id']} of {one['graph']}: the run's steps (alpha)" for one in told.get("threads", ())]
    lines += [
        f"Studio: {told['studio']}",
        "The page is LangSmith's and needs the internet; your browser talks to the server here. Ctrl-C ends it.",
    ]
    for line in lines:
        out.print(line, highlight=False, soft_wrap=True, markup=False)


def _say(line: str) -> None:
    errors.print(line, highlight=False, soft_wrap=True, markup=False)


def _ctrl_c() -> asyncio.Event:
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    return ended

"""A run on a server: itself and each of its generations as assistants, its steps as threads."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.schema import Config

from eigen_graph.graphs.context import Context
from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.forms import spread_out
from eigen_graph.graphs.lineage import blueprint_of
from eigen_graph.graphs.synthesis import STEPS, session_name, thread_of
from eigen_graph.runs import RunFolder
from eigen_graph.runs.lineage import GenerationRow


@dataclass(frozen=True)
class Assistant:
    """A graph with settings, as a server lists it."""

    id: str
    graph: str
    name: str
    description: str
    context: dict[str, Any]


@dataclass(frozen=True)
class Thread:
    """The saved steps of a run, or of a later evolution of it."""

    id: str
    graph: str


@dataclass(frozen=True)
class OpenedRun:
    """What a server was told of a run."""

    assistants: list[Assistant]
    threads: list[Thread]


async def open_run(client: LangGraphClient, folder: RunFolder, context: Context) -> OpenedRun:
    """Let a server list a run: the run and its generations as assistants, its steps as threads.

    What the server knows already stays as it is there, with whatever was edited.

    Args:
        client: Of the server.
        folder: The run's.
        context: What it was begun with.
    """
    with folder.reader() as ledger:
        generations = ledger.generations()
        later = sum(note.kind == "session" for note in ledger.notes())
    found = OpenedRun(
        assistants=list(_assistants(folder, context, generations)),
        threads=list(_threads(folder, later)),
    )
    told = {"run": str(folder.path.resolve())}
    for one in found.assistants:
        await client.assistants.create(
            one.graph,
            config=Config(recursion_limit=STEPS),
            context=one.context,
            metadata=told,
            assistant_id=one.id,
            if_exists="do_nothing",
            name=one.name,
            description=one.description,
        )
    for thread in found.threads:
        await client.threads.create(thread_id=thread.id, graph_id=thread.graph, metadata=told, if_exists="do_nothing")
    return found


def _graph(folder: RunFolder) -> str:
    return "evolution" if "evolve" in folder.info.settings.get("request", {}) else "orchestrator"


def _assistants(folder: RunFolder, context: Context, generations: list[GenerationRow]) -> Iterator[Assistant]:
    name, graph = folder.path.resolve().name, _graph(folder)
    own = context.kept() | {"out": str(folder.path.resolve())}
    yield Assistant(_id(folder, graph), graph, f"run {name}", "Goes on with the run.", spread_out(own))
    begun = Blueprint.of(context)
    only = GenerationRow(number=0, blueprint=begun.to_json(), digest=begun.digest, why="What the run was begun with.")
    for row in generations or [only]:
        made = spread_out(blueprint_of(row).on(context).kept())
        title = f"{name}, generation {row.number}{' (in use)' if row.champion else ''}"
        yield Assistant(_id(folder, f"g{row.number}-{row.digest}"), "pipeline", title, row.why, made)


def _threads(folder: RunFolder, later: int) -> Iterator[Thread]:
    created = folder.info.created
    yield Thread(thread_of(created), _graph(folder))
    for number in range(1, later + 1):
        yield Thread(thread_of(created, session_name(number)), "evolution")


def _id(folder: RunFolder, what: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{folder.info.created}/assistant/{what}"))

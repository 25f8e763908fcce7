"""A run against an OpenAI-compatible server gives the same dialogues; bad days change nothing but the time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from openai_server import Serve

from eigen_graph.domains import load_domain
from eigen_graph.graphs import Context, Run, RunRequest
from eigen_graph.models import ScriptedChat
from eigen_graph.runs import RunFolder

REQUEST = RunRequest(count=12, plans=12, seed=3)
SERVED = "openai:scripted?send_case=true"


async def make(path: Path, **settings: Any) -> list[dict[str, Any]]:
    context = Context(domain=settings.pop("domain", "hotel"), concurrency=8, **settings)
    async with Run.open(path, context, REQUEST) as run:
        async for _ in run.events():
            pass
    return dialogues(path)


def dialogues(path: Path) -> list[dict[str, Any]]:
    with RunFolder.open(path).reader() as ledger:
        return [row.comparable() for row in ledger.instances()]


@pytest.mark.parametrize("name", ["hotel", "broadband"])
async def test_same_dialogues_through_a_server(serve: Serve, tmp_path: Path, name: str) -> None:
    server = serve(ScriptedChat(faults=0.3, domains={name: load_domain(name)}))
    offline = await make(tmp_path / "offline", domain=name, model="scripted?faults=0.3")
    served = await make(tmp_path / "served", domain=name, model=SERVED, base_url=server.url)
    assert served == offline
    assert sum(server.answered.values()) > 100


async def test_bad_days_change_nothing_but_the_time(serve: Serve, tmp_path: Path) -> None:
    server = serve(ScriptedChat(faults=0.3, domains={"hotel": load_domain("hotel")}), stall=3.0)
    offline = await make(tmp_path / "offline", model="scripted?faults=0.3")
    server.troubles = troubles()
    served = await make(tmp_path / "served", model=SERVED, base_url=server.url, request_timeout=1.0)
    assert served == offline
    assert {"429", "500", "cut", "stall"} <= set(server.troubled)


def troubles() -> Iterator[Any]:
    """One bad request in three, and a stalled one in fifty."""
    for number, kind in enumerate(cycle(["429", None, None, "500", None, None, "cut", None, None])):
        yield "stall" if number % 50 == 49 else kind

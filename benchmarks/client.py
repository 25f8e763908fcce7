"""The engine's own CPU beside its HTTP client: whole instances against a loopback server in another process.

The anchor is the bare `ChatOpenAI`, given the very same requests again. The server runs as a process of its own, so
its time counts for neither.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_openai import ChatOpenAI

from eigen_graph.checkers import Checker, prove
from eigen_graph.graphs import Context, pipeline
from eigen_graph.models.player import Player

INSTANCES = 20
REPEATS = 5
SERVER = """
import sys, time
sys.path.insert(0, {tests!r})
from openai_server import OpenAIServer
from eigen_graph.domains import load_domain
from eigen_graph.models import ScriptedChat
with OpenAIServer(ScriptedChat(domains={{"hotel": load_domain("hotel")}})) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


def main() -> None:
    """Print the table."""
    program = SERVER.format(tests=str(Path(__file__).parents[1] / "tests"))
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        try:
            asyncio.run(measure(url))
        finally:
            server.communicate()


async def measure(url: str) -> None:
    """Whole instances, then their requests by the bare client."""
    asked: list[tuple[list[BaseMessage], Any, dict[str, Any]]] = []
    ask = Player.ask

    async def noted(self: Player, messages: Any, metadata: Any, options: Any) -> Any:
        asked.append((list(messages), *self._bound(metadata, options)))
        return await ask(self, messages, metadata, options)

    context = Context(domain="hotel", model="openai:scripted?send_case=true", base_url=url)
    await instances(context, 0)
    Player.ask = noted  # type: ignore[method-assign]  # one run to note the requests, outside the clock
    await instances(context, 0)
    Player.ask = ask  # type: ignore[method-assign]
    engine, client, proofs = [], [], []
    for _ in range(REPEATS):
        began = time.process_time()
        checkers = await instances(context, 0)
        engine.append(time.process_time() - began)
        began = time.process_time()
        for messages, model, options in asked:
            assert isinstance(model, ChatOpenAI)
            await model.ainvoke(messages, **options)
        client.append(time.process_time() - began)
        began = time.process_time()
        for checker in checkers:
            prove(checker, context.resolved_domain)
        proofs.append(time.process_time() - began)
    calls = len(asked)
    print("CPU ms a call; shares are of the bare client's time, the proofs being work of their own.\n")
    print("| calls | engine with client | bare ChatOpenAI | proofs | engine's rest, on top of the client | spread |")
    print("|---|---|---|---|---|---|")
    rest = sorted((e - c - p) / c for e, c, p in zip(engine, client, proofs, strict=True))
    milliseconds = [statistics.median(times) / calls * 1e3 for times in (engine, client, proofs)]
    print(
        f"| {calls} | {milliseconds[0]:.2f} | {milliseconds[1]:.2f} | {milliseconds[2]:.2f} "
        f"| {statistics.median(rest):.0%} | {rest[0]:.0%} to {rest[-1]:.0%} |"
    )


async def instances(context: Context, first: int) -> list[Checker]:
    """Make a few instances, one after another; their checkers."""
    checkers = []
    for seed in range(first, first + INSTANCES):
        done = await pipeline.ainvoke({"id": f"b{seed}", "seed": seed}, context=context)
        assert done["fate"] == "accepted", done["reason"]
        checkers.append(Checker.from_json(done["checker"]))
    return checkers


if __name__ == "__main__":
    main()

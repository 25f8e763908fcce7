"""Agents of one's own from a shell: evaluated, stopped, gone on with, paid for, and put to work in a synthesis."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from command import refused, run, start
from langchain.agents import create_agent
from langgraph.checkpoint.memory import MemorySaver
from openai_server import OpenAIServer

from eigen_graph.agents import episode_tools
from eigen_graph.domains import load_domain
from eigen_graph.evaluation import Results, evaluate
from eigen_graph.models import ScriptedChat
from eigen_graph.runs import RunFolder

AGENT = '''
import contextlib, os
from langchain.agents import create_agent
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langchain_openai import ChatOpenAI
from eigen_graph.agents import episode_tools
from eigen_graph.domains import load_domain
from eigen_graph.models import ScriptedChat

model = ScriptedChat(domains={name: load_domain(name) for name in ("hotel", "broadband")}, faults=0.3)
graph = create_agent(model, tools=episode_tools("broadband"))


def make(tools):
    return create_agent(model, tools=tools)


@contextlib.asynccontextmanager
async def remembering(tools):
    async with AsyncSqliteSaver.from_conn_string("memory.sqlite") as saver:
        yield create_agent(model, tools=tools, checkpointer=saver)


def served(tools):
    """Its case travels as run metadata here; the server wants it in the body."""
    import json
    from langchain_core.runnables import RunnableLambda

    given = {"base_url": os.environ["SERVER"], "api_key": "none", "max_retries": 0}

    async def answer(messages, config):
        body = {"metadata": {"eigen": json.dumps(config["metadata"]["eigen"])}}
        chat = ChatOpenAI(model="scripted", extra_body=body, **given)
        return await create_agent(chat, tools=tools).ainvoke({"messages": messages}, config)

    return RunnableLambda(answer)
'''
ORDER = ("--tasks", 6, "--trials", 2, "--user", "scripted")


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    path = tmp_path / "agents" / "mine.py"
    path.parent.mkdir()
    path.write_text(AGENT, encoding="utf-8")
    return path


def episodes(path: Path) -> dict[tuple[str, int], Any]:
    """What was said and judged, by task and trial."""
    results = Results.load(path / "results.json")
    return {(e.task_id, e.trial): ((e.trajectory or {})["messages"], e.verdict) for e in results.episodes}


@pytest.mark.parametrize(("domain", "name"), [("broadband", "graph"), ("hotel", "make"), ("hotel", "remembering")])
@pytest.mark.usefixtures("agent")
def test_a_graph_around_scripted_comes_to_what_scripted_does(tmp_path: Path, domain: str, name: str) -> None:
    own, ours = tmp_path / "own", tmp_path / "ours"
    told = run("eval", domain, "--agent", f"agents/mine.py:{name}", *ORDER, "--out", own, cwd=tmp_path).out
    asyncio.run(evaluate(domain, agent="scripted?faults=0.3", tasks=6, trials=2, out=ours))
    assert episodes(own) == episodes(ours)
    results = Results.load(own / "results.json")
    assert results.info.agent == f"mine.py:{name}"
    assert f"mine.py:{name}" in told
    if name == "graph":
        assert "pass^1" in run("compare", own, ours).out
        assert run("judge", own / "results.json", "--json").json["counts"] == {"equal": 12}
    if name == "remembering":
        assert (tmp_path / "memory.sqlite").exists()


def test_killed_and_gone_on_with_from_another_folder(agent: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    asyncio.run(evaluate("hotel", agent="scripted?faults=0.3", tasks=10, trials=3, out=whole))
    order = ("eval", "hotel", "--agent", f"{agent.name}:remembering", "--tasks", 10, "--trials", 3, "--out", cut)
    process = start(*order, cwd=agent.parent)
    deadline = time.monotonic() + 60
    while not played(cut) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 0 < played(cut) < 30
    run("resume", cut, cwd=tmp_path)
    assert episodes(cut) == episodes(whole)


def played(path: Path) -> int:
    try:
        with RunFolder.open(path).reader() as ledger:
            return len(ledger.episode_ids())
    except Exception:  # noqa: BLE001  # it may be half made when we look
        return 0


def test_a_failing_server_is_counted_apart_and_played_again(agent: Path, tmp_path: Path) -> None:
    chat = ScriptedChat(domains={"hotel": load_domain("hotel")})
    reference = f"{agent}:served?in=1&out=2"
    with OpenAIServer(chat) as server:
        server.troubles = iter([*[None] * 15, "cut", "500", *[None] * 5, "401"])
        env = {"SERVER": server.url}
        order = ("eval", "hotel", "--agent", reference, "--tasks", 6, "--trials", 1, "--concurrency", 1)
        stopped = run(*order, "--out", tmp_path / "run", env=env, expect=None)
        assert stopped.status
        assert "refuses the key" in " ".join(stopped.err.split())
        lost = run("resume", tmp_path / "run", env=env, expect=None)
        if lost.status:
            assert "broken off by the infrastructure" in " ".join(lost.err.split())
            run("resume", tmp_path / "run", env=env)
    results = Results.load(tmp_path / "run" / "results.json")
    assert results.summary
    assert results.summary["pass_hat"][0]["value"] == 1
    assert all(episode.cost_usd for episode in results.episodes)
    assert results.info.agent == "mine.py:served?in=1.0&out=2.0"


def test_a_budget_counts_what_its_own_models_cost(agent: Path, tmp_path: Path) -> None:
    order = ("eval", "hotel", *ORDER, "--out", tmp_path / "run", "--budget")
    assert "needs the prices of mine.py:make" in refused(*order, "$1", "--agent", f"{agent}:make")
    told = run(*order, "$0.001", "--agent", f"{agent}:make?in=1&out=1", expect=None)
    assert told.status
    assert "the budget of $0.001 is spent" in " ".join(told.err.split())
    with RunFolder.open(tmp_path / "run").reader() as ledger:
        spent = ledger.spent()
    assert 0.001 <= (spent.cost_usd or 0) < 0.05
    assert spent.unpriced_calls == 0


def test_it_plays_the_agent_in_a_synthesis(agent: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    told = run("synthesize", "broadband", "--count", 6, "--agent-model", f"{agent}:graph", "--out", out, "--json")
    assert told.json["accepted"] == 6
    assert RunFolder.open(out).info.settings["context"]["agent_model"] == f"{agent}:graph"
    for option in ("--model", "--user-model"):
        told = refused("synthesize", "hotel", option, f"{agent}:make", "--out", tmp_path / "none")
        assert "takes the agent's chair only" in told


def test_what_is_wrong_with_a_reference_is_one_line(agent: Path, tmp_path: Path) -> None:
    agent.write_text("import nothing_of_that_name\n")
    for reference, says in [
        (f"{agent}:graph", "No module named 'nothing_of_that_name' ("),
        ("mine:graph", "no module 'mine' for the agent"),
        ("mine", "an agent of your own is named by"),
    ]:
        told = refused("eval", "hotel", "--agent", reference, "--out", tmp_path / "run")
        assert says in told
    assert not (tmp_path / "run").exists()


async def test_a_hundred_and_fifty_at_once(tmp_path: Path) -> None:
    domain = load_domain("broadband")
    agent = create_agent(
        ScriptedChat(domains={domain.name: domain}, faults=0.3),
        tools=episode_tools(domain),
        checkpointer=MemorySaver(),
        name="mine",
    )
    own = await evaluate(domain, agent=agent, tasks=75, trials=2, out=tmp_path / "own", concurrency=150)
    await evaluate(domain, agent="scripted?faults=0.3", tasks=75, trials=2, out=tmp_path / "ours")
    assert episodes(tmp_path / "own") == episodes(tmp_path / "ours")
    assert own.info.agent == "mine"

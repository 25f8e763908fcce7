"""A trained folder as the agent: behind a real OpenAI-compatible server, and in process by `hf:`.

The model knows two dialogues by heart, so its words and calls really cross the wire, and its tasks are solved. The
server is `transformers serve`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import run
from served_models import served
from tiny_models import taught_folder

from eigen_graph.runs import RunFolder

SEED = 13
"""Of a run whose first two dialogues are short."""
MADE = ("synthesize", "broadband", "--count", 2, "--max-tries", 2, "--seed", SEED)
PATIENCE = 280.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two scripted dialogues, exported."""
    path = tmp_path_factory.mktemp("made") / "run"
    run(*MADE, "--out", path)
    run("export", path, "--format", "sft", "--format", "rl")
    return path


@pytest.fixture(scope="module")
def model(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [json.loads(line) for line in (made / "export" / "sft.jsonl").read_text().splitlines()]
    assert all(any(message.get("tool_calls") for message in row["messages"]) for row in rows)
    return taught_folder(tmp_path_factory.mktemp("taught") / "model", rows)


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(model, tmp_path_factory.mktemp("server")) as url:
        yield url


def evaluated(agent: str, made: Path, out: Path) -> Any:
    """An evaluation on the tasks of the taught dialogues."""
    tasks = ("--task-file", made / "export" / "rl.jsonl", "--trials", 1)
    return run("eval", "broadband", "--agent", agent, *tasks, "--out", out, "--json", timeout=PATIENCE).json


def dialogues(out: Path) -> list[list[tuple[Any, ...]]]:
    """What was said and done in an evaluation, without the ids of calls."""
    episodes = json.loads((out / "results.json").read_text())["episodes"]
    return [
        [
            (
                message["role"],
                message["content"],
                [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or ()],
            )
            for message in episode["trajectory"]["messages"]
        ]
        for episode in sorted(episodes, key=lambda one: str(one["task_id"]))
    ]


@pytest.mark.slow
def test_a_served_folder_solves_what_it_was_taught_and_so_does_the_folder_itself(
    server: str, model: Path, made: Path, tmp_path: Path
) -> None:
    done = evaluated(f"openai:{model}?temperature=0&base_url={server}", made, tmp_path / "served")
    assert (done["judged"], done["mean_reward"]) == (2, 1.0), done
    said = dialogues(tmp_path / "served")
    assert all(any(role == "assistant" and calls for role, _, calls in dialogue) for dialogue in said)
    done = evaluated(f"hf:{model}?temperature=0", made, tmp_path / "local")
    assert (done["judged"], done["mean_reward"]) == (2, 1.0), done
    assert dialogues(tmp_path / "local") == said


@pytest.mark.slow
def test_synthesis_with_the_served_agent_accepts_the_dialogues_that_it_knows(
    server: str, model: Path, tmp_path: Path
) -> None:
    """The same seed makes the same tasks again."""
    out = tmp_path / "run"
    run(*MADE, "--agent-model", f"openai:{model}?temperature=0&base_url={server}", "--out", out, timeout=PATIENCE)
    with RunFolder.open(out).reader() as ledger:
        assert [row.fate for row in ledger.instances()] == ["accepted"] * 2
        assert ledger.spent().output_tokens > 0

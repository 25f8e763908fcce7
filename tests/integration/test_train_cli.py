"""`train`, `pipeline` and `report` as a person meets them, on models that are made in a second."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import Done, refused, run, start
from typer.testing import CliRunner

from eigen_graph.cli import app

pytest.importorskip("torch")
pytestmark = pytest.mark.timeout(600)

ENV = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
SFT = {"steps": 6, "batch_size": 4, "log_every": 1, "save_every": 2, "optimizer": {"learning_rate": 0.003}}
RECIPE: dict[str, Any] = {
    "name": "mini",
    "domain": "broadband",
    "device": "cpu",
    "threads": 1,
    "data": {"synthesis": {"count": 30}, "holdout": 0.3, "max_held_out": 5},
    "model": {
        "tiny": {"vocab": 600, "hidden": 32, "layers": 1, "heads": 2, "kv_heads": 1},
        "chat_template": "short",
        "max_tokens": 2048,
    },
    "user": {"sft": SFT, "fidelity": {"tasks": 5, "max_faults": 50}},
    "agent": {"sft": SFT},
    "grpo": {
        "steps": 3,
        "groups": 2,
        "group_size": 2,
        "max_turn_tokens": 8,
        "max_steps": 8,
        "user": "scripted",
        "filter": {"max_rounds": 0},
        "save_every": 1,
    },
    "evaluation": {"tasks": 3, "trials": 1},
}


def train(*arguments: object, **options: Any) -> Done:
    return run(*arguments, env=ENV, timeout=500, **options)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipes") / "mini.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    return path


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, recipe: Path) -> tuple[Path, Any]:
    """A pipeline that ran through: its folder, and what it printed."""
    folder = tmp_path_factory.mktemp("pipelines") / "straight"
    return folder, train("pipeline", recipe, "--out", folder, "--force", "--json").json


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def losses(folder: Path, stage: str) -> list[tuple[int, float]]:
    return [(row["step"], row["loss"]) for row in rows(folder / stage / "metrics.jsonl") if "loss" in row]


def test_a_pipeline_goes_from_nothing_to_its_figures(done: tuple[Path, Any]) -> None:
    folder, printed = done
    assert printed["model"] == str(folder / "grpo" / "model")
    assert set(printed["seconds"]) == {"synthesize", "agent", "grpo"}
    for figure in (printed["agent"]["after"], printed["grpo"]["before"], printed["grpo"]["after"]):
        assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    assert printed["agent"]["before"] is None
    assert printed["agent"]["after"] == printed["grpo"]["before"]
    assert {"value", "low", "high", "p"} == set(printed["grpo"]["difference"])
    assert "no-op" in printed["grpo"]["floors"]
    assert (folder / "curves.svg").read_text().startswith("<?xml")
    record = json.loads((folder / "grpo" / "stage.json").read_text())
    assert record["state"] == "done"
    assert record["results"]["start"]["forced"] is not record["results"]["start"]["passes"]
    assert [row["step"] for row in rows(folder / "grpo" / "metrics.jsonl")] == [1, 2, 3]
    card = (folder / "grpo" / "model" / "README.md").read_text()
    for text in ("mini: grpo", "pass^1 on 3 held-out tasks", "hf:PATH", "vllm serve", "## Limits"):
        assert text in card
    assert str(folder) not in card


def test_what_is_done_is_not_done_again(done: tuple[Path, Any], recipe: Path) -> None:
    folder, printed = done
    before = (folder / "grpo" / "model" / "model.safetensors").stat().st_mtime_ns
    again = train("pipeline", recipe, "--out", folder, "--force", "--json").json
    assert {**again, "seconds": None} == {**printed, "seconds": None}
    assert (folder / "grpo" / "model" / "model.safetensors").stat().st_mtime_ns == before


def test_a_report_tells_of_it(done: tuple[Path, Any], tmp_path: Path) -> None:
    folder, _ = done
    told = run("report", folder, "--out", tmp_path / "curves.png").out
    assert "pass^1 after" in told
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    data = run("report", folder, "--json").json
    assert [stage["stage"] for stage in data["stages"]] == ["agent", "grpo"]
    refused("report", tmp_path, saying=("nothing to report on", "no recipe.yaml (a training)"))


def test_its_page_holds_its_run_and_its_evaluations_too(done: tuple[Path, Any]) -> None:
    folder, _ = done
    assert "pass^1 after grpo" in run("report", folder).out
    page = (folder / "report.html").read_text()
    for part in ('"stage":"grpo"', '"funnel":[{', '"name":"eval-agent"', '"name":"eval-grpo"'):
        assert part in page


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_pipeline_goes_on_where_it_was_stopped(
    done: tuple[Path, Any], recipe: Path, tmp_path: Path, number: signal.Signals
) -> None:
    straight, printed = done
    folder = tmp_path / "stopped"
    process = start("pipeline", recipe, "--out", folder, "--force", env=ENV)
    place = folder / ("grpo" if number == signal.SIGTERM else "agent") / "metrics.jsonl"
    while process.poll() is None and not (place.exists() and len(place.read_text().splitlines()) >= 2):
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    if number == signal.SIGTERM and process.returncode:  # it may just have ended
        assert process.returncode == 3, err
        assert "the same command goes on" in err.splitlines()[-1]
    again = train("pipeline", recipe, "--out", folder, "--force", "--json").json
    assert losses(folder, "agent") == losses(straight, "agent")
    assert [step for step, _ in losses(folder, "grpo")] == [1, 2, 3]
    assert again["agent"]["after"] == printed["agent"]["after"]


def test_a_user_that_has_not_passed_is_refused(done: tuple[Path, Any], recipe: Path, tmp_path: Path) -> None:
    run_folder, folder = done[0] / "run", tmp_path / "train"
    dry = train("train", "user", recipe, "--run", run_folder, "--out", folder, "--dry-run", expect=2)
    assert "even a user without a fault" in " ".join(dry.out.split())
    assert not folder.exists()
    bound = ("--set", "user.fidelity.max_faults=90", "--set", "grpo.user=trained")
    trained = train("train", "user", recipe, "--run", run_folder, "--out", folder, *bound, expect=1)
    assert "does not pass" in trained.err
    assert "faults per 100" in trained.err
    assert json.loads((folder / "user" / "fidelity.json").read_text())["figures"]["faults_per_100"] > 100
    assert "Faults as a user" in (folder / "user" / "model" / "README.md").read_text()
    train("train", "agent", recipe, "--out", folder, *bound)
    refused("train", "grpo", recipe, "--out", folder, *bound, "--json", saying=("does not pass", "--force"), env=ENV)
    train("train", "grpo", recipe, "--out", folder, *bound, "--set", "grpo.steps=1", "--force")
    record = json.loads((folder / "grpo" / "stage.json").read_text())["results"]
    assert record["user"]["passes"] is False
    assert record["user"]["forced"] is True
    assert "Insisted on" in (folder / "grpo" / "model" / "README.md").read_text()


def test_what_cannot_be_trained_is_one_line(done: tuple[Path, Any], recipe: Path, tmp_path: Path) -> None:
    folder, _ = done
    out = ("--out", tmp_path / "train")
    refused("train", "agent", "cpu_tini", *out, saying=("did you mean 'cpu_tiny'?",))
    refused("train", "agent", recipe, *out, "--set", "agent.sft.stps=3", saying=("did you mean 'steps'?",))
    refused("train", "agent", recipe, *out, "--json", saying=("--run",), env=ENV)
    refused("train", "agent", "gpu_single", *out, "--run", folder / "run", "--json", saying=("GPU",), env=ENV)
    refused("train", "agent", recipe, "--out", folder, "--set", "seed=9", "--json", saying=("seed 1, not 9",), env=ENV)
    refused("train", "agent", recipe, "--out", tmp_path.parent, "--json", saying=("holds",), env=ENV)


def test_without_torch_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('no torch', name='torch')\n")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    refused("train", "agent", "cpu_tiny", env={"PYTHONPATH": path}, saying=("pip install 'eigen-graph[rl]'", "torch"))
    refused("pipeline", "cpu_tiny", "--dry-run", env={"PYTHONPATH": path}, saying=("pip install 'eigen-graph[rl]'",))


@pytest.mark.parametrize("command", ["train", "train user", "train agent", "train grpo", "pipeline", "report"])
def test_help_reads(command: str) -> None:
    told = CliRunner().invoke(app, [*command.split(), "--help"], terminal_width=100)
    assert told.exit_code == 0
    assert f"Usage: eigen-graph {command}" in told.output.replace("root", "eigen-graph")


def test_a_recipe_for_other_machines_is_looked_into() -> None:
    found = train("pipeline", "gpu_multi", "--dry-run", "--json", expect=2).json
    wrong = {finding["what"]: finding["said"] for finding in found["findings"] if finding["level"] == "error"}
    assert "no server answers at http://localhost:8000" in wrong["vLLM"]
    assert "there is no model in 'models/Qwen3-8B'" in wrong["agent"]

"""The folder for TRL as exported: both scripts run in the real trainers, on the CPU, with a tiny model.

The domain is a small one of somebody's own, so the package must find it by its path.
"""

from __future__ import annotations

import importlib.resources
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from tiny_models import tiny_model

QWEN = (importlib.resources.files("trl") / "chat_templates" / "qwen2_5.jinja").read_text()
"""A template that TRL knows how to parse, and to mark the assistant's tokens in."""
DOMAIN = f"{Path(__file__).parents[1] / 'unit' / 'lending.py'}:make"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trl")
    for words in (
        ["synthesize", DOMAIN, "--count", "2", "--seed", "3", "--out", str(path / "run")],
        ["export", str(path / "run"), "--format", "trl", "--out", str(path)],
    ):
        subprocess.run([sys.executable, "-m", "eigen_graph", *words], check=True, capture_output=True, timeout=120)
    model, tokenizer = tiny_model(template=QWEN)
    model.save_pretrained(path / "model")
    tokenizer.save_pretrained(path / "model")
    return path


def run(folder: Path, script: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(folder / "trl" / script), str(folder / "model"), "--cpu", "--max-steps", "1", *words],
        cwd=folder,
        env={**os.environ, "TRL_EXPERIMENTAL_SILENCE": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def rows_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_rows_load_without_a_field_that_was_not_there(folder: Path, tmp_path: Path) -> None:
    file = folder / "trl" / "sft.jsonl"
    assert list(load_dataset("json", data_files=str(file), split="train", cache_dir=str(tmp_path))) == rows_of(file)


@pytest.mark.slow
def test_sft_trains_on_the_agents_messages(folder: Path) -> None:
    printed = run(folder, "sft.py", "--out", str(folder / "sft"), "--max-length", "4096")
    assert "'train_loss'" in printed
    assert (folder / "sft" / "model.safetensors").exists()


@pytest.mark.slow
def test_grpo_plays_episodes_and_asks_the_checkers(folder: Path) -> None:
    printed = run(folder, "grpo.py", "--out", str(folder / "grpo"), "--group", "2", "--max-completion-length", "8")
    assert "'rewards/LendingEnvironment/mean': '0'" in printed
    assert (folder / "grpo" / "model.safetensors").exists()

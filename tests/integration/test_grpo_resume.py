"""`kill -9` amid GRPO: the same command goes on with the same next batches, to the same model."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import grpo_process
import pytest
import torch
from safetensors.torch import load_file

from eigen_graph.core import EigenGraphError
from eigen_graph.rl.folder import newest_checkpoint

KILLED_AFTER = 6
"""Rollouts; checkpoints lie after 2, 4, 6 and 8."""
TIMED = {"seconds", "tokens_per_second"}
SAME = ("loss", "grad_norm", "entropy", "reward/raw", "rewards/checker/mean", "num_tokens", "groups/rolled")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def rolled(out: Path) -> list[dict[str, Any]]:
    """What was played, without how long it took."""
    found = lines(out / "grpo" / "rollouts.jsonl")
    return [{name: value for name, value in line.items() if name not in TIMED} for line in found]


def count(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "run"
    order = ("synthesize", "broadband", "--count", "12", "--model", "scripted", "--out", str(path))
    subprocess.run([sys.executable, "-m", "eigen_graph", *order], check=True, capture_output=True)
    return path


@pytest.mark.slow
def test_killed_amid_grpo_it_goes_on_as_if_nothing_had_been(run: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    model = grpo_process.train(run, whole, [])
    shutil.copytree(whole, killed, ignore=shutil.ignore_patterns("grpo"))

    command = [sys.executable, grpo_process.__file__, str(run), str(killed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while process.poll() is None and count(killed / "grpo" / "rollouts.jsonl") < KILLED_AFTER:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    said, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, said
    checkpoints = killed / "grpo" / "checkpoints"
    torn = checkpoints / "checkpoint-7"
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"half")
    newest = newest_checkpoint(checkpoints)
    assert newest is not None
    assert newest.name in {"checkpoint-4", "checkpoint-6"}
    assert rolled(killed) == rolled(whole)[: count(killed / "grpo" / "rollouts.jsonl")]

    resumed = grpo_process.train(run, killed, [])
    assert rolled(killed) == rolled(whole)
    assert [line["step"] for line in rolled(killed)] == list(range(1, 9))
    assert any(line["groups"]["kept"] for line in rolled(whole)[6:]), "there was something to learn from after it"
    expected, found = (lines(out / "grpo" / "metrics.jsonl") for out in (whole, killed))
    assert [row["step"] for row in found] == list(range(1, 9))
    for one, other in zip(found, expected, strict=True):
        assert {name: one[name] for name in SAME} == pytest.approx({name: other[name] for name in SAME}, rel=1e-4)
    before, after = load_file(model / "model.safetensors"), load_file(resumed / "model.safetensors")
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-7)
    start = load_file(whole / "agent" / "model" / "model.safetensors")
    assert any(not torch.equal(value, start[name]) for name, value in before.items())

    with pytest.raises(EigenGraphError, match=r"grpo\.group_size"):
        grpo_process.train(run, killed, ["grpo.group_size=2"])

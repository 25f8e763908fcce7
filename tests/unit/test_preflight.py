"""What is found before a training begins: each thing that would stop it later, said at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from trainings import recipe, sft

torch = pytest.importorskip("torch")

from tiny_models import tiny_folder  # noqa: E402

from eigen_graph.rl import preflight_machine, preflight_models  # noqa: E402
from eigen_graph.rl.data import prepare  # noqa: E402
from eigen_graph.rl.folder import TrainingFolder  # noqa: E402
from eigen_graph.rl.preflight import Preflight, check  # noqa: E402
from eigen_graph.rl.recipe import Recipe, bundled, load_recipe  # noqa: E402
from eigen_graph.rl.settings import STAGES  # noqa: E402
from eigen_graph.rl.sizes import size_of_folder, size_of_tiny  # noqa: E402
from eigen_graph.rl.start import start_model  # noqa: E402


def said(found: Preflight, level: str, what: str = "") -> str:
    """All findings of a level, of one thing or of all, as one text."""
    return "\n".join(
        f"{each.what}: {each.said}" for each in found.findings if each.level == level and what in each.what
    )


def lenient(**changes: Any) -> Recipe:
    """A recipe that this machine and a small run can do."""
    fidelity = {"user": {"sft": sft(), "fidelity": {"tasks": 50, "max_faults": 1000}}}
    small = {"grpo": {"groups": 2, "group_size": 2, "user": "scripted"}, "evaluation": {"tasks": 2}}
    for name, change in changes.items():
        small[name] = {**small.get(name, {}), **change} if isinstance(change, dict) else change
    return recipe(**{**fidelity, **small})


def test_all_is_well(synthesized: Path) -> None:
    found = check(lenient(), STAGES, runs=[synthesized])
    assert said(found, "error") == said(found, "warning") == ""
    assert found.passes
    assert "to train on" in said(found, "ok", "data")
    assert "torch" in said(found, "ok", "libraries")
    assert "0 too long" not in said(found, "ok", "agent.sft")
    for side in ("user", "agent"):
        assert "⟦" in found.shown[side]
        assert "<|im_end|>⟧" in found.shown[side]
    assert "###STOP###<|im_end|>⟧" in found.shown["user"]


def test_nothing_is_written(synthesized: Path, tmp_path: Path) -> None:
    check(lenient(), STAGES, folder=tmp_path / "train", runs=[synthesized])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"device": "gpu"}, "machine: recipe small wants a GPU"),
        ({"grpo": {"vllm": {"mode": "colocate"}}}, "vLLM: needs a GPU"),
        ({"report_to": ["trackionary"]}, "report_to: no tracker 'trackionary': there are trackio"),
        ({"agent": {"sft": sft(packing=True)}}, "agent.sft: packing needs FlashAttention"),
        ({"model": {"start": "/nowhere"}}, "there is no model in '/nowhere'"),
        ({"model": {"chat_template": "/nowhere.jinja"}}, "there is no template '/nowhere.jinja'"),
        ({"model": {"max_tokens": 20}}, "agent: agent: the rows to train on: none of"),
        ({"model": {"tiny": {"hidden": 30, "heads": 4}}}, "heads must divide hidden"),
        ({"data": {"select": {"tools": ["no_such_tool"]}}}, "data: "),
        ({"data": {"select": {"max_chars": 3}}}, "leaves nothing to train on"),
        ({"data": {"holdout": 1.0}}, "fall to the held-out part"),
        ({"domain": "hotel"}, "data: "),
        ({"grpo": {"groups": 500}}, "grpo.groups: 500 tasks in a step, but there are"),
        ({"grpo": {"user": "nobody"}}, "grpo.user: no model"),
        ({"grpo": {"user": "hf:/nowhere"}}, "grpo.user: no model folder /nowhere"),
        ({"evaluation": {"user": "openai:"}}, "evaluation.user: "),
        ({"user": {"sft": sft(), "fidelity": {"max_faults": 1}}}, "fidelity: on"),
    ],
)
def test_what_would_stop_it_is_said(synthesized: Path, changes: dict[str, Any], expected: str) -> None:
    found = check(lenient(**changes), STAGES, runs=[synthesized])
    assert not found.passes
    assert expected in said(found, "error")
    assert all("\n" not in finding.said for finding in found.findings)


def test_nothing_to_train_on(tmp_path: Path) -> None:
    assert "name a synthesis run" in said(check(lenient(), ["agent"]), "error")
    assert "will be synthesized by scripted" in said(check(lenient(), ["agent"], synthesizes=True), "ok")
    assert "data: " in said(check(lenient(), ["agent"], runs=[tmp_path], synthesizes=True), "error")


def test_what_is_not_trained_yet(synthesized: Path) -> None:
    found = check(lenient(grpo={"user": "trained"}), ["grpo"], runs=[synthesized])
    assert "train the agent first" in said(found, "error", "grpo")
    assert "eigen-graph train user first" in said(found, "error", "grpo.user")


def test_another_recipe_in_the_folder(synthesized: Path, tmp_path: Path) -> None:
    was = lenient()
    folder = TrainingFolder.create(tmp_path / "train", was)
    prepare(folder.data, was, [synthesized])
    folder.stage("agent").begin(was)
    assert "goes on (agent running)" in said(check(was, ["agent"], folder=folder.path), "ok", "folder")
    found = check(lenient(agent={"sft": sft(steps=7)}), ["agent"], folder=folder.path)
    assert "begun with agent.sft.steps 6, not 7" in said(found, "error", "folder")


def test_a_model_folder_is_looked_into(synthesized: Path, tmp_path: Path) -> None:
    path = tiny_folder(tmp_path / "model")
    start = lenient(model={"start": str(path), "chat_template": "own", "max_tokens": 100_000})
    found = check(start, ["agent"], runs=[synthesized])
    assert "max_tokens is 100000, but the model's context" in said(found, "error", "agent")
    tokenizer = json.loads((path / "tokenizer_config.json").read_text())
    for file in path.glob("chat_template*"):
        file.unlink()
    tokenizer.pop("chat_template", None)
    (path / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    assert "has no chat template" in said(check(start, ["agent"], runs=[synthesized]), "error", "agent")
    (path / "config.json").write_text("[")
    assert "config.json" in said(check(start, ["agent"], runs=[synthesized]), "error", "agent")


def test_room_and_memory(synthesized: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight_models, "room", lambda _: 1000)
    monkeypatch.setattr(preflight_models, "_memory_here", lambda _: (1000, "of memory free"))
    found = check(lenient(), ["agent"], runs=[synthesized])
    assert "make room" in said(found, "error", "disk")
    assert "a smaller batch_size" in said(found, "warning", "memory")


def test_missing_and_other_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight_machine, "versions", lambda: {"torch": "2.13.0", "trl": "0.1"})
    wanting = lenient(grpo={"vllm": {"mode": "colocate"}}, report_to=["mlflow"])
    found = Preflight(list(preflight_machine.check_libraries(wanting, STAGES)))
    assert "accelerate, peft, datasets not installed: pip install 'eigen-graph[rl]'" in said(found, "error")
    assert "pip install 'eigen-graph[vllm]'" in said(found, "error", "vLLM")


@pytest.mark.parametrize("name", sorted(bundled()))
def test_every_bundled_recipe_is_told_apart(name: str) -> None:
    offline = ["data.synthesis.model=scripted", *(["grpo.vllm=null"] if name in {"gpu_multi", "paper"} else [])]
    found = check(load_recipe(name, offline), STAGES, synthesizes=True)
    if name.startswith("gpu") or name == "paper":
        assert "wants a GPU" in said(found, "error", "machine") or torch.cuda.is_available()
    else:
        assert said(found, "error", "machine") == said(found, "error", "data") == ""


def test_a_size_is_told_from_settings_and_files(tmp_path: Path, synthesized: Path) -> None:
    settings = lenient().model
    data = prepare(tmp_path / "data", lenient(), [synthesized])
    model, chat = start_model(settings, rows=data.agent_rows)
    size = size_of_tiny(settings.tiny, len(chat.tokenizer), settings.max_tokens)
    assert size.parameters == sum(parameter.numel() for parameter in model.parameters())
    model.save_pretrained(tmp_path / "model")
    found = size_of_folder(tmp_path / "model")
    assert found.parameters == pytest.approx(size.parameters, rel=0.05)
    assert found[1:] == size[1:]

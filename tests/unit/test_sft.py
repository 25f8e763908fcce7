"""Supervised fine-tuning of a tiny model on real dialogues: what the model is given, what it learns, how it goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from by_hand import expected_labels
from safetensors.torch import load_file
from trainings import recipe, sft
from transformers import AutoModelForCausalLM, TrainerCallback

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs import RunPausedError
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.rl.course import follow
from eigen_graph.rl.data import TrainingData, prepare
from eigen_graph.rl.folder import StageFolder, TrainingFolder
from eigen_graph.rl.gathering import Row
from eigen_graph.rl.order import training_order
from eigen_graph.rl.recipe import Recipe
from eigen_graph.rl.sequences import tokenized
from eigen_graph.rl.sft import Side, model_settings, new_trainer, side_rows, train_sft
from eigen_graph.rl.start import start_model

SIDES: tuple[Side, ...] = ("agent", "user")


@pytest.fixture(scope="module")
def data(synthesized: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    return prepare(tmp_path_factory.mktemp("data") / "data", recipe(), [synthesized])


def quiet(_: str) -> None:
    """Hears what is told."""


def stage_in(path: Path, wanted: Recipe, side: Side) -> StageFolder:
    return TrainingFolder.enter(path, wanted).stage(side)


def weights(folder: Path) -> dict[str, Any]:
    return dict(load_file(folder / "model.safetensors"))


def equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Watch(TrainerCallback):
    """Keeps what the model was given, and the gradients before the first step."""

    def __init__(self, model: Any) -> None:
        self.given: list[dict[str, Any]] = []
        self.gradients: dict[str, Any] = {}
        model.register_forward_pre_hook(self._see, with_kwargs=True)

    def _see(self, _model: Any, _arguments: Any, named: dict[str, Any]) -> None:
        self.given.append({name: named[name].clone() for name in ("input_ids", "labels", "attention_mask")})

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:  # noqa: ARG002
        if not self.gradients:
            self.gradients = {name: each.grad.clone() for name, each in model.named_parameters()}


@pytest.mark.parametrize("side", SIDES)
def test_the_labels_that_reach_the_model_are_on_the_sides_own_turns_and_nothing_else_pulls(
    data: TrainingData, tmp_path: Path, side: Side
) -> None:
    settings = sft(steps=1, batch_size=2, accumulate=2, optimizer={"learning_rate": 1e-3, "max_grad_norm": 1e9})
    wanted = recipe(data={"holdout": 0.3}, **{side: {"sft": settings}})
    stage = stage_in(tmp_path / "train", wanted, side)
    stage.begin(wanted)
    rows = side_rows(side, wanted, data)
    model, chat = start_model(wanted.model, rows=rows, seed=1)
    train = tokenized(rows, chat, 4096)
    trainer = new_trainer(
        model, chat=chat, train=train, held=None, folder=stage, recipe=wanted, side=side, settings=wanted.model
    )
    watch = Watch(model)
    trainer.add_callback(watch)
    fresh, _ = start_model(wanted.model, rows=rows, seed=1)
    follow(trainer, stage, quiet)

    by_tokens = {tuple(tokens["input_ids"]): row for row, tokens in zip(rows, train.rows, strict=True)}
    losses, count = [], 0
    assert [len(batch["input_ids"]) for batch in watch.given] == [2, 2]
    for batch in watch.given:
        for ids, labels, seen in zip(
            *(batch[name].tolist() for name in ("input_ids", "labels", "attention_mask")), strict=True
        ):
            length = sum(seen)
            row: Row = by_tokens[tuple(ids[:length])]
            expected = expected_labels(row, ids[:length], chat.tokenizer)
            assert labels == [*expected, *[-100] * (len(ids) - length)], "padding has no loss either"
            targets = torch.tensor(expected[1:])
            own = targets != -100
            logits = fresh(input_ids=torch.tensor([ids[:length]])).logits[0, :-1]
            losses.append(torch.nn.functional.cross_entropy(logits[own], targets[own], reduction="sum"))
            count += int(own.sum())
    # By hand: the mean over all own tokens of the step, over both of its passes alike.
    (torch.stack(losses).sum() / count).backward()
    assert watch.gradients
    for name, parameter in fresh.named_parameters():
        torch.testing.assert_close(watch.gradients[name], parameter.grad, rtol=1e-3, atol=1e-6, msg=name)
    assert trainer.state.log_history[0]["loss"] == pytest.approx(
        float(torch.stack(losses).sum().detach() / count), rel=1e-4
    )


def test_the_loss_falls_on_what_was_trained_and_on_what_was_held_out(data: TrainingData, tmp_path: Path) -> None:
    wanted = recipe(agent={"sft": sft(steps=30, batch_size=4, save_every=15, optimizer={"learning_rate": 1e-2})})
    stage = stage_in(tmp_path / "train", wanted, "agent")
    told: list[str] = []
    folder = train_sft("agent", stage, wanted, data, told.append)
    losses = [row["loss"] for line in stage.metrics.read_text().splitlines() if "loss" in (row := json.loads(line))]
    assert len(losses) == 30
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])
    info = stage.info
    assert info is not None
    assert info.state == "done"
    held = info.results["held_out_loss"]
    assert held["after"] < 0.7 * held["before"]
    assert info.results["rows"] == len(data.agent_rows)
    assert "⟦" in told[1], "what is trained on was shown"

    model = AutoModelForCausalLM.from_pretrained(folder)
    chat = ChatFormat.load(folder)
    made, made_chat = start_model(wanted.model, rows=data.agent_rows, seed=wanted.seed)
    assert chat.tokenizer.chat_template == made_chat.tokenizer.chat_template
    assert chat.prompt(data.agent_rows[0]["messages"][:3]) == made_chat.prompt(data.agent_rows[0]["messages"][:3])
    assert model.generation_config.eos_token_id in (chat.stop_id, [chat.stop_id])
    assert not equal(dict(model.state_dict()), dict(made.state_dict()))
    again = train_sft("agent", stage, wanted, data, told.append)
    assert again == folder
    assert "trained already" in told[-1]


@pytest.mark.parametrize("lora", [None, {"rank": 2, "alpha": 4, "dropout": 0.2}], ids=["full", "lora with dropout"])
def test_a_resumed_training_ends_in_the_very_same_weights(data: TrainingData, tmp_path: Path, lora: Any) -> None:
    wanted = recipe(model={"lora": lora}, user={"sft": sft(accumulate=2)})
    whole = stage_in(tmp_path / "whole", wanted, "user")
    train_sft("user", whole, wanted, data, quiet)

    # Killed after the checkpoint of step 4: all that was written later is gone.
    shutil.copytree(tmp_path / "whole", tmp_path / "killed")
    killed = stage_in(tmp_path / "killed", wanted, "user")
    shutil.rmtree(killed.model)
    shutil.rmtree(killed.checkpoints / "checkpoint-6")
    killed.note(state="running")
    told: list[str] = []
    train_sft("user", killed, wanted, data, told.append)
    assert "going on from step 4" in told
    assert equal(weights(killed.model), weights(whole.model))

    # Asked to stop at its first word, so in the midst of an accumulated step, and away from a regular checkpoint.
    def stop(line: str) -> None:
        if line.startswith("step"):
            os.kill(os.getpid(), signal.SIGTERM)

    stopped = stage_in(tmp_path / "stopped", wanted, "user")
    with pytest.raises(RunPausedError, match=r"stopped at step \d with a checkpoint"):
        train_sft("user", stopped, wanted, data, stop)
    assert not stopped.model.exists()
    train_sft("user", stopped, wanted, data, quiet)
    assert equal(weights(stopped.model), weights(whole.model))

    def logged(stage: StageFolder) -> list[tuple[int, float | None, float | None]]:
        rows = map(json.loads, stage.metrics.read_text().splitlines())
        return [(row["step"], row.get("loss"), row.get("eval_loss")) for row in rows]

    assert logged(killed) == logged(whole), "no step is missing, none is double"
    assert logged(stopped) == logged(whole)
    results = [stage.info.results for stage in (whole, killed, stopped) if stage.info]
    assert results[0] == results[1] == results[2]


def test_an_adapter_is_merged_and_also_kept_by_itself(data: TrainingData, tmp_path: Path) -> None:
    wanted = recipe(model={"lora": {"rank": 2, "alpha": 4}})
    stage = stage_in(tmp_path / "train", wanted, "agent")
    folder = train_sft("agent", stage, wanted, data, quiet)
    assert (folder / "adapter" / "adapter_config.json").is_file()
    from peft import PeftModel  # noqa: PLC0415

    base, _ = start_model(wanted.model.model_copy(update={"lora": None}), rows=data.agent_rows, seed=wanted.seed)
    before = {name: value.clone() for name, value in base.state_dict().items()}
    adapted = PeftModel.from_pretrained(base, str(folder / "adapter")).eval()
    merged = AutoModelForCausalLM.from_pretrained(folder).eval()
    ids = torch.tensor([list(range(20, 60))])
    with torch.no_grad():
        torch.testing.assert_close(merged(ids).logits, adapted(ids).logits, rtol=1e-4, atol=1e-4)
    assert not equal(before, dict(merged.state_dict()))
    assert torch.equal(before["model.embed_tokens.weight"], merged.state_dict()["model.embed_tokens.weight"])


def test_the_second_stage_starts_from_a_given_folder(data: TrainingData, tmp_path: Path) -> None:
    wanted = recipe(agent={"sft": sft(steps=1)})
    first = train_sft("agent", stage_in(tmp_path / "one", wanted, "agent"), wanted, data, quiet)
    second = stage_in(tmp_path / "two", wanted, "agent")
    folder = train_sft("agent", second, wanted, data, quiet, start=first)
    assert ChatFormat.load(folder).tokenizer.get_vocab() == ChatFormat.load(first).tokenizer.get_vocab()
    assert second.info is not None
    assert second.info.inputs["start"] not in {"tiny", ""}
    assert not equal(weights(folder), weights(first))


def test_the_view_and_the_number_of_rows_are_the_recipes(data: TrainingData) -> None:
    turns = side_rows("agent", recipe(agent={"sft": sft(view="turn")}), data)
    assert len(turns) == sum(sum(row["loss_mask"]) for row in data.agent_rows)
    assert side_rows("user", recipe(user={"sft": sft(rows=3)}), data) == data.user_rows[:3]


def test_what_cannot_be_trained_is_refused_in_words(data: TrainingData, tmp_path: Path) -> None:
    def refused(why: str, **changes: Any) -> None:
        wanted = recipe(**changes)
        with pytest.raises(EigenGraphError, match=why):
            train_sft("agent", stage_in(tmp_path / why[:9], wanted, "agent"), wanted, data, quiet)

    refused("packing puts several dialogues into one sequence", agent={"sft": sft(packing=True)})
    refused("none of .* fits into 20 tokens", model={"max_tokens": 20})
    if not torch.cuda.is_available():
        refused("wants a GPU, and torch finds none", device="gpu")


def test_the_order_is_even_in_length_fair_and_a_function_of_its_seed() -> None:
    lengths = [(number * 37) % 101 + 5 for number in range(50)]
    order = training_order(lengths, 4, 100, seed=3)
    assert order == training_order(lengths, 4, 100, seed=3)
    assert order != training_order(lengths, 4, 100, seed=4)
    assert order[:80] == training_order(lengths, 4, 20, seed=3), "more steps change no earlier one"
    counts = [order.count(row) for row in range(50)]
    assert set(counts) == {8}
    assert sorted(order[:48]) == sorted(set(order[:48])), "none comes again before all have come"
    waste = sum(
        max(part) * 4 - sum(part) for at in range(0, 400, 4) if (part := [lengths[row] for row in order[at : at + 4]])
    )
    assert waste < 0.1 * sum(lengths[row] for row in order)
    assert len(training_order([7], 4, 3, seed=1)) == 12


def test_the_recipe_says_what_a_side_starts_from() -> None:
    wanted = recipe(user={"model": {"max_tokens": 99}})
    assert model_settings("user", wanted).max_tokens == 99
    assert model_settings("agent", wanted).max_tokens == 4096
    given = model_settings("agent", wanted, Path("/some/model"))
    assert (given.start, given.chat_template, given.max_tokens) == ("/some/model", "own", 4096)

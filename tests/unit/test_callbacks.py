"""What watches a trainer at work, on a real one with a very small model."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from eigen_graph.core import EigenGraphError  # noqa: E402
from eigen_graph.graphs import RunPausedError  # noqa: E402
from eigen_graph.models import OutageError  # noqa: E402
from eigen_graph.rl.callbacks import DivergedError, cut_lines  # noqa: E402
from eigen_graph.rl.course import follow  # noqa: E402
from eigen_graph.rl.folder import WHOLE, StageFolder, TrainingFolder, newest_checkpoint  # noqa: E402
from eigen_graph.rl.recipe import read_recipe  # noqa: E402

STEPS = 8


class Line(torch.nn.Module):
    """y = a x + b, and a loss that a test may spoil."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(4, 1)
        self.on_step: Any = None

    def forward(self, x: Any, labels: Any) -> dict[str, Any]:
        loss = ((self.layer(x).squeeze(-1) - labels) ** 2).mean()
        if self.on_step is not None:
            loss = self.on_step(loss)
        return {"loss": loss}


class Points(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = torch.Generator().manual_seed(index)
        x = torch.randn(4, generator=rng)
        return {"x": x, "labels": x.sum()}


class Counter:
    """State of ours: how often it was asked."""

    def __init__(self) -> None:
        self.value = 0

    def save(self, folder: Path) -> None:
        (folder / "counter.json").write_text(json.dumps(self.value))

    def load(self, folder: Path) -> None:
        self.value = json.loads((folder / "counter.json").read_text())


@pytest.fixture
def stage(tmp_path: Path) -> StageFolder:
    recipe = read_recipe({"name": "small", "domain": "hotel"}, "test")
    stage = TrainingFolder.create(tmp_path / "train", recipe).stage("agent")
    stage.begin(recipe)
    return stage


def trainer_in(stage: StageFolder, model: Line | None = None, **options: Any) -> Any:
    args = transformers.TrainingArguments(
        output_dir=str(stage.checkpoints),
        per_device_train_batch_size=4,
        max_steps=STEPS,
        logging_steps=1,
        save_steps=2,
        learning_rate=0.05,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        seed=3,
        **options,
    )
    return transformers.Trainer(model or Line(), args, train_dataset=Points())


def rows(stage: StageFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stage.metrics.read_text().splitlines()]


def weights(trainer: Any) -> list[float]:
    return [value for parameter in trainer.model.parameters() for value in parameter.flatten().tolist()]


def test_every_step_is_a_line(stage: StageFolder) -> None:
    told: list[str] = []
    trainer = trainer_in(stage)
    follow(trainer, stage, told.append)
    found = rows(stage)
    assert [row["step"] for row in found] == list(range(1, STEPS + 1))
    assert found[-1]["loss"] < found[0]["loss"]
    assert told[-1].startswith(f"step {STEPS} of {STEPS}: loss ")
    assert stage.info is not None
    assert stage.info.seconds > 0
    assert sorted(path.name for path in stage.checkpoints.iterdir()) == ["checkpoint-6", "checkpoint-8"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_stops_and_it_goes_on_exactly(stage: StageFolder, tmp_path: Path, number: int) -> None:
    recipe = read_recipe({"name": "small", "domain": "hotel"}, "test")
    straight = TrainingFolder.create(tmp_path / "straight", recipe).stage("agent")
    whole = trainer_in(straight)
    follow(whole, straight, lambda _: None)

    calls = 0

    def interrupt(loss: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            os.kill(os.getpid(), number)
        return loss

    model, counter, told = Line(), Counter(), list[str]()
    model.on_step, counter.value = interrupt, 7
    before = signal.getsignal(number)
    with pytest.raises(RunPausedError, match="stopped at step 3 with a checkpoint; the same command goes on"):
        follow(trainer_in(stage, model), stage, told.append, [counter])
    assert signal.getsignal(number) is before
    assert "once more to stop at once" in told[0] or "once more to stop at once" in told[1]
    newest = newest_checkpoint(stage.checkpoints)
    assert newest is not None
    assert newest.name == "checkpoint-3"

    again, fresh = trainer_in(stage), Counter()
    follow(again, stage, told.append, [fresh])
    assert fresh.value == 7
    assert "going on from step 3" in told
    assert weights(again) == weights(whole)
    assert [row["loss"] for row in rows(stage)] == [row["loss"] for row in rows(straight)]


def test_a_second_signal_stops_at_once(stage: StageFolder) -> None:
    def interrupt(_: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the second one must have stopped it")

    model = Line()
    model.on_step = interrupt
    with pytest.raises(RunPausedError, match="stopped at once; there was no checkpoint yet"):
        follow(trainer_in(stage, model), stage, lambda _: None)


def test_what_was_logged_after_the_checkpoint_is_not_doubled(stage: StageFolder) -> None:
    calls = 0

    def die(loss: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise RuntimeError("killed")
        return loss

    model = Line()
    model.on_step = die
    with pytest.raises(RuntimeError, match="killed"):
        follow(trainer_in(stage, model), stage, lambda _: None)
    with stage.metrics.open("a") as file:
        file.write('{"step": 6, "lo')  # torn
    assert newest_checkpoint(stage.checkpoints) == stage.checkpoints / "checkpoint-4"
    (stage.checkpoints / "checkpoint-5").mkdir()  # cut off while it was written
    follow(trainer_in(stage), stage, lambda _: None)
    assert [row["step"] for row in rows(stage)] == list(range(1, STEPS + 1))
    assert not (stage.checkpoints / "checkpoint-5").exists()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_leaves_the_last_checkpoint_good(stage: StageFolder, bad: float) -> None:
    calls = 0

    def spoil(loss: Any) -> Any:
        nonlocal calls
        calls += 1
        return loss * bad if calls == 4 else loss

    model = Line()
    model.on_step = spoil
    with pytest.raises(DivergedError, match=r"no finite numbers after step 3; .*lower learning_rate"):
        follow(trainer_in(stage, model), stage, lambda _: None)
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    assert newest_checkpoint(stage.checkpoints) == stage.checkpoints / "checkpoint-2"


def test_a_full_disk_is_said_and_the_checkpoint_before_is_kept(stage: StageFolder) -> None:
    trainer = trainer_in(stage)
    save = trainer._save_optimizer_and_scheduler

    def full(folder: str) -> None:
        if folder.endswith("-4"):
            raise RuntimeError("[enforce fail at inline_container.cc:668] . unexpected pos 64 vs 0")
        save(folder)

    trainer._save_optimizer_and_scheduler = full
    with pytest.raises(EigenGraphError, match=r"no room .* step 4 .*the checkpoint of step 2 is kept: make room"):
        follow(trainer, stage, lambda _: None)
    assert [path.name for path in stage.checkpoints.iterdir()] == ["checkpoint-2"]
    follow(trainer_in(stage), stage, lambda _: None)
    assert [row["step"] for row in rows(stage)] == list(range(1, STEPS + 1))


def test_a_server_that_is_gone_leaves_a_checkpoint(stage: StageFolder) -> None:
    calls = 0

    def gone(loss: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise OutageError("http://localhost:1 does not answer")
        return loss

    model = Line()
    model.on_step = gone
    with pytest.raises(OutageError, match=r"does not answer; the checkpoint of step 3 is kept: put it right"):
        follow(trainer_in(stage, model), stage, lambda _: None)
    assert (stage.checkpoints / "checkpoint-3" / WHOLE).exists()
    follow(trainer_in(stage), stage, lambda _: None)
    assert [row["step"] for row in rows(stage)] == list(range(1, STEPS + 1))


def test_lines_of_later_steps_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    cut_lines(path, 3)
    assert not path.exists()
    path.write_text('{"step": 1}\n{"step": 4}\nnonsense\n[1]\n{"step": "x"}\n{"step": 3}\n{"step": 2}')
    cut_lines(path, 3)
    assert path.read_text() == '{"step": 1}\n{"step": 3}\n'

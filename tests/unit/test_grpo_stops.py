"""What ends a GRPO training before its time, and that it goes on from there as if nothing had been."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from planted import PlantedRunner, outcomes, task
from tiny_models import tiny_model

from eigen_graph.core import EigenGraphError
from eigen_graph.models import OutageError
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.rl.callbacks import DivergedError
from eigen_graph.rl.course import follow
from eigen_graph.rl.episode import Episode
from eigen_graph.rl.folder import StageFolder, newest_checkpoint
from eigen_graph.rl.grpo import grpo_trainer
from eigen_graph.rl.grpo_config import grpo_config
from eigen_graph.rl.recipe import read_recipe
from eigen_graph.rl.rollout import Rollouts

STEPS = 6
TASKS = [f"{kind}-{number}" for kind in ("mixed", "good", "fail") for number in range(4)]
PLANT = outcomes(mixed=[1.0, 0.0, 0.0], good=[1.0, 1.0, 0.0], fail=[0.0])
Trouble = Callable[[int], None]
"""Gets the number of rollouts so far, before the next."""


class Troubled(PlantedRunner):
    """Plays as planted, unless something happens first."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(PLANT)
        self.trouble = trouble

    def play(self, episodes: Sequence[Episode]) -> None:
        super().play(episodes)
        self.trouble(len(self.batches))


def train(
    path: Path, trouble: Trouble = lambda _number: None, *, bend: Callable[[Any], None] = lambda _: None
) -> StageFolder:
    """Train, or go on with it; `bend` does something to the model first."""
    stage = StageFolder(path, "grpo")
    grpo = {
        "steps": STEPS,
        "groups": 2,
        "group_size": 3,
        "save_every": 1,
        "filter": {"max_rounds": 0},
        "optimizer": {"learning_rate": 1e-2},
    }
    recipe = read_recipe({"name": "t", "domain": "hotel", "device": "cpu", "grpo": grpo}, "test")
    model, tokenizer = tiny_model()
    bend(model)
    chat = ChatFormat.of(tokenizer)
    rollouts = Rollouts(
        [task(name) for name in TASKS],
        Troubled(trouble),
        recipe.grpo,
        stop_id=chat.stop_id,
        seed=1,
        log=path / "rollouts.jsonl",
    )
    trainer = grpo_trainer(grpo_config(recipe, stage.checkpoints, cpu=True), model, chat, rollouts)
    follow(trainer, stage, lambda _line: None, [rollouts])
    return stage


def losses(stage: StageFolder) -> list[tuple[int, float]]:
    rows = [json.loads(line) for line in stage.metrics.read_text(encoding="utf-8").splitlines()]
    return [(row["step"], row["loss"]) for row in rows]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, float]]:
    """The losses of a training that nothing happened to."""
    found = losses(train(tmp_path_factory.mktemp("whole")))
    assert len({loss for _, loss in found}) == STEPS
    return found


def require_continued(stage: StageFolder, whole: list[tuple[int, float]]) -> None:
    found = losses(stage)
    assert [step for step, _ in found] == list(range(1, STEPS + 1))
    assert [loss for _, loss in found] == pytest.approx([loss for _, loss in whole], rel=1e-4)


def test_an_outage_saves_the_last_whole_step_and_the_same_rollout_is_played_again(
    tmp_path: Path, whole: list[tuple[int, float]]
) -> None:
    def gone(number: int) -> None:
        if number == 4:
            raise OutageError("the user's server failed 20 times in a row")

    with pytest.raises(OutageError, match="20 times in a row; the checkpoint of step 3 is kept"):
        train(tmp_path, gone)
    require_continued(train(tmp_path), whole)


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file can grow beyond a size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path: Path, whole: list[tuple[int, float]]) -> None:
    with ExitStack() as disk:

        def fills(number: int) -> None:
            if number == 4:
                disk.enter_context(files_up_to(20_000))

        with pytest.raises(EigenGraphError, match=r"no room in .* for the checkpoint of step 4 .* of step 3 is kept"):
            train(tmp_path, fills)
    newest = newest_checkpoint(tmp_path / "checkpoints")
    assert newest is not None
    assert newest.name == "checkpoint-3"
    require_continued(train(tmp_path), whole)


def test_weights_that_are_no_numbers_stop_it_before_they_are_saved(tmp_path: Path) -> None:
    def spoil(model: Any) -> None:
        with torch.no_grad():
            model.model.norm.weight.fill_(float("nan"))

    with pytest.raises(DivergedError, match="no finite numbers after step 0"):
        train(tmp_path, bend=spoil)
    assert newest_checkpoint(tmp_path / "checkpoints") is None


def test_only_so_many_checkpoints_stay_and_all_of_them_are_whole(tmp_path: Path) -> None:
    stage = train(tmp_path)
    assert sorted(path.name for path in stage.checkpoints.iterdir() if path.is_dir()) == [
        "checkpoint-5",
        "checkpoint-6",
    ]
    assert all((path / "rollouts.json").exists() for path in stage.checkpoints.glob("checkpoint-*"))

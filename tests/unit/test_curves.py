"""A training's curves: what is read back, what is drawn, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from eigen_graph.core import EigenGraphError
from eigen_graph.rl.curves import draw, trailing_mean
from eigen_graph.rl.folder import TrainingFolder, write_json
from eigen_graph.rl.history import History
from eigen_graph.rl.recipe import Recipe, read_recipe

RECIPE = {"name": "small", "domain": "broadband"}
BEFORE = {"value": 0.02, "low": 0.0, "high": 0.1}
AFTER = {"value": 0.7, "low": 0.5, "high": 0.9}


def recipe() -> Recipe:
    return read_recipe(RECIPE, "test")


@pytest.fixture
def folder(tmp_path: Path) -> TrainingFolder:
    return TrainingFolder.create(tmp_path / "train", recipe())


def log(folder: TrainingFolder, stage: Any, rows: list[dict[str, Any]], after: str = "") -> None:
    folder.stage(stage).begin(folder.recipe)
    folder.stage(stage).metrics.write_text("".join(json.dumps(row) + "\n" for row in rows) + after)


def texts(path: Path) -> str:
    return " ".join("".join(node.itertext()) for node in ET.parse(path).iter("{http://www.w3.org/2000/svg}text"))  # noqa: S314  # our own


def test_all_of_a_training_is_in_the_figure(folder: TrainingFolder, tmp_path: Path) -> None:
    log(folder, "user", [{"step": 1, "loss": 2.0}])
    log(folder, "agent", [{"step": step, "loss": 2.0 / step, "eval_loss": 2.5 / step} for step in range(1, 30)])
    grpo = {"groups/mixed_share": 0.5, "episodes/user_fault_rate": 0.1, "entropy": 0.3}
    rolled = {"rollout/tokens": 100.0, "episodes/played": 8.0}
    log(folder, "grpo", [{"step": step, "reward/raw": step / 30, **grpo, **rolled} for step in range(1, 30)])
    write_json(folder.stage("grpo").path / "pass1.json", {"before": BEFORE, "after": AFTER, "floors": {"no-op": 0.1}})
    path = draw(History.of(folder.path), tmp_path / "figures" / "curves.svg")
    drawn = texts(path)
    for title in ("SFT: loss", "reward of all episodes", "mixed groups", "tokens an episode", "entropy", "pass^1"):
        assert title in drawn
    for label in ("agent, held out", "user faults", "inert agent", "0.70", "GRPO"):
        assert label in drawn
    again = path.read_bytes()
    assert draw(History.of(folder.path), path).read_bytes() == again
    assert draw(History.of(folder.path), tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_not_there_yet_has_no_panel(folder: TrainingFolder, tmp_path: Path) -> None:
    with pytest.raises(EigenGraphError, match="has logged nothing yet"):
        draw(History.of(folder.path), tmp_path / "curves.svg")
    log(folder, "agent", [{"step": 1, "loss": 2.0}])
    drawn = texts(draw(History.of(folder.path), tmp_path / "curves.svg"))
    assert "SFT: loss" in drawn
    assert "GRPO" not in drawn


def test_a_file_that_is_being_written_is_read(folder: TrainingFolder) -> None:
    rows = [{"step": 1, "loss": 2.0}, {"step": 2, "loss": None}, {"step": 3, "loss": "x"}, {"step": 4, "loss": 1.0}]
    log(folder, "agent", rows, after='nonsense\n[1]\n{"step": 5, "lo')
    stage = History.of(folder.path).stage("agent")
    assert stage is not None
    assert stage.series("loss") == [(1, 2.0), (4, 1.0)]
    assert stage.series("nothing") == []


def test_a_damaged_file_is_named(folder: TrainingFolder) -> None:
    log(folder, "agent", [])
    (folder.stage("agent").path / "pass1.json").write_text("{")
    with pytest.raises(EigenGraphError, match=r"pass1\.json cannot be read"):
        History.of(folder.path)


def test_another_format_is_refused(folder: TrainingFolder, tmp_path: Path) -> None:
    with pytest.raises(EigenGraphError, match=r"one of \.svg, \.png"):
        draw(History.of(folder.path), tmp_path / "curves.docx")


def test_a_trailing_mean_looks_back_only() -> None:
    assert trailing_mean([1.0, 3.0]) == [1.0, 3.0]
    values = [float(number) for number in range(40)]
    assert trailing_mean(values)[10] == sum(values[7:11]) / 4
    assert trailing_mean([]) == []

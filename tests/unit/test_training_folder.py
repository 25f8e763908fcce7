"""A training folder: begun, gone on with, refused; what lies in it is whole or not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eigen_graph.core import EigenGraphError
from eigen_graph.rl.folder import WHOLE, TrainingFolder, free_folder, newest_checkpoint, whole_checkpoints, writing
from eigen_graph.rl.provenance import files_digest
from eigen_graph.rl.recipe import Recipe, read_recipe
from eigen_graph.runs.lock import RunLockedError


def recipe(**changes: Any) -> Recipe:
    return read_recipe({"name": "small", "domain": "broadband", **changes}, "test")


@pytest.fixture
def folder(tmp_path: Path) -> TrainingFolder:
    return TrainingFolder.create(tmp_path / "train", recipe())


def test_it_is_found_again_with_its_recipe(folder: TrainingFolder) -> None:
    found = TrainingFolder.open(folder.path)
    assert found == folder
    assert found.recipe == recipe()


def test_a_stage_is_recorded(folder: TrainingFolder) -> None:
    stage = folder.stage("agent")
    assert stage.info is None
    assert not stage.done
    info = stage.begin(folder.recipe, {"data": "abc"})
    assert info.settings["agent"]["sft"]["batch_size"] == 8
    assert info.inputs == {"data": "abc"}
    assert "eigen_graph" in info.versions
    stage.note(seconds=1.5)
    stage.finish(2.0, {"loss": 0.5})
    assert stage.done
    done = stage.info
    assert done is not None
    assert (done.seconds, done.results) == (3.5, {"loss": 0.5})


def test_it_goes_on_with_the_same_recipe_only(folder: TrainingFolder) -> None:
    folder.stage("agent").begin(folder.recipe)
    again = TrainingFolder.enter(folder.path, recipe())
    again.stage("agent").begin(again.recipe)
    with pytest.raises(EigenGraphError, match=r"stage agent in .* agent\.sft\.batch_size 8, not 16: go on with what"):
        TrainingFolder.enter(folder.path, recipe(agent={"sft": {"batch_size": 16}}))
    with pytest.raises(EigenGraphError, match=r"begun with seed 1, not 2 \(and 1 more\)"):
        TrainingFolder.enter(folder.path, recipe(seed=2, agent={"sft": {"optimizer": {"learning_rate": 1.0}}}))


def test_what_changes_no_result_may_change(folder: TrainingFolder) -> None:
    folder.stage("agent").begin(folder.recipe)
    other = recipe(
        threads=2,
        report_to=["trackio"],
        agent={"sft": {"save_every": 1}},
        evaluation={"trials": 9},
        grpo={"steps": 3},  # a stage that has not begun
    )
    assert TrainingFolder.enter(folder.path, other).recipe == other
    assert TrainingFolder.open(folder.path).recipe == other


def test_data_that_is_there_holds_its_settings(folder: TrainingFolder) -> None:
    TrainingFolder.enter(folder.path, recipe(data={"holdout": 0.5}))
    folder.data.mkdir()
    (folder.data / "split.json").write_text("{}")
    with pytest.raises(EigenGraphError, match=r"the data in .* data\.holdout 0\.5, not 0\.2"):
        TrainingFolder.enter(folder.path, recipe())


def test_other_inputs_are_refused(folder: TrainingFolder) -> None:
    stage = folder.stage("grpo")
    stage.begin(folder.recipe, {"user": "scripted", "data": "a"})
    with pytest.raises(EigenGraphError, match=r'stage grpo .* user "scripted", not "openai:x"'):
        stage.begin(folder.recipe, {"user": "openai:x", "data": "a"})


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 2}', '{"format": 1, "stage": "agent"}'])
def test_a_damaged_record_says_so(folder: TrainingFolder, text: str) -> None:
    folder.stage("agent").path.mkdir()
    (folder.stage("agent").path / "stage.json").write_text(text)
    with pytest.raises(EigenGraphError, match=r"stage\.json cannot be read"):
        _ = folder.stage("agent").info


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to_mum.txt").write_text("dear")
    with pytest.raises(EigenGraphError, match=r"holds 'to_mum\.txt'"):
        TrainingFolder.create(tmp_path / "letters", recipe())
    with pytest.raises(EigenGraphError, match="is no folder"):
        TrainingFolder.create(tmp_path / "letters" / "to_mum.txt", recipe())
    with pytest.raises(EigenGraphError, match="there is no training"):
        TrainingFolder.open(tmp_path / "letters")


@pytest.mark.parametrize("text", ["", "- a", "name: [", "name: small\ndomain: hotel\nsurprise: 1", "a: &a [*a]"])
def test_a_damaged_recipe_says_so(folder: TrainingFolder, text: str) -> None:
    (folder.path / "recipe.yaml").write_text(text)
    with pytest.raises(EigenGraphError, match=r"recipe\.yaml"):
        TrainingFolder.open(folder.path)


def test_one_process_at_a_time(folder: TrainingFolder) -> None:
    with folder.lock(), pytest.raises(RunLockedError, match="another process"), folder.lock():
        pass
    with folder.lock():
        pass


def test_a_model_is_written_whole_or_not_at_all(folder: TrainingFolder) -> None:
    stage = folder.stage("agent")
    stage.begin(folder.recipe)
    with pytest.raises(EigenGraphError, match="cannot write"), stage.new_model() as draft:
        (draft / "weights" / "part").write_text("no such folder")
    assert not stage.model.exists()
    with stage.new_model() as draft:
        (draft / "weights").write_text("1")
    with stage.new_model() as draft:
        (draft / "config.json").write_text("{}")
    assert [path.name for path in stage.model.iterdir()] == ["config.json"]


def test_only_whole_checkpoints_are_gone_on_from(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "none") is None
    for name, whole in {
        "checkpoint-2": True,
        "checkpoint-10": True,
        "checkpoint-11": False,
        "checkpoint-x": True,
    }.items():
        (tmp_path / name).mkdir()
        if whole:
            (tmp_path / name / WHOLE).write_text("{}")
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert [path.name for path in whole_checkpoints(tmp_path)] == ["checkpoint-2", "checkpoint-10"]


def test_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = free_folder(recipe(name="a b/../c"))
    assert first == Path("runs/train-a-b-..-c-1")
    TrainingFolder.create(first, recipe())
    assert free_folder(recipe(name="a b/../c")) == Path("runs/train-a-b-..-c-2")


def test_a_digest_knows_content_and_names(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = files_digest(tmp_path)
    assert files_digest(tmp_path) == first
    (tmp_path / "a").write_text("2")
    second = files_digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert len({first, second, files_digest(tmp_path)}) == 3


def test_a_failure_to_write_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EigenGraphError, match="make room or choose another --out"), writing(tmp_path):
        raise OSError(28, "No space left on device")


def test_the_record_is_plain_json(folder: TrainingFolder) -> None:
    folder.stage("user").begin(folder.recipe)
    data = json.loads((folder.path / "user" / "stage.json").read_text())
    assert data["stage"] == "user"
    assert data["settings"]["user"]["sft"]["epochs"] == 1.0

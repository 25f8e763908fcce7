"""Who may play the user in GRPO: the reference, and whoever makes few enough faults on held-out tasks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from trainings import recipe

pytest.importorskip("torch")

from eigen_graph.core import EigenGraphError
from eigen_graph.rl.data import TrainingData, prepare
from eigen_graph.rl.folder import TrainingFolder
from eigen_graph.rl.user_gate import admitted

LENIENT = {"tasks": 50, "max_faults": 95}


def entered(path: Path, synthesized: Path, user: str, **fidelity: float) -> tuple[TrainingFolder, TrainingData]:
    wanted = recipe(grpo={"user": user}, user={"fidelity": {**LENIENT, **fidelity}})
    folder = TrainingFolder.create(path / "train", wanted)
    return folder, prepare(folder.data, wanted, [synthesized])


def test_the_reference_is_let_in_unmeasured(synthesized: Path, tmp_path: Path) -> None:
    folder, data = entered(tmp_path, synthesized, "scripted", max_faults=0)
    assert admitted(folder, data, print, force=False) == (
        "scripted",
        {"user": "scripted", "passes": True, "forced": False},
    )


def test_a_good_user_is_told_from_a_faulty_one(synthesized: Path, tmp_path: Path) -> None:
    folder, data = entered(tmp_path, synthesized, "scripted?faults=1")
    with pytest.raises(EigenGraphError, match=r"the user scripted\?faults=1 does not pass: .*insist with --force"):
        admitted(folder, data, print, force=False)
    told: list[str] = []
    spec, record = admitted(folder, data, told.append, force=True)
    assert spec == "scripted?faults=1"
    assert (record["passes"], record["forced"]) == (False, True)
    assert told[-1].endswith("let in by --force")
    kept = json.loads((folder.path / "grpo" / "fidelity.json").read_text())
    assert kept["figures"]["faults_per_100"] == record["faults_per_100"] > 20

    good, data = entered(tmp_path / "good", synthesized, "scripted?faults=0.000001")
    _, record = admitted(good, data, print, force=False)
    assert record["passes"]
    assert record["faults_per_100"] == 0


def test_the_trained_one_must_be_there(synthesized: Path, tmp_path: Path) -> None:
    folder, data = entered(tmp_path, synthesized, "trained")
    with pytest.raises(EigenGraphError, match="eigen-graph train user first"):
        admitted(folder, data, print, force=True)

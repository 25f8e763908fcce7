"""`eigen-graph compare`: two evaluations, task against task."""

from __future__ import annotations

import json
from pathlib import Path

from command import refused, run

from eigen_graph.evaluation import Results


def evaluated(folder: Path, *options: str) -> Path:
    done = run("eval", "hotel", "--tasks", 6, "--trials", 2, "--out", folder, *options)
    assert done.status == 0, done.err
    return folder


def test_a_faulty_agent_against_one_that_is_not(tmp_path: Path) -> None:
    faulty = evaluated(tmp_path / "faulty", "--agent", "scripted?faults=1")
    sound = evaluated(tmp_path / "sound")
    told = run("compare", faulty, sound / "results.json")
    assert told.status == 0, told.err
    assert "agent: scripted?faults=1.0 -> scripted" in told.out
    data = run("compare", faulty, sound, "--json").json
    first = data["pass_hat"][0]
    solved = [episode.solved for episode in Results.load(faulty / "results.json").episodes]
    assert first["baseline"] == sum(map(bool, solved)) / len(solved) < first["candidate"] == 1
    assert first["difference"]["low"] <= first["difference"]["value"] <= first["difference"]["high"]
    assert data["better"] + data["equal"] == 6
    assert data["worse"] == 0


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    one = evaluated(tmp_path / "one")
    other = evaluated(tmp_path / "other", "--seed", "9")
    assert "task files differ" in refused("compare", one, other)
    (tmp_path / "broken.json").write_text("{")
    assert "broken.json" in refused("compare", one, tmp_path / "broken.json")
    data = json.loads((one / "results.json").read_text())
    data["info"]["basis"] = "eigen"
    (tmp_path / "rules.json").write_text(json.dumps(data))
    assert "different rules" in refused("compare", one, tmp_path / "rules.json")

"""`eigen-graph compare`: two evaluations, task against task."""

from __future__ import annotations

import sys
from pathlib import Path

from command import refused, run

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from evaluations import results  # of the unit tests


def written(folder: Path, came: dict[str, str], **info: object) -> Path:
    """The folder of an evaluation that came out so."""
    folder.mkdir()
    results(came, **info).save(folder / "results.json")
    return folder


def test_two_evaluations_are_paired_task_by_task(tmp_path: Path) -> None:
    before = written(tmp_path / "before", {"a": "--", "b": "+-", "c": "++", "d": "--"}, agent="old")
    after = written(tmp_path / "after", {"d": "-+", "c": "++", "b": "++", "a": "++", "e": "+"}, agent="new")
    told = run("compare", before, after / "results.json")
    assert "4 tasks: 3 better, 0 worse, 1 equal" in told.out
    assert "left out, judged on one side only: e" in told.out
    assert "agent: old -> new" in told.out
    data = run("compare", before, after, "--json").json
    first = data["pass_hat"][0]
    assert (first["baseline"], first["candidate"]) == (3 / 8, 7 / 8)
    assert first["difference"]["low"] <= first["difference"]["value"] == 0.5 <= first["difference"]["high"]


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    one = written(tmp_path / "one", {"a": "+"})
    other = written(tmp_path / "other", {"a": "+"}, task_digest="t1")
    assert "task files differ" in refused("compare", one, other)
    rules = written(tmp_path / "rules", {"a": "+"}, basis="eigen")
    assert "different rules" in refused("compare", one, rules)
    (tmp_path / "broken.json").write_text("{")
    assert "broken.json" in refused("compare", one, tmp_path / "broken.json")

"""Sections of a report from folders: runs, evaluations side by side, trainings; and paths that hold none."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from errands import CANCEL, FIND, OPEN, shop, task
from evaluations import results
from stored import acted, stored

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.evolving.patch import Patch
from eigen_graph.report import settings
from eigen_graph.report.build import build
from eigen_graph.report.data import Dialogue, Page
from eigen_graph.report.generations import prompt_diffs
from eigen_graph.report.pieces import unpacked
from eigen_graph.rl.folder import TrainingFolder, write_json
from eigen_graph.rl.recipe import read_recipe


def dialogues(pieces: Any) -> list[Dialogue]:
    return [one for piece in pieces for one in unpacked(piece)]


def copied(run: Path, to: Path) -> Path:
    """A copy of a run."""
    to.mkdir(parents=True)
    (to / "run.json").write_text((run / "run.json").read_text())
    with sqlite3.connect(run / "ledger.sqlite") as source, sqlite3.connect(to / "ledger.sqlite") as ledger:
        source.backup(ledger)
    return to


def test_a_run_is_told_from_plan_to_dialogue(synthesized: Path) -> None:
    page, pieces = build([synthesized])
    assert page.run is not None
    accepted = page.run.funnel[-1].count
    assert accepted == 24
    assert page.title == f"Run {synthesized.name}"
    assert "domain broadband, model scripted, seed 5" in page.subtitle
    assert [figure.label for figure in page.figures] == [
        "accepted",
        "accepted of those tried",
        "kill rate",
        "coverage",
        "tokens",
    ]
    assert sum(cell.planned for cell in page.run.coverage) >= page.run.funnel[0].count
    assert {clause.number for clause in page.run.clauses} >= {cell.clause for cell in page.run.coverage} - {""}
    assert all(clause.text for clause in page.run.clauses)
    assert sum(kills.mutants for kills in page.run.kills) > 0
    assert {kills.kind for kills in page.run.kills} > {"altered_argument"}
    assert page.run.workflow
    assert "<svg" in page.run.workflow.svg
    assert {row.role for row in page.run.spending} >= {"user", "agent"}
    assert page.notes == ("Only 24 dialogues: shares and coverage say little yet.",)
    shown = dialogues(pieces)
    assert [one.id for one in shown] == list(page.listing.id)
    assert [len(one.said) for one in shown] == list(page.listing.messages)
    assert any(said.changes for one in shown for said in one.said)
    assert not any(one.note for one in shown)
    assert Page.model_validate_json(page.model_dump_json(by_alias=True)) == page


def test_damaged_rows_are_told_and_hide_no_other(synthesized: Path, tmp_path: Path) -> None:
    with sqlite3.connect(synthesized / "ledger.sqlite") as ledger:
        ids = [name for (name,) in ledger.execute("select id from instances order by id limit 3")]
    run = copied(synthesized, tmp_path / "run")
    with sqlite3.connect(run / "ledger.sqlite") as ledger:
        ledger.execute("update instances set trajectory = '{torn' where id = ?", ids[:1])
        ledger.execute("update instances set task = ? where id = ?", ('{"id": {}}', ids[1]))
        ledger.execute("update instances set verdict = '[]' where id = ?", ids[2:])
    page, pieces = build([run])
    shown = {one.id: one for one in dialogues(pieces)}
    assert list(shown) == list(page.listing.id)
    assert "cannot be read" in shown[ids[0]].note
    assert "The task cannot be read" in shown[ids[1]].note
    assert dict(zip(page.listing.id, page.listing.fate, strict=True))[ids[0]] == "unreadable"
    assert page.run is not None
    assert page.run.funnel[0].lost["unreadable"] == 2
    assert page.run.funnel[0].count == len(page.listing.id)
    assert "2 rows of the ledger cannot be read." in page.notes


def test_a_run_on_another_database_shows_no_changes(synthesized: Path, tmp_path: Path) -> None:
    run = copied(synthesized, tmp_path / "run")
    info = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**info, "database": "0" * 16}))
    page, pieces = build([run])
    assert page.run is not None
    assert {clause.text for clause in page.run.clauses} == {""}
    shown = dialogues(pieces)
    assert not any(said.changes for one in shown for said in one.said)
    assert any("the dialogues were made on 0000000000000000" in one.note for one in shown)


def test_texts_that_no_file_can_hold_are_mended(synthesized: Path, tmp_path: Path) -> None:
    run = copied(synthesized, tmp_path / "run")
    with sqlite3.connect(run / "ledger.sqlite") as ledger:
        wish = "$.user_scenario.instructions.reason_for_call"
        ledger.execute("update instances set task = json_set(task, ?, 'x')", (wish,))
        ledger.execute("update instances set task = replace(task, '\"x\"', '\"lone \\ud800 one\"')")
    page, pieces = build([run])
    page.model_dump_json()
    assert set(page.listing.title) == {"lone � one"}
    assert dialogues(pieces)[0].title == "lone � one"


def test_a_prompts_changes_are_a_unified_diff() -> None:
    op = {"op": "edit_prompt", "prompt": "agent", "section": "Contract", "mode": "append", "text": "- Say it twice."}
    after = Patch.from_json({"ops": [op]}).apply(Blueprint())
    (found,) = prompt_diffs(Blueprint(), after)
    assert found.prompt == "agent"
    lines = found.diff.splitlines()
    assert lines[:2] == ["--- a/agent.md", "+++ b/agent.md"]
    assert [line for line in lines[2:] if line.startswith("+")] == ["+- Say it twice."]
    assert not list(prompt_diffs(after, after))


def test_evaluations_stand_side_by_side(tmp_path: Path) -> None:
    folders = {"first": {"a": "+-", "b": "--", "c": "+?"}, "other": {"a": "++", "b": "+-", "c": "+!"}}
    for name, came in folders.items():
        (tmp_path / name).mkdir()
        results(came, agent=f"openai:{name}").save(tmp_path / name / "results.json")
    (tmp_path / "deeper" / "first").mkdir(parents=True)
    results({"a": "+"}, task_digest="others").save(tmp_path / "deeper" / "first" / "results.json")
    page, pieces = build([tmp_path / "first", tmp_path / "other" / "results.json", tmp_path / "deeper" / "first"])
    first, other, third = page.evaluations
    assert [one.name for one in page.evaluations] == ["first", "other", "first-2"]
    assert page.title == "3 evaluations"
    assert (first.unjudged, other.infrastructure) == (1, 1)
    assert first.tasks == {"a": (1, 2), "b": (0, 2), "c": (1, 1)}
    assert first.pass_hats[0].value == pytest.approx(0.5)
    assert first.pass_hats[0].low < 0.5 < first.pass_hats[0].high
    assert first.blames == {"agent": 3}
    assert first.against_first == ""
    assert "pass^1 +0.333" in other.against_first
    assert "2 better, 0 worse, 1 equal" in other.against_first
    assert "agent: openai:first → openai:other" in other.against_first
    assert "cannot be compared" in third.against_first
    assert set(page.listing.source) == {"first", "other", "first-2"}
    assert page.listing.id[0] == "first/e000000-000"
    assert set(page.listing.fate) == {"solved", "failed", "unjudged", "infrastructure"}
    assert [one.id for one in dialogues(pieces)] == list(page.listing.id)
    assert any("however they would come out" in note for note in page.notes)
    assert any("no floors are shown" in note for note in page.notes)  # the databases of these are not the domain's


def test_an_evaluation_has_its_floors_and_its_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "load_domain", lambda _: shop())
    about = task(FIND, CANCEL)
    played = [acted(shop(), about, OPEN, FIND, CANCEL), acted(shop(), about, OPEN, FIND, trial=1)]
    stored(shop(), [about], *played, trials=2).save(tmp_path / "results.json")
    page, pieces = build([tmp_path])
    (section,) = page.evaluations
    assert [floor.label for floor in section.floors] == ["no-op"]
    assert section.floors[0].value == "0.000"
    assert page.figures[0].label == "pass^1"
    assert page.figures[0].value == "0.500"
    solved, failed = dialogues(pieces)
    assert (solved.id, solved.fate, failed.fate) == ("e000000-000", "solved", "failed")
    assert any(said.changes for said in solved.said)
    assert failed.blame == "agent"
    assert any(said.evidence for said in failed.said)


@pytest.fixture
def training(tmp_path: Path) -> TrainingFolder:
    folder = TrainingFolder.create(tmp_path / "train", read_recipe({"name": "small", "domain": "broadband"}, "test"))
    for stage, rows in {
        "agent": [{"step": step, "loss": 2 / step, "eval_loss": 3.0, "time": 1.0} for step in range(1, 3000)],
        "grpo": [{"step": 1, "reward/raw": 0.5, "entropy": None, "note": "x"}, {"step": 2, "reward/raw": float("nan")}],
    }.items():
        folder.stage(stage).begin(folder.recipe)  # type: ignore[arg-type]
        folder.stage(stage).metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))  # type: ignore[arg-type]
    folder.stage("agent").finish(seconds=12.0)
    figures = {"before": {"value": 0.1, "low": 0.0, "high": 0.3}, "after": {"value": 0.6, "low": 0.4, "high": 0.8}}
    gap = {"value": 0.5, "low": 0.2, "high": 0.7, "p": 0.01}
    write_json(folder.stage("grpo").path / "pass1.json", {**figures, "difference": gap, "floors": {"no-op": 0.05}})
    return folder


def test_a_training_has_its_curves_and_its_pass_1(training: TrainingFolder) -> None:
    page, pieces = build([training.path])
    agent, grpo = page.training
    assert [series.name for series in agent.series] == ["loss", "eval_loss"]
    assert len(agent.series[0].points) == 1000
    assert agent.series[0].points[-1] == (2999.0, 2 / 2999)
    assert [series.points for series in grpo.series] == [((1.0, 0.5),)]
    assert grpo.before is not None
    assert (grpo.before.value, grpo.before.low, grpo.before.high) == (0.1, 0.0, 0.3)
    assert grpo.difference is not None
    assert grpo.difference.value == 0.5
    assert [(floor.label, floor.value) for floor in grpo.floors] == [("no-op", "0.050")]
    assert [figure.value for figure in page.figures] == ["0.600", "0.100"]
    assert page.notes == ("Stage grpo is under way, or was stopped: the command that began it goes on.",)
    assert list(pieces) == []


def test_a_pipelines_folder_is_one_page(training: TrainingFolder, synthesized: Path) -> None:
    copied(synthesized, training.path / "run")
    page, pieces = build([training.path])
    assert page.title == "Training train"
    assert page.run is not None
    assert len(page.training) == 2
    assert set(page.listing.source) == {"run"}
    assert len(dialogues(pieces)) == len(page.listing.id)


def test_paths_that_hold_nothing_are_refused_with_what_was_looked_for(synthesized: Path, tmp_path: Path) -> None:
    with pytest.raises(
        EigenGraphError, match=r"nothing to report on in .*no run\.json .* no recipe\.yaml .* no results\.json"
    ):
        build([tmp_path])
    with pytest.raises(EigenGraphError, match=r"there is no .*nowhere"):
        build([tmp_path / "nowhere"])
    with pytest.raises(EigenGraphError, match="a second run"):
        build([synthesized, synthesized])
    with pytest.raises(EigenGraphError, match="name a run's folder"):
        build([])
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(EigenGraphError, match="a results file is"):
        build([tmp_path / "results.json"])

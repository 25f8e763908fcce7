"""What a training learns from: which dialogues, held out how, kept how, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from trainings import DIALOGUES, recipe, synthesize

from eigen_graph.checkers import gold_trajectory
from eigen_graph.core import EigenGraphError, Task
from eigen_graph.domains import load_domain
from eigen_graph.rl.data import SPLIT, TrainingData, dialogue_chars, per_turn, prepare
from eigen_graph.rl.gathering import FILES, rows_of
from eigen_graph.rl.splits import deed, split
from eigen_graph.runs import RunFolder
from eigen_graph.runs.datasets import export_run

BROADBAND = load_domain("broadband")


@pytest.fixture(scope="module")
def exported(synthesized: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of the run, to be copied and spoilt."""
    out = tmp_path_factory.mktemp("exports") / "export"
    export_run(RunFolder.open(synthesized), ("sft", "user_sft", "rl"), out=out)
    return out


def copied(exported: Path, to: Path) -> Path:
    return Path(shutil.copytree(exported, to))


def rewrite(path: Path, change: Any) -> None:
    """Change every row of a file; a row that becomes None goes."""
    rows = [new for row in rows_of(path) if (new := change(row)) is not None]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_run_becomes_rows_and_tasks_parted_by_task(synthesized: Path, tmp_path: Path) -> None:
    data = prepare(tmp_path / "data", recipe(), [synthesized])
    train, held = {task.id for task in data.tasks}, {task.id for task in data.held_out}
    assert len(train) + len(held) + len(data.manifest.near) == data.manifest.found
    assert DIALOGUES - 4 <= data.manifest.found <= DIALOGUES, "the export leaves out duplicates"
    assert held, "of two dozen, some are held out"
    assert not train & held
    for rows, tasks in (
        (data.agent_rows, data.tasks),
        (data.user_rows, data.tasks),
        (data.held_agent_rows, data.held_out),
        (data.held_user_rows, data.held_out),
    ):
        assert [row["task_id"] for row in rows] == [task.id for task in tasks]
    for task, agent, user in zip(data.tasks, data.agent_rows, data.user_rows, strict=True):
        assert "## Policy" in task.agent_system
        assert task.agent_system == agent["messages"][0]["content"]
        assert "## Scenario" in task.user_system
        assert task.user_system == user["messages"][0]["content"]
        assert task.task is task.checker.task
        assert task.checker.judge(gold_trajectory(task.checker.bench(BROADBAND)), BROADBAND).reward == 1


def test_an_export_gives_the_same_data_as_its_run(synthesized: Path, exported: Path, tmp_path: Path) -> None:
    one = prepare(tmp_path / "one", recipe(), [synthesized])
    other = prepare(tmp_path / "other", recipe(), [exported])
    assert one.digest == other.digest
    assert one.agent_rows == other.agent_rows


def test_an_export_for_each_turn_gives_whole_dialogues(synthesized: Path, exported: Path, tmp_path: Path) -> None:
    out = tmp_path / "turns"
    export_run(RunFolder.open(synthesized), ("sft", "user_sft", "rl"), out=out, view="turn")
    whole, turns = prepare(tmp_path / "one", recipe(), [exported]), prepare(tmp_path / "other", recipe(), [out])
    assert turns.agent_rows == whole.agent_rows
    assert turns.user_rows == whole.user_rows
    exported_turns = {row["id"]: row for row in rows_of(out / "sft.jsonl")}
    for row in per_turn(whole.agent_rows):
        assert row == exported_turns[row["id"]]


def test_what_was_kept_is_gone_on_with_as_long_as_it_is_the_same(synthesized: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    data = prepare(folder, recipe(), [synthesized])
    assert prepare(folder, recipe(), [synthesized]).digest == data.digest
    assert TrainingData.load(folder, recipe(agent={"sft": {"steps": 9}})).tasks == data.tasks, "no matter of the data"
    with pytest.raises(EigenGraphError, match=r"seed 1, not 2: choose another --out"):
        prepare(folder, recipe(seed=2), [synthesized])
    with pytest.raises(EigenGraphError, match=r"come from .*, not .*elsewhere: go on without --run"):
        prepare(folder, recipe(), [tmp_path / "elsewhere"])
    with (folder / "sft.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(EigenGraphError, match=r"sft\.jsonl is not what was split"):
        prepare(folder, recipe())
    (folder / SPLIT).write_text("{}")
    with pytest.raises(EigenGraphError, match=r"cannot read .*split\.json"):
        prepare(folder, recipe())
    with pytest.raises(EigenGraphError, match=r"no data in .*none yet: name what to train on"):
        TrainingData.load(tmp_path / "none", recipe())


def test_more_dialogues_move_no_task_across(tmp_path: Path) -> None:
    few, more = synthesize(tmp_path / "few", 12, seed=8), synthesize(tmp_path / "more", 30, seed=8)
    one, other = (prepare(tmp_path / f"{run.name}-data", recipe(), [run]) for run in (few, more))
    parts = {deed(task.task): "train" for task in other.tasks} | {deed(task.task): "held" for task in other.held_out}
    for task in one.tasks:
        assert parts.get(deed(task.task)) in {"train", None}, "at most it is left out beside a new held-out one"
    for task in one.held_out:
        assert parts.get(deed(task.task)) in {"held", None}


def test_several_runs_are_merged_under_distinct_names(synthesized: Path, tmp_path: Path) -> None:
    other = synthesize(tmp_path / "run", 12, seed=6)
    alone, data = (
        prepare(tmp_path / "one", recipe(), [synthesized]),
        prepare(tmp_path / "two", recipe(), [synthesized, other]),
    )
    ids = [task.id for task in (*data.tasks, *data.held_out)]
    assert len(ids) == len(set(ids))
    assert any(name.startswith("r2-") for name in ids)
    assert {task.id for task in alone.held_out} <= {task.id for task in data.held_out}
    again = prepare(tmp_path / "three", recipe(), [synthesized, synthesized])
    assert again.manifest.left_out["duplicates"] == alone.manifest.found
    assert again.agent_rows == alone.agent_rows


def test_equal_and_nearly_equal_tasks_do_not_straddle_the_split(exported: Path) -> None:
    tasks = [Task.from_json(row["task"]) for row in rows_of(exported / "rl.jsonl")]
    named = {task.id: task for task in tasks}
    for task in tasks:  # the same deed told in other words, and nearly the same deed
        told = {"instructions": "Somebody else asks for it.", "persona": "Calm."}
        twin = task.model_copy(
            update={
                "id": f"{task.id}-twin",
                "user_scenario": Task.from_json({"id": "x", "user_scenario": told}).user_scenario,
            }
        )
        near = Task.from_json({**task.to_json(), "id": f"{task.id}-near"})
        extra = {**task.to_json()["evaluation_criteria"], "communicate_info": ["one more thing"]}
        near = Task.from_json({**near.to_json(), "evaluation_criteria": extra})
        named |= {twin.id: twin, near.id: near}
    parts = split(named, BROADBAND, share=0.3, at_most=1000, seed=1)
    part = {name: kind for kind, names in parts._asdict().items() for name in names}
    assert set(part) == set(named)
    for task in tasks:
        assert part[f"{task.id}-twin"] == part[task.id]
        assert {part[task.id], part[f"{task.id}-near"]} != {"train", "held_out"}


def test_only_so_many_held_out_tasks_are_used(synthesized: Path, tmp_path: Path) -> None:
    all_of_them = prepare(tmp_path / "one", recipe(), [synthesized])
    two = prepare(tmp_path / "two", recipe(data={"max_held_out": 2}), [synthesized])
    assert len(two.held_out) == 2
    assert len(two.manifest.spare) == len(all_of_them.held_out) - 2
    assert two.agent_rows == all_of_them.agent_rows, "what is spare is not trained on"


def test_dialogues_are_chosen_by_what_the_recipe_says(synthesized: Path, tmp_path: Path) -> None:
    found = prepare(tmp_path / "all", recipe(data={"holdout": 0}), [synthesized])
    assert not found.held_out
    length = sorted(map(dialogue_chars, found.agent_rows))[12]
    clause = found.tasks[0].task.tags.clauses[0]
    tools = sorted({tool for task in found.tasks[:8] for tool in task.task.tags.tools})
    for name, select, keeps in (
        ("short", {"max_chars": length}, lambda row, _: dialogue_chars(row) <= length),
        ("easy", {"difficulty": ["easy", "medium"]}, lambda row, _: row["difficulty"] in {"easy", "medium"}),
        ("tools", {"tools": tools}, lambda _, task: set(task.tags.tools) <= set(tools)),
        ("clause", {"clauses": [clause, "1"]}, lambda _, task: not {clause, "1"}.isdisjoint(task.tags.clauses)),
    ):
        data = prepare(tmp_path / name, recipe(data={"holdout": 0, "select": select}), [synthesized])
        pairs = zip(found.agent_rows, found.tasks, strict=True)
        assert [row["id"] for row in data.agent_rows] == [row["id"] for row, task in pairs if keeps(row, task.task)]
        assert 0 < len(data.agent_rows) < len(found.agent_rows), name
    assert sum(data.manifest.left_out.values()) + len(data.agent_rows) == data.manifest.found


def test_a_selection_that_leaves_nothing_says_which_filter_left_how_many(synthesized: Path, tmp_path: Path) -> None:
    select = {"difficulty": ["easy"], "max_chars": 3}
    with pytest.raises(EigenGraphError, match=r"\d\d dialogues, difficulty left \d+, max_chars left 0\)"):
        prepare(tmp_path / "data", recipe(data={"select": select}), [synthesized])
    assert list(tmp_path.iterdir()) == [], "nothing half made stays"


def test_one_group_only_and_an_empty_part_are_refused(exported: Path, tmp_path: Path) -> None:
    one = copied(exported, tmp_path / "one")
    first = next(rows_of(one / "rl.jsonl"))["id"]
    for name in FILES:
        rewrite(one / name, lambda row: row if row["id"] == first else None)
    with pytest.raises(EigenGraphError, match="all 1 tasks do the same from the same start"):
        prepare(tmp_path / "data", recipe(), [one])
    with pytest.raises(EigenGraphError, match="none falls to the held-out part"):
        prepare(tmp_path / "data", recipe(data={"holdout": 1e-9}), [exported])
    with pytest.raises(EigenGraphError, match=r"all .* tasks fall to the held-out part"):
        prepare(tmp_path / "data", recipe(data={"holdout": 1.0}), [exported])


def test_runs_that_cannot_be_trained_on_are_refused(synthesized: Path, tmp_path: Path) -> None:
    for sources, why in (
        ([], "nothing to train on: name a synthesis run"),
        ([tmp_path / "none"], "there is no folder"),
        ([tmp_path], "neither a synthesis run"),
    ):
        with pytest.raises(EigenGraphError, match=why):
            prepare(tmp_path / "data", recipe(), sources)
    with pytest.raises(EigenGraphError, match="a run of domain 'broadband', the recipe of 'hotel'"):
        prepare(tmp_path / "data", recipe(domain="hotel"), [synthesized])


async def test_a_run_without_accepted_dialogues_is_refused(tmp_path: Path) -> None:
    empty = RunFolder.create(tmp_path / "empty", {}, domain="broadband")
    async with empty.ledger():
        pass
    with pytest.raises(EigenGraphError, match="has no accepted dialogue, so there is nothing to train on"):
        prepare(tmp_path / "data", recipe(), [empty.path])


@pytest.mark.parametrize(
    ("file", "change", "why"),
    [
        ("rl.jsonl", lambda row: {**row, "domain": "hotel"}, "of domain 'hotel', the recipe of 'broadband'"),
        ("rl.jsonl", lambda row: {**row, "checker": {**row["checker"], "database": "other"}}, "databases other of"),
        ("rl.jsonl", lambda row: {**row, "checker": {"format": 9, "task": {}}}, "has format 9"),
        ("rl.jsonl", lambda _: None, "has no accepted dialogue"),
        ("sft.jsonl", lambda _: None, r"is missing in sft\.jsonl"),
        ("user_sft.jsonl", lambda _: None, r"is missing in user_sft\.jsonl"),
        ("sft.jsonl", lambda row: {**row, "loss_mask": [1]}, "no messages with a loss_mask as long"),
    ],
)
def test_a_spoilt_export_is_refused_in_words(exported: Path, tmp_path: Path, file: str, change: Any, why: str) -> None:
    spoilt = copied(exported, tmp_path / "spoilt")
    rewrite(spoilt / file, change)
    with pytest.raises(EigenGraphError, match=why):
        prepare(tmp_path / "data", recipe(), [spoilt])


def test_a_torn_file_is_refused_with_its_line(exported: Path, tmp_path: Path) -> None:
    torn = copied(exported, tmp_path / "torn")
    text = (torn / "sft.jsonl").read_text()
    (torn / "sft.jsonl").write_text(text[: text.index("\n") + 40])
    with pytest.raises(EigenGraphError, match=r"sft\.jsonl, line 2"):
        prepare(tmp_path / "data", recipe(), [torn])
    (torn / "sft.jsonl").unlink()
    with pytest.raises(EigenGraphError, match=r"no sft\.jsonl"):
        prepare(tmp_path / "data", recipe(), [torn])

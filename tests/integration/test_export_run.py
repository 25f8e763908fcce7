"""A run's ledger turned into files, and what the files promise."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

from eigen_graph.core import Database, Domain, EigenGraphError, Policy, Record, Side, Task, domain_tool
from eigen_graph.runs import InstanceRow, PlanRow, RunFolder, instance_id
from eigen_graph.runs.datasets import FORMATS, export_run, files
from eigen_graph.runs.datasets.files import Draft, JsonLines


class Thing(Record):
    name: str


@domain_tool(writes=True)
def take(thing: str, count: int = 1) -> str:
    """Take a thing.

    Args:
        thing: Which.
        count: How many.
    """
    return f"{count} {thing}"


@domain_tool(writes=False)
def look(place: dict[str, Any]) -> str:
    """Look.

    Args:
        place: Where.
    """
    return str(place)


DOMAIN = Domain("toy", Policy("1. Help."), agent=Side(Database({"things": Thing}), (take, look)), title="A toy")
SETTINGS = {
    "request": {"count": 3},
    "context": {"base_url": "http://secret", "prompts": {"agent": "long"}, "cap": None},
}
WISHES = ("a red balloon", "seven green bottles", "the moon", "some peace", "a fast horse", "bread and butter", "tea")


def row(index: int, fate: str = "accepted", *, thing: str | None = None, text: str = "Taken.") -> InstanceRow:
    name = thing or f"thing {index}"
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "look", "arguments": json.dumps({"place": {name: 1}})}},
        {"id": "c2", "type": "function", "function": {"name": "take", "arguments": json.dumps({"thing": name})}},
    ]
    messages: list[dict[str, Any]] = [
        {"role": "assistant", "content": "Hi!"},
        {"role": "user", "content": f"I want {name}"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        *({"role": "tool", "tool_call_id": f"c{n}", "requestor": "assistant", "content": "ok"} for n in (1, 2)),
        {"role": "assistant", "content": text},
        {"role": "user", "content": "###STOP###"},
    ]
    task = {
        "id": f"t{index}",
        "user_scenario": {"instructions": f"You want {WISHES[index % 7]} number {name}, and nothing but it."},
        "evaluation_criteria": {
            "actions": [{"action_id": "0", "name": "take", "arguments": {"thing": name}}],
            "reward_basis": ["DB"],
        },
        "eigen": {"clauses": ["1"], "tools": ["take"], "difficulty": "easy", "persona": "terse", "plan": f"p{index}"},
    }
    return InstanceRow(
        id=instance_id(0, index),
        generation=0,
        index=index,
        plan_id=f"p{index}",
        fate=fate,  # type: ignore[arg-type]  # the parameter is a plain str for brevity
        stage="reviewer",
        blame=None if fate == "accepted" else "agent",
        task=task,
        checker={"format": 1, "domain": "toy", "database": "d1", "task": task},
        trajectory={"messages": messages, "termination": "user_stop"},
        kill_rate=1.0 if index % 2 else 0.96,
        agent_system="Policy: 1. Help.",
        user_system="You want something.",
        workflow="w1",
    )


async def run_of(path: Path, rows: list[InstanceRow], model: str = "scripted") -> RunFolder:
    folder = RunFolder.create(path, SETTINGS, domain="toy", database="d1")
    async with folder.ledger() as ledger:
        for index, found in enumerate(rows):
            difficulty = "hard" if index == 1 else "easy"
            plan = PlanRow(id=found.plan_id, generation=0, index=found.index, clause="1", tools=("take",),
                           difficulty=difficulty, persona="terse")  # fmt: skip
            await ledger.add_plans([plan])
            await ledger.record(
                SimpleNamespace(  # type: ignore[arg-type]  # a call record's fields
                    key=found.id,
                    scene=found.id,
                    role="agent",
                    model=model,
                    input_tokens=90,
                    output_tokens=10,
                    cost_usd=0.5,
                    seconds=1.0,
                    reply={},
                )
            )
            await ledger.add_instance(found)
    return folder


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


async def test_only_accepted_rows_are_exported_and_duplicates_are_counted(tmp_path: Path):
    rows = [row(0), row(1, "rejected"), row(2), row(3, "dropped"), row(4, thing="thing 0")]
    folder = await run_of(tmp_path / "run", rows)
    report = export_run(folder, domain=DOMAIN)
    assert (report.accepted, report.exported) == (3, 2)
    assert [(d.id, d.of, d.kind) for d in report.duplicates] == [("g0-000004", "g0-000000", "exact")]
    assert report.files == {
        "sft.jsonl": 2,
        "sft.parquet": 2,
        "user_sft.jsonl": 2,
        "user_sft.parquet": 2,
        "rl.jsonl": 2,
        "tasks.json": 2,
    }
    assert sorted(path.name for path in folder.export_path.iterdir()) == sorted([*report.files, "README.md"])
    assert [found["id"] for found in lines(folder.export_path / "sft.jsonl")] == ["g0-000000", "g0-000002"]
    assert json.loads(json.dumps(report.to_json()))["duplicates"][0]["kind"] == "exact"


@pytest.mark.parametrize("view", ["dialogue", "turn"])
@pytest.mark.parametrize("name", ["sft", "user_sft"])
async def test_parquet_and_jsonl_hold_the_same_rows(tmp_path: Path, name: str, view: Any, monkeypatch: Any):
    monkeypatch.setattr(files, "_GROUP_CHARS", 3000)  # several row groups
    rows = [row(index, text=f"Taken,\u2028 “Zoë” \U0001f600 {index} \ud800!") for index in range(9)]
    folder = await run_of(tmp_path / "run", rows)
    report = export_run(folder, [name], domain=DOMAIN, view=view)
    packed = pq.read_table(folder.export_path / f"{name}.parquet")
    assert pq.ParquetFile(folder.export_path / f"{name}.parquet").num_row_groups > 1
    unpacked = [{**found, "tools": json.loads(found["tools"])} for found in packed.to_pylist()]
    plain = lines(folder.export_path / f"{name}.jsonl")
    assert len(plain) == report.files[f"{name}.jsonl"] == 9 * {"dialogue": 1, "turn": 2}[view]
    assert [without_nulls({**p, "tools": 0}) for p in unpacked] == [without_nulls({**p, "tools": 0}) for p in plain]
    assert [found["tools"] for found in unpacked] == [found["tools"] for found in plain]


async def test_arrow_adds_no_argument_that_was_not_there(tmp_path: Path):
    folder = await run_of(tmp_path / "run", [row(0), row(1)])
    export_run(folder, ["sft"], domain=DOMAIN)
    for found in pq.read_table(folder.export_path / "sft.parquet").to_pylist():
        calls = [call for message in found["messages"] for call in message["tool_calls"] or ()]
        assert [set(json.loads(call["function"]["arguments"])) for call in calls] == [{"place"}, {"thing"}]
        assert all("null" not in call["function"]["arguments"] for call in calls)
        take_tool, look_tool = json.loads(found["tools"])
        assert set(take_tool["function"]["parameters"]["properties"]) == {"thing", "count"}
        assert set(look_tool["function"]["parameters"]["properties"]) == {"place"}


async def test_tau2_tasks_and_rl_rows_load_again(tmp_path: Path):
    folder = await run_of(tmp_path / "run", [row(0), row(1)])
    export_run(folder, ["tau2", "rl"], domain=DOMAIN)
    tasks = json.loads((folder.export_path / "tasks.json").read_text())
    assert [Task.from_json(task).id for task in tasks] == ["t0", "t1"]
    assert all("eigen" not in task for task in tasks)
    for found in lines(folder.export_path / "rl.jsonl"):
        assert found["checker"]["task"] == found["task"]
        assert (found["domain"], found["database"]) == ("toy", "d1")
    export_run(folder, ["tau2"], domain=DOMAIN, keep_eigen=True)
    assert json.loads((folder.export_path / "tasks.json").read_text())[0]["eigen"]["clauses"] == ["1"]


async def test_the_same_ledger_gives_the_same_bytes(tmp_path: Path):
    folder = await run_of(tmp_path / "run", [row(index) for index in range(5)])
    export_run(folder, domain=DOMAIN, out=tmp_path / "a")
    export_run(folder, domain=DOMAIN, out=tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


async def test_the_card_tells_counts_holes_cost_and_who_played(tmp_path: Path):
    rows = [row(0), row(1, "rejected"), row(2), row(3, thing="thing 0")]
    folder = await run_of(tmp_path / "run", rows)
    export_run(folder, domain=DOMAIN)
    card = (folder.export_path / "README.md").read_text()
    front, _, body = card.removeprefix("---\n").partition("---\n")
    assert "- config_name: user_sft\n  data_files: user_sft.parquet\n" in front
    assert 'pretty_name: "toy: verified tool-use dialogues"' in front
    assert "2 instances of the domain `toy` (A toy)" in body
    assert "Of 4 instances 3 were accepted, 1 rejected and 0 dropped" in body
    assert "1 exact and 0 near-duplicates are left out here, so 2 remain" in body
    assert "| agent | 1 |" in body
    assert "mean 0.960, median 0.960, lowest 0.960" in body
    assert "| agent | `scripted` | 4 | 360 | 40 | 2.0000 |" in body
    assert "Per exported instance: 200 tokens and $1.0000." in body
    assert "| clause | tool | easy | medium | hard |" in body
    assert "| 1 | `take` | 3/3 |  | **0/1** |" in body
    assert "**The offline `scripted` model played: agent.**" in body
    assert "| g0-000003 | g0-000000 | exact | 1 |" in body
    assert "Database digest: `d1`. Settings: count 3.\n" in body  # neither where it was made nor whole prompts


async def test_a_real_models_card_does_not_speak_of_scripts(tmp_path: Path):
    folder = await run_of(tmp_path / "run", [row(0)], model="some-model")
    export_run(folder, ["rl"], domain=DOMAIN)
    card = (folder.export_path / "README.md").read_text()
    assert "scripted" not in card
    assert "Reading it" not in card  # there is no Parquet file here


async def test_an_export_that_fails_leaves_the_old_files_and_no_halves(tmp_path: Path, monkeypatch: Any):
    folder = await run_of(tmp_path / "run", [row(0), row(1)])
    export_run(folder, domain=DOMAIN)
    before = {path.name: path.read_bytes() for path in folder.export_path.iterdir()}

    def full(self: Draft, _row: Any, _text: str) -> None:
        if self.rows:
            raise OSError(28, "No space left on device")
        self.rows += 1

    monkeypatch.setattr(JsonLines, "add", full)
    with pytest.raises(EigenGraphError, match=r"cannot write to .*export: No space left on device"):
        export_run(folder, domain=DOMAIN)
    assert {path.name: path.read_bytes() for path in folder.export_path.iterdir()} == before


async def test_an_empty_run_exports_empty_files(tmp_path: Path):
    folder = await run_of(tmp_path / "run", [])
    report = export_run(folder, domain=DOMAIN)
    assert set(report.files.values()) == {0}
    assert json.loads((folder.export_path / "tasks.json").read_text()) == []
    assert pq.read_table(folder.export_path / "sft.parquet").num_rows == 0
    assert "0 instances" in (folder.export_path / "README.md").read_text()


async def test_what_cannot_be_exported_says_so(tmp_path: Path):
    folder = await run_of(tmp_path / "run", [])
    with pytest.raises(EigenGraphError, match=f"no export format 'csv'; there are {', '.join(FORMATS)}"):
        export_run(folder, ["sft", "csv"], domain=DOMAIN)
    (tmp_path / "file").touch()
    with pytest.raises(EigenGraphError, match="cannot write to"):
        export_run(folder, domain=DOMAIN, out=tmp_path / "file")
    with pytest.raises(EigenGraphError, match="there is no ledger"):
        export_run(RunFolder.create(tmp_path / "new", {}), domain=DOMAIN)

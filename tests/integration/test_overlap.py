"""A domain that reserves tasks for testing: a run drops what comes close to them, and its card says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import run

from eigen_graph.checkers.contamination import RESERVED
from eigen_graph.runs import RunFolder

INN = """
'''An inn that is tested by the tasks in a file, where there is one.'''
import json
from dataclasses import replace
from pathlib import Path
from eigen_graph.core import Task, TaskSet
from eigen_graph.domains.hotel import domain as hotel

FILE = Path(__file__).with_name("tests.json")

def read():
    return {task["id"]: Task.from_json(task) for task in json.loads(FILE.read_text())}

def domain():
    if not FILE.exists():
        return replace(hotel(), name="inn")
    ids = tuple(read())
    splits = {"train": ids[:1], "test": ids[1:]}
    return replace(hotel(), name="inn", tasks=TaskSet(read, splits, digest="d16e57", source="inn tests"))
"""


@pytest.fixture(scope="module")
def inn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run made before anything was reserved, and one of the same seeds made after."""
    home = tmp_path_factory.mktemp("inn")
    (home / "inn.py").write_text(INN)
    run("synthesize", "inn.py:domain", "--count", 6, "--seed", 3, "--out", "before", cwd=home)
    run("export", "before", "-f", "tau2", cwd=home)
    card = (home / "before/export/README.md").read_text()
    assert "Overlap" not in card
    tasks = json.loads((home / "before/export/tasks.json").read_text())
    tests = [{**task, "id": f"test {number}"} for number, task in enumerate(tasks[:3])]
    for test in tests:
        test["user_scenario"]["persona"] = "Somebody else."
    (home / "tests.json").write_text(json.dumps(tests))
    run("synthesize", "inn.py:domain", "--count", 6, "--seed", 3, "--out", "after", cwd=home)
    return home


def test_a_run_drops_what_comes_close_to_a_reserved_task(inn: Path) -> None:
    with RunFolder.open(inn / "after").reader() as ledger:
        lost = list(ledger.instances("rejected"))
        assert ledger.count_reasons(RESERVED) == len(lost) >= 2
        assert ledger.count_reasons("reserved: too close to task 'test 1'") >= 1
        assert ledger.count_reasons("RESERVED") == 0
    assert all((row.stage, row.blame, row.task) == ("scenario", "task", None) for row in lost)
    assert {row.reason.split("'")[1] for row in lost} == {"test 1", "test 2"}
    told = run("status", "after", cwd=inn).out
    assert f"{len(lost)} of the rejected: too close to a task kept for testing" in told
    assert run("status", "after", "--json", cwd=inn).json["reserved"] == len(lost)
    assert "kept for testing" not in run("status", "before", cwd=inn).out


def test_the_card_states_the_overlap(inn: Path) -> None:
    overlap = run("export", "after", "-f", "tau2", "--json", cwd=inn).json["overlap"]
    assert (overlap["digest"], overlap["reserved"], overlap["left_out"]) == ("d16e57", 2, [])
    assert overlap["like_train"] >= 1
    assert overlap["closest"]["task"] in {"test 1", "test 2"}
    card = " ".join((inn / "after/export/README.md").read_text().split())
    assert "2 tasks of inn tests (task file digest `d16e57`) are reserved for testing" in card
    assert f"Of this run {overlap['dropped']} instances were dropped" in card
    assert f"{overlap['closest']['id']} comes closest to a reserved task, `{overlap['closest']['task']}`" in card
    assert f"{overlap['like_train']} of what is here equal or nearly equal one of the 1 tasks" in card


def test_what_an_earlier_run_accepted_is_left_out_of_its_export(inn: Path) -> None:
    done = run("export", "before", "-f", "tau2", "--out", "again", cwd=inn)
    assert "left out 2 dialogues too close to a reserved task" in done.out
    assert len(json.loads((inn / "again/tasks.json").read_text())) == 4
    card = (inn / "again/README.md").read_text()
    assert "0 instances were dropped while they were made" in " ".join(card.split())
    assert "| `test 1` | 1.00 | 1.00 | 1.00 |" in card

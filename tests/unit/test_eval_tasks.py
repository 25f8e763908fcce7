"""Which tasks an evaluation is of, and what becomes of files and names that say nothing usable."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from told import DOMAIN, TASK

from eigen_graph.checkers import database_digest
from eigen_graph.core import Domain, EigenGraphError, Task, TaskSet
from eigen_graph.domains import load_domain
from eigen_graph.evaluation import EvaluationSettings
from eigen_graph.evaluation.tasks import chosen, playable, require_fit, task_set

OTHERS = [TASK.model_copy(update={"id": f"t{number}"}) for number in range(6)]


def with_tasks(**fields: Any) -> Domain:
    tasks = {task.id: task for task in OTHERS}
    own = TaskSet(lambda: tasks, {"train": ("t0", "t1"), "test": ("t2", "t3", "t4")}, "d1", "lent books", "test")
    given = {name: getattr(DOMAIN, name) for name in ("name", "policy", "agent", "user", "sync", "playbook")}
    return Domain(**{**given, "tasks": own, **fields})


def ids(domain: Domain, **settings: Any) -> list[str]:
    asked = EvaluationSettings(**settings)
    return [task.id for task in chosen(task_set(domain, asked), asked)]


def write(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_a_domain_s_own_tasks() -> None:
    domain = with_tasks()
    assert ids(domain) == ["t2", "t3", "t4"]
    assert ids(domain, split="train") == ["t0", "t1"]
    assert ids(domain, count=2) == ["t2", "t3"]
    assert ids(domain, task_ids=("t4", "t2", "t4")) == ["t4", "t2"]


@pytest.mark.parametrize(
    ("settings", "saying"),
    [
        ({"split": "tset"}, "no split 'tset'; there are train, test"),
        ({"task_ids": ("t22",)}, "no task 't22'; did you mean 't2'?"),
        ({"task_ids": ("t0",), "split": "test"}, "no task 't0' in split 'test'"),
        ({"given": True}, "handed over in Python"),
    ],
)
def test_names_that_are_none(settings: dict[str, Any], saying: str) -> None:
    with pytest.raises(EigenGraphError, match=saying.replace("?", r"\?")):
        ids(with_tasks(), **settings)


def test_a_playbook_acts_out_fresh_tasks_the_same_ones_first() -> None:
    hotel = load_domain("hotel")
    assert hotel.playbook
    few, many = (task_set(hotel, EvaluationSettings(count=count, seed=7)) for count in (5, 60))
    assert list(few.tasks.values()) == list(many.tasks.values())[:5]
    assert few.digest != many.digest
    assert {task.tags.cue["intent"] for task in many.tasks.values() if task.tags.cue} == set(hotel.playbook.intents)
    assert task_set(hotel, EvaluationSettings(count=5, seed=8)).digest != few.digest
    require_fit(tuple(many.tasks.values()), hotel)
    assert ids(hotel) == ids(hotel, count=20)


def test_without_tasks_or_a_playbook_there_is_nothing_to_evaluate_on() -> None:
    bare = with_tasks(tasks=None, playbook=None)
    with pytest.raises(EigenGraphError, match=r"neither tasks nor a playbook .*--task-file"):
        ids(bare)
    with pytest.raises(EigenGraphError, match="has no tasks to name"):
        ids(with_tasks(tasks=None), task_ids=("t1",))
    with pytest.raises(EigenGraphError, match=r"no split 'test'.* have no splits"):
        ids(load_domain("hotel"), split="test", count=1)


def test_files_of_tasks(tmp_path: Path) -> None:
    plain = write(tmp_path / "tasks.json", [task.to_json() for task in OTHERS])
    found = task_set(DOMAIN, EvaluationSettings(task_file=str(plain)))
    assert list(found.tasks.values()) == OTHERS
    assert found.digest == hashlib.sha1(plain.read_bytes(), usedforsecurity=False).hexdigest()
    row = {"id": "g0-000000", "task": TASK.to_json(), "database": database_digest(DOMAIN), "domain": "lending"}
    assert ids(DOMAIN, task_file=str(write(tmp_path / "rl.jsonl", json.dumps(row) + "\n\n"))) == ["t"]
    assert ids(with_tasks(), task_file=str(plain), count=2, task_ids=("t5", "t4", "t3")) == ["t5", "t4"]


@pytest.mark.parametrize(
    ("text", "saying"),
    [
        ("[", "cannot read tasks from"),
        ("[" * 100_000, "cannot read tasks from"),
        ("\ud800", "cannot read tasks from"),
        ("[]", "holds no list of tasks"),
        ('{"a": 1}', "holds no list of tasks"),
        ("[1]", "task 1: .*not tau2 task JSON"),
        ('[{"id": "a"}, {"id": "b", "evaluation_criteria": 3}]', "task 2: task 'b' is not tau2 task JSON"),
        ('[{"id": "a"}, {"id": "a"}]', "two tasks 'a'"),
        ('[{"id": "a", "eigen": {"domain": "hotel"}}]', "task 'a' is of domain 'hotel', not 'lending'"),
        ('[{"id": "r", "task": {"id": "a"}, "database": "0123", "domain": "x"}]', "databases 0123 .*lending"),
    ],
)
def test_files_of_no_tasks(tmp_path: Path, text: str, saying: str) -> None:
    path = tmp_path / "tasks.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(EigenGraphError, match=saying):
        ids(DOMAIN, task_file=str(path))


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(EigenGraphError, match=r"cannot read tasks from .*nowhere.json"):
        ids(DOMAIN, task_file="nowhere.json")


def test_a_task_that_does_not_fit_is_named() -> None:
    wrong = Task.from_json(
        {
            "id": "w",
            "initial_state": {"initialization_actions": [{"env_type": "user", "func_name": "no", "arguments": {}}]},
        }
    )
    with pytest.raises(EigenGraphError, match="task 'w' does not fit domain 'lending': "):
        require_fit((TASK, wrong), DOMAIN)


def test_what_scripted_can_play() -> None:
    domain = with_tasks()
    assert playable(TASK, domain) == TASK
    bare = TASK.model_copy(update={"eigen": None})
    with pytest.raises(EigenGraphError, match=r"task 't' brings no playbook case.*--agent openai:NAME"):
        playable(bare, domain)
    own = playable(bare.model_copy(update={"id": "t3"}), domain)
    assert own.tags.cue == {**own.tags.cue, "domain": "lending", "intent": "t3"} if own.tags.cue else False
    with pytest.raises(EigenGraphError, match="no playbook, so `scripted` cannot play it"):
        playable(TASK, with_tasks(playbook=None))


def test_the_seeds_are_those_of_tau2() -> None:
    assert EvaluationSettings(trials=4).seeds == (626729, 373753, 361454, 1567)
    assert EvaluationSettings(trials=2, seed=300).seeds == EvaluationSettings(trials=4).seeds[:2]

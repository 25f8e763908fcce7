"""What is synthesized on tau2's domains is tau2's in every respect: its package reads it and judges it as we do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command import run as eigen_graph
from tau2_real import agree, domain_of, load_tau2, our_verdict, real_verdict, without_gc

from eigen_graph.checkers import build_checker
from eigen_graph.core import Actor, Domain, Message, Task, Trajectory, environment_of
from eigen_graph.runs import InstanceRow, RunFolder

# Odd values are kept as tasks give them; pydantic says so when they are written out.
pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")

COUNTS = {"telecom": 20, "airline": 4, "retail": 5}


@pytest.fixture(scope="module")
def tau2() -> Iterator[SimpleNamespace]:
    with without_gc():
        yield load_tau2()


@pytest.fixture(scope="module", params=list(COUNTS))
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A run, with its export."""
    name, path = request.param, tmp_path_factory.mktemp("tau2") / request.param
    eigen_graph("synthesize", f"tau2:{name}", "--count", COUNTS[name], "--seed", 1, "--out", path)
    eigen_graph("export", path)
    return name, path


def accepted(path: Path) -> list[InstanceRow]:
    with RunFolder.open(path).reader() as ledger:
        return [row for row in ledger.instances() if row.fate == "accepted"]


def without_call(dialogue: Trajectory, at: int, task: Task, domain: Domain) -> Trajectory:
    """A dialogue without the call at a place, the others made again: their results may be others now."""
    world, messages = environment_of(domain, task), list[Message]()
    for place, message in enumerate(dialogue.messages):
        if place != at and message.role != "tool":
            actor: Actor = "user" if message.role == "user" else "assistant"
            messages += [message, *(world.answer(call, actor) for call in message.tool_calls)]
    return dialogue.model_copy(update={"messages": tuple(messages)})


def mutated(dialogue: Trajectory, task: Task, domain: Domain) -> Iterator[Trajectory]:
    """Each gold call left out in turn, what the agent tells left out, and nothing done at all."""
    gold = [(action.requestor, action.name) for action in task.actions]
    for at, message in enumerate(dialogue.messages):
        if any(("user" if message.role == "user" else "assistant", call.name) in gold for call in message.tool_calls):
            yield without_call(dialogue, at, task, domain)
    silent = [
        m.model_copy(update={"content": "Hm."}) if m.role == "assistant" and m.content else m for m in dialogue.messages
    ]
    yield dialogue.model_copy(update={"messages": tuple(silent)})
    idle = (Message(role="assistant", content="Hi!"), Message(role="user", content="Never mind. ###STOP###"))
    yield dialogue.model_copy(update={"messages": idle})


def test_tau2_reads_every_task_and_judges_every_dialogue_as_we_do(tau2: SimpleNamespace, run: tuple[str, Path]) -> None:
    name, path = run
    domain, verdicts = domain_of(name), set()
    for row in accepted(path):
        assert row.task is not None
        assert row.trajectory is not None
        task, dialogue = Task.from_json(row.task), Trajectory.from_json(row.trajectory)
        assert as_tau2(tau2, row.task)["id"] == row.id
        checker = build_checker(task, domain, basis="tau2")
        for number, judged in enumerate((dialogue, *mutated(dialogue, task, domain))):
            ours, real = our_verdict(checker, domain, judged), real_verdict(tau2, name, row.task, judged)
            assert agree(ours, real), (row.id, number, ours, real)
            assert number or real.reward == 1, (row.id, real)
            verdicts.add(real.reward)
    assert verdicts == {0, 1}


def as_tau2(tau2: SimpleNamespace, task: dict[str, Any]) -> dict[str, Any]:
    """A task as the real package understands it."""
    read: dict[str, Any] = tau2.tasks.Task.model_validate(task).model_dump(mode="json")
    return read


def test_the_export_holds_everything(tau2: SimpleNamespace, run: tuple[str, Path]) -> None:
    name, path = run
    exported = json.loads((path / "export" / "tasks.json").read_text(encoding="utf-8"))
    by_id = {row.id: row for row in accepted(path)}
    assert exported
    domain = domain_of(name)
    assert domain.tasks is not None
    assert domain.playbook is not None
    train = [domain.tasks.tasks[task_id] for task_id in domain.playbook.intents]
    sources = [as_tau2(tau2, task.to_json()) for task in train]
    for data in exported:
        assert "eigen" not in data
        assert by_id[data["id"]].task is not None
        made = as_tau2(tau2, data)
        wanted, source = made["evaluation_criteria"], source_of(made, sources)
        assert wanted["reward_basis"] == source["evaluation_criteria"]["reward_basis"]
        assert made["ticket"] == source["ticket"]
        for field in ("env_assertions", "communicate_info", "nl_assertions"):
            assert (wanted[field] or []) == (source["evaluation_criteria"][field] or [])
        told, theirs = (which["user_scenario"]["instructions"] for which in (made, source))
        assert {key: value or "" for key, value in told.items()} == {key: value or "" for key, value in theirs.items()}


def source_of(made: dict[str, Any], sources: list[dict[str, Any]]) -> dict[str, Any]:
    """The task of `train` that a task was made of: the one that begins the same and wants the same."""

    def start(task: dict[str, Any]) -> list[Any]:
        return (task["initial_state"] or {}).get("initialization_actions") or []

    def reason(task: dict[str, Any]) -> Any:
        return [task["user_scenario"]["instructions"][key] or "" for key in ("reason_for_call", "known_info")]

    (found, *_) = [source for source in sources if start(source) == start(made) and reason(source) == reason(made)]
    return found


def test_the_checkers_kill_every_mutant(run: tuple[str, Path]) -> None:
    assert [row.kill_rate for row in accepted(run[1])] == [1.0] * len(accepted(run[1]))
    assert eigen_graph("verify", run[1], "--proofs", "--json").json["findings"] == []

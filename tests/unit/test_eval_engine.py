"""Evaluations in one process: the same whatever runs at once, counted truly, gone on with only as they were begun."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field
from told import BYE, DOMAIN, FIND, HELLO, TASK, Told, calls, says, told

from eigen_graph.checkers import build_checker
from eigen_graph.core import STOP, Database, Domain, EigenGraphError, Task, TaskSet, Trajectory
from eigen_graph.domains import load_domain
from eigen_graph.evaluation import Evaluation, EvaluationSettings, Results, context_for, evaluate
from eigen_graph.evaluation.floors import assenting, floors, inert
from eigen_graph.graphs.batches import RunPausedError
from eigen_graph.models import OutageError
from eigen_graph.runs import RunFolder

FAULTY = "scripted?faults=0.5"


class Moody(Told):
    """Says its lines to each scene anew, and fails in some scenes."""

    fails: set[str] = Field(default_factory=set)
    fails_at: int = 1
    """Which of its replies in such a scene never comes."""
    paid: Counter[str] = Field(default_factory=Counter)

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, run_manager: Any, **__: Any) -> ChatResult:
        told = run_manager.metadata["eigen"]
        own = sum(message.type == "ai" for message in messages) - (told["role"] == "agent")
        if told["scene"] in self.fails and own == self.fails_at:
            raise TimeoutError("no answer")
        self.paid[told["scene"]] += 1
        once = self.model_copy(
            update={"asked": {}, "lines": {told["role"]: self.lines[told["role"]][own:][:1] or [BYE]}}
        )
        return await Told._agenerate(once, messages, run_manager=run_manager)


class Nodding(Told):
    """Agrees to everything."""

    async def _agenerate(self, *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("All right."))])


def moody(fails: Sequence[str] = (), at: int = 1) -> Moody:
    lines = {
        "user": [HELLO, says("The one I told you."), BYE],
        "agent": [says("Which one?"), calls(FIND), says("Well.")],
    }
    return Moody(lines=lines, fails=set(fails), fails_at=at)


def snapshot(path: Path) -> list[dict[str, Any]]:
    with RunFolder.open(path).reader() as ledger:
        return list(ledger.snapshot())


def gist(results: Results) -> list[Any]:
    """All but times."""
    data = results.to_json()
    for episode in data["episodes"]:
        del episode["seconds"], episode["trajectory"]["seconds"]
    return [data["tasks"], data["episodes"], {name: data["info"][name] for name in ("seed", "task_digest", "basis")}]


@pytest.mark.parametrize("name", ["hotel", "broadband"])
async def test_how_many_run_at_once_changes_nothing(tmp_path: Path, name: str) -> None:
    made = [
        await evaluate(
            name, agent=FAULTY, user=FAULTY, tasks=8, trials=3, concurrency=at_once, out=tmp_path / str(at_once)
        )
        for at_once in (1, 16)
    ]
    assert snapshot(tmp_path / "1") == snapshot(tmp_path / "16")
    assert gist(made[0]) == gist(made[1])
    assert [(e.task_id, e.trial) for e in made[0].episodes] == [(t["id"], k) for t in made[0].tasks for k in range(3)]
    assert [e.seed for e in made[0].episodes[:3]] == [626729, 373753, 361454]
    solved = sum(bool(episode.solved) for episode in made[0].episodes)
    assert 0 < solved < 24
    assert made[0].summary
    assert made[0].summary["pass_hat"][0]["value"] == pytest.approx(solved / 24)
    assert {floor["name"] for floor in made[0].summary["floors"]} == {"no-op", "transfer", "assent"}
    saved = Results.load(tmp_path / "16" / "results.json")
    assert saved.to_json() == made[1].to_json()


async def test_verdicts_are_those_of_the_tasks_own_checkers(tmp_path: Path) -> None:
    hotel = load_domain("hotel")
    results = await evaluate(hotel, agent=FAULTY, tasks=12, trials=2, out=tmp_path / "run")
    tasks = {task["id"]: Task.from_json(task) for task in results.tasks}
    for episode in results.episodes:
        verdict = build_checker(tasks[episode.task_id], hotel).judge(Trajectory.from_json(episode.trajectory))
        assert verdict.to_json() == episode.verdict


async def test_a_chat_model_of_one_s_own_and_tasks_of_one_s_own(tmp_path: Path) -> None:
    tasks = [TASK.model_copy(update={"id": name}) for name in ("a", "b")]
    chat, events = moody(), list[dict[str, Any]]()
    results = await evaluate(
        DOMAIN, agent=chat, user=chat, tasks=tasks, trials=2, out=tmp_path / "run", tell=events.append
    )
    assert results.info.agent == "Moody"
    assert results.info.task_source == "tasks handed over in Python"
    assert Counter(event["outcome"] for event in events) == {"failed": 4}
    assert {(event["task"], event["trial"]) for event in events} == {(t, k) for t in "ab" for k in (0, 1)}
    assert len(set(chat.paid.values())) == 1
    assert len(chat.paid) == 4
    # Later the same tasks must be there again.
    with pytest.raises(EigenGraphError, match="handed over in Python: go on from there"):
        async with Evaluation.open(tmp_path / "run", context_for(DOMAIN, agent=chat, user=chat)):
            pass


async def test_what_the_infrastructure_breaks_off_counts_for_nothing_and_is_played_again(tmp_path: Path) -> None:
    tasks = [TASK.model_copy(update={"id": f"t{number}"}) for number in range(4)]
    asked: dict[str, Any] = {"tasks": tasks, "trials": 2, "concurrency": 2}
    whole = await evaluate(DOMAIN, agent=moody(), user=moody(), **asked, out=tmp_path / "whole")
    user, path = moody(), tmp_path / "run"
    broken = await evaluate(DOMAIN, agent=moody(["e000001-000", "e000003-001"]), user=user, **asked, out=path)
    assert Counter(episode.status for episode in broken.episodes) == {"judged": 6, "infrastructure": 2}
    lost = next(episode for episode in broken.episodes if episode.status == "infrastructure")
    assert "TimeoutError: no answer" in lost.reason
    assert (lost.trajectory, lost.verdict, lost.reward) == (None, None, None)
    assert broken.summary
    assert (broken.summary["judged"], broken.summary["infrastructure"]) == (6, 2)
    agent = moody()
    mended = await evaluate(DOMAIN, agent=agent, user=user, **asked, out=path)
    assert gist(mended) == gist(whole)
    assert set(agent.paid) == {"e000001-000", "e000003-001"}
    assert user.paid == {f"e00000{index}-00{trial}": 3 for index in range(4) for trial in range(2)}  # none twice
    assert agent.paid["e000001-000"] == 2  # its first words had been paid for


async def test_a_server_that_is_gone_ends_it_and_nothing_is_lost(tmp_path: Path) -> None:
    tasks = [TASK.model_copy(update={"id": f"t{number}"}) for number in range(12)]
    asked: dict[str, Any] = {"tasks": tasks, "trials": 1, "concurrency": 1, "out": tmp_path / "run"}
    with pytest.raises(OutageError, match="8 calls in a row failed"):
        await evaluate(DOMAIN, agent=moody(), user=moody([f"e{n:06d}-000" for n in range(2, 12)], at=0), **asked)
    with RunFolder.open(tmp_path / "run").reader() as ledger:
        assert ledger.episode_ids("judged") == {"e000000-000", "e000001-000"}
        assert len(ledger.episode_ids("infrastructure")) == 7
    results = await evaluate(DOMAIN, agent=moody(), user=moody(), **asked)
    assert [episode.status for episode in results.episodes] == ["judged"] * 12


async def test_it_drains_when_it_is_asked_to_stop(tmp_path: Path) -> None:
    context = context_for("hotel", concurrency=2)
    async with Evaluation.open(tmp_path / "run", context, EvaluationSettings(count=6, trials=2)) as evaluation:
        with pytest.raises(RunPausedError):
            await evaluation.play(lambda _: context.stop.set())
        assert 1 <= evaluation.standing().total() <= 2
        results, summary = evaluation.results()
        assert summary.missing == 12 - len(results.episodes)
    async with Evaluation.open(tmp_path / "run", context_for("hotel")) as evaluation:
        await evaluation.play(lambda _: None)
        assert evaluation.standing() == {"solved": 12}
    await evaluate("hotel", tasks=6, trials=2, out=tmp_path / "whole")
    assert snapshot(tmp_path / "run") == snapshot(tmp_path / "whole")


async def test_results_are_not_mixed(tmp_path: Path) -> None:
    tasks, path = [TASK], tmp_path / "run"
    first = await evaluate(DOMAIN, agent=moody(), user=moody(), tasks=tasks, trials=2, out=path)

    async def go_on(domain: Domain = DOMAIN, **other: Any) -> Results:
        return await evaluate(
            domain, **{"agent": moody(), "user": moody(), "tasks": tasks, "trials": 2, "out": path, **other}
        )

    assert gist(await go_on(concurrency=3)) == gist(first)
    for other, saying in (
        ({"trials": 3}, "trials 2, not 3"),
        ({"seed": 1}, "seed 300, not 1"),
        ({"basis": "eigen"}, "basis None, not 'eigen'"),
        ({"user": "scripted"}, "user 'Moody', not 'scripted'"),
        ({"max_steps": 50}, "max_steps 100, not 50"),
    ):
        with pytest.raises(EigenGraphError, match=f"was begun with {saying}"):
            await go_on(**other)
    changed = TASK.model_copy(update={"ticket": "new"})
    with pytest.raises(EigenGraphError) as refused:
        await go_on(tasks=[changed])
    assert first.info.task_digest in str(refused.value)
    books = dict(DOMAIN.agent.database["books"].items())
    del books[next(reversed(books))]
    book = DOMAIN.agent.database["books"].record_type
    burnt = replace(DOMAIN, agent=replace(DOMAIN.agent, database=Database({"books": book}, {"books": books})))
    with pytest.raises(EigenGraphError, match=f"made on database {first.info.database} .*which is now "):
        await go_on(burnt)
    (tmp_path / "run" / "run.json").write_text(json.dumps({"format": 1, "created": "", "domain": "d", "database": ""}))
    with pytest.raises(EigenGraphError, match="is no evaluation: choose another folder"):
        await go_on()


class _Wording:
    def agent(self, domain: Domain) -> str:
        return f"You serve {domain.name}."

    def user(self, domain: Domain, task: Task) -> str:
        return f"You are of {task.id} in {domain.name}."


async def test_a_benchmark_s_domain_is_played_and_judged_by_its_rules(tmp_path: Path) -> None:
    own = {"b": TASK.model_copy(update={"id": "b"})}
    benchmark = replace(
        DOMAIN, briefing=_Wording(), tasks=TaskSet(lambda: own, {"test": ("b",)}, "d1", "books", "test")
    )
    context = context_for(benchmark, agent=moody(), user=moody())
    assert (context.limits, context.max_steps) == ("tau2", 200)
    assert (context_for(DOMAIN).limits, context_for(DOMAIN).max_steps) == ("eigen", 100)
    assert context_for(benchmark, max_steps=30).max_steps == 30
    agent, user = told(agent=[says("Well?")]), told(user=[HELLO, BYE])
    results = await evaluate(benchmark, agent=agent, user=user, trials=1, out=tmp_path / "theirs")
    assert [agent.asked["agent"][0][0].text, user.asked["user"][0][0].text] == [
        "You serve lending.",
        "You are of b in lending.",
    ]
    info = results.info
    assert (info.basis, info.briefing, info.split, info.task_digest) == ("tau2", "benchmark", "test", "d1")
    ours = told(agent=[says("Well?")])
    results = await evaluate(
        benchmark,
        agent=ours,
        user=told(user=[HELLO, BYE]),
        trials=1,
        basis="own",
        briefing="eigen",
        out=tmp_path / "ours",
    )
    assert "You are the service agent" in ours.asked["agent"][0][0].text
    assert (results.info.basis, results.info.briefing) == ("own", "eigen")
    with pytest.raises(EigenGraphError, match="no benchmark's wording"):
        await evaluate(DOMAIN, briefing="benchmark", tasks=[TASK], out=tmp_path / "none")


@pytest.mark.parametrize(
    ("asked", "saying"),
    [
        ({"trials": 0}, "trials: "),
        ({"tasks": 0}, "count: "),
        ({"max_steps": 1}, "max_steps: "),
        ({"tasks": "abc"}, "tasks are a list of ids"),
        ({"tasks": [TASK, "a"]}, "either all tasks or all ids"),
        ({"domain": replace(DOMAIN, playbook=None), "tasks": [TASK]}, "no playbook, so `scripted` cannot play it"),
        (
            {
                "basis": "tau2",
                "tasks": [Task.from_json({"id": "t", "evaluation_criteria": {"reward_basis": ["X"]}})],
                "agent": moody(),
                "user": moody(),
            },
            "task 't' cannot be judged by tau2 rules: .*'X'",
        ),
        ({"agent": "gpt-5"}, "no model 'gpt-5'"),
    ],
)
async def test_what_cannot_be_evaluated_leaves_nothing_behind(
    tmp_path: Path, asked: dict[str, Any], saying: str
) -> None:
    with pytest.raises(EigenGraphError, match=saying):
        await evaluate(**{"domain": DOMAIN, "out": tmp_path / "run", **asked})
    assert not await asyncio.to_thread((tmp_path / "run").exists)


def test_the_inert_agents() -> None:
    found = dict(inert(TASK, load_domain("hotel")))
    assert [message.role for message in found["no-op"].messages] == ["assistant", "user"]
    call = next(found["transfer"].calls())
    assert call.call.name == "transfer_to_person"
    assert call.result is not None
    assert not call.result.error
    assert [name for name, _ in inert(TASK, DOMAIN)] == ["no-op"]  # it has nobody to hand over to
    idle = TASK.model_copy(update={"evaluation_criteria": None})
    checkers = {task.id: build_checker(task, DOMAIN) for task in (TASK, idle.model_copy(update={"id": "idle"}))}
    assert floors(checkers, DOMAIN) == {"no-op": {"t": False, "idle": True}}
    assert STOP in (found["no-op"].messages[-1].content or "")


async def test_an_agent_that_only_assents_solves_what_a_scripted_user_does_alone() -> None:
    domain = load_domain("broadband")
    alone = await evaluate(domain, tasks=12, trials=1, seed=3, agent=Nodding(lines={}))
    own = {episode.task_id: episode.solved for episode in alone.episodes}
    tasks = [Task.from_json(task) for task in alone.tasks]
    found = floors({task.id: build_checker(task, domain) for task in tasks}, domain, scripted_user=True)
    assert found["assent"] == own
    assert 0 < sum(map(bool, own.values())) < 12
    assert alone.summary
    assert alone.summary["above_floors"] is False
    assert assenting(tasks[0].model_copy(update={"eigen": None}), domain) is None

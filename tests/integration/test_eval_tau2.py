"""Evaluations on tau2's domains: its limits, its floors, its seeds; offline to the end."""

from __future__ import annotations

import asyncio
import json
import random
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command import run
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.messages.tool import tool_call
from langchain_core.outputs import ChatGeneration, ChatResult
from tau2_real import NAMES, base_tasks, domain_of, load_tau2, real_verdict, without_gc

from eigen_graph.checkers import build_checker
from eigen_graph.core import STOP
from eigen_graph.evaluation import Results, context_for
from eigen_graph.evaluation.floors import floors, inert
from eigen_graph.graphs import dialogue

STRIDE = {"airline": 9, "retail": 16, "telecom": 4}
"""Every which base task the real package judges here: seconds each."""
AGENT_CALLS: list[tuple[str, dict[str, Any]]] = [
    ("get_customer_by_id", {"customer_id": "C1001"}),
    ("get_customer_by_id", {"customer_id": "nobody"}),
    ("no_such_tool", {}),
]
USER_CALLS: list[tuple[str, dict[str, Any]]] = [
    ("check_network_status", {}),
    ("no_such_tool", {}),
    ("check_app_status", {"app": "x"}),
]


@pytest.fixture(scope="module")
def tau2() -> Iterator[SimpleNamespace]:
    with without_gc():
        found = load_tau2()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as in `load_tau2`
            from tau2.agent.base import LocalAgent  # noqa: PLC0415
            from tau2.orchestrator.orchestrator import Orchestrator  # noqa: PLC0415
            from tau2.user.base import BaseUser  # noqa: PLC0415
        found.orchestrator, found.agent, found.user = Orchestrator, LocalAgent, BaseUser
        yield found


def floors_of(name: str, split: str) -> dict[str, dict[str, bool | None]]:
    domain = domain_of(name)
    assert domain.tasks
    return floors({task.id: build_checker(task, domain, basis="tau2") for task in domain.tasks.split(split)}, domain)


def test_telecom_s_floors() -> None:
    counts = {
        split: {
            name: (sum(map(bool, solved.values())), len(solved)) for name, solved in floors_of("telecom", split).items()
        }
        for split in ("base", "train", "test")
    }
    assert counts == {
        "base": {"no-op": (0, 114), "transfer": (20, 114)},
        "train": {"no-op": (0, 74), "transfer": (8, 74)},
        "test": {"no-op": (0, 40), "transfer": (12, 40)},
    }


@pytest.mark.parametrize("name", NAMES)
def test_floors_are_what_tau2_s_own_evaluator_gives(tau2: SimpleNamespace, name: str) -> None:
    ours, seen = floors_of(name, "base"), set()
    solved = [task for task in base_tasks(name) if any(ours[agent][task.id] for agent in ours)]
    for task in [*base_tasks(name)[:: STRIDE[name]], *solved[:3]]:
        for agent, trajectory in inert(task, domain_of(name)):
            reward = real_verdict(tau2, name, task.to_json(), trajectory).reward
            assert ours[agent][task.id] == (reward == 1), (agent, task.id)
            seen.add(reward)
    assert seen == {0.0, 1.0}


Move = str | list[tuple[str, dict[str, Any]]]
"""Words, or calls."""


class Parrot(BaseChatModel):
    """Makes each side's moves in turn, then says the same for ever."""

    moves: dict[str, list[Any]]

    @property
    def _llm_type(self) -> str:
        return "parrot"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=tools, **kwargs)

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise AssertionError("only asked asynchronously")

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, run_manager: Any, **__: Any) -> ChatResult:
        role = run_manager.metadata["eigen"]["role"]
        opened = next((at for at, message in enumerate(messages) if isinstance(message, HumanMessage)), 0)
        made = sum(isinstance(message, AIMessage) for message in messages[opened if role == "agent" else 0 :])
        move = self.moves[role][made] if made < len(self.moves[role]) else "Well?"
        if isinstance(move, str):
            return ChatResult(generations=[ChatGeneration(message=AIMessage(move))])
        called = [tool_call(name=name, args=args, id=f"{role}-{made}-{n}") for n, (name, args) in enumerate(move)]
        return ChatResult(generations=[ChatGeneration(message=AIMessage("", tool_calls=called))])


def drawn(rng: random.Random) -> dict[str, list[Move]]:
    def moves(calls: list[tuple[str, dict[str, Any]]], *, stops: bool) -> list[Move]:
        found: list[Move] = [
            "Hm." if rng.random() < 0.5 else [rng.choice(calls) for _ in range(rng.randint(1, 3))] for _ in range(12)
        ]
        if stops:
            found[rng.randrange(1, 12)] = f"Bye. {STOP}"
        return found

    return {"agent": moves(AGENT_CALLS, stops=False), "user": moves(USER_CALLS, stops=rng.random() < 0.8)}


def theirs(
    tau2: SimpleNamespace, task: Any, moves: dict[str, list[Move]], limits: dict[str, int]
) -> tuple[str, list[Any]]:
    """The same through tau2's own orchestrator."""

    class Side:
        def __init__(self, role: str, **options: Any) -> None:
            super().__init__(**options)
            self.role, self.made = role, 0

        def get_init_state(self, message_history: Any = None) -> None:
            """None is needed."""

        def generate_next_message(self, message: Any, state: Any) -> Any:  # noqa: ARG002  # tau2's signature
            role, made = ("assistant" if self.role == "agent" else "user"), self.made
            self.made += 1
            move = moves[self.role][made] if made < len(moves[self.role]) else "Well?"
            kind = tau2.message.AssistantMessage if role == "assistant" else tau2.message.UserMessage
            if isinstance(move, str):
                return kind(role=role, content=move, cost=0.0), None
            calls = [
                tau2.message.ToolCall(id=f"{made}-{n}", name=name, arguments=arguments, requestor=role)
                for n, (name, arguments) in enumerate(move)
            ]
            return kind(role=role, tool_calls=calls, cost=0.0), None

        @classmethod
        def is_stop(cls, message: Any) -> bool:
            return message.role == "user" and STOP in (message.content or "")

        def set_seed(self, seed: int) -> None:
            """It needs none."""

    agent, user = type("Agent", (Side, tau2.agent), {}), type("User", (Side, tau2.user), {})
    made = tau2.registry.get_env_constructor("telecom")()
    done = tau2.orchestrator(
        domain="telecom",
        agent=agent("agent", tools=made.get_tools(), domain_policy=made.get_policy()),
        user=user("user"),
        environment=made,
        task=tau2.tasks.Task.model_validate(task.to_json()),
        **limits,
    ).run()
    return done.termination_reason.value, [(m.role, bool(getattr(m, "error", False))) for m in done.messages]


async def ours(task: Any, moves: dict[str, list[Move]], limits: dict[str, int]) -> tuple[str, list[Any]]:
    chat = Parrot(moves=moves)
    context = context_for(domain_of("telecom"), agent=chat, user=chat, **limits)
    done = await dialogue.ainvoke({"task": task.to_json()}, context=context)
    trajectory = done["trajectory"]
    return trajectory["termination"], [(m["role"], bool(m.get("error"))) for m in trajectory["messages"]]


def test_limits_are_those_of_tau2_s_orchestrator(tau2: SimpleNamespace) -> None:
    rng, task, ends = random.Random(8), base_tasks("telecom")[0], Counter[str]()
    for number in range(60):
        moves = drawn(rng)
        limits = {"max_steps": rng.choice([6, 9, 12, 200]), "max_errors": rng.choice([2, 4, 50])}
        wanted = theirs(tau2, task, moves, limits)
        assert asyncio.run(ours(task, moves, limits)) == wanted, (number, limits, moves)
        before = theirs(tau2, task, moves, {**limits, "max_steps": 200})
        ends[wanted[0] + "!" * (wanted[0] == "max_steps" and before == ("user_stop", wanted[1]))] += 1
    assert ends.keys() >= {"user_stop", "max_steps", "max_steps!", "too_many_errors"}, "a stop was overtaken by a limit"


async def test_two_hundred_steps_of_talk_come_to_an_end() -> None:
    ended, messages = await ours(base_tasks("telecom")[0], {"agent": [], "user": []}, {"max_steps": 200})
    assert (ended, len(messages)) == ("max_steps", 201)


def test_the_test_split_of_telecom_offline(tmp_path: Path) -> None:
    told = run(
        "eval", "tau2:telecom", "--split", "test", "--trials", 4, "--out", tmp_path / "run", "--json", timeout=200
    )
    summary = told.json
    assert (summary["tasks"], summary["judged"], summary["missing"], summary["infrastructure"]) == (40, 160, 0, 0)
    assert [hat["k"] for hat in summary["pass_hat"]] == [1, 2, 3, 4]
    assert all(hat["low"] < hat["value"] == 1 for hat in summary["pass_hat"])
    floors = {"no-op": 0, "transfer": 12 / 40, "assent": 9 / 40}
    assert {floor["name"]: floor["value"] for floor in summary["floors"]} == floors
    info = summary["info"]
    assert (info["basis"], info["briefing"], info["split"], info["max_steps"]) == ("tau2", "benchmark", "test", 200)
    assert info["task_digest"] == "be3bedf1620f8b703c31af641084ef6e690dc61f"
    results = Results.load(tmp_path / "run" / "results.json")
    assert [episode.seed for episode in results.episodes[:4]] == [626729, 373753, 361454, 1567]
    assert "cue" not in json.dumps(results.tasks)


@pytest.mark.parametrize(
    ("arguments", "saying"),
    [
        (("--split", "tset"), "no split 'tset'; there are small, train, test, full, base"),
        (("--task", "no such task"), "no task 'no such task'"),
    ],
)
def test_names_that_tau2_does_not_have(arguments: tuple[str, ...], saying: str) -> None:
    assert saying in run("eval", "tau2:telecom", *arguments, expect=2).err

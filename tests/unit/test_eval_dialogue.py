"""What an evaluation asks of a dialogue: tau2's limits, a benchmark's wording, a name and a seed for each trial."""

from __future__ import annotations

from typing import Any

import pytest
from told import BOOK, BYE, FIND, HELLO, TASK, Told, calls, context, says, told

from eigen_graph.graphs import dialogue
from eigen_graph.models import Cast, Role, Scene
from eigen_graph.models.openai import Endpoint
from eigen_graph.models.player import Player
from eigen_graph.models.spec import ModelSpec

WRONG = ("find_book", {"book_id": "none"})


async def played(chat: Told, request: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    done = await dialogue.ainvoke({"task": TASK.to_json(), **(request or {})}, context=context(chat, **fields))
    return dict(done["trajectory"])


@pytest.mark.parametrize(("limits", "termination"), [("eigen", "user_stop"), ("tau2", "max_steps")])
async def test_a_step_limit_reached_with_a_stop(limits: str, termination: str) -> None:
    chat = told(user=[*[HELLO] * 2, BYE], agent=[says("Yes?")])
    assert (await played(chat, max_steps=5, limits=limits))["termination"] == termination


@pytest.mark.parametrize(("limits", "spoken"), [("eigen", 2), ("tau2", 4)])
async def test_results_of_one_message_are_steps_or_one_step(limits: str, spoken: int) -> None:
    chat = told(user=[HELLO], agent=[calls(FIND, FIND, FIND), says("Here."), says("Well?")])
    trajectory = await played(chat, max_steps=6, limits=limits)
    assert trajectory["termination"] == "max_steps"
    assert sum(bool(m["content"]) and m["role"] != "tool" for m in trajectory["messages"][1:]) == spoken


async def test_failed_calls_of_one_message_are_all_counted_by_either_rule() -> None:
    for limits in ("eigen", "tau2"):
        chat = told(user=[HELLO], agent=[calls(WRONG, WRONG), says("Well?")])
        assert (await played(chat, max_errors=2, limits=limits))["termination"] == "too_many_errors"


async def test_instructions_of_a_benchmark_stand_in_for_ours() -> None:
    chat = told(user=[HELLO, BYE], agent=[says("Which one?")])
    await played(chat, {"agent_system": "Serve.", "user_system": "Be served."})
    assert [chat.asked[role][0][0].text for role in ("agent", "user")] == ["Serve.", "Be served."]
    bare = told(user=[HELLO, BYE], agent=[says("Which one?")])
    await played(bare)
    assert "You are the service agent" in bare.asked["agent"][0][0].text
    assert BOOK in bare.asked["user"][0][0].text


async def test_a_trial_has_a_name_of_its_own_and_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    ask = Cast.chat

    async def noting(self: Cast, role: Role, *arguments: Any, scene: Scene, **options: Any) -> Any:
        seen.append(scene)
        return await ask(self, role, *arguments, scene=scene, **options)

    monkeypatch.setattr(Cast, "chat", noting)
    request = {"scene": "e000003-001", "attempt": 626729, "seed": 626729}
    await played(told(user=[HELLO, BYE], agent=[says("Which one?")]), request)
    assert {(scene.id, scene.attempt, scene.seed) for scene in seen} == {("e000003-001", 626729, 626729)}
    seen.clear()
    await played(told(user=[HELLO, BYE], agent=[says("Which one?")]))
    assert {(scene.id, scene.attempt, scene.seed) for scene in seen} == {("t", 0, None)}


def test_a_seed_is_sent_to_servers_whose_spec_names_none() -> None:
    endpoint = Endpoint("http://127.0.0.1:9/v1", "no-key", concurrency=1, timeout=1, max_retries=0)
    takes = [
        Player.from_spec(ModelSpec.parse(spec), domain=None, endpoint=endpoint).takes_seed
        for spec in ("openai:x", "openai:x?seed=5", "scripted")
    ]
    assert takes == [True, False, False]
    assert not Player.from_chat(told(agent=[HELLO])).takes_seed

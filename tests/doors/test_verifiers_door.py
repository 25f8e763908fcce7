"""The exported package in the real `verifiers`: loaded, stepped, and its rewards the checkers'.

Runs where verifiers is installed, in an environment of its own (`make test-doors`): it wants older versions of openai
and mcp than the rest.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import repeat
from types import ModuleType
from typing import Any

import pytest
from door_packages import exported, put
from openai_server import OpenAIServer, Serve
from replays import Recording, Replayer, recordings

vf = pytest.importorskip("verifiers.v1", reason="verifiers is not installed: make test-doors")

pytestmark = pytest.mark.filterwarnings("default")
MODULE = "hotel_dialogues"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = exported(tmp_path_factory.mktemp("verifiers"), "verifiers")
    sys.path.insert(0, str(folder))
    yield __import__(MODULE)
    sys.path.remove(str(folder))
    del sys.modules[MODULE]


@pytest.fixture(scope="module")
def recorded(package: ModuleType) -> list[Recording]:
    _, found = recordings("hotel", 4)
    put(found, package.HotelTaskset.FILE)
    return found


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "any")


def played(env: Any, server: OpenAIServer, *, most: int | None = None) -> list[Any]:
    """An episode of each task, all at once."""
    context = vf.ModelContext(
        model="replay",
        client=vf.EvalClientConfig(base_url=server.url, api_key_var="OPENAI_API_KEY"),
        sampling=vf.SamplingConfig(),
    )

    async def run() -> list[Any]:
        async with env.serving():
            return await asyncio.gather(*(env.run_episode(task, context) for task in list(env.taskset)[:most]))

    return asyncio.run(run())


def test_the_exported_package_loads(package: ModuleType) -> None:
    env = package.load_environment()
    assert [type(env).__name__, env.config.agent.runtime.type] == ["DialogueEnv", "subprocess"]
    tasks = list(env.taskset)
    assert [task.key for task in tasks] == ["g0-000000", "g0-000001"]
    assert "## Policy" in tasks[0].data.system_prompt
    assert vf.environment_class(MODULE) is package.DialogueEnv
    assert vf.default_harness_id(MODULE) == MODULE


def test_rewards_are_the_checkers(package: ModuleType, recorded: list[Recording], serve: Serve) -> None:
    server = serve(Replayer.of(recorded), names=("replay",))
    env = package.load_environment(user="openai:replay", user_base_url=server.url)
    episodes = played(env, server)
    assert all(episode.ok for episode in episodes), [episode.traces[0].errors for episode in episodes]
    rewards = [episode.traces[0].reward for episode in episodes]
    assert rewards == [recording.reward for recording in recorded]
    assert set(rewards) == {0.0, 1.0}


def test_the_trace_is_the_agents_side(package: ModuleType, recorded: list[Recording], serve: Serve) -> None:
    server = serve(Replayer.of(recorded), names=("replay",))
    env = package.load_environment(user="openai:replay", user_base_url=server.url)
    (trace,) = played(env, server, most=1)[0].traces
    heard = [(message.role, message.content) for message in trace.branches[-1].messages]
    assert heard[0] == ("system", f"agent {recorded[0].name}")
    own = [m for m in recorded[0].trajectory.messages if m.role != "tool" or m.requestor == "assistant"]
    assert [role for role, _ in heard[1:]] == [message.role for message in own[:-1]]  # the user's goodbye is not heard
    assert [text for role, text in heard if role == "user"] == [m.content for m in own[:-1] if m.role == "user"]
    assert trace.state.trajectory["termination"] == "user_stop"


def test_a_user_who_fails_is_no_reward(package: ModuleType, recorded: list[Recording], serve: Serve) -> None:
    server, broken = serve(Replayer.of(recorded), names=("replay",)), serve(Replayer.of(recorded), names=("replay",))
    broken.troubles = repeat("garbage")
    env = package.load_environment(user="openai:replay", user_base_url=broken.url)
    (episode,) = played(env, server, most=1)
    assert not episode.ok
    assert not episode.traces[0].rewards
    assert "the user did not answer" in episode.traces[0].errors[0].message


def test_a_limit_of_verifiers_own_ends_it_unsolved(
    package: ModuleType, recorded: list[Recording], serve: Serve
) -> None:
    server = serve(Replayer.of(recorded), names=("replay",))
    agent = {"runtime": {"type": "subprocess"}, "max_turns": 2}
    env = package.load_environment(user="openai:replay", user_base_url=server.url, agent=agent)
    (episode,) = played(env, server, most=1)
    assert episode.ok
    assert episode.traces[0].reward == 0.0
    assert len(episode.traces[0].state.trajectory["messages"]) > 3

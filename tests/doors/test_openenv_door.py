"""The exported package in the real OpenEnv: served on loopback, stepped by its client, its rewards the checkers'.

Runs where openenv is installed, in an environment of its own (`make test-doors`): it wants older versions of mcp and
pillow than the rest.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from door_packages import exported, put
from openai_server import Serve
from replays import SILENT, Recording, Replayer, recordings

openenv = pytest.importorskip("openenv.core", reason="openenv is not installed: make test-doors")

pytestmark = pytest.mark.filterwarnings("default")
MODULE = "hotel_env"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as exported, under the name that it is installed by."""
    made = exported(tmp_path_factory.mktemp("openenv"), "openenv")
    return shutil.copytree(made, made.parent / "installed" / MODULE)


@pytest.fixture(scope="module")
def package(folder: Path) -> Iterator[ModuleType]:
    sys.path.insert(0, str(folder.parent))
    yield __import__(MODULE)
    sys.path.remove(str(folder.parent))


@pytest.fixture(scope="module")
def recorded() -> list[Recording]:
    return recordings("hotel", 4)[1]


@contextmanager
def served(folder: Path, **environment: str) -> Iterator[str]:
    """The package's own server; its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "server.app", "--port", str(port)]
    with subprocess.Popen(command, cwd=folder, env={**os.environ, **environment}) as process:
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"{url}/health", timeout=5).close()  # noqa: S310  # our own server
                    break
                except (urllib.error.URLError, OSError):
                    assert process.poll() is None, "the server ended"
                    time.sleep(0.2)
            yield url
        finally:
            process.terminate()


def play(env: Any, package: ModuleType, recording: Recording) -> Any:
    """A recording's agent, step by step, until the user leaves."""
    seen = env.reset(task_id=recording.name)
    for text, calls in recording.moves("assistant"):
        for name, given in calls:
            seen = env.step(package.DialogueAction(tool=name, arguments=given))
        if not calls:
            seen = env.step(package.DialogueAction(message=text))
    while not seen.done:
        seen = env.step(package.DialogueAction(message=SILENT))
    return seen


def test_rewards_of_the_served_package_are_the_checkers(
    folder: Path, package: ModuleType, recorded: list[Recording], serve: Serve, tmp_path: Path
) -> None:
    copy = shutil.copytree(folder, tmp_path / MODULE)
    put(recorded, copy / "tasks.jsonl")
    users = serve(Replayer.of(recorded), names=("replay",))
    spec = {"EIGEN_GRAPH_USER": "openai:replay", "EIGEN_GRAPH_USER_BASE_URL": users.url, "OPENAI_API_KEY": "any"}
    with served(copy, **spec) as url:
        with package.HotelEnv(base_url=url).sync() as env:
            ended = [play(env, package, recording) for recording in recorded]
            assert env.state().termination == "user_stop"
        assert [seen.reward for seen in ended] == [recording.reward for recording in recorded]
        assert {seen.reward for seen in ended} == {0.0, 1.0}

        one, other = recorded[0], recorded[-1]  # two sessions at once do not see each other
        with package.HotelEnv(base_url=url).sync() as first, package.HotelEnv(base_url=url).sync() as second:
            first.reset(task_id=one.name)
            assert play(second, package, other).reward == other.reward
            assert first.state().task_id == one.name
            assert play(first, package, one).reward == one.reward

        users.troubles = repeat("garbage")
        with package.HotelEnv(base_url=url).sync() as env:
            seen = env.reset(task_id=one.name)
            assert (seen.done, seen.reward) == (True, None)  # nothing is known of it


def test_the_package_as_exported(folder: Path, package: ModuleType) -> None:
    with served(folder) as url, package.HotelEnv(base_url=url).sync() as env:
        seen = env.reset(index=1).observation
        assert (seen.speaker, seen.done, seen.reward) == ("user", False, 0.0)
        assert "## Policy" in seen.instructions
        assert "identify_guest" in [tool["function"]["name"] for tool in seen.tools]
        assert env.state().task_id == "g0-000001"
        said = env.step(package.DialogueAction(message="Who are you?")).observation
        assert said.speaker == "user"
        assert said.text
        refused = env.step(package.DialogueAction(tool="get_guest", arguments={"guest_id": "nobody"})).observation
        assert refused.speaker == "tool"
        assert refused.text.startswith("Error:")


def test_an_environment_in_process(recorded: list[Recording], tmp_path: Path) -> None:
    from eigen_graph.core import EigenGraphError  # noqa: PLC0415  # beside the door
    from eigen_graph.rl.doors.openenv import DialogueAction, DialogueEnvironment  # noqa: PLC0415  # needs openenv
    from eigen_graph.rl.stepwise import Stage  # noqa: PLC0415  # beside the door

    put(recorded[:3], file := tmp_path / "tasks.jsonl")
    domain = recordings("hotel", 1)[0]
    env = DialogueEnvironment(file, stage=Stage(domain, user=Replayer.of(recorded)))
    assert env.step(DialogueAction(message="Hello?")).text == "Error: call reset first."
    assert [env.num_tasks(split) for split in (*env.list_splits(), "test")] == [3, 0]
    assert [task["id"] for task in env.list_tasks("train")] == [recording.name for recording in recorded[:3]]
    for wrong in ({"task_id": "x"}, {"index": 3}, {"split": "test"}):
        with pytest.raises(EigenGraphError, match=r"no task|no split"):
            env.reset(**wrong)
    with pytest.raises(IndexError):
        env.get_task("train", 3)
    taken = []
    for _ in range(4):  # in turn, again and again
        env.reset()
        taken.append(env.state.task_id)
    assert taken == [recorded[0].name, recorded[1].name, recorded[2].name, recorded[0].name]
    env.reset(seed=4)
    assert env.state.task_id == recorded[1].name
    both = env.step(DialogueAction(message="Hello", tool="get_guest"))
    assert both.text == "Error: say something or call a tool, not both."
    silent = [env.step(DialogueAction()) for _ in range(3)]
    assert [seen.text for seen in silent] == [
        *["Error: an empty message says nothing."] * 2,
        "Error: the conversation is over.",
    ]
    assert (silent[-1].done, silent[-1].reward) == (True, 0.0)
    assert env.step(DialogueAction(message="Hello?")).done

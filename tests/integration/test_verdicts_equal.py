"""A dialogue is worth the same through every door: dozens of accepted ones, mutants and cut ones, played again.

The doors of verifiers and OpenEnv have tests of their own, by the same recordings: their libraries live elsewhere.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from replays import SILENT, Recording, Replayer, recordings

from eigen_graph.checkers import Checker
from eigen_graph.core import Trajectory
from eigen_graph.rl.doors.tasks import read_tasks, task_of
from eigen_graph.rl.environment import environment_factory
from eigen_graph.rl.stepwise import Stage, SteppedDialogue

DOMAINS = ["hotel", "broadband", "tau2:telecom"]
IN_TURNS = {"accepted", "cut"}
"""Kinds that were held, not built."""
recorded = cache(recordings)


def calls_of(trajectory: Trajectory, actor: str) -> list[tuple[str, Any]]:
    return [(each.call.name, each.call.arguments) for each in trajectory.calls() if each.actor == actor]


def play(recording: Recording, environment: Any) -> None:
    """A recording's agent, through the methods of a TRL environment, until the user leaves."""
    environment.reset(task_id=recording.name)
    for text, calls in recording.moves("assistant"):
        for name, given in calls:
            getattr(environment, name)(**given)
        if not calls:
            environment.reply_to_user(text)
    while "over" not in environment.reply_to_user(SILENT):
        pass


@pytest.mark.parametrize("name", DOMAINS)
def test_a_trl_environment_gives_the_checkers_verdict(name: str) -> None:
    domain, found = recorded(name, 4)
    tasks = [task_of(recording.row) for recording in found]
    environment = environment_factory(domain, tasks, user=Replayer.of(found))()
    rewards = set()
    for recording in found:
        play(recording, environment)
        assert environment.get_reward() == recording.reward, recording.kind
        rewards.add(recording.reward)
    assert rewards == {0.0, 1.0}


@pytest.mark.parametrize("name", DOMAINS)
def test_a_stepped_dialogue_is_the_recorded_one_message_for_message(name: str) -> None:
    domain, found = recorded(name, 4)
    dialogue = SteppedDialogue(Stage(domain, user=Replayer.of(found)))
    agent = Replayer.of(found)
    for recording in found:
        task = task_of(recording.row)
        dialogue.begin(task)
        messages: list[Any] = [("system", task.agent_system), ("ai", "Hi!")]
        while not dialogue.ended():
            reply = agent.invoke(messages)
            messages.append(reply)
            dialogue.act(reply)
            if dialogue.users_turn():
                dialogue.hear()
        again = dialogue.trajectory()
        assert dialogue.reward == recording.reward, recording.kind
        if recording.kind in IN_TURNS:
            assert [(m.role, m.content) for m in again.messages] == [
                (m.role, m.content) for m in recording.trajectory.messages
            ]
        for actor in ("assistant", "user"):  # by the book, a user may act before its turn
            assert calls_of(again, actor) == calls_of(recording.trajectory, actor)


def test_the_shell_gives_the_checkers_verdict(tmp_path: Path) -> None:
    """One of each verdict: a process each."""
    _, found = recorded("hotel", 4)
    for reward in (0.0, 1.0):
        recording = next(each for each in found if each.reward == reward)
        (tmp_path / "checker.json").write_text(json.dumps(recording.row["checker"]))
        (tmp_path / "dialogue.json").write_text(json.dumps(recording.trajectory.to_json()))
        command = [sys.executable, "-m", "eigen_graph.checkers", "checker.json", "dialogue.json"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 1 - reward, done.stderr


def test_tasks_of_a_package_load_with_their_instructions(tmp_path: Path) -> None:
    domain, found = recorded("hotel", 4)
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(json.dumps(recording.row) + "\n" for recording in found))
    read, tasks = read_tasks(path)
    assert read is domain
    assert [task.id for task in tasks] == [recording.name for recording in found]
    assert tasks[0].agent_system == f"agent {found[0].name}"
    assert tasks[0].checker.to_json() == Checker.from_json(found[0].row["checker"]).to_json()

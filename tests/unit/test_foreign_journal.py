"""The laws of a journal: replay gives the same world and verdict, and nobody sees what another wrote."""

from __future__ import annotations

import itertools
import multiprocessing
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.tools import BaseTool, StructuredTool, tool
from pydantic import BaseModel

from eigen_graph.checkers import Checker, build_checker, prove
from eigen_graph.checkers.gold import gold_trajectory
from eigen_graph.core import (
    Domain,
    Environment,
    InfrastructureError,
    OutageError,
    Task,
    ToolCall,
    Trajectory,
    environment_of,
)
from eigen_graph.domains.foreign import domain_of_tools
from eigen_graph.domains.foreign.backend import OUTAGE_AFTER, Backend
from eigen_graph.domains.foreign.journal import JournalWorld

POLICY = "1. Look with `read` before you `put` or `drop`.\n"


class Named(BaseModel):
    name: str


class Counted(Named):
    count: int = 1


class Shelf:
    """A world that tools have behind them, and that counts how often it was asked."""

    def __init__(self, *, broken: Callable[[], bool] = lambda: False, serial: Callable[[], int] = lambda: 0) -> None:
        self.broken = broken
        self.serial = serial
        self.made = 0
        self.asked = 0

    def tools(self) -> list[BaseTool]:
        self.made += 1
        things: dict[str, int] = {}

        def ask() -> None:
            self.asked += 1
            if self.broken():
                raise ConnectionResetError("the server is gone")

        def read(name: str) -> dict[str, Any]:
            ask()
            return {"name": name, "count": things.get(name, 0)}

        def put(name: str, count: int = 1) -> dict[str, Any]:
            ask()
            if count < 1:
                raise ValueError("put at least one")
            things[name] = things.get(name, 0) + count
            return {"total": sum(things.values()), "serial": self.serial()}

        def drop(name: str) -> str:
            ask()
            if name not in things:
                raise ValueError(f"there is no {name}")
            del things[name]
            return "gone"

        return [
            StructuredTool(name="read", description="How many there are.", args_schema=Named, func=read),
            StructuredTool(name="put", description="Put some on it.", args_schema=Counted, func=put),
            StructuredTool(name="drop", description="Take all of it away.", args_schema=Named, func=drop),
        ]


def shelf_domain(shelf: Shelf, recording: Path | None = None) -> Domain:
    made = shelf.tools()
    return domain_of_tools(
        "shelf", POLICY, agent=made[:2], user=made[2:], writes=["put", "drop"], anew=shelf.tools, recording=recording
    )


CALLS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.fixed_dictionaries({"name": st.sampled_from(["a", "b"])})),
        st.tuples(
            st.just("put"),
            st.fixed_dictionaries(
                {"name": st.sampled_from(["a", "b"])}, optional={"count": st.sampled_from([0, 1, 2, 2.0])}
            ),
        ),
        st.tuples(st.just("drop"), st.fixed_dictionaries({"name": st.sampled_from(["a", "b", "c"])})),
        st.tuples(st.just("put"), st.just({"nam": "a"})),
    ),
    max_size=7,
)
Calls = Sequence[tuple[str, dict[str, Any]]]


def play(env: Environment, calls: Calls) -> list[tuple[str, bool]]:
    return [tuple(env.run(name, given, "user" if name == "drop" else "assistant")) for name, given in calls]  # type: ignore[misc]


@given(CALLS)
def test_replay_from_the_recording_gives_the_same_world(calls: Calls) -> None:
    shelf = Shelf()
    domain = shelf_domain(shelf)
    first, again = environment_of(domain), environment_of(domain)
    said, asked = play(first, calls), shelf.asked
    assert play(again, calls) == said
    assert shelf.asked == asked, "a replay asks nobody"
    assert again.same_as(first)
    assert again.agent_db.digest() == first.agent_db.digest()


@given(CALLS)
def test_the_recording_alone_is_as_good_as_the_tools(calls: Calls) -> None:
    """What a journal says is what a plain world would have said, call by call."""
    plain = {made.name: made for made in Shelf().tools()}
    for (name, arguments), (content, error) in zip(
        calls, play(environment_of(shelf_domain(Shelf())), calls), strict=True
    ):
        try:
            expected = plain[name].invoke(arguments)
        except Exception:  # noqa: BLE001  # whatever it is, it is a refusal
            assert error
        else:
            assert not error
            assert str(expected).replace("'", '"') == content


@settings(max_examples=40)
@given(st.lists(CALLS, min_size=2, max_size=3), st.randoms(use_true_random=False))
def test_no_episode_sees_what_another_wrote(episodes: list[Calls], random: Any) -> None:
    alone = [play(environment_of(shelf_domain(Shelf())), calls) for calls in episodes]
    domain = shelf_domain(Shelf())
    worlds = [environment_of(domain) for _ in episodes]
    turns = [index for index, calls in enumerate(episodes) for _ in calls]
    random.shuffle(turns)
    said: list[list[tuple[str, bool]]] = [[] for _ in episodes]
    left = [iter(calls) for calls in episodes]
    for index in turns:
        said[index] += play(worlds[index], [next(left[index])])
    assert said == alone


@given(CALLS, CALLS)
def test_a_fork_goes_its_own_way(before: Calls, after: Calls) -> None:
    domain = shelf_domain(Shelf())
    env = environment_of(domain)
    play(env, before)
    twin, kept = env.fork(), env.fork()
    said = play(twin, after)
    assert env.same_as(kept)
    assert play(env, after) == said
    assert env.same_as(twin)


def test_the_same_writes_in_another_order_are_the_same_journal() -> None:
    domain = shelf_domain(Shelf())
    one, other = environment_of(domain), environment_of(domain)
    play(one, [("put", {"name": "a"}), ("put", {"name": "b", "count": 2})])
    play(other, [("put", {"name": "b", "count": 2.0}), ("put", {"name": "a", "count": 1})])
    assert one.same_as(other)
    play(other, [("put", {"name": "a"})])
    assert not one.same_as(other)
    (change,) = [change for change in other.agent_db.diff() if change.key == 'put({"count":1,"name":"a"})']
    assert change.after == {"tool": "put", "arguments": {"count": 1, "name": "a"}, "times": 2}


def gold() -> Task:
    actions = [
        {"action_id": "1", "name": "read", "arguments": {"name": "a"}},
        {"action_id": "2", "name": "put", "arguments": {"name": "a", "count": 3}},
        {"action_id": "3", "name": "put", "arguments": {"name": "b"}},
    ]
    return Task.from_json(
        {
            "id": "t",
            "user_scenario": {
                "instructions": {"domain": "shelf", "reason_for_call": "Put 3 a and a b.", "task_instructions": ""}
            },
            "evaluation_criteria": {
                "actions": actions,
                "communicate_info": ["3"],
                "reward_basis": ["DB", "COMMUNICATE"],
            },
        }
    )


def test_a_checker_by_the_journal_is_proven_and_says_what_it_goes_by(tmp_path: Path) -> None:
    shelf = Shelf()
    domain = shelf_domain(shelf, tmp_path / "recording.sqlite")
    checker = build_checker(gold(), domain)
    proof = prove(checker, domain)
    assert proof.sound, proof.reason
    assert proof.mutants > 10
    data = checker.to_json()
    assert "not the server's state" in data["judged_by"]
    assert Checker.from_json(data).to_json() == data
    solution = gold_trajectory(checker.bench(domain))
    asked = shelf.asked
    down = shelf_domain(Shelf(broken=lambda: True), tmp_path / "recording.sqlite")
    again = Checker.from_json(data)
    assert again.judge(solution, down).reward == 1
    short = Trajectory(messages=(*solution.messages[:4], *solution.messages[-2:]), termination="user_stop")
    assert again.judge(short, down) == checker.judge(short, domain)
    assert "is missing" in again.judge(short, down).reason
    assert shelf.asked == asked


def test_what_is_out_of_reach_is_nobodys_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eigen_graph.domains.foreign.backend._WAITS", (0.0, 0.0))
    down = threading.Event()
    shelf = Shelf(broken=down.is_set)
    domain = shelf_domain(shelf)
    env = environment_of(domain)
    play(env, [("put", {"name": "a"})])
    before, asked = env.fork(), shelf.asked
    down.set()
    with pytest.raises(InfrastructureError, match="the server is gone"):
        env.run("put", {"name": "a"}, "assistant")
    assert env.same_as(before)
    assert shelf.asked == asked + 3, "it is tried three times: in its own world, and in two that are brought back"
    for _ in range(OUTAGE_AFTER - 2):
        with pytest.raises(InfrastructureError):
            env.answer(ToolCall(id="1", name="read", arguments={"name": "a"}), "assistant")
    with pytest.raises(OutageError, match="8 calls of tools in a row failed"):
        env.run("read", {"name": "a"}, "assistant")
    down.clear()
    assert env.run("put", {"name": "a"}, "assistant").content == '{"total": 2, "serial": 0}', "once, not twice"
    assert play(before, [("read", {"name": "a"})]) == [('{"name": "a", "count": 1}', False)]


def test_a_world_that_cannot_be_brought_back_is_said_to_be_so() -> None:
    numbers = itertools.count()
    domain = shelf_domain(Shelf(serial=lambda: next(numbers)))
    env = environment_of(domain)
    play(env, [("put", {"name": "a"})])
    twin = env.fork()
    play(env, [("put", {"name": "b"})])  # its world goes on: the twin's must be brought back
    with pytest.raises(InfrastructureError, match=r"put was answered .* when the same was written again"):
        twin.run("read", {"name": "a"}, "assistant")


def test_huge_and_hostile_answers_are_bounded(tmp_path: Path) -> None:
    @tool
    def fetch(size: int) -> str:
        """Fetch."""
        return "\ud800" + "x" * size

    domain = domain_of_tools("fetching", POLICY, agent=[fetch], writes=[], recording=tmp_path / "r.sqlite")
    env = environment_of(domain)
    assert env.run("fetch", {"size": 3}, "assistant").content == "?xxx"
    for size in (30_000, 5_000_000):
        outcome = env.run("fetch", {"size": size}, "assistant")
        assert outcome.error
        assert "too long" in outcome.content
    assert (tmp_path / "r.sqlite").stat().st_size < 3_000_000
    for arguments in ({"size": float("nan")}, {"size": [1]}, "{", {"size": 1, "more": 2}):
        assert env.run("fetch", arguments, "assistant").error  # type: ignore[arg-type]


def test_threads_that_ask_at_once_hear_the_same() -> None:
    numbers = itertools.count()
    domain = shelf_domain(Shelf(serial=lambda: next(numbers)))
    heard: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: heard.append(environment_of(domain).run("put", {"name": "a"}, "assistant").content)
        )
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 12
    assert len(set(heard)) == 1, "the first answer stands"


def _record_in_a_process(path: Path, name: str) -> None:
    domain = shelf_domain(Shelf(), path)
    for count in range(1, 30):
        environment_of(domain).run("put", {"name": name, "count": count}, "assistant")
        environment_of(domain).run("put", {"name": "both", "count": count}, "assistant")


def test_processes_share_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "recording.sqlite"
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_record_in_a_process, args=(path, name)) for name in ("one", "two")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    world = shelf_domain(Shelf(broken=lambda: True), path).environment_type
    assert isinstance(world, JournalWorld)
    assert len(world.backend.recording) == 29 * 3
    assert world.backend.recording.givers() == {"live": 29 * 3}


def test_a_recording_that_may_only_be_read_is_read(tmp_path: Path) -> None:
    path = tmp_path / "there" / "recording.sqlite"
    path.parent.mkdir()
    domain = shelf_domain(Shelf(), path)
    env = environment_of(domain)
    said = play(env, [("put", {"name": "a"})])
    backend_of(domain).close()
    assert [file.name for file in path.parent.iterdir()] == ["recording.sqlite"], "one plain file, to be copied"
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        again = shelf_domain(Shelf(broken=lambda: True), path)
        assert play(environment_of(again), [("put", {"name": "a"})]) == said
    finally:
        path.parent.chmod(0o755)


def backend_of(domain: Domain) -> Backend:
    assert isinstance(domain.environment_type, JournalWorld)
    return domain.environment_type.backend

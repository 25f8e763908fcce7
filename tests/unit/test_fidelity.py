"""The fidelity of simulated users: none of a faultless one's turns is a fault, and what is planted is found."""

from __future__ import annotations

import asyncio
import random
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
from hostile import HostileChat, anything
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call
from simulated_users import Change, ChangedUser, changed, tasks_of

from eigen_graph.core import STOP, EigenGraphError
from eigen_graph.models import InfrastructureError, OutageError, RequestError
from eigen_graph.rl.fidelity import FaultKind, FidelityReport, measure, scripted_references
from eigen_graph.rl.fidelity.turns import UserTurn, turns_of
from eigen_graph.rl.settings import FidelitySettings

Plant = Callable[[AIMessage, UserTurn], AIMessage]


def said(text: str) -> AIMessage:
    return AIMessage(text)


def called(name: str, **arguments: object) -> AIMessage:
    return AIMessage("", tool_calls=[tool_call(name=name, args=arguments, id="c")])


def more(reply: AIMessage, words: str) -> AIMessage:
    return said(f"{reply.text.replace(STOP, '').strip()} {words}{f' {STOP}' if STOP in reply.text else ''}")


def without_values(reply: AIMessage) -> AIMessage:
    return said(re.sub(r"\S*[\d@]\S*|\b(?!I\b)[A-Z]\S*", "so", reply.text))


@cache
def turns(name: str, count: int) -> tuple[UserTurn, ...]:
    domain, tasks = tasks_of(name, count)
    with ThreadPoolExecutor(1) as thread:  # where a loop runs already
        references = thread.submit(asyncio.run, scripted_references(domain, tasks)).result()
    return tuple(turn for task in tasks for turn in turns_of(domain, task.task, references[task.id]))


def scene_of(turn: UserTurn) -> str:
    return f"{turn.task.id}/fidelity/{turn.at}"


def planting(plants: dict[str, tuple[UserTurn, Plant]]) -> Change:
    """A change of single turns, by their scenes."""

    def change(reply: AIMessage, scene: str) -> AIMessage:
        if scene not in plants:
            return reply
        turn, plant = plants[scene]
        return plant(reply, turn)

    return change


async def report_of(name: str, count: int, change: Change, *, free: bool = False) -> FidelityReport:
    domain, tasks = tasks_of(name, count)
    return await measure(domain, tasks, changed(domain, change), free=free)


@pytest.mark.parametrize("name", ["broadband", "hotel", "tau2:telecom"])
async def test_the_scripted_user_has_no_fault(name: str) -> None:
    domain, tasks = tasks_of(name, 40)
    report = await measure(domain, tasks, "scripted")
    assert (report.dialogues, sum(report.faults.values()), report.clean_share) == (40, 0, 1.0)
    assert report.examples == ()
    assert report.stops.due == report.stops.kept == 40
    assert report.stops.early == 0
    assert report.free
    assert report.free.passed == report.free.reference_passed == report.free.dialogues == 40
    assert report.free.endings == {"user_stop": 40}
    assert report.interval.low == 0
    assert report.interval.high == pytest.approx(100 * 3.689 / 40, rel=1e-3)
    assert report.passes(FidelitySettings())
    assert not report.passes(FidelitySettings(max_faults=9))
    assert "hold out more" in report.verdict(FidelitySettings(max_faults=9))


@pytest.mark.parametrize("name", ["broadband", "hotel"])
async def test_faults_of_the_scripted_user_are_found_where_it_plants_them(name: str) -> None:
    """It plants nothing but leaks in its first words and early stops, one in a dialogue at most."""
    domain, tasks = tasks_of(name, 60)
    report = await measure(domain, tasks, "scripted?faults=1")
    found = {kind: count for kind, count in report.faults.items() if count}
    assert set(found) == {"leak", "early_stop"}
    assert min(found.values()) >= 5
    assert max(record.total for record in report.records) == 1
    assert all(fault.turn == 1 for fault in report.examples if fault.kind == "leak")
    assert report.stops.early == found["early_stop"]
    assert report.free
    assert report.free.passed == report.free.dialogues - found["early_stop"]
    assert not report.passes(FidelitySettings())
    assert "train the user longer" in report.verdict(FidelitySettings())
    text = report.table()
    assert "early_stop" in text
    assert "###STOP###" in text


def asks_for_values(turn: UserTurn) -> bool:
    """The user tells who they are, or what they have just measured."""
    return "PIN" in (turn.expected.content or "") and not turn.opens and "PIN" in turn.asked


def calls(turn: UserTurn) -> bool:
    return bool(turn.calls)


def with_arguments(turn: UserTurn) -> bool:
    return bool(turn.calls and turn.calls[0].arguments)


def speaks(turn: UserTurn) -> bool:
    return not turn.calls and not turn.ends


def ends(turn: UserTurn) -> bool:
    return turn.ends


def hides(turn: UserTurn) -> bool:
    return turn.opens and bool(turn.task.tags.hidden)


PLANTS: list[tuple[FaultKind, Callable[[UserTurn], bool], Plant]] = [
    ("leak", hides, lambda reply, turn: more(reply, f"It says {turn.task.tags.hidden[0]} there.")),
    ("invented", speaks, lambda reply, _: more(reply, "Ticket T7788123, isn't it?")),
    ("invented", speaks, lambda reply, _: more(reply, "That was on 17 April 2023.")),
    ("invented", speaks, lambda reply, _: more(reply, "I paid 83.17 for it.")),
    ("invented", speaks, lambda reply, _: more(reply, "It is registered to Peregrine Oddfellow.")),
    ("invented", speaks, lambda reply, _: more(reply, "Write to nobody.knows@me.example.")),
    ("invented", ends, lambda reply, _: more(reply, "My name is Xavier.")),
    ("withheld", asks_for_values, lambda reply, _: without_values(reply)),
    ("withheld", asks_for_values, lambda *_: said("I would rather not say.")),
    ("wrong_tool", calls, lambda *_: called("make_coffee", cups=2)),
    ("wrong_tool", speaks, lambda *_: called("restart_router")),
    ("wrong_tool", ends, lambda *_: called("restart_router")),
    ("wrong_arguments", with_arguments, lambda _, turn: called(turn.calls[0].name, device="toaster")),
    ("wrong_arguments", with_arguments, lambda _, turn: called(turn.calls[0].name)),
    ("missed_call", calls, lambda *_: said("Yes, I have done that.")),
    ("early_stop", speaks, lambda reply, _: said(f"{reply.text} {STOP}")),
    ("early_stop", calls, lambda *_: said("###TRANSFER###")),
    ("early_stop", speaks, lambda reply, _: said(f"{reply.text} ###STOP")),
    ("early_stop", ends, lambda reply, _: said(f"{reply.text} And one thing more.")),
    ("no_stop", ends, lambda reply, _: said(reply.text.replace(STOP, ""))),
    ("no_stop", ends, lambda reply, _: said(reply.text.replace(STOP, "## STOP ##"))),
    ("malformed", speaks, lambda *_: said("  \n")),
    ("malformed", calls, lambda *_: AIMessage("")),
    ("malformed", speaks, lambda *_: said("well " * 2_000)),
    ("malformed", speaks, lambda *_: said("Hello! How may I help you today?")),
    ("malformed", speaks, lambda reply, _: said(f"user: {reply.text}")),
    ("malformed", lambda turn: len(turn.asked.split()) > 8, lambda _, turn: said(turn.asked)),
    ("malformed", calls, lambda *_: said('<tool_call>{"name": "restart_router", "argum')),
    (
        "malformed",
        calls,
        lambda *_: AIMessage("", invalid_tool_calls=[invalid_tool_call(name="x", args='{"a', id="c", error=None)]),
    ),
]


@pytest.mark.parametrize("number", range(len(PLANTS)))
async def test_what_is_planted_is_found_under_its_kind_and_nothing_else(number: int) -> None:
    kind, fits, plant = PLANTS[number]
    fitting = list(filter(fits, turns("broadband", 12)))
    rng = random.Random(number)
    planted = {scene_of(turn): (turn, plant) for turn in rng.sample(fitting, min(5, len(fitting)))}
    report = await report_of("broadband", 12, planting(planted))
    assert {name: count for name, count in report.faults.items() if count} == {kind: len(planted)}, report.table()
    assert {(fault.task, fault.turn) for fault in report.examples} == {(t.task.id, t.at) for t, _ in planted.values()}
    assert all(fault.why and fault.kind == kind for fault in report.examples)
    assert report.turns - sum(record.clean for record in report.records) == len(planted)
    unended = [fault for fault in report.examples if fits is ends and kind != "invented"]
    assert report.stops.due - report.stops.kept == len(unended)


async def test_a_dialogue_counts_as_one_cluster() -> None:
    """Five faults in one dialogue tell less than five in five, so the interval is wider."""
    all_turns = [turn for turn in turns("broadband", 12) if speaks(turn)]
    longest = max({turn.task.id for turn in all_turns}, key=[turn.task.id for turn in all_turns].count)
    in_one = [turn for turn in all_turns if turn.task.id == longest]
    apart = list({turn.task.id: turn for turn in all_turns}.values())[: len(in_one)]
    reports = []
    for chosen in (in_one, apart):
        planted: dict[str, tuple[UserTurn, Plant]] = {scene_of(turn): (turn, lambda *_: said("")) for turn in chosen}
        reports.append(await report_of("broadband", 12, planting(planted)))
    together, spread = reports
    assert together.faults_per_100 == spread.faults_per_100 == pytest.approx(100 * len(in_one) / 12)
    assert together.interval.high > 1.3 * spread.interval.high


async def test_calls_in_another_order_or_at_once_are_no_faults() -> None:
    """Two bands to switch on: which one first is the user's own affair."""
    two = [turn for turn in turns("broadband", 30) if len(turn.calls) > 1]
    assert two

    def other_order(_: AIMessage, turn: UserTurn) -> AIMessage:
        given = [tool_call(name=c.name, args=dict(c.arguments), id=c.id) for c in reversed(turn.calls)]  # type: ignore[arg-type]
        return AIMessage("On it.", tool_calls=given)

    report = await report_of("broadband", 30, planting({scene_of(turn): (turn, other_order) for turn in two}))
    assert not sum(report.faults.values()), report.table()


@settings(max_examples=12)
@given(data=st.data())
def test_more_corrupted_turns_never_lower_the_count(data: st.DataObject) -> None:
    plain = turns("broadband", 6)
    fit = st.sampled_from(PLANTS)
    chosen = data.draw(st.lists(st.tuples(st.sampled_from(plain), fit), min_size=1, max_size=8, unique_by=id))
    planted: dict[str, tuple[UserTurn, Plant]] = {}
    last = 0
    for turn, (_, fits, plant) in chosen:
        if not fits(turn) or scene_of(turn) in planted:
            continue
        planted[scene_of(turn)] = (turn, plant)
        faults = sum(asyncio.run(report_of("broadband", 6, planting(planted))).faults.values())
        assert faults >= last + 1
        last = faults


@pytest.mark.parametrize("seed", range(6))
async def test_hostile_replies_are_faults_and_never_crash(seed: int) -> None:
    domain, tasks = tasks_of("broadband", 6)
    report = await measure(domain, tasks, HostileChat(reply=anything, seed=seed))
    assert report.clean_share < 0.35
    assert report.stops.kept < report.stops.due == 6
    assert not report.passes(FidelitySettings(max_faults=100))
    assert report.free
    assert FidelityReport.from_json(report.to_json()) == report
    report.table()


class Failing:
    """Raises for the scenes of one task; the others play on."""

    def __init__(self, error: Exception, task: str) -> None:
        self.error = error
        self.task = task

    def __call__(self, reply: AIMessage, scene: str) -> AIMessage:
        if scene.startswith(self.task):
            raise self.error
        return reply


async def test_what_the_server_loses_stands_for_nothing_and_what_it_refuses_is_the_users() -> None:
    domain, tasks = tasks_of("broadband", 6)
    first = tasks[0].id
    lost = await report_of("broadband", 6, Failing(InfrastructureError("gone"), first), free=True)
    assert (lost.dialogues, lost.lost, sum(lost.faults.values())) == (5, 1, 0)
    assert lost.free
    assert lost.free.dialogues == 5
    with pytest.raises(EigenGraphError, match=r"nothing is known of the user .*gone"):
        await measure(domain, tasks, changed(domain, Failing(InfrastructureError("gone"), "")), concurrency=1)
    with pytest.raises(OutageError):
        await report_of("broadband", 6, Failing(OutageError("all gone"), first))
    refused = await report_of("broadband", 2, Failing(RequestError("too rude"), tasks_of("broadband", 2)[1][1].id))
    assert {kind for kind, count in refused.faults.items() if count} == {"malformed"}


async def test_a_task_without_a_case_needs_its_recorded_dialogue() -> None:
    domain, tasks = tasks_of("hotel", 3)
    references = await scripted_references(domain, tasks)
    bare = [
        type(task)(
            task.task.model_copy(update={"eigen": task.task.tags.model_copy(update={"cue": None})}),
            task.checker,
            "",
            "You are a guest.",
        )
        for task in tasks
    ]
    with pytest.raises(EigenGraphError, match=r"2 more.* only beside a reference"):
        await measure(domain, bare, "scripted")
    lines = {scene_of(turn): turn.expected.content for turn in turns("hotel", 3)}

    parrot = ChangedUser(change=lambda _, scene: said(lines[scene] or ""))
    report = await measure(domain, bare, parrot, references=references)
    assert not sum(report.faults.values())
    assert report.free is None
    with pytest.raises(EigenGraphError, match="no task"):
        await measure(domain, [], "scripted")


async def test_how_many_are_asked_at_once_changes_nothing() -> None:
    domain, tasks = tasks_of("broadband", 10)
    one, many = [await measure(domain, tasks, "scripted?faults=1", concurrency=c) for c in (1, 64)]
    assert one == many


def test_reading_a_report_that_is_none() -> None:
    for data, words in (
        ([], "JSON object"),
        ({}, "domain"),
        ({"domain": "d", "user": "u", "records": []}, "records"),
        ({"domain": "d", "user": "u", "records": [{"task": "t", "turns": 1, "clean": 2}]}, "clean"),
    ):
        with pytest.raises(EigenGraphError, match=words):
            FidelityReport.from_json(data)


def test_it_needs_no_torch() -> None:
    program = "import sys, eigen_graph.rl.fidelity; print([m for m in ('torch', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

"""Single turns of a user: what is a paraphrase, what a fault; and how sure a rate of faults is."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from simulated_users import tasks_of

from eigen_graph.core import STOP, Domain, EigenGraphError, Message, Task, Trajectory
from eigen_graph.domains import load_domain
from eigen_graph.graphs.views import message_of
from eigen_graph.models.reply import bound
from eigen_graph.rl.fidelity import faults_in, recorded, recorded_references, scripted_references
from eigen_graph.rl.fidelity.interval import rate_interval
from eigen_graph.rl.fidelity.turns import UserTurn, turns_of
from eigen_graph.runs import InstanceRow
from eigen_graph.runs.datasets.dialogues import agent_examples, user_examples

SCENARIO = {
    "instructions": {
        "domain": "hotel",
        "reason_for_call": "You want to cancel your stay that begins on 2026-05-30.",
        "known_info": "You are Kathryn Clarke. Your e-mail address is kathryn.clarke50@post.example and your postcode "
        "is B5 0GP. Your phone is 0700 801651. Your booking B4010530 is from 2026-05-30 to 2026-06-01, for 2 adults. "
        "You may pay up to 1,250.00 euros.",
    }
}
ASKED = "To be sure who I am talking to: your name, your postcode, please, and your e-mail or a booking number."
TOLD = "I am Kathryn Clarke, B5 0GP, and the address is kathryn.clarke50@post.example."


def dialogue(*lines: tuple[str, str]) -> Trajectory:
    return Trajectory(messages=tuple(Message(role=role, content=text) for role, text in lines))  # type: ignore[arg-type]


@cache
def hotel() -> Domain:
    return load_domain("hotel")


def turn(asked: str, told: str, **tags: Any) -> UserTurn:
    """The user's second turn in a dialogue of four."""
    task = Task.from_json({"id": "t", "user_scenario": SCENARIO, "eigen": {"hidden": ["72.82"], **tags}})
    reference = dialogue(
        ("assistant", "Hi! How can I help you today?"),
        ("user", "I have to get out of a room that I booked."),
        ("assistant", asked),
        ("user", told),
        ("assistant", "The fee is 72.82 euros; 169.90 go back to your Visa ending in 5042. Shall I?"),
        ("user", f"Yes. {STOP}"),
    )
    return turns_of(hotel(), task, reference)[1]


def kinds(of: UserTurn, text: str) -> set[str]:
    return {fault.kind for fault in faults_in(of, Message(role="user", content=text))}


@pytest.mark.parametrize(
    "text",
    [
        TOLD,
        "b50gp, kathryn.clarke50@post.example, my name's Kathryn Clarke",
        "Sure! My postcode is B5-0GP. Booking number: B4010530. Kathryn Clarke is my name.",
        "It's booking 4010530, postcode B5 0GP, KATHRYN CLARKE.",
        "Hello Again! Kathryn Clarke here, from B5 0GP, KATHRYN.CLARKE50@POST.EXAMPLE. From 30 May to June 1st.",
        "Kathryn Clarke, B5 0GP, booking B4010530, 30/05/2026 to the 1st of June, two nights, 2 adults.",
        "I'm 100% sure: Kathryn Clarke, B5 0GP, B4010530. Call me 24/7 on 0700-801-651, best at 7pm or 18:30.",
        "Kathryn Clarke, B5 0GP, B4010530; I would pay 1250 euros, or 1,250.",
        "Thank You. Good Morning to you on this Monday Morning. Kathryn Clarke, B5 0GP, B4010530, (0700) 801651.",
        "1. Kathryn Clarke\n2. B5 0GP\n3. kathryn.clarke50@post.example",
    ],
)
def test_a_paraphrase_is_no_fault(text: str) -> None:
    assert not kinds(turn(ASKED, TOLD), text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Why do you need that?", "withheld"),
        ("Kathryn Clarke, B5 0GP.", "withheld"),
        ("Kathryn Clarke and kathryn.clarke50@post.example.", "withheld"),
        ("B5 0GP, B4010530.", "withheld"),
        ("Kathryn Clarke, B5 0GP, booking B4010531.", "invented"),
        ("Kathryn Clarke, B5 0GQ, B4010530.", "invented"),
        ("Kathryn Clarke, B5 0GP, clarke@post.example.", "invented"),
        ("Kathryn Clarke, B5 0GP, B4010530 from 31 May.", "invented"),
        ("Kathryn Clarke, B5 0GP, B4010530, for 14 adults.", "invented"),
        ("Kathryn Clarke, B5 0GP, B4010530, 0700 801652.", "invented"),
        ("Peter Miller, B5 0GP, B4010530.", "invented"),
        (f"{TOLD} Is the fee 72.82?", "leak"),
        (f"{TOLD} Then 169.90 go back to me?", "leak"),
        (f"{TOLD} The card ends in 5042.", "leak"),
        (f"{TOLD} {STOP}", "early_stop"),
        (ASKED, "malformed"),
        (f"Agent: {TOLD}", "malformed"),
        (f"{TOLD}<|im_end|>", "malformed"),
    ],
)
def test_what_matters_is_a_fault_however_it_is_put(text: str, kind: str) -> None:
    assert kinds(turn(ASKED, TOLD), text) == {kind}


def test_what_nobody_asks_for_may_be_left_out() -> None:
    assert not kinds(turn("I have cancelled it.", TOLD), "Lovely.")
    assert not kinds(turn("Which town is it?", "The postcode is B5 0GP, and I am Kathryn Clarke."), "B5 0GP.")


def test_who_says_one_thing_at_a_time_need_not_say_all_at_once() -> None:
    patient = turn(ASKED, TOLD, persona="terse")
    assert not kinds(patient, "Kathryn Clarke.")
    assert kinds(patient, "No.") == {"withheld"}


def test_what_the_reference_itself_makes_up_is_excused() -> None:
    made_up = turn("Since when?", "For 25 minutes now.")
    assert not kinds(made_up, "I have waited 25 minutes.")
    assert kinds(made_up, "I have waited 35 minutes.") == {"invented"}


def test_a_user_who_has_measured_something_must_tell_it() -> None:
    domain, tasks = tasks_of("broadband", 12)
    references = recorded_speed()
    measured = [
        of
        for task in tasks
        for of in turns_of(domain, task.task, references[task.id])
        if "Mbps" in (of.expected.content or "") and not of.ends
    ]
    shown = [of for of in measured if of.history[-1].role == "tool"]
    assert shown
    for of in shown:
        assert "withheld" in kinds(of, "I did it.")
        assert not kinds(of, f"Sure. {of.expected.content}")


@cache
def recorded_speed() -> dict[str, Trajectory]:
    import asyncio  # noqa: PLC0415
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, scripted_references(*tasks_of("broadband", 12))).result()


@settings(max_examples=150)
@given(text=st.text(max_size=400), seed=st.integers(0, 3))
def test_no_text_breaks_the_judge(text: str, seed: int) -> None:
    texts = (ASKED, TOLD, text, "12-12-" * 50)
    of = turn(texts[seed], TOLD)
    faults_in(of, message_of(bound(AIMessage(text)), "user"))


@pytest.mark.timeout(20)
def test_huge_replies_are_judged_at_once() -> None:
    of = turn(ASKED, TOLD)
    for piece in ("1", "1 ", "1-", "a1.", "a@", "A b ", "Ab ", "1 May ", "#", "9" * 90 + " "):
        reply = Message(role="user", content=piece * (3_900 // len(piece)))
        assert faults_in(of, reply)
        assert kinds(of, piece * 16_000) == {"malformed"}


@pytest.mark.parametrize("name", ["broadband", "hotel"])
async def test_an_exports_rows_give_the_dialogue_back(name: str) -> None:
    domain, tasks = tasks_of(name, 8)
    references = await scripted_references(domain, tasks)
    users, agents = [], []
    for number, task in enumerate(tasks):
        row = InstanceRow(
            id=f"i{number}",
            generation=0,
            plan_id="p",
            index=number,
            fate="accepted",
            stage="review",
            task=task.task.to_json(),
            trajectory=references[task.id].to_json(),
            user_system="You are a guest.",
        )
        users += json.loads(json.dumps(list(user_examples(row, domain, "dialogue"))))
        agents += json.loads(json.dumps(list(agent_examples(row, domain, "dialogue"))))
    again = recorded_references(users, agents)
    for task in tasks:
        assert again[task.id].messages == references[task.id].messages
        assert task.checker.judge(again[task.id], domain).reward == 1
        alone = recorded(next(row for row in users if row["task_id"] == task.id))
        assert alone.said_by("user") == references[task.id].said_by("user")
        assert len(turns_of(domain, task.task, alone)) == len(turns_of(domain, task.task, references[task.id]))
    with pytest.raises(EigenGraphError, match="two dialogues"):
        recorded(users[0], next(row for row in agents if len(row["messages"]) != len(agents[0]["messages"])))
    with pytest.raises(EigenGraphError, match="no dialogue"):
        recorded({"id": "x", "messages": [{"content": "y"}]})


def test_the_interval_without_clusters_is_the_exact_one_of_a_count() -> None:
    assert rate_interval([0] * 50) == pytest.approx((0, 3.6889 / 50), abs=1e-4)
    assert rate_interval([1] * 10 + [0] * 90) == pytest.approx((0.04795, 0.18390), abs=1e-4)
    together = rate_interval([10] + [0] * 99)
    assert together.low < 0.01
    assert together.high > 0.5
    for wrong in ([], [1, -1]):
        with pytest.raises(ValueError, match="counts"):
            rate_interval(wrong)


@pytest.mark.parametrize(("rate", "shape"), [(0.05, None), (0.3, None), (0.1, 0.3), (0.3, 0.3), (1.0, 0.5), (3.0, 2.0)])
def test_the_interval_covers_the_rate_it_is_about(rate: float, shape: float | None) -> None:
    """Faults drawn over 40 dialogues, each its own rate where a shape says so: 95 % of the intervals hold the mean."""
    rng = np.random.default_rng(int(100 * rate))
    held = above = 0
    for _ in range(300):
        means = rate if shape is None else rng.gamma(shape, rate / shape, 40)
        low, high = rate_interval(rng.poisson(means, 40).tolist())
        held += low <= rate <= high
        above += rate <= high
    assert held >= 0.92 * 300
    assert above >= 0.94 * 300


def test_the_order_of_dialogues_changes_nothing() -> None:
    counts = [0, 3, 1, 0, 0, 7]
    shuffled = random.Random(1).sample(counts, len(counts))
    assert rate_interval(counts) == rate_interval(shuffled)

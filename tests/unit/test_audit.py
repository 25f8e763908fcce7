"""The audit: clean on what the playbooks play, and finding what is doctored into it."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lending import make, talk

from eigen_graph.checkers import AUDITS, Checker, Defect, Proof, audit, build_checker
from eigen_graph.core import (
    DIFFICULTIES,
    STOP,
    Case,
    Cue,
    Domain,
    EigenGraphError,
    Message,
    NoCaseError,
    Task,
    ToolCall,
    Trajectory,
    task_from_case,
)
from eigen_graph.domains import load_domain
from eigen_graph.graphs import DEFAULT, Context, Edge, WorkflowSpec, pipeline_for
from eigen_graph.models import Cast, Scene

INSTANCES = 300
PROVEN = Proof(gold_passes=True, mutants=20, killed=19, kill_rate=0.95, sound=True)
Dialogue = tuple[Task, Checker, Trajectory]


async def played(domain: Domain, cast: Cast, case: Case) -> Dialogue:
    talked = await talk(cast, domain, Scene(id="s", cue=case.cue))
    task = task_from_case(case, "t")
    checker = build_checker(task, domain).model_copy(update={"proof": PROVEN})
    return task, checker, Trajectory(messages=tuple(talked.messages))


def cases(domain: Domain, count: int) -> list[Case]:
    """Every intent in turn."""
    assert domain.playbook
    found: list[Case] = []
    names = list(domain.playbook.intents)
    for seed in range(2 * count):
        difficulty = DIFFICULTIES[(seed // len(names)) % 3]
        cue = Cue(domain=domain.name, seed=seed, intent=names[seed % len(names)], difficulty=difficulty)
        try:
            found.append(domain.playbook.case(domain, cue))
        except NoCaseError:
            continue
        if len(found) == count:
            break
    return found


@cache
def dialogue(name: str, intent: str, seed: int = 1) -> tuple[Task, Checker, Trajectory, Domain]:
    """One right dialogue, with its domain."""
    domain = make() if name == "lending" else load_domain(name)
    assert domain.playbook
    case = domain.playbook.case(domain, Cue(domain=name, seed=seed, intent=intent, difficulty="medium"))
    task, checker, trajectory = asyncio.run(played(domain, Cast.build("scripted", domain=domain), case))
    return task, checker, trajectory, domain


def found(defects: tuple[Defect, ...]) -> list[str]:
    return [defect.name for defect in defects]


def edited(trajectory: Trajectory, **fields: Any) -> Trajectory:
    return trajectory.model_copy(update=fields)


def with_message(trajectory: Trajectory, at: int, **fields: Any) -> Trajectory:
    messages = list(trajectory.messages)
    messages[at] = messages[at].model_copy(update=fields)
    return edited(trajectory, messages=tuple(messages))


def without_calls(trajectory: Trajectory, *names: str) -> Trajectory:
    """As if these tools had not been called."""
    drop = {i for i, m in enumerate(trajectory.messages) if any(call.name in names for call in m.tool_calls)}
    kept = [
        m for i, m in enumerate(trajectory.messages) if not {i, i - 1} & drop or (i - 1 in drop and m.role != "tool")
    ]
    return edited(trajectory, messages=tuple(kept))


def at_of(trajectory: Trajectory, tool: str) -> int:
    return next(step.at for step in trajectory.calls() if step.call.name == tool)


# What is right, and what a run makes


@pytest.mark.parametrize("name", ["hotel", "broadband"])
async def test_right_dialogues_have_no_defect(name: str) -> None:
    domain = load_domain(name)
    cast = Cast.build("scripted", domain=domain)
    acted = cases(domain, INSTANCES)
    assert len(acted) == INSTANCES
    for case in acted:
        task, checker, trajectory = await played(domain, cast, case)
        assert audit(task, checker, trajectory, domain) == (), case.cue


def test_a_room_is_offered_only_when_a_search_has_shown_it() -> None:
    task, checker, trajectory, domain = dialogue("hotel", "move_to_sea_view", 1000236)  # 31 are free, 12 are shown
    assert [step.call.name for step in trajectory.calls()].count("search_rooms") == 2
    assert audit(task, checker, trajectory, domain) == ()


REVIEWED = DEFAULT
UNREVIEWED = WorkflowSpec(
    nodes={name: node for name, node in DEFAULT.nodes.items() if node.kind != "reviewer"},
    edges=(
        *(edge for edge in DEFAULT.edges if edge.source not in {"judge", "reviewer"}),
        Edge(source="judge", outcome="pass", target="accept"),
        Edge(source="judge", outcome="fail", target="reject"),
    ),
)


@pytest.mark.parametrize(("workflow", "expected"), [(REVIEWED, set()), (UNREVIEWED, {"leak"})])
async def test_leaks_are_accepted_only_where_nobody_reviews(workflow: WorkflowSpec, expected: set[str]) -> None:
    context = Context(domain="hotel", model="scripted?faults=0.5", workflow=workflow)
    domain, pipeline = context.resolved_domain, pipeline_for(workflow)
    made = await asyncio.gather(*(pipeline.ainvoke({"id": f"i{n}", "seed": n}, context=context) for n in range(60)))
    accepted = [state for state in made if state["fate"] == "accepted"]
    assert len(accepted) > 30
    names: Counter[str] = Counter()
    for state in accepted:
        task, checker = Task.from_json(state["task"]), Checker.from_json(state["checker"])
        names.update(found(audit(task, checker, Trajectory.from_json(state["trajectory"]), domain)))
    assert set(names) == expected


# proof, verdict, replay, procedure


@pytest.mark.parametrize(
    ("proof", "is_enough"),
    [
        (PROVEN, True),
        (None, False),
        (PROVEN.model_copy(update={"killed": 18, "kill_rate": 1.0}), False),  # the counts are believed, not the rate
        (PROVEN.model_copy(update={"mutants": 0, "killed": 0}), False),
        (PROVEN.model_copy(update={"sound": False, "reason": "a variant fails"}), False),
        (PROVEN.model_copy(update={"gold_passes": False}), False),
    ],
)
def test_a_checker_must_be_proven_whatever_the_run_was_content_with(proof: Proof | None, is_enough: bool) -> None:  # noqa: FBT001  # a case
    task, checker, trajectory, domain = dialogue("hotel", "cancel_saver")
    defects = audit(task, checker.model_copy(update={"proof": proof}), trajectory, domain)
    assert found(defects) == ([] if is_enough else ["proof"])


def test_the_kill_rate_asked_for_is_the_callers() -> None:
    task, checker, trajectory, domain = dialogue("hotel", "cancel_saver")
    assert found(audit(task, checker, trajectory, domain, min_kill_rate=0.96)) == ["proof"]


def test_a_task_that_cannot_be_set_up_is_a_defect_and_no_error() -> None:
    task, checker, trajectory, domain = dialogue("hotel", "cancel_saver")
    broken = {"initialization_actions": [{"env_type": "user", "func_name": "none"}]}
    odd = Task.from_json({**task.to_json(), "initial_state": broken})
    assert found(audit(odd, checker, trajectory, domain)) == ["proof", "verdict"]
    assert found(audit(odd, checker.model_copy(update={"task": odd}), trajectory, domain)) == ["verdict"]


def test_a_checker_of_another_task_proves_nothing() -> None:
    task, checker, trajectory, domain = dialogue("hotel", "cancel_saver")
    assert found(audit(task.model_copy(update={"ticket": "other"}), checker, trajectory, domain)) == ["proof"]


def test_a_dialogue_is_judged_again() -> None:
    task, checker, trajectory, domain = dialogue("hotel", "cancel_saver")
    assert found(audit(task, checker, without_calls(trajectory, "cancel_booking"), domain)) == ["verdict"]


def test_a_result_that_is_not_true_is_found() -> None:
    task, checker, trajectory, domain = dialogue("hotel", "cancel_saver")
    at = at_of(trajectory, "get_booking")
    result = trajectory.messages[at + 1]
    defects = audit(task, checker, with_message(trajectory, at + 1, content=f"{result.content} "), domain)
    assert [(defect.name, defect.evidence) for defect in defects] == [("replay", (at,))]


def test_procedure_is_looked_at_when_the_checker_does_not() -> None:
    task, checker, trajectory, domain = dialogue("hotel", "cancel_saver")
    lax = checker.model_copy(update={"basis": tuple(name for name in checker.basis if name != "procedure")})
    assert audit(task, lax, trajectory, domain) == ()
    call = at_of(trajectory, "cancel_booking")
    unasked = edited(trajectory, messages=(*trajectory.messages[: call - 2], *trajectory.messages[call:]))
    assert "procedure" in found(audit(task, lax, unasked, domain))
    assert found(audit(task, checker, unasked, domain)) == ["verdict"]


def test_what_cannot_be_judged_is_a_defect_and_no_error() -> None:
    task, checker, trajectory, _ = dialogue("hotel", "cancel_saver")
    (defect,) = audit(task, checker, trajectory, load_domain("broadband"))
    assert defect.name == "verdict"
    with pytest.raises(EigenGraphError):
        checker.judge(trajectory, load_domain("broadband"))


# leak


def leaking(text: str, *, at: int = 1, hidden: str = "7.50", known: str = "") -> tuple[Defect, ...]:
    task, checker, trajectory, domain = dialogue("lending", "borrow", 7)
    assert task.eigen
    scenario = task.user_scenario.model_copy(update={"persona": known})
    task = task.model_copy(
        update={"user_scenario": scenario, "eigen": task.eigen.model_copy(update={"hidden": (hidden,)})}
    )
    spoken = f"{trajectory.messages[at].content} {text}"
    checker = checker.model_copy(update={"task": task})
    return audit(task, checker, with_message(trajectory, at, content=spoken), domain)


def test_a_user_who_says_what_they_cannot_know_leaks() -> None:
    (defect,) = leaking("I know it costs 99.25.", hidden="99.25")
    assert (defect.name, defect.evidence) == ("leak", (1,))


def test_what_the_scenario_holds_is_no_leak() -> None:
    assert leaking("It was 99.25 last time.", hidden="99.25", known="You once paid 99.25.") == ()


def test_what_the_agent_has_told_is_no_leak() -> None:
    _, _, trajectory, _ = dialogue("lending", "borrow", 7)
    fee = next((m.content or "")[-5:-1].strip() for m in trajectory.messages if "the fee is" in (m.content or ""))
    later = next(i for i, m in enumerate(trajectory.messages) if m.content == "I'll put it away.")
    assert leaking(f"So {fee}, fine.", at=later, hidden=fee) == ()
    assert found(leaking(f"So {fee}, fine.", at=1, hidden=fee)) == [
        "leak"
    ]  # its look-up came later, and is not the user's


def test_what_the_users_own_tool_showed_is_no_leak() -> None:
    last = len(dialogue("lending", "borrow", 7)[2].messages) - 1
    assert leaking("It stands on the shelf.", at=last, hidden="on the shelf") == ()


def test_a_number_said_by_chance_is_no_leak() -> None:
    assert leaking("See you on 28 May in room 128.00a.", hidden="28.00") == ()


# grounded


Line = tuple[str, str] | tuple[str, str, dict[str, Any], str]


def grounded(name: str, *lines: Line, scenario: str = "You want help.") -> list[str]:
    """The reasons that audit gives for a dialogue of the words and calls given."""
    domain = load_domain(name)
    task = Task.from_json({"id": "t", "user_scenario": scenario})
    messages: list[Message] = []
    for n, line in enumerate(lines):
        role: Any = line[0]
        if len(line) == 2:
            messages.append(Message(role=role, content=line[1]))
            continue
        messages.append(Message(role=role, tool_calls=(ToolCall(id=str(n), name=line[1], arguments=line[2]),)))
        messages.append(Message(role="tool", content=line[3], tool_call_id=str(n), requestor=role))
    defects = audit(task, build_checker(task, domain), Trajectory(messages=tuple(messages)), domain)
    return [defect.reason for defect in defects if defect.name == "grounded"]


def test_an_agent_that_skips_its_look_up_has_its_ids_from_nowhere() -> None:
    task, checker, trajectory, domain = dialogue("hotel", "cancel_saver")
    call = next(step.call for step in trajectory.calls() if step.call.name == "cancel_booking")
    assert isinstance(call.arguments, dict)
    blind = without_calls(trajectory, "get_guest", "get_booking")
    defects = [defect for defect in audit(task, checker, blind, domain) if defect.name == "grounded"]
    assert any(call.arguments["refund_to"] in defect.reason for defect in defects)
    assert {defect.evidence for defect in defects} == {(at_of(blind, "cancel_booking"),)}


def test_an_id_that_is_guessed_in_a_look_up_stays_a_guess() -> None:
    look: Line = ("assistant", "get_booking", {"booking_id": "B1050605"}, '{"booking_id": "B1050605", "total": 726.0}')
    give: Line = ("assistant", "grant_goodwill", {"booking_id": "B1050605", "cause": "noise", "points": 400}, "{}")
    (reason,) = grounded("hotel", ("user", "Some points for the noise, please."), look, give)
    assert "b1050605" in reason.casefold()
    assert grounded("hotel", ("user", "It is loud in booking b-105 0605."), look, give) == []


def test_an_error_that_repeats_a_guess_tells_nothing() -> None:
    bad: Line = ("assistant", "lift_suspension", {"line_id": "L2999"}, "Error: there is no 'L2999' in lines")
    assert len(grounded("broadband", ("user", "Help."), bad, bad)) == 2


def test_the_user_too_must_have_been_told() -> None:
    pay: Line = ("user", "pay_bill", {"bill_id": "I1093-07"}, "paid")
    app: Line = ("user", "open_customer_app", {}, '{"bills": [{"bill_id": "I1093-07"}]}')
    own: Line = ("assistant", "get_account", {"customer_id": "C1"}, '{"invoice_id": "I1093-07"}')
    assert (
        len(grounded("broadband", ("assistant", "Please pay."), own, pay)) == 1
    )  # what the agent sees, the user does not
    assert grounded("broadband", ("assistant", "Please pay."), app, pay) == []
    assert grounded("broadband", ("assistant", "Please pay I1093-07."), pay) == []
    assert grounded("broadband", pay, scenario="You know of an open bill, I1093-07.") == []


@pytest.mark.parametrize(
    ("fee", "is_told"),
    [
        (0.0, True),
        (25.0, True),  # of the policy
        (217.8, True),  # 30 % of the total
        (242, True),  # two nights of 121.00
        (726.0, True),
        (227.8, False),
        (137.31, False),
        (47.0, False),
        (1e308, False),
        (float("nan"), False),
        (10**400, False),
    ],
)
def test_an_amount_must_come_of_a_price(fee: float, is_told: bool) -> None:  # noqa: FBT001  # a case
    look: Line = ("assistant", "get_booking", {"booking_id": "B1050605"}, '{"nightly": 121.0, "total": 726.0}')
    cancel: Line = ("assistant", "cancel_booking", {"booking_id": "B1050605", "fee": fee}, "{}")
    assert (grounded("hotel", ("user", "Cancel B1050605."), look, cancel) == []) is is_told


@pytest.mark.parametrize(
    ("words", "day", "is_told"),
    [
        ("from 2026-06-12", "2026-06-12", True),
        ("from 12 June", "2026-06-12", True),
        ("on June 12th, 2026", "2026-06-12", True),
        ("the 12th of June", "2026-06-12", True),
        ("from 10 to 12 June", "2026-06-10", True),
        ("on 12/06", "2026-06-12", True),
        ("on the 12th", "2026-06-12", True),
        ("tomorrow", "2026-05-12", True),
        ("this Friday", "2026-05-15", True),
        ("from 10 June for two nights", "2026-06-12", True),
        ("from 5 June for a week", "2026-06-12", True),
        ("one more night after 11 June", "2026-06-12", True),
        ("in June", "2026-06-12", False),
        ("on 12 July", "2026-06-12", False),
        ("on 12 June 2027", "2026-06-12", False),
        ("next Friday", "2026-06-12", False),
        ("from 10 June", "2026-06-12", False),
        ("on 31 June", "2026-06-31", False),
    ],
)
def test_a_day_must_be_told_or_counted_from_one_that_was(words: str, day: str, is_told: bool) -> None:  # noqa: FBT001  # a case
    leave: Line = ("assistant", "check_out_early", {"departure": day}, "{}")
    assert (grounded("hotel", ("user", f"I would leave {words}."), leave) == []) is is_told


def test_a_day_that_the_agent_names_is_told_once_the_user_has_answered() -> None:
    leave: Line = ("assistant", "check_out_early", {"departure": "2026-05-29"}, "{}")
    asked: Line = ("assistant", "That would be 2026-05-29. Shall I?")
    assert len(grounded("hotel", ("user", "The Friday before Whitsun."), asked, leave)) == 1
    assert grounded("hotel", ("user", "The Friday before Whitsun."), asked, ("user", "Yes."), leave) == []


def test_options_flags_counts_and_free_words_need_no_source() -> None:
    book: Line = (
        "assistant",
        "create_booking",
        {"adults": 3, "plan": "saver", "free": True, "note": "they want peace and quiet", "check_in": None},
        "{}",
    )
    assert grounded("hotel", ("user", "My wife, our son and I."), book) == []


def test_only_writes_and_only_calls_that_were_run_are_looked_at() -> None:
    look: Line = ("assistant", "get_booking", {"booking_id": "B1050605"}, "{}")
    strange: Line = ("assistant", "no_tool", {"id": "B1050605"}, "Error: there is no tool")
    assert grounded("hotel", look, strange) == []


# stopped


def test_a_dialogue_must_have_been_stopped() -> None:
    task, checker, trajectory, domain = dialogue("hotel", "cancel_saver")
    assert found(audit(task, checker, edited(trajectory, termination="max_steps"), domain)) == ["verdict", "stopped"]
    markless = with_message(trajectory, -1, content="Thank you.")
    assert found(audit(task, checker, markless, domain)) == ["stopped"]
    assert found(audit(task, checker, edited(trajectory, termination="agent_stop"), domain)) == ["stopped"]
    thanks = Message(role="assistant", content="You are welcome.")
    further = edited(trajectory, messages=(*trajectory.messages, thanks, trajectory.messages[-1]))
    assert found(audit(task, checker, further, domain)) == ["stopped"]
    by_agent = edited(with_message(trajectory, -1, content="Bye."), termination="agent_stop")
    by_agent = edited(by_agent, messages=(*by_agent.messages, thanks))
    assert audit(task, checker, by_agent, domain) == ()


@pytest.mark.parametrize(
    ("agent", "user", "is_proper"),
    [
        ("It is done. Which card shall I use?", f"Bye. {STOP}", False),
        ("It is done. Which card shall I use?", STOP, False),
        ("It is done. Which card shall I use?", f"None, leave it. {STOP}", True),
        ("It is done. Is there anything else I can do?", STOP, True),
        ("Shall I? It is done.", f"Thank you. {STOP}", True),
    ],
)
def test_a_user_who_only_says_goodbye_to_a_question_leaves_it_open(agent: str, user: str, is_proper: bool) -> None:  # noqa: FBT001  # a case
    task, checker, trajectory, domain = dialogue("hotel", "cancel_saver")
    told = f"{trajectory.messages[-2].content} {agent}"
    doctored = with_message(with_message(trajectory, -2, content=told), -1, content=user)
    assert found(audit(task, checker, doctored, domain)) == ([] if is_proper else ["stopped"])


# Hostile data

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
WORDS = st.text(max_size=60) | st.sampled_from(
    [
        "31 June 0000",
        "2026-02-30t99",
        "9" * 400 + ".5 %",
        "the 99th",
        "12/13/0000",
        STOP,
        "in steps of 0.0",
        "\u0663 \u2460",
    ]
)


@st.composite
def mangled(draw: st.DrawFn, trajectory: Trajectory, tools: list[str]) -> Trajectory:
    """Messages lost, doubled, out of order, of another speaker, with other words, other calls, other results."""
    pieces = list(trajectory.messages)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(pieces) - 1))
        other = draw(st.integers(0, len(pieces) - 1))
        match draw(st.integers(0, 5)):
            case 0 if len(pieces) > 1:
                del pieces[at]
            case 1:
                pieces.insert(other, pieces[at])
            case 2:
                pieces[at], pieces[other] = pieces[other], pieces[at]
            case 3:
                role = draw(st.sampled_from(["system", "assistant", "user", "tool"]))
                who = draw(st.sampled_from([None, "assistant", "user"]))
                pieces[at] = Message(role=role, content=draw(st.none() | WORDS), requestor=who)
            case _:
                arguments = draw(
                    st.dictionaries(st.sampled_from(["booking_id", "fee", "check_in", "x"]), anything | WORDS)
                )
                call = ToolCall(id="x", name=draw(st.sampled_from(tools)), arguments=draw(st.just(arguments) | WORDS))
                pieces[at] = pieces[at].model_copy(update={"tool_calls": (call,)})
    endings = ["user_stop", "agent_stop", "max_steps", "user_error"]
    return Trajectory(messages=tuple(pieces), termination=draw(st.sampled_from(endings)))


@pytest.mark.parametrize(("name", "intent"), [("hotel", "cancel_saver"), ("broadband", "downgrade_plan")])
def test_no_dialogue_makes_it_raise(name: str, intent: str) -> None:
    domain = load_domain(name)
    assert domain.playbook
    intent = intent if intent in domain.playbook.intents else next(iter(domain.playbook.intents))
    task, checker, trajectory, _ = dialogue(name, intent)
    tools = [tool.name for actor in ("assistant", "user") for tool in domain.tools_of(actor)]

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mangled(trajectory, [*tools, "no_tool"]), st.lists(WORDS, max_size=3))
    def holds(doctored: Trajectory, hidden: list[str]) -> None:
        odd = task.model_copy(update={"eigen": task.tags.model_copy(update={"hidden": tuple(hidden)})})
        defects = audit(odd, checker, doctored, domain)
        assert defects == audit(odd, checker, doctored, domain)
        assert set(found(defects)) <= set(AUDITS)
        assert all(0 <= at < len(doctored.messages) for defect in defects for at in defect.evidence)
        assert all(defect.reason for defect in defects)

    holds()


def test_an_empty_dialogue_and_an_empty_task_are_defects_only() -> None:
    domain, task = make(), Task(id="t")
    defects = audit(task, build_checker(task, domain), Trajectory(), domain)
    assert found(defects) == ["proof", "stopped"]

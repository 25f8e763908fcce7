"""Our verdicts under `basis="tau2"` are the real package's, part by part; `test_tau2_calls.py` does it for calls."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from tau2_real import (
    NAMES,
    Call,
    Recorded,
    action,
    agree,
    base_tasks,
    both,
    calls_of,
    contents,
    domain_of,
    load_tau2,
    played,
    real_environment,
    real_result,
    real_verdict,
    without_gc,
)

from eigen_graph.checkers import build_checker
from eigen_graph.core import Message, Task, ToolCall, Trajectory, environment_of

# Both sides put odd values where their models expect others; pydantic says so when they are written out.
pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")

STRIDE = {"airline": 17, "retail": 29, "telecom": 5}
"""Every which base task is judged here; `benchmarks/tau2_judging.py` judges them all."""
PAYS = ("assistant", "send_payment_request", {"customer_id": "C1001", "bill_id": "B1002"})
CUSTOMER = ("assistant", "get_customer_by_id", {"customer_id": "C1001"})


@pytest.fixture(scope="module")
def tau2() -> Iterator[SimpleNamespace]:
    with without_gc():
        yield load_tau2()


def telecom(**criteria: Any) -> dict[str, Any]:
    """A task of a customer in good standing."""
    instructions = {"domain": "telecom", "reason_for_call": "-", "task_instructions": "-"}
    told = {"env_type": "user", "func_name": "set_user_info"}
    known = {"arguments": {"name": "John Smith", "phone_number": "555-123-2002"}}
    return {
        "id": "t",
        "user_scenario": {"instructions": instructions},
        "initial_state": {"initialization_actions": [{**told, **known}]},
        "evaluation_criteria": criteria,
    }


def dialogue(*messages: Message, ending: str = "user_stop") -> Trajectory:
    return Trajectory(messages=messages, termination=ending)  # type: ignore[arg-type]


def says(text: str | None, role: Any = "assistant", *calls: ToolCall) -> Message:
    return Message(role=role, content=text, tool_calls=calls)


@pytest.mark.parametrize("name", NAMES)
def test_gold_less_any_action_and_nothing_at_all(tau2: SimpleNamespace, name: str) -> None:
    seen = set()
    for task in base_tasks(name)[:: STRIDE[name]]:
        gold = calls_of(task.actions)
        facts = "; ".join(task.criteria.communicate_info or ("Done.",))
        for made in [gold, [], *(gold[:i] + gold[i + 1 :] for i in range(len(gold)))]:
            trajectory, _ = played(domain_of(name), task, made, said=facts)
            ours, theirs = both(tau2, name, task.to_json(), trajectory)
            assert agree(ours, theirs), (task.id, made)
            seen.add(ours.reward)
    assert seen == {0.0, 1.0}


@pytest.mark.parametrize("name", NAMES)
def test_tasks_are_written_as_they_were_read(tau2: SimpleNamespace, name: str) -> None:
    tasks = domain_of(name).tasks
    assert tasks is not None
    theirs = {task.id: task for task in tau2.registry.get_tasks_loader(name)("base")}
    assert theirs.keys() == {task.id for task in base_tasks(name)}
    for task in base_tasks(name):
        assert tau2.tasks.Task.model_validate(task.to_json()) == theirs[task.id]


@pytest.mark.parametrize("name", NAMES)
def test_both_sides_are_told_what_tau2_tells_them(tau2: SimpleNamespace, name: str) -> None:
    domain = domain_of(name)
    env = tau2.registry.get_env_constructor(name)()
    assert domain.briefing is not None
    assert domain.briefing.agent(domain) == tau2.agent(tools=[], domain_policy=env.policy).system_prompt
    tools = env.get_user_tools() if domain.tools_of("user") else None
    for task in base_tasks(name)[:: STRIDE[name]]:
        theirs = tau2.tasks.Task.model_validate(task.to_json())
        user = tau2.user(tools=tools, instructions=str(theirs.user_scenario))
        assert domain.briefing.user(domain, task) == user.system_prompt


HALF_WAY: list[tuple[str, list[Call]]] = [
    # One certificate pays twice: it is gone when its second part is due, and so is the money, but no seat is booked.
    (
        "airline",
        [
            ("assistant", "send_certificate", {"user_id": "mia_li_3668", "amount": 5000}),
            (
                "assistant",
                "book_reservation",
                {
                    "user_id": "mia_li_3668",
                    "origin": "JFK",
                    "destination": "SEA",
                    "flight_type": "one_way",
                    "cabin": "economy",
                    "flights": [{"flight_number": "HAT069", "date": "2024-05-20"}],
                    "passengers": [{"first_name": "Mia", "last_name": "Li", "dob": "1990-04-05"}],
                    "payment_methods": [
                        {"payment_id": "certificate_3221322", "amount": 100},
                        {"payment_id": "certificate_3221322", "amount": 21},
                    ],
                    "total_baggages": 0,
                    "nonfree_baggages": 0,
                    "insurance": "no",
                },
            ),
            ("assistant", "get_user_details", {"user_id": "mia_li_3668"}),
        ],
    ),
    (
        "airline",
        [
            ("assistant", "update_reservation_baggages", _bags)
            for _bags in (
                {"reservation_id": "JMO1MG", "total_baggages": 2, "nonfree_baggages": 0, "payment_id": "x"},
                {"reservation_id": "JMO1MG", "total_baggages": [], "nonfree_baggages": 0, "payment_id": None},
            )
        ],
    ),
    (
        "airline",
        [
            ("assistant", "calculate", {"expression": text})
            for text in [
                "2 + 2",
                "2**1000",
                "9**400",
                "1/0",
                "0**-1",
                "(",
                "()",
                "",
                "x",
                "-(3.5)//.5",
                "2**.5",
                5,
                ["1"],
            ]
        ],
    ),
    # No settings at all: kept, although the call fails; from then on every search for a network breaks half-way.
    (
        "telecom",
        [
            ("user", "set_apn_settings", {"apn_settings": "internet"}),
            ("user", "toggle_airplane_mode", {}),
            ("user", "toggle_data", {}),
            ("user", "reset_apn_settings", {}),
            ("user", "check_apn_settings", {}),
            ("user", "reboot_device", {}),
            ("user", "set_apn_settings", {"apn_settings": {"apn_name": "internet"}}),
            ("user", "check_network_status", {}),
        ],
    ),
    (
        "telecom",
        [
            ("user", "set_network_mode_preference", {"mode": 5}),
            ("user", "check_network_mode_preference", {}),
            ("user", "set_network_mode_preference", {"mode": "3g_only"}),
            ("assistant", "toggle_data", {}),
            ("user", "enable_roaming", {"customer_id": "C1001", "line_id": "L1002"}),
        ],
    ),
    # The one list of bills gets two of one name; tau2 finds the first.
    (
        "telecom",
        [
            *(
                ("assistant", "refuel_data", {"customer_id": customer, "line_id": line, "gb_amount": amount})
                for customer, line, amount in [("C1002", "L1006", 2.0), ("C1003", "L1009", 1), ("C1001", "L1002", 2)]
            ),
            ("assistant", "get_bills_for_customer", {"customer_id": "C1003"}),
            ("assistant", "get_bills_for_customer", {"customer_id": "C1002", "limit": 1}),
            PAYS,
            ("user", "make_payment", {}),
            ("user", "check_payment_request", {}),
        ],
    ),
]


@pytest.mark.parametrize(("name", "made"), HALF_WAY)
def test_what_fails_half_way_leaves_what_it_changed(tau2: SimpleNamespace, name: str, made: list[Call]) -> None:
    raw = base_tasks(name)[0].to_json() if name != "telecom" else telecom(actions=[], reward_basis=["DB"])
    trajectory, ours = played(domain_of(name), Task.from_json(raw), made)
    theirs = real_environment(tau2, name, raw)
    for call, step in zip(made, trajectory.calls(), strict=True):
        assert step.result is not None
        assert Recorded(step.result.content or "", step.result.error) == real_result(tau2, theirs, call), call
    assert tau2.hash(contents(ours.agent_db)) == theirs.get_db_hash()
    if ours.user_db is not None:
        assert tau2.hash(contents(ours.user_db)) == theirs.get_user_db_hash()
    assert agree(*both(tau2, name, raw, trajectory))
    raw["evaluation_criteria"] |= {"actions": [action(call) for call in made], "reward_basis": ["DB"]}
    assert agree(*both(tau2, name, raw, trajectory))


@pytest.mark.parametrize(("gold", "made"), [(2, 2.0), (2.0, 2), (2, 2), (2, True), (1, True)])
def test_an_int_is_no_float_in_the_database_but_is_one_in_an_action(
    tau2: SimpleNamespace, gold: Any, made: Any
) -> None:
    where = {"customer_id": "C1001", "line_id": "L1002"}
    raw = telecom(
        actions=[action(("assistant", "refuel_data", {**where, "gb_amount": gold}))],
        reward_basis=["DB", "ACTION"],
    )
    call: Call = ("assistant", "refuel_data", {**where, "gb_amount": made})
    ours, theirs = both(tau2, "telecom", raw, played(domain_of("telecom"), Task.from_json(raw), [call])[0])
    assert agree(ours, theirs)
    assert ours.parts["ACTION"] == float(gold == made)


def test_lists_are_compared_in_order(tau2: SimpleNamespace) -> None:
    """New bills of two customers, one list: the order in which they came is a difference."""
    calls: list[Call] = [
        ("assistant", "refuel_data", {"customer_id": customer, "line_id": line, "gb_amount": 1.0})
        for customer, line in [("C1002", "L1006"), ("C1003", "L1009")]
    ]
    raw = telecom(actions=[action(call) for call in calls], reward_basis=["DB"])
    for made in (calls, calls[::-1]):
        ours, theirs = both(tau2, "telecom", raw, played(domain_of("telecom"), Task.from_json(raw), made)[0])
        assert agree(ours, theirs)
        assert ours.reward == float(made == calls)


def test_only_a_stop_is_rewarded(tau2: SimpleNamespace) -> None:
    task = base_tasks("telecom")[0]
    for reason in tau2.simulation.TerminationReason:
        if reason.value == "judge_stop":  # of a mode that no longer exists
            continue
        trajectory, _ = played(domain_of("telecom"), task, calls_of(task.actions), ending=reason.value)
        ours, theirs = both(tau2, "telecom", task.to_json(), trajectory)
        assert agree(ours, theirs)
        assert ours.reward == float(reason.value in {"user_stop", "agent_stop"})


FIND = ToolCall(id="1", name="get_customer_by_id", arguments={"customer_id": "C1001"})


def found() -> Message:
    return environment_of(domain_of("telecom")).answer(FIND, "assistant")


@pytest.mark.parametrize(
    ("facts", "messages"),
    [
        (["1200"], [says("It is $1,200.00.")]),
        (["1,200"], [says("It is $1,200.00.")]),  # a comma in the fact: never found
        (["4"], [says("It is $480.")]),
        (["YES", "done"], [says("yes"), says("DONE")]),
        (["yes and no"], [says("yes"), says("and no")]),
        (["1200"], [says("1200", "user"), says("ok")]),
        (["1200"], [says("", "assistant"), says("   "), says(None)]),
        ([""], [says("anything")]),
        ([""], [says(" "), says("x", "user")]),
        ([], []),
        (["1200"], [says("1,200", "assistant", FIND), found]),
        (["john smith"], [says(None, "assistant", FIND), found]),  # a result is not what the agent said
        (["straße"], [says("STRASSE"), says("STRA\u1e9eE")]),
    ],
)
def test_facts_are_heard_as_tau2_hears_them(tau2: SimpleNamespace, facts: list[str], messages: list[Any]) -> None:
    raw = telecom(actions=[], communicate_info=facts, reward_basis=["COMMUNICATE"])
    said = dialogue(*(message if isinstance(message, Message) else message() for message in messages))
    assert agree(*both(tau2, "telecom", raw, said))


@pytest.mark.parametrize("compare", [None, [], ["customer_id"], ["no_such"], ["customer_id", "no_such"]])
def test_actions_are_matched_as_tau2_matches_them(tau2: SimpleNamespace, compare: list[str] | None) -> None:
    wanted = action(("assistant", "get_data_usage", {"customer_id": "C1001", "line_id": "L1002"}), compare_args=compare)
    raw, domain = telecom(actions=[wanted], reward_basis=["ACTION"]), domain_of("telecom")
    for actor, arguments in [
        ("assistant", {"customer_id": "C1001", "line_id": "L1002"}),
        ("user", {"customer_id": "C1001", "line_id": "L1002"}),
        ("assistant", {"customer_id": "C1001"}),
        ("assistant", {}),
        ("assistant", {"customer_id": "C1001", "line_id": "L1002", "more": None}),
        ("assistant", {"customer_id": "C1002", "line_id": "L1002"}),
        ("assistant", {"customer_id": ["C1001"]}),
    ]:
        made, _ = played(domain, Task.from_json(raw), [(actor, "get_data_usage", arguments)])  # type: ignore[list-item]
        assert agree(*both(tau2, "telecom", raw, made)), (actor, arguments)


def test_several_calls_in_one_message_with_text_beside_them(tau2: SimpleNamespace) -> None:
    calls = [ToolCall(id=str(i), name=name, arguments=dict(args)) for i, (_, name, args) in enumerate([PAYS, CUSTOMER])]
    raw = telecom(actions=[action(PAYS)], communicate_info=["one moment"], reward_basis=["DB", "ACTION", "COMMUNICATE"])
    env = environment_of(domain_of("telecom"), Task.from_json(raw))
    results = [env.answer(call, "assistant") for call in calls]
    ours, theirs = both(tau2, "telecom", raw, dialogue(says("One moment.", "assistant", *calls), *results))
    assert agree(ours, theirs)
    assert ours.parts == {"DB": 0.0, "ACTION": 1.0, "COMMUNICATE": 1.0}  # its gold is not synced: DB cannot pass


@pytest.mark.parametrize(
    "criteria",
    [
        None,
        {},
        {"reward_basis": []},
        {"reward_basis": ["DB", "ENV_ASSERTION", "ACTION", "COMMUNICATE"]},
        {"actions": [], "reward_basis": ["DB"]},
        {"env_assertions": [], "reward_basis": ["DB", "ENV_ASSERTION"]},
        {"actions": [], "communicate_info": [], "reward_basis": ["ACTION", "COMMUNICATE"]},
    ],
)
def test_tasks_that_ask_for_little_or_nothing(tau2: SimpleNamespace, criteria: dict[str, Any] | None) -> None:
    raw = telecom() | {"evaluation_criteria": criteria}
    for made in ([], [PAYS]):
        assert agree(*both(tau2, "telecom", raw, played(domain_of("telecom"), Task.from_json(raw), made)[0]))


@pytest.mark.parametrize(
    ("criteria", "blame"),
    [
        ({"nl_assertions": ["is kind"], "actions": [], "reward_basis": ["NL_ASSERTION"]}, "checker"),
        (
            {
                "env_assertions": [
                    {
                        "env_type": "assistant",
                        "func_name": "assert_overdue_bill_exists",
                        "arguments": {"customer_id": "C1001", "overdue_bill_id": "B1"},
                    }
                ],
                "reward_basis": ["ENV_ASSERTION"],
            },
            "task",
        ),
        (
            {
                "env_assertions": [{"env_type": "user", "func_name": "reboot_device", "arguments": {}}],
                "reward_basis": ["ENV_ASSERTION"],
            },
            "task",
        ),
    ],
)
def test_where_tau2_gives_up_we_give_no_reward(tau2: SimpleNamespace, criteria: dict[str, Any], blame: str) -> None:
    raw, domain = telecom(**criteria), domain_of("telecom")
    trajectory, _ = played(domain, Task.from_json(raw), [])
    assert real_verdict(tau2, "telecom", raw, trajectory).reward is None
    verdict = build_checker(Task.from_json(raw), domain, basis="tau2").judge(trajectory, domain)
    assert (verdict.reward, verdict.blame) == (0, blame)

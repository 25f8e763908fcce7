"""The broadband domain: a world that holds together, and faults that need the hands they claim to need."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from household import CUSTOMER, DOMAIN, LINE, Step, do, holds, problems, world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eigen_graph.domains.check import check_domain

# The world.


def test_domain_check_finds_nothing():
    assert check_domain(DOMAIN) == []


def test_base_holds_together_and_is_in_sync():
    env = world()
    assert problems(env) == []
    assert len(env.agent_db["customers"]) > 100
    assert sum(map(len, env.agent_db.values())) > 500
    env.sync()
    assert env.agent_db.diff() == env.user_db.diff() == ()


def test_same_contents_and_cases_in_every_process():
    program = (
        "from eigen_graph.domains.broadband import domain\n"
        "from eigen_graph.core import Cue\n"
        "d = domain()\n"
        "case = d.playbook.case(d, Cue(domain='broadband', seed=7, intent='broken_wire', difficulty='hard'))\n"
        "print(d.agent.database.digest(), d.user.database.digest(), hash(repr(case)) and repr(case))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    digests = f"{DOMAIN.agent.database.digest()} {DOMAIN.user.database.digest()}"
    assert outputs.pop().startswith(digests)


# Sync.

_TURNS: list[Step] = [
    ("user", "reseat_cable", {"cable": "power"}),
    ("user", "reseat_cable", {"cable": "line"}),
    ("user", "restart_router", {}),
    ("user", "factory_reset_router", {}),
    ("user", "pay_bill", {"bill_id": "I1001-08"}),
    ("user", "pay_bill", {"bill_id": "I1001-09"}),
    ("user", "set_router_mode", {"mode": "bridge"}),
    ("user", "join_wifi", {"device": "phone", "band": "2.4GHz"}),
    ("assistant", "reprovision_line", {"line_id": LINE}),
    ("assistant", "reprovision_line", {"line_id": "L2002"}),
    ("assistant", "reprovision_line", {"line_id": LINE, "router_serial": "LK-7"}),
    ("assistant", "lift_suspension", {"line_id": LINE}),
    ("assistant", "change_plan", {"line_id": LINE, "plan_id": "P-F500"}),
    ("assistant", "change_plan", {"line_id": LINE, "plan_id": "P-F100"}),
    ("assistant", "open_ticket", {"line_id": LINE, "category": "no_sync"}),
]
_CONDITIONS: list[Step] = [
    ("assistant", "suspend_line", {"line_id": LINE, "reason": "non_payment", "bills": 2}),
    ("assistant", "suspend_line", {"line_id": LINE, "reason": "security"}),
    ("assistant", "start_outage", {"line_id": LINE, "expected_end": "2025-09-17T20:00"}),
    ("assistant", "drop_profile", {"line_id": LINE}),
    ("assistant", "cut_wire", {"line_id": LINE}),
    ("assistant", "add_noise", {"line_id": LINE}),
    ("assistant", "sign_contract", {"line_id": LINE, "plan_id": "P-F500", "contract_end": "2026-01-01"}),
    ("user", "move_in", {"line_id": "L2004"}),
    ("user", "move_in", {"line_id": LINE}),
    ("user", "unplug_cable", {"cable": "power"}),
    ("user", "unplug_cable", {"cable": "line"}),
    ("user", "swap_router", {"serial": "LK-7", "network": "New", "password": "x"}),
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(_CONDITIONS), max_size=4), st.lists(st.sampled_from(_TURNS), max_size=8))
def test_whatever_happens_the_sides_agree_and_nothing_breaks(conditions: list[Step], turns: list[Step]):
    env = world(*conditions)
    assert problems(env) == []
    for actor, name, arguments in turns:
        env.run(name, arguments, actor)
        assert problems(env) == []
    touched = [{name: table.touched for name, table in db.items()} for db in (env.agent_db, env.user_db)]
    before = env.fork()
    env.sync()
    assert env.same_as(before)
    # Cheap, too: a second sync writes nothing at all.
    assert touched == [{name: table.touched for name, table in db.items()} for db in (env.agent_db, env.user_db)]


def test_the_home_shows_what_the_network_does():
    env = world(("assistant", "start_outage", {"line_id": LINE, "expected_end": "2025-09-17T20:00"}))
    [view] = do(env, ("user", "look_at_router", {}))
    assert '"line_light": "blinking red"' in view
    env = world(("assistant", "suspend_line", {"line_id": LINE, "reason": "non_payment"}))
    look, app = do(env, ("user", "look_at_router", {}), ("user", "open_customer_app", {}))
    assert '"internet_light": "red"' in look
    assert '"status": "overdue"' in app


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (("unplug_cable", {"cable": "power"}), "no_power"),
        (("unplug_cable", {"cable": "line"}), "no_sync"),
        (("swap_router", {"serial": "LK-7", "network": "New", "password": "x"}), "unknown_router"),
    ],
)
def test_the_line_test_sees_the_home(fault: tuple[str, dict[str, Any]], seen: str):
    env = world(("user", *fault))
    [result] = do(env, ("assistant", "run_line_test", {"line_id": LINE}))
    assert f'"router": "{seen}"' in result
    assert '"result": "fail"' in result


def test_a_payment_in_the_app_reaches_the_account():
    env = world(("assistant", "suspend_line", {"line_id": LINE, "reason": "non_payment", "bills": 2}))
    do(env, ("user", "pay_bill", {"bill_id": "I1001-07"}), ("user", "pay_bill", {"bill_id": "I1001-08"}))
    [account] = do(env, ("assistant", "get_account", {"customer_id": CUSTOMER}))
    assert '"overdue": 0' in account
    assert '"status": "suspended"' in account


# Faults and cures.

_SERIAL = "LK-7654321"
_ONLINE = ("user", "internet_works", {"device": "phone"})
_RESTART = ("user", "restart_router", {})
_REPROVISION = ("assistant", "reprovision_line", {"line_id": LINE})
_CURES: dict[str, tuple[list[Step], Step, list[Step]]] = {
    "loose power": (
        [("user", "unplug_cable", {"cable": "power"})],
        _ONLINE,
        [("user", "reseat_cable", {"cable": "power"})],
    ),
    "loose line": (
        [("user", "unplug_cable", {"cable": "line"})],
        _ONLINE,
        [("user", "reseat_cable", {"cable": "line"})],
    ),
    "lost profile": ([("assistant", "drop_profile", {"line_id": LINE})], _ONLINE, [_REPROVISION, _RESTART]),
    "lost profile and loose line": (
        [("assistant", "drop_profile", {"line_id": LINE}), ("user", "unplug_cable", {"cable": "line"})],
        _ONLINE,
        [("user", "reseat_cable", {"cable": "line"}), _REPROVISION, _RESTART],
    ),
    "suspended": (
        [("assistant", "suspend_line", {"line_id": LINE, "reason": "non_payment"})],
        _ONLINE,
        [("assistant", "lift_suspension", {"line_id": LINE}), _RESTART],
    ),
    "new router": (
        [("user", "swap_router", {"serial": _SERIAL, "network": "New", "password": "x"})],
        _ONLINE,
        [
            ("assistant", "reprovision_line", {"line_id": LINE, "router_serial": _SERIAL}),
            _RESTART,
            ("user", "join_wifi", {"device": "phone", "band": "5GHz"}),
        ],
    ),
    "the old plan's profile": (
        [
            ("assistant", "sign_contract", {"line_id": LINE, "plan_id": "P-F500", "contract_end": "2027-01-01"}),
            ("assistant", "stale_profile", {"line_id": LINE, "plan_id": "P-F100"}),
            ("user", "move_in", {"line_id": LINE}),
        ],
        ("user", "speed_at_least", {"device": "desktop", "mbps": 500}),
        [_REPROVISION, _RESTART],
    ),
    "damaged settings": (
        [("user", "damage_settings", {})],
        _ONLINE,
        [("user", "factory_reset_router", {}), ("user", "join_wifi", {"device": "phone", "band": "5GHz"})],
    ),
    "bridge mode": ([("user", "set_bridge_mode", {})], _ONLINE, [("user", "set_router_mode", {"mode": "router"})]),
    "Wi-Fi off": (
        [("user", "switch_off_wifi", {"band": "5GHz"})],
        _ONLINE,
        [("user", "set_wifi", {"band": "5GHz", "on": True})],
    ),
    "forgotten network": (
        [("user", "forget_wifi", {"device": "phone"})],
        _ONLINE,
        [("user", "join_wifi", {"device": "phone", "band": "5GHz"})],
    ),
    "crowded channel": (
        [("user", "crowd_wifi", {"band": "5GHz", "busy": [36, 40, 44, 48]})],
        ("user", "speed_at_least", {"device": "phone", "mbps": 100}),
        [("user", "set_wifi", {"band": "5GHz", "channel": 52})],
    ),
    "far corner": (
        [("user", "carry_off", {"device": "tablet", "band": "5GHz"})],
        ("user", "speed_at_least", {"device": "tablet", "mbps": 40}),
        [("user", "join_wifi", {"device": "tablet", "band": "2.4GHz"})],
    ),
    "two settings": (
        [
            ("user", "set_manually", {"device": "phone", "setting": "dns"}),
            ("user", "turn_switch", {"device": "phone", "switch": "airplane_mode", "on": True}),
        ],
        _ONLINE,
        [
            ("user", "set_device_automatic", {"device": "phone", "setting": "dns"}),
            ("user", "set_device_switch", {"device": "phone", "switch": "airplane_mode", "on": False}),
        ],
    ),
    "vpn": (
        [("user", "turn_switch", {"device": "laptop", "switch": "vpn", "on": True})],
        ("user", "speed_at_least", {"device": "laptop", "mbps": 100}),
        [("user", "set_device_switch", {"device": "laptop", "switch": "vpn", "on": False})],
    ),
}


@pytest.mark.parametrize("fault", _CURES)
def test_each_fault_breaks_its_cure_mends_and_part_of_the_cure_does_not(fault: str):
    broken, (actor, name, arguments), cure = _CURES[fault]
    env = world(*broken)
    assert not holds(env, actor, name, **arguments)
    whole = env.fork()
    do(whole, *cure)
    assert holds(whole, actor, name, **arguments)
    assert problems(whole) == []
    for left_out in cure:
        part = env.fork()
        for step in cure:
            if step is not left_out:
                part.run(step[1], step[2], step[0])
        assert not holds(part, actor, name, **arguments), f"mended without {left_out}"


def test_a_restart_before_the_agent_has_acted_is_no_use():
    env = world(("assistant", "drop_profile", {"line_id": LINE}))
    do(env, _RESTART, _REPROVISION)
    assert not holds(env, "user", "internet_works", device="phone")


def test_reprovisioning_on_a_guess_throws_the_home_offline():
    env = world()
    do(env, _REPROVISION)
    assert not holds(env, "user", "internet_works", device="phone")
    do(env, _RESTART)
    assert holds(env, "user", "internet_works", device="phone")
    assert env.same_as(world())  # nothing counts how often


def test_a_cut_wire_is_beyond_the_customers_hands():
    env = world(("assistant", "cut_wire", {"line_id": LINE}))
    do(env, ("user", "reseat_cable", {"cable": "line"}), _RESTART, _REPROVISION, _RESTART)
    assert not holds(env, "user", "router_online")
    assert not holds(env, "assistant", "line_passes_test", line_id=LINE)


# What tools allow, and what they refuse.


@pytest.mark.parametrize(
    ("prepared", "careless"),
    [
        (
            [("assistant", "suspend_line", {"line_id": LINE, "reason": "non_payment"})],
            ("lift_suspension", {"line_id": LINE}),
        ),
        (
            [("assistant", "suspend_line", {"line_id": LINE, "reason": "security"})],
            ("lift_suspension", {"line_id": LINE}),
        ),
        (
            [("assistant", "sign_contract", {"line_id": LINE, "plan_id": "P-F500", "contract_end": "2026-08-01"})],
            ("change_plan", {"line_id": LINE, "plan_id": "P-F100"}),
        ),
        ([], ("grant_credit", {"customer_id": CUSTOMER, "outage_id": "OUT-309", "amount": 99.0})),
        ([], ("open_ticket", {"line_id": LINE, "category": "no_sync"})),
        ([], ("transfer_to_person", {"reason": "cancellation"})),
    ],
)
def test_the_back_office_lets_the_agent_break_the_policy(prepared: list[Step], careless: tuple[str, dict[str, Any]]):
    env = world(*prepared)
    before = env.fork()
    do(env, ("assistant", *careless))
    assert not env.same_as(before)
    assert problems(env) == []


@pytest.mark.parametrize(
    ("actor", "name", "arguments", "why"),
    [
        ("assistant", "verify_identity", {"name": "Nobody", "phone": "0700 1", "pin": "0000"}, "do not belong"),
        ("assistant", "run_line_test", {"line_id": "L9999"}, "no 'L9999' in lines"),
        ("assistant", "lift_suspension", {"line_id": LINE}, "not suspended"),
        ("assistant", "change_plan", {"line_id": LINE, "plan_id": "P-D16"}, "needs dsl"),
        ("assistant", "grant_credit", {"customer_id": CUSTOMER, "outage_id": "OUT-301", "amount": 100.5}, "at most"),
        (
            "assistant",
            "grant_credit",
            {"customer_id": CUSTOMER, "outage_id": "OUT-301", "amount": float("nan")},
            "at most",
        ),
        ("assistant", "book_technician", {"ticket_id": "T5001", "slot_id": "S-AS0918AM"}, "closed"),
        ("assistant", "transfer_to_person", {"reason": "boredom"}, "Input should be"),
        ("user", "join_wifi", {"device": "desktop", "band": "5GHz"}, "cannot use Wi-Fi"),
        ("user", "join_wifi", {"device": "tv", "band": "5GHz"}, "cannot use Wi-Fi"),
        ("user", "set_wifi", {"band": "2.4GHz", "channel": 36}, "has the channels"),
        ("user", "pay_bill", {"bill_id": "I1002-09"}, "shows no bill"),
        ("user", "set_device_switch", {"device": "desktop", "switch": "wifi", "on": False}, "no switch"),
    ],
)
def test_tools_refuse_what_the_real_ones_would(actor: str, name: str, arguments: dict[str, Any], why: str):
    env = world()
    outcome = env.run(name, arguments, actor)
    assert outcome.error
    assert why in outcome.content
    assert env.same_as(world())


def test_identity_is_name_number_and_pin_together():
    env = world()
    customer = env.agent_db["customers"][CUSTOMER]
    right = {"name": customer.name, "phone": customer.phone, "pin": customer.pin}
    [held] = do(env, ("assistant", "verify_identity", right))
    assert '"caller_is": "holder"' in held
    [written] = do(env, ("assistant", "verify_identity", {**right, "phone": customer.phone.replace(" ", "-")}))
    assert written == held
    [spoken] = do(env, ("assistant", "verify_identity", {**right, "name": customer.contacts[0].upper()}))
    assert '"caller_is": "contact"' in spoken
    for wrong in ({"name": "Some Body"}, {"phone": "0700 000000"}, {"pin": "0000"}):
        assert env.run("verify_identity", {**right, **wrong}, "assistant").error

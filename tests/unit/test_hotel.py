"""The hotel: its world is consistent, its tools are a booking system, its policy is what binds."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from eigen_graph.core import (
    DIFFICULTIES,
    PERSONAS,
    Case,
    Cue,
    Domain,
    Environment,
    NoCaseError,
    Outcome,
    task_from_case,
)
from eigen_graph.domains import load_domain
from eigen_graph.domains.check import check_domain
from eigen_graph.domains.hotel import generate
from eigen_graph.domains.hotel.arithmetic import is_free, nights_between, shift
from eigen_graph.domains.hotel.records import Booking
from eigen_graph.domains.hotel.rules import (
    GOODWILL,
    SAVER_CHANGE_FEE,
    cancellation_fee,
    days_ahead,
    early_departure_fee,
    just_made,
    most_points,
)

HOTEL = load_domain("hotel")
NOW = HOTEL.now
TODAY = NOW[:10]
INTENTS = list(HOTEL.playbook.intents) if HOTEL.playbook else []


def case_of(intent: str, seed: int, **cue: Any) -> Case | None:
    assert HOTEL.playbook
    try:
        return HOTEL.playbook.case(HOTEL, Cue(domain="hotel", seed=seed, intent=intent, **cue))
    except NoCaseError:
        return None


def some_cases(intent: str, count: int = 12) -> list[Case]:
    cases = (case_of(intent, seed, difficulty=DIFFICULTIES[seed % 3]) for seed in range(count))
    return [case for case in cases if case]


def complaints(domain: Domain, env: Environment) -> list[str]:
    return [text for invariant in domain.invariants for text in invariant(env.agent_db, None)]


@pytest.fixture
def env() -> Environment:
    return Environment(HOTEL)


def a_booking(env: Environment, status: str = "confirmed", plan: str = "flexible", **fields: Any) -> Booking:
    return next(
        b
        for b in env.agent_db["bookings"].values()
        if (b.status, b.plan) == (status, plan) and all(getattr(b, name) == value for name, value in fields.items())
    )


def paid_with(env: Environment, booking: Booking) -> str:
    return str(env.agent_db["payments"][f"{booking.booking_id}-stay"].method_id)


def call(env: Environment, tool: str, /, **arguments: Any) -> Outcome:
    return env.run(tool, arguments, "assistant")


def refused(env: Environment, tool: str, says: str, /, **arguments: Any) -> None:
    before = env.fork()
    outcome = call(env, tool, **arguments)
    assert outcome.error
    assert says in outcome.content, outcome.content
    assert env.same_as(before)


# --- the world


def test_the_check_has_nothing_to_say() -> None:
    assert [str(finding) for finding in check_domain(HOTEL)] == []


def test_the_world_has_the_size_and_variety_the_playbook_needs() -> None:
    db = HOTEL.agent.database
    assert (len(db["guests"]), len(db["rooms"])) == (120, 80)
    assert 240 <= len(db["bookings"]) <= 320
    states = Counter((booking.status, booking.plan) for booking in db["bookings"].values())
    for status in ("confirmed", "checked_in", "checked_out", "cancelled"):
        for plan in ("flexible", "saver", "advance"):
            assert states[status, plan] >= 3, (status, plan)
    assert any(guest.delegates for guest in db["guests"].values())
    assert {account.tier for account in db["memberships"].values()} == {"member", "silver", "gold"}


def test_no_two_guests_can_be_taken_for_each_other() -> None:
    emails = [guest.email for guest in HOTEL.agent.database["guests"].values()]
    assert len(set(emails)) == len(emails)
    assert all(re.fullmatch(r"[a-z.\-]+\d+@post\.example", email) for email in emails)


def test_generation_is_the_same_each_time() -> None:
    assert generate.build().to_json() == HOTEL.agent.database.to_json()


def test_another_process_with_another_hash_seed_agrees() -> None:
    script = (
        "from eigen_graph.core import Cue, NoCaseError\n"
        "from eigen_graph.domains import load_domain\n"
        "hotel = load_domain('hotel')\n"
        "print(hotel.agent.database.digest())\n"
        "for intent in hotel.playbook.intents:\n"
        "    try:\n"
        "        print(hotel.playbook.case(hotel, Cue(domain='hotel', seed=4, intent=intent)))\n"
        "    except NoCaseError as none:\n"
        "        print(none)\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert outputs.pop().startswith(HOTEL.agent.database.digest())


def test_policy_says_what_the_rules_compute_with() -> None:
    policy = HOTEL.policy
    assert TODAY in policy.text
    assert 20 <= len(policy.clauses) <= 26
    for tier, points in GOODWILL.items():
        line = f"{tier.capitalize()}: noise {points['noise']}, cleaning {points['cleaning']}, "
        assert f"{line}broken equipment {points['broken_equipment']}." in policy.clause("19")
    for extra in HOTEL.agent.database["extras"].values():
        assert f"{extra.price:.2f}" in policy.clause("17")
    assert f"{SAVER_CHANGE_FEE:.2f}" in policy.clause("13")


# --- the tools


def test_a_guest_is_identified_by_postcode_and_one_thing_more(env: Environment) -> None:
    booking = a_booking(env)
    guest = env.agent_db["guests"][booking.guest_id]
    for proof in ({"email": guest.email.upper()}, {"booking_id": f" {booking.booking_id.lower()} "}):
        outcome = call(env, "identify_guest", postcode=guest.postcode.lower().replace(" ", ""), **proof)
        assert not outcome.error
        assert guest.guest_id in outcome.content
    refused(env, "identify_guest", "no profile matches", postcode="XX1 1XX", email=guest.email)
    refused(env, "identify_guest", "no profile matches", postcode=guest.postcode, email="who@post.example")
    refused(env, "identify_guest", "one of the two", postcode=guest.postcode)
    refused(env, "identify_guest", "one of the two", postcode=guest.postcode, email=guest.email, booking_id="B1")


def test_booking_takes_the_room_and_the_money(env: Environment) -> None:
    guest = next(iter(env.agent_db["guests"].values()))
    card = next(m for m in env.agent_db["methods"].values() if m.guest_id == guest.guest_id and m.kind == "card")
    room = next(
        r for r in env.agent_db["rooms"].values() if is_free(env.agent_db, r.room_id, "2026-10-01", "2026-10-04")
    )
    order = {
        "guest_id": guest.guest_id,
        "room_id": room.room_id,
        "check_in": "2026-10-01",
        "check_out": "2026-10-04",
        "adults": 1,
        "plan": "saver",
        "method_id": card.method_id,
    }
    assert not call(env, "create_booking", **order).error
    made = list(env.agent_db["bookings"].values())[-1]
    assert made.total == round(3 * round(room.nightly * 0.88, 2), 2)
    assert complaints(HOTEL, env) == []
    refused(env, "create_booking", "is not free", **order)
    refused(env, "create_booking", "at least one adult", **{**order, "adults": 0})
    refused(env, "create_booking", "sleeps", **{**order, "adults": 9})
    refused(env, "create_booking", "in the past", **{**order, "check_in": "2026-05-10", "check_out": "2026-05-12"})
    refused(env, "create_booking", "YYYY-MM-DD", **{**order, "check_in": "tomorrow"})
    refused(env, "create_booking", "1 to 28 nights", **{**order, "check_out": "2026-12-24"})
    refused(env, "create_booking", "no guest", **{**order, "guest_id": "G1"})
    other = next(m for m in env.agent_db["methods"].values() if m.guest_id != guest.guest_id)
    later = {**order, "check_in": "2026-11-01", "check_out": "2026-11-02"}
    refused(env, "create_booking", "is not on the profile", **{**later, "method_id": other.method_id})


def test_a_room_can_be_booked_again_after_a_cancellation_and_gets_another_number(env: Environment) -> None:
    booking = a_booking(env)
    card = paid_with(env, booking)
    assert not call(env, "cancel_booking", booking_id=booking.booking_id, fee=0, refund_to=card).error
    again = {
        name: getattr(booking, name) for name in ("guest_id", "room_id", "check_in", "check_out", "adults", "plan")
    }
    assert not call(env, "create_booking", **again, method_id=card).error
    assert env.agent_db["bookings"][f"{booking.booking_id}A"].status == "confirmed"
    assert complaints(HOTEL, env) == []


def test_a_voucher_pays_as_far_as_it_goes_and_gets_refunds_back(env: Environment) -> None:
    voucher = max((m for m in env.agent_db["methods"].values() if m.kind == "voucher"), key=lambda m: m.balance or 0)
    room = next(
        r for r in env.agent_db["rooms"].values() if is_free(env.agent_db, r.room_id, "2026-10-01", "2026-10-29")
    )
    order = {
        "guest_id": voucher.guest_id,
        "room_id": room.room_id,
        "check_in": "2026-10-01",
        "adults": 1,
        "plan": "flexible",
        "method_id": voucher.method_id,
    }
    refused(env, "create_booking", "does not cover", **order, check_out="2026-10-29")
    assert not call(env, "create_booking", **order, check_out="2026-10-02").error
    assert env.agent_db["methods"][voucher.method_id].balance == round(voucher.balance - room.nightly, 2)
    made = list(env.agent_db["bookings"])[-1]
    assert not call(env, "cancel_booking", booking_id=made, fee=0, refund_to=voucher.method_id).error
    assert env.agent_db["methods"][voucher.method_id].balance == voucher.balance


def test_an_expired_card_is_not_charged(env: Environment) -> None:
    booking = next(b for b in env.agent_db["bookings"].values() if b.status == "confirmed" and not b.has("parking"))
    card = paid_with(env, booking)
    env.agent_db["methods"].update(card, expires="2026-04")
    refused(env, "add_extra", "has expired", booking_id=booking.booking_id, extra="parking", method_id=card)


def test_dates_change_at_the_bookings_own_price(env: Environment) -> None:
    booking = next(
        b
        for b in env.agent_db["bookings"].values()
        if b.status == "confirmed"
        and b.has("breakfast")
        and is_free(env.agent_db, b.room_id, b.check_in, shift(b.check_out, 1), besides=b.booking_id)
    )
    card = paid_with(env, booking)
    change = {"booking_id": booking.booking_id, "check_in": booking.check_in, "method_id": card}
    assert not call(env, "change_dates", **change, check_out=shift(booking.check_out, 1), fee=25).error
    changed = env.agent_db["bookings"][booking.booking_id]
    assert changed.total == round(
        booking.total + booking.nightly + 25 + 16.5 * booking.adults + 14 * booking.has("parking"), 2
    )
    assert changed.date_changes == booking.date_changes + 1
    assert complaints(HOTEL, env) == []
    refused(env, "change_dates", "these dates already", **change, check_out=changed.check_out, fee=0)
    refused(env, "change_dates", "the fee must lie", **change, check_out=booking.check_out, fee=-1)
    refused(env, "change_dates", "the fee must lie", **change, check_out=booking.check_out, fee=float("nan"))


def test_leaving_early_frees_the_room_and_keeps_the_fee(env: Environment) -> None:
    booking = next(
        b
        for b in env.agent_db["bookings"].values()
        if b.status == "checked_in" and nights_between(TODAY, b.check_out) > 2
    )
    leave = {"booking_id": booking.booking_id, "refund_to": paid_with(env, booking)}
    refused(env, "check_out_early", "must be from", **leave, departure=booking.check_out, fee=0)
    refused(env, "check_out_early", "must be from", **leave, departure=shift(TODAY, -1), fee=0)
    refused(env, "check_out_early", "the price of the unused nights", **leave, departure=TODAY, fee=booking.total * 9)
    unused = nights_between(TODAY, booking.check_out) * booking.nightly
    assert not call(env, "check_out_early", **leave, departure=TODAY, fee=10).error
    assert env.agent_db["bookings"][booking.booking_id].total == round(booking.total - unused + 10, 2)
    assert complaints(HOTEL, env) == []


def test_states_are_kept_apart(env: Environment) -> None:
    cancelled, past, inside = (a_booking(env, status) for status in ("cancelled", "checked_out", "checked_in"))
    for booking in (cancelled, past, inside):
        number, card = booking.booking_id, paid_with(env, booking)
        refused(env, "cancel_booking", f"is {booking.status}", booking_id=number, fee=0, refund_to=card)
    refused(env, "add_extra", "is checked_out", booking_id=past.booking_id, extra="parking", method_id="x")
    refused(env, "check_out_early", "not checked_in", booking_id=past.booking_id, departure=TODAY, fee=0, refund_to="x")
    refused(env, "grant_goodwill", "is cancelled", booking_id=cancelled.booking_id, cause="noise", points=1)
    room = next(r for r in env.agent_db["rooms"] if is_free(env.agent_db, r, TODAY, inside.check_out))
    refused(
        env,
        "change_room",
        "at another price",
        booking_id=inside.booking_id,
        room_id=room,
        method_id=paid_with(env, inside),
    )


def test_a_charge_is_returned_once(env: Environment) -> None:
    payment = f"{a_booking(env).booking_id}-stay"
    assert not call(env, "refund_charge", payment_id=payment).error
    refused(env, "refund_charge", "refunded already", payment_id=payment)
    refused(env, "refund_charge", "is a refund itself", payment_id=payment.replace("-stay", "-correction"))
    refused(env, "refund_charge", "no payment", payment_id="P1")


def test_extras_are_added_once_and_where_they_fit(env: Environment) -> None:
    booking = next(
        b
        for b in env.agent_db["bookings"].values()
        if b.status == "confirmed" and b.has("parking") and not env.agent_db["rooms"][b.room_id].dogs
    )
    add = {"booking_id": booking.booking_id, "method_id": paid_with(env, booking)}
    refused(env, "add_extra", "has parking already", **add, extra="parking")
    refused(env, "add_extra", "dogs are not allowed", **add, extra="dog")
    following = next(
        (b, other)
        for b in env.agent_db["bookings"].values()
        for other in env.agent_db["bookings"].values()
        if b.status == other.status == "confirmed" and b.room_id == other.room_id and b.check_out == other.check_in
    )[0]
    late = {"booking_id": following.booking_id, "method_id": paid_with(env, following)}
    refused(env, "add_extra", "is taken from", **late, extra="late_checkout")


def test_points_are_bounded(env: Environment) -> None:
    booking = a_booking(env)
    held = env.agent_db["memberships"][booking.guest_id].points
    redeem = {"booking_id": booking.booking_id, "refund_to": paid_with(env, booking)}
    for points in (0, -100, held + 1):
        refused(env, "redeem_points", "points must lie", **redeem, points=points)
    env.agent_db["memberships"].update(booking.guest_id, points=10**6)
    refused(env, "redeem_points", "are worth more", **redeem, points=10**6)
    inside = a_booking(env, "checked_in")
    refused(env, "grant_goodwill", "points must lie", booking_id=inside.booking_id, cause="noise", points=10**6)


def test_independent_writes_commute(env: Environment) -> None:
    booking = next(b for b in env.agent_db["bookings"].values() if b.status == "confirmed" and not b.extras)
    second = next(b for b in env.agent_db["bookings"].values() if b.status == "confirmed" and b != booking)
    card = paid_with(env, booking)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("add_extra", {"booking_id": booking.booking_id, "extra": "parking", "method_id": card}),
        ("add_extra", {"booking_id": booking.booking_id, "extra": "breakfast", "method_id": card}),
        ("cancel_booking", {"booking_id": second.booking_id, "fee": 0, "refund_to": paid_with(env, second)}),
    ]
    other = env.fork()
    for name, arguments in calls:
        assert not call(env, name, **arguments).error
    for name, arguments in reversed(calls):
        assert not call(other, name, **arguments).error
    assert env.same_as(other)


# --- the rules


def booking_for(**fields: Any) -> Booking:
    base = a_booking(Environment(HOTEL), extras=(), fees=0.0)
    plain = {"booked_at": "2026-03-01T12:00:00", "nightly": 100.0, "total": 300.0, **fields}
    return base.model_copy(update=plain)


@pytest.mark.parametrize(
    ("plan", "check_in", "fee"),
    [
        ("flexible", "2026-05-13", 0.0),
        ("flexible", "2026-05-12", 100.0),
        ("flexible", "2026-05-11", 100.0),
        ("saver", "2026-05-18", 90.0),
        ("saver", "2026-05-17", 300.0),
        ("advance", "2026-09-01", 300.0),
    ],
)
def test_cancellation_windows(plan: Any, check_in: str, fee: float) -> None:
    assert cancellation_fee(booking_for(plan=plan, check_in=check_in), NOW) == fee


def test_second_thoughts_within_a_day_cost_nothing_if_arrival_is_far() -> None:
    made = {"plan": "advance", "check_in": "2026-05-18"}
    assert cancellation_fee(booking_for(**made, booked_at="2026-05-10T10:00:00"), NOW) == 0.0
    assert cancellation_fee(booking_for(**made, booked_at="2026-05-10T09:59:00"), NOW) == 300.0
    near = booking_for(plan="advance", check_in="2026-05-17", booked_at=NOW)
    assert not just_made(near, NOW)
    assert days_ahead(near, NOW) == 6


def test_early_departure_and_points() -> None:
    stay = {"check_in": "2026-05-09", "check_out": "2026-05-14"}
    assert early_departure_fee(booking_for(plan="flexible", **stay), TODAY) == 100.0
    assert early_departure_fee(booking_for(plan="saver", **stay), TODAY) == 300.0
    assert most_points(booking_for(total=129.99)) == 6000


# --- the playbook


@pytest.mark.parametrize("intent", INTENTS)
def test_every_intent_plays_over_many_seeds(intent: str) -> None:
    cases = [case for seed in range(40) if (case := case_of(intent, seed, difficulty=DIFFICULTIES[seed % 3]))]
    assert len(cases) >= 25
    assert len({beats(case) for case in cases}) >= 0.6 * len(cases), "cases repeat themselves"
    for case in cases[:10]:
        env = Environment(HOTEL, task_from_case(case))
        for action in case.actions:
            assert not env.run(action.name, action.arguments, "assistant").error
        assert complaints(HOTEL, env) == []


def beats(case: Case) -> str:
    return "\n".join(beat.text for beat in case.beats)


@pytest.mark.parametrize(
    "intent",
    [name for name in INTENTS if HOTEL.playbook and HOTEL.playbook.intents[name].ending in {"refusal", "nothing"}],
)
def test_what_the_policy_forbids_the_tools_would_do(intent: str) -> None:
    """Otherwise the tools, not the policy, would be what binds."""
    for case in some_cases(intent):
        open_to_it = [
            action
            for action in case.forbidden
            if not Environment(HOTEL, task_from_case(case)).run(action.name, action.arguments, "assistant").error
        ]
        assert open_to_it, f"{intent} forbids only what the tools refuse"
        assert {HOTEL.agent.toolbox[action.name].traits.writes for action in open_to_it} == {True}


def test_forbidden_is_not_what_the_solution_does() -> None:
    for intent in INTENTS:
        for case in some_cases(intent):
            done = {(action.name, str(sorted(action.arguments.items()))) for action in case.actions}
            assert not done & {(action.name, str(sorted(action.arguments.items()))) for action in case.forbidden}, (
                intent
            )


def test_endings_are_mixed() -> None:
    assert HOTEL.playbook
    endings = Counter(intent.ending for intent in HOTEL.playbook.intents.values())
    assert endings["refusal"] >= 3
    assert endings["transfer"] >= 2
    assert endings["nothing"] >= 3
    assert endings["done"] >= 10


def test_any_clause_with_any_of_its_tools_finds_a_case_about_it() -> None:
    assert HOTEL.playbook
    for clause in HOTEL.policy.clauses:
        for tool in HOTEL.policy.tools_named_in(clause):
            for number, persona in enumerate(PERSONAS):
                cue = Cue(domain="hotel", seed=number, clause=clause, tool=tool, persona=persona, difficulty="hard")
                case = HOTEL.playbook.case(HOTEL, cue)
                assert clause in case.clauses, (clause, tool, case.intent)


def test_hard_cases_ask_for_more() -> None:
    for intent in ("change_dates_freely", "add_an_extra", "book_the_same_room", "move_to_cheaper_room"):
        easy, hard = case_of(intent, 3, difficulty="easy"), case_of(intent, 3, difficulty="hard")
        assert easy
        assert hard
        assert len(hard.actions) > len(easy.actions), intent


def test_no_two_intents_share_their_words() -> None:
    """Each opens in its own way, although what is asked for, and how it is reported, may be the same."""
    owner: dict[str, str] = {}
    for intent in INTENTS:
        for case in filter(None, (case_of(intent, seed) for seed in range(20))):
            opening = case.beats[0].text
            assert owner.setdefault(shape(opening), intent) == intent, opening


def shape(text: str) -> str:
    """The text without what varies from record to record."""
    return re.sub(r"[A-Z]?\d[\w.:-]*", "#", text)


def test_what_the_user_must_know_is_in_the_brief() -> None:
    """A real model has only the brief: ids and cards the user names must stand there."""
    for intent in INTENTS:
        for case in some_cases(intent):
            brief = f"{case.reason_for_call} {case.known_info} {case.task_instructions}"
            heard = brief
            for beat in case.beats:
                if beat.actor == "assistant":
                    heard += f" {beat.text}"
                    continue
                for token in re.findall(r"\bB\d{7}[A-Z]?\b|ending in \d{4}|\S+@\S+\.example", beat.text):
                    assert token in heard, (intent, token)


def test_checker_programs_accept_what_they_should() -> None:
    """The cases with more than one right end, judged in plain Python."""
    judged = 0
    for intent in INTENTS:
        for case in some_cases(intent):
            if case.checker_code is None:
                continue
            judged += 1
            said = [beat.text for beat in case.beats if beat.actor == "assistant" and beat.text]
            assert verdict(case, case.actions, said) == (True, "a room as asked for")
            assert not verdict(case, (), said)[0]
            for forbidden in case.forbidden:
                wrong = (*case.actions[:-1], forbidden)
                assert not verdict(case, wrong, said)[0], (intent, forbidden)
            for other in case.alternatives:
                new_room = other[-1].arguments["room_id"]
                told = [re.sub(r"[Rr]oom \d{3}", f"room {new_room}", text) for text in said]
                if intent != "book_any_room":  # there the price follows the room, too
                    assert verdict(case, other, told)[0]
    assert judged >= 24


def verdict(case: Case, actions: Any, said: list[str]) -> tuple[bool, str]:
    env = Environment(HOTEL, task_from_case(case))
    for action in actions:
        env.run(action.name, action.arguments, "assistant")
    changes = [{**change.model_dump(), "side": "assistant"} for change in env.agent_db.diff()]
    scope: dict[str, Any] = {}
    exec(case.checker_code or "", scope)  # noqa: S102  # our own source; the sandbox has tests of its own
    return scope["check"](changes, [], said)  # type: ignore[no-any-return]

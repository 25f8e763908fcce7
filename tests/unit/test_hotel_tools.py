"""The hotel's tools are a booking system; its rules are the policy in figures."""

from __future__ import annotations

from typing import Any

import pytest

from eigen_graph.core import (
    Domain,
    Environment,
    Outcome,
)
from eigen_graph.domains import load_domain
from eigen_graph.domains.hotel.arithmetic import is_free, nights_between, shift
from eigen_graph.domains.hotel.records import Booking
from eigen_graph.domains.hotel.rules import (
    cancellation_fee,
    days_ahead,
    early_departure_fee,
    just_made,
    most_points,
)

HOTEL = load_domain("hotel")
NOW = HOTEL.now
TODAY = NOW[:10]


@pytest.fixture
def env() -> Environment:
    return Environment(HOTEL)


def complaints(domain: Domain, env: Environment) -> list[str]:
    return [text for invariant in domain.invariants for text in invariant(env.agent_db, None)]


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

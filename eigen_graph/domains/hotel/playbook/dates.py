"""Other dates."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.hotel.arithmetic import euros, is_free, nights_between, owed, repriced, shift
from eigen_graph.domains.hotel.playbook.book import PLAYBOOK
from eigen_graph.domains.hotel.playbook.moves import (
    a_booking,
    ahead,
    amounts,
    arrive,
    label_of,
    money,
    one_thing_more,
    room_for_more,
    spoken,
    who,
)
from eigen_graph.domains.hotel.records import Booking, Guest
from eigen_graph.domains.hotel.rules import (
    SAVER_CHANGE_DAYS,
    cancellation_fee,
    change_fee,
    dates_may_change,
    days_ahead,
    paying_method,
)

_CHANGE = ("identify_guest", "get_guest", "get_booking", "change_dates")
_LEAVE = ("identify_guest", "get_guest", "get_booking", "check_out_early")


def _new_dates(stage: Stage, booking: Booking) -> tuple[str, str]:
    """Other dates on which the room is free: later, earlier, or a night longer."""
    options = [
        (shift(booking.check_in, first), shift(booking.check_out, last))
        for first, last in ((1, 1), (2, 2), (7, 7), (-1, -1), (-2, -2), (0, 1), (0, 2), (-1, 0))
    ]
    return stage.choose(
        [
            (first, last)
            for first, last in options
            if first > stage.env.domain.now[:10]
            and is_free(stage.db, booking.room_id, first, last, besides=booking.booking_id)
        ],
        "the room has no other dates free",
    )


def _cost_of(stage: Stage, booking: Booking, first: str, last: str, fee: float) -> float:
    nights = nights_between(first, last)
    changed = booking.model_copy(
        update={
            "check_in": first,
            "check_out": last,
            "fees": booking.fees + fee,
            "extras": repriced(booking, nights, dict(stage.db["extras"])),
        }
    )
    return euros(owed(changed) - booking.total)


def _change(stage: Stage, booking: Booking, guest: Guest, first: str, last: str) -> None:
    fee = change_fee(booking.plan)
    difference = _cost_of(stage, booking, first, last, fee)
    method = paying_method(stage.db, booking)
    label, costs, extra = label_of(stage, method), money(difference), money(fee)
    stage.hide(*(amount for amount in amounts(costs) if amount != "25.00"))
    rule = (
        "The flexible rate lets you change dates without a fee."
        if booking.plan == "flexible"
        else "The saver rate lets you change dates once, for a fee of 25.00 euros."
    )
    bill = f"In all {costs} euros are charged to your {label}." if difference else "Nothing is charged: 0.00 euros."
    stage.confirm(
        f"{rule} I would move {booking.booking_id} to {first} until {last}. {bill} Shall I?",
        f"Your room is free from {first} to {last}. {rule} {bill} Do you want me to change it?",
    )
    stage.agent_calls(
        "change_dates", booking_id=booking.booking_id, check_in=first, check_out=last, fee=fee, method_id=method
    )
    stage.report(
        f"Done: {booking.booking_id} is now from {first} to {last}, and {costs} euros were charged.",
        f"The new dates are in: {first} to {last}. The change came to {costs} euros.",
        facts=[first, last, *amounts(costs)],
    )
    stage.forbid(
        "change_dates",
        booking_id=booking.booking_id,
        check_in=first,
        check_out=shift(last, 1),
        fee=fee,
        method_id=method,
    )
    stage.forbid("cancel_booking", booking_id=booking.booking_id, fee=0.0, refund_to=method)
    if extra != "0.00":
        stage.forbid(
            "change_dates", booking_id=booking.booking_id, check_in=first, check_out=last, fee=0.0, method_id=method
        )
    more = one_thing_more(stage, stage.db["bookings"][booking.booking_id], guest)
    stage.close()
    stage.brief(
        reason=f"You want to move your stay to {first} until {last}.",
        known=who(guest, booking, f"You pay with your {label}."),
        unknown="You do not know what the change costs.",
        behave=f"Agree to the new dates at the price that the agent names.{more}",
    )


@PLAYBOOK.intent("change_dates_freely", clauses=("1", "4", "12"), tools=(*_CHANGE, "add_extra"))
def change_dates_freely(stage: Stage) -> None:
    """A flexible booking gets other dates."""
    booking, guest = a_booking(stage, lambda b: ahead(stage, b, "flexible", 1) and room_for_more(stage, b))
    first, last = _new_dates(stage, booking)
    arrive(
        stage,
        guest,
        f"My holiday has been shifted. Can my stay be from {spoken(first)} to {spoken(last)} instead?",
        f"I'd like other dates: arriving {spoken(first)}, leaving {spoken(last)}.",
        f"Could you move booking {booking.booking_id} so that I come on {spoken(first)} and go on {spoken(last)}?",
        booking=booking,
    )
    _change(stage, booking, guest, first, last)


@PLAYBOOK.intent("change_dates_for_a_fee", clauses=("1", "4", "13"), tools=(*_CHANGE, "add_extra"))
def change_dates_for_a_fee(stage: Stage) -> None:
    """A saver booking gets its one change."""
    booking, guest = a_booking(
        stage,
        lambda b: ahead(stage, b, "saver", 3) and dates_may_change(b, stage.env.domain.now) and room_for_more(stage, b),
    )
    first, last = _new_dates(stage, booking)
    arrive(
        stage,
        guest,
        f"I have a room from {spoken(booking.check_in)}, but {spoken(first)} to {spoken(last)} would suit me better.",
        f"Is it possible to come from {spoken(first)} till {spoken(last)} instead of {spoken(booking.check_in)}?",
        f"Please rebook {booking.booking_id} to {spoken(first)} until {spoken(last)}; I don't mind paying something.",
        booking=booking,
    )
    _change(stage, booking, guest, first, last)


def _refuse_dates(stage: Stage, booking: Booking, guest: Guest, dates: tuple[str, str], rule: str) -> None:
    """Say no to new dates, and answer what cancelling would cost instead."""
    first, last = dates
    fee = money(cancellation_fee(booking, stage.env.domain.now))
    method = paying_method(stage.db, booking)
    stage.hide(fee)
    stage.agent(
        f"I'm afraid I can't move it: {rule}. Your booking stays as it is, {booking.check_in} to {booking.check_out}.",
        f"The dates can't be changed here, because {rule}. I have to leave {booking.check_in} to {booking.check_out}.",
    )
    stage.user(
        "And if I cancelled it, what would you keep?",
        "What would it cost me to cancel then?",
        "How much do I lose if I cancel instead?",
    )
    stage.report(
        f"Cancelling {booking.booking_id} today would cost you {fee} euros.",
        f"If you cancel, {fee} euros are kept.",
        facts=[fee],
    )
    stage.close(
        "Then I'd better come as planned. Leave everything as it is.",
        "No, thanks. Keep the booking as it is, I'll manage somehow.",
    )
    for change_fee_guess in (0.0, 25.0):
        stage.forbid(
            "change_dates",
            booking_id=booking.booking_id,
            check_in=first,
            check_out=last,
            fee=change_fee_guess,
            method_id=method,
        )
    stage.forbid("cancel_booking", booking_id=booking.booking_id, fee=0.0, refund_to=method)
    stage.forbid("transfer_to_person", reason="not_covered")
    stage.brief(
        reason=f"You want to move your stay to {first} until {last}.",
        known=who(guest, booking),
        unknown="You do not know whether your rate allows it, or what cancelling would cost.",
        behave="If the dates cannot be changed, ask what cancelling would cost. Do not cancel, whatever it is: "
        "keep the booking as it is.",
    )


@PLAYBOOK.intent("change_dates_again", clauses=("1", "13", "10"), tools=_CHANGE, ending="refusal")
def change_dates_again(stage: Stage) -> None:
    """A saver booking whose one change is used up, or that begins too soon."""
    now = stage.env.domain.now
    booking, guest = a_booking(stage, lambda b: ahead(stage, b, "saver", 1) and not dates_may_change(b, now))
    first, last = _new_dates(stage, booking)
    arrive(
        stage,
        guest,
        f"I need different dates for {booking.booking_id}: {spoken(first)} to {spoken(last)}.",
        f"Another change from my side, sorry: could I come {spoken(first)} and stay until {spoken(last)}?",
        f"It turns out {spoken(first)} to {spoken(last)} works better for us. Please adjust our reservation.",
        booking=booking,
    )
    rule = (
        "the saver rate allows one change of dates, and that has been made"
        if booking.date_changes
        else f"at the saver rate dates can be changed up to {SAVER_CHANGE_DAYS} days before arrival, and yours is "
        f"{days_ahead(booking, now)} ahead"
    )
    _refuse_dates(stage, booking, guest, (first, last), rule)


@PLAYBOOK.intent("change_fixed_dates", clauses=("1", "14", "11"), tools=_CHANGE, ending="refusal")
def change_fixed_dates(stage: Stage) -> None:
    """An advance booking never moves."""
    booking, guest = a_booking(stage, lambda b: ahead(stage, b, "advance", 1))
    first, last = _new_dates(stage, booking)
    arrive(
        stage,
        guest,
        f"Our flight was rescheduled. We need the room {spoken(first)} to {spoken(last)} now.",
        f"I got the days mixed up: it should be {spoken(first)} to {spoken(last)}, not {spoken(booking.check_in)}.",
        f"Would you move my reservation to {spoken(first)}? I'd leave on {spoken(last)}. I'll pay a fee, no problem.",
        booking=booking,
    )
    _refuse_dates(stage, booking, guest, (first, last), "at the advance rate the dates are fixed")

"""Leaving before the stay is over."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.hotel.arithmetic import nights_between, shift
from eigen_graph.domains.hotel.playbook.book import PLAYBOOK
from eigen_graph.domains.hotel.playbook.moves import (
    a_booking,
    arrive,
    label_of,
    money,
    spoken,
    who,
)
from eigen_graph.domains.hotel.records import Booking
from eigen_graph.domains.hotel.rules import (
    early_departure_fee,
    paying_method,
)

_CHANGE = ("identify_guest", "get_guest", "get_booking", "change_dates")
_LEAVE = ("identify_guest", "get_guest", "get_booking", "check_out_early")


def _in_house(stage: Stage, booking: Booking, least: int = 2) -> bool:
    """A stay under way with so many nights left."""
    today = stage.env.domain.now[:10]
    return booking.status == "checked_in" and nights_between(today, booking.check_out) >= least


@PLAYBOOK.intent("leave_early", clauses=("1", "4", "6", "15"), tools=_LEAVE)
def leave_early(stage: Stage) -> None:
    """In the house at the flexible rate: the unused nights less one."""
    today = stage.env.domain.now[:10]
    booking, guest = a_booking(stage, lambda b: b.plan == "flexible" and _in_house(stage, b))
    nights = nights_between(today, booking.check_out)
    departure = shift(today, stage.rng.randrange(nights - 1))
    when = "today" if departure == today else f"on {spoken(departure)}"
    fee = early_departure_fee(booking, departure)
    unused = nights_between(departure, booking.check_out)
    back, kept = money(unused * booking.nightly - fee), money(fee)
    method = paying_method(stage.db, booking)
    label = label_of(stage, method)
    stage.hide(back, kept)
    arrive(
        stage,
        guest,
        f"We're staying with you at the moment and have to leave {when}, earlier than booked.",
        f"I'm in room {booking.room_id}. I have to go home {when} already, can you check me out then?",
        f"There's been a change at work and I must leave {when} instead of {spoken(booking.check_out)}.",
        booking=booking,
    )
    stage.confirm(
        f"That leaves {unused} nights unused. At the flexible rate one of them is kept, {kept} euros, and {back} euros "
        f"go back to your {label}. Shall I end the stay on {departure}?",
        f"If you leave on {departure}, I keep one night, {kept} euros, and refund {back} euros to the {label}. Is that "
        f"all right?",
    )
    stage.agent_calls("check_out_early", booking_id=booking.booking_id, departure=departure, fee=fee, refund_to=method)
    stage.report(
        f"Your stay now ends on {departure}; {back} euros are on their way to your {label}.",
        f"All set for {departure}. The refund is {back} euros, after one night of {kept} euros.",
        facts=[departure, back],
    )
    stage.close()
    stage.forbid("check_out_early", booking_id=booking.booking_id, departure=departure, fee=0.0, refund_to=method)
    stage.forbid("grant_goodwill", booking_id=booking.booking_id, cause="noise", points=400)
    stage.brief(
        reason=f"You are staying at the hotel and have to leave {when} ({departure}), before the end of your booking.",
        known=who(guest, booking, f"You are in room {booking.room_id}."),
        unknown="You do not know what is refunded for the nights you do not use.",
        behave="Agree to leave early when you hear the refund. You have no complaint about the hotel.",
    )


@PLAYBOOK.intent("leave_early_for_nothing", clauses=("1", "15"), tools=_LEAVE, ending="nothing")
def leave_early_for_nothing(stage: Stage) -> None:
    """In the house at a rate that refunds nothing: stays."""
    today = stage.env.domain.now[:10]
    booking, guest = a_booking(stage, lambda b: b.plan != "flexible" and _in_house(stage, b, 1))
    fee = early_departure_fee(booking, today)
    method, kept = paying_method(stage.db, booking), money(fee)
    stage.hide(kept)
    arrive(
        stage,
        guest,
        "I'm considering leaving today instead of staying to the end. I'd want the remaining nights refunded.",
        f"The forecast is dreadful. If we left room {booking.room_id} today, would we get money back?",
        "We have seen everything there is to see here. Could we check out today and not pay for the rest?",
        booking=booking,
    )
    stage.report(
        f"You may leave today, but at the {booking.plan} rate nothing is refunded: the unused nights, {kept} euros, "
        f"are kept. Shall I check you out?",
        f"With the {booking.plan} rate the fee for leaving early is the price of all unused nights, {kept} euros, so "
        f"there would be no refund. Do you want to leave all the same?",
        facts=[kept],
    )
    stage.close("Then we'll stay, of course.", "No, in that case we stay until the end.", "Pity. We'll stay then.")
    for other in (0.0, booking.nightly, fee):
        if other <= fee:
            stage.forbid("check_out_early", booking_id=booking.booking_id, departure=today, fee=other, refund_to=method)
    stage.brief(
        reason="You are staying at the hotel and think of leaving today, if the remaining nights are refunded.",
        known=who(guest, booking, f"You are in room {booking.room_id}."),
        unknown="You do not know what is kept for nights you do not use.",
        behave="Ask how much would be kept unless you are told. If nothing is refunded, stay until the end.",
    )

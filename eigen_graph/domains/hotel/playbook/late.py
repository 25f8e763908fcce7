"""Keeping the room longer on the last day."""

from __future__ import annotations

from typing import Any

from eigen_graph.core import Stage
from eigen_graph.domains.hotel.arithmetic import is_free, shift
from eigen_graph.domains.hotel.playbook.book import PLAYBOOK
from eigen_graph.domains.hotel.playbook.moves import (
    a_booking,
    a_card,
    amounts,
    arrive,
    spoken,
    who,
)
from eigen_graph.domains.hotel.records import Booking, Tier
from eigen_graph.domains.hotel.rules import LATE_CHECKOUT

_TOOLS = ("identify_guest", "get_guest", "get_booking", "add_extra")
_LATE_PRICE = "30.00"


def _may_leave_late(stage: Stage, booking: Booking, *tiers: Tier) -> bool:
    """In the house, of this tier, and nobody arrives in the room on the day of departure."""
    return (
        booking.status == "checked_in"
        and not booking.has("late_checkout")
        and stage.db["memberships"][booking.guest_id].tier in tiers
        and is_free(stage.db, booking.room_id, booking.check_out, shift(booking.check_out, 1))
    )


@PLAYBOOK.intent("late_check_out", clauses=("1", "4", "5", "17"), tools=_TOOLS)
def late_check_out(stage: Stage) -> None:
    """Until two in the afternoon, for thirty euros."""
    booking, guest = a_booking(stage, lambda b: _may_leave_late(stage, b, "member", "silver"))
    card = a_card(stage, guest)
    arrive(
        stage,
        guest,
        f"Our train leaves in the afternoon on {spoken(booking.check_out)}. Can we keep the room a little longer?",
        f"I'd like a late check-out for room {booking.room_id}, as late as you allow.",
        f"When we leave on {spoken(booking.check_out)}, may we stay in {booking.room_id} past the usual time?",
        booking=booking,
    )
    stage.confirm(
        f"You can keep the room until {LATE_CHECKOUT} for {_LATE_PRICE} euros, charged to your {card.label} "
        "if you agree. "
        f"Shall I add it?",
        f"Late check-out is until {LATE_CHECKOUT} and costs {_LATE_PRICE} euros. Shall I put it on your {card.label}?",
        agree=(f"Yes, the {card.label} is fine.", f"That suits us. Yes, use the {card.label}."),
    )
    call: dict[str, Any] = {"booking_id": booking.booking_id, "extra": "late_checkout", "method_id": card.method_id}
    stage.agent_calls("add_extra", **call)
    stage.report(
        f"You may stay in {booking.room_id} until {LATE_CHECKOUT} on {booking.check_out}. {_LATE_PRICE} euros "
        "are paid.",
        f"It's arranged: check-out by {LATE_CHECKOUT}, {_LATE_PRICE} euros charged to your {card.label}.",
        facts=[LATE_CHECKOUT, _LATE_PRICE],
    )
    stage.close()
    stage.forbid("add_extra", **call, free=True)
    stage.brief(
        reason=f"You are staying in room {booking.room_id} and want to keep it longer on the day you leave.",
        known=who(guest, booking, f"You pay with your {card.label}."),
        unknown="You do not know until when this is possible or what it costs.",
        behave=f"Agree to what is offered, charged to your {card.label}. Ask until what time you can stay if not told.",
    )


@PLAYBOOK.intent("late_check_out_gold", clauses=("1", "4", "18"), tools=_TOOLS)
def late_check_out_gold(stage: Stage) -> None:
    """A gold member: the same, free."""
    booking, guest = a_booking(stage, lambda b: _may_leave_late(stage, b, "gold"))
    card = a_card(stage, guest)
    arrive(
        stage,
        guest,
        f"Can I check out of {booking.room_id} later than usual on {spoken(booking.check_out)}? What would that be?",
        f"I won't be packed by the morning of {spoken(booking.check_out)}. What does a later check-out cost me?",
        f"Please arrange a late departure on {spoken(booking.check_out)} for room {booking.room_id}, and tell "
        "me the price.",
        booking=booking,
    )
    stage.confirm(
        f"As a gold member you have late check-out until {LATE_CHECKOUT} for 0.00 euros. Shall I note it down?",
        f"For gold members it is free, 0.00 euros, and you can stay until {LATE_CHECKOUT}. Do you want me to add it?",
    )
    call: dict[str, Any] = {"booking_id": booking.booking_id, "extra": "late_checkout", "method_id": card.method_id}
    stage.agent_calls("add_extra", **call, free=True)
    stage.report(
        f"Done, room {booking.room_id} is yours until {LATE_CHECKOUT} on {booking.check_out}, free of charge.",
        f"That is noted: check-out at {LATE_CHECKOUT} on {booking.check_out}, and nothing to pay.",
        facts=[LATE_CHECKOUT],
    )
    stage.close()
    stage.forbid("add_extra", **call)
    stage.brief(
        reason="You want to check out later than usual on the day you leave.",
        known=who(guest, booking, f"You are in room {booking.room_id}. You are a gold member."),
        unknown="You do not know until when this is possible or what it costs.",
        behave="Agree when it is free; if you are asked to pay, say that you are a gold member.",
    )


@PLAYBOOK.intent("stay_past_two", clauses=("1", "17", "18"), tools=_TOOLS, ending="refusal")
def stay_past_two(stage: Stage) -> None:
    """Wants the room until the evening: not possible, and two is too early."""
    booking, guest = a_booking(stage, lambda b: _may_leave_late(stage, b, "member", "silver", "gold"))
    card = a_card(stage, guest)
    gold = stage.db["memberships"][guest.guest_id].tier == "gold"
    price = "0.00" if gold else _LATE_PRICE
    hour = stage.rng.choice(("five", "six", "seven"))
    arrive(
        stage,
        guest,
        f"I need to have room {booking.room_id} until {hour} in the evening on {spoken(booking.check_out)}.",
        f"Our flight is at night. Let us stay in the room till {hour} p.m. on {spoken(booking.check_out)}, please.",
        f"Can we leave at {hour} in the evening on our last day, {spoken(booking.check_out)}?",
        booking=booking,
    )
    stage.agent(
        "That is too late, I'm sorry: nobody can stay that long on the day of departure. A shorter extension exists.",
        "I can't give you the room until the evening. There is late check-out, but it ends well before that.",
    )
    stage.user(
        "Until when could I stay at most, and for how much?",
        "What is the latest then, and what does it cost?",
    )
    if not gold:
        stage.hide(_LATE_PRICE)
    stage.report(
        f"Until {LATE_CHECKOUT}, for {price} euros.",
        f"The latest is {LATE_CHECKOUT}. It would be {price} euros.",
        facts=[LATE_CHECKOUT, *amounts(price)],
    )
    stage.close(
        "That doesn't help me. I'll check out at the normal time.",
        "Then no, thank you. We'll leave in the morning and find a café.",
    )
    for free in (True, False):
        stage.forbid(
            "add_extra", booking_id=booking.booking_id, extra="late_checkout", method_id=card.method_id, free=free
        )
    stage.forbid("transfer_to_person", reason="not_covered")
    stage.brief(
        reason=f"You want to keep your room until {hour} in the evening on the day you leave.",
        known=who(guest, booking, f"You are in room {booking.room_id}."),
        unknown="You do not know how late one can stay, or the price.",
        behave=f"If {hour} is not possible, ask what the latest is and what it costs. An earlier hour is no "
        f"use to you: decline it.",
    )

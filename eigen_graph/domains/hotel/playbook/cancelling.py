"""Cancelling, and finding out what it costs."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.hotel.arithmetic import euros
from eigen_graph.domains.hotel.playbook.book import PLAYBOOK
from eigen_graph.domains.hotel.playbook.moves import a_booking, ahead, amounts, arrive, label_of, money, spoken, who
from eigen_graph.domains.hotel.records import Booking, Guest
from eigen_graph.domains.hotel.rules import cancellation_fee, just_made, paying_method

_TOOLS = ("identify_guest", "get_guest", "get_booking", "cancel_booking")


def _cancel(stage: Stage, booking: Booking, guest: Guest, why: str) -> None:
    """Propose, agree, cancel, report; `why` is the rule in plain words."""
    fee = cancellation_fee(booking, stage.env.domain.now)
    refund, method = euros(booking.total - fee), paying_method(stage.db, booking)
    label, kept, back = label_of(stage, method), money(fee), money(refund)
    stage.hide(*amounts(kept, back))
    stage.confirm(
        f"{why} If I cancel {booking.booking_id}, we keep {kept} euros and {back} euros go back to your {label}. "
        f"Shall I cancel it?",
        f"I have the booking in front of me. {why} So the fee is {kept} euros, and your {label} gets {back} "
        "euros back. "
        f"Do you want me to go ahead?",
        f"{why} Cancelling {booking.booking_id} now means a fee of {kept} euros and a refund of {back} euros to the "
        f"{label}. Is that all right?",
    )
    stage.agent_calls("cancel_booking", booking_id=booking.booking_id, fee=fee, refund_to=method)
    stage.report(
        f"Booking {booking.booking_id} is cancelled. The fee is {kept} euros; {back} euros go back to your {label}.",
        f"That is done: {booking.booking_id} is cancelled, {kept} euros kept, {back} euros refunded to the {label}.",
        f"I have cancelled it. You get {back} euros back on your {label}; {kept} euros were kept as the fee.",
        facts=amounts(kept, back),
    )
    _forbid_other_terms(stage, booking, guest, fee)


def _forbid_other_terms(stage: Stage, booking: Booking, guest: Guest, fee: float) -> None:
    method = paying_method(stage.db, booking)
    for other in (0.0, booking.nightly, booking.total):
        if other != fee and other <= booking.total:
            stage.forbid("cancel_booking", booking_id=booking.booking_id, fee=other, refund_to=method)
    for other_booking in stage.db["bookings"].values():
        if other_booking.guest_id == guest.guest_id and other_booking.status == "confirmed":
            stage.forbid("cancel_booking", booking_id=other_booking.booking_id, fee=0.0, refund_to=method)


@PLAYBOOK.intent("cancel_in_time", clauses=("1", "4", "6", "9"), tools=_TOOLS)
def cancel_in_time(stage: Stage) -> None:
    """A flexible booking, early enough to cost nothing."""
    booking, guest = a_booking(stage, lambda b: ahead(stage, b, "flexible", 2))
    arrive(
        stage,
        guest,
        f"I need to cancel my stay from {spoken(booking.check_in)} to {spoken(booking.check_out)}.",
        f"Our plans fell through, so the room from {spoken(booking.check_in)} is not needed any more. Please "
        "cancel it.",
        f"Could you cancel my booking that starts on {spoken(booking.check_in)}?",
        f"We won't be coming on {spoken(booking.check_in)} after all, can you take the booking out?",
        booking=booking,
    )
    condition = ""
    if stage.cue.difficulty != "easy":
        stage.agent(
            f"I see the booking from {booking.check_in} to {booking.check_out}. Do you want to cancel it in any case?",
            f"That is {booking.booking_id}, arriving {booking.check_in}. Is it certain that you want to cancel?",
        )
        stage.user(
            "Only if I get all of my money back. Otherwise I would rather keep it.",
            "Well, if it's free of charge, yes. If there is a fee I'll keep the room.",
        )
        condition = " Cancel only if it is free of charge; say so when you are asked."
    _cancel(stage, booking, guest, "Yours is a flexible booking, and up to 2 days before arrival there is no fee.")
    stage.close()
    stage.brief(
        reason=f"You want to cancel your stay that begins on {booking.check_in}.",
        known=who(guest, booking),
        unknown="You do not know what rate you booked or whether cancelling costs anything.",
        behave=f"Agree when the agent proposes to cancel without a fee.{condition}",
    )


@PLAYBOOK.intent("cancel_at_the_last_moment", clauses=("1", "4", "6", "9"), tools=_TOOLS)
def cancel_at_the_last_moment(stage: Stage) -> None:
    """A flexible booking, too late for free: one night is kept."""
    booking, guest = a_booking(stage, lambda b: ahead(stage, b, "flexible", 0, 1))
    day = "today" if booking.check_in == stage.env.domain.now[:10] else "tomorrow"
    arrive(
        stage,
        guest,
        f"I was to arrive {day}, but I can't make it. Please cancel the room.",
        f"Something came up and I won't be able to come {day}. I have to cancel.",
        f"My stay begins {day} and I have to call it off, unfortunately.",
        booking=booking,
    )
    _cancel(
        stage,
        booking,
        guest,
        "With the flexible rate cancelling is free up to 2 days before arrival; after that one night is kept.",
    )
    stage.close()
    stage.brief(
        reason=f"You want to cancel your stay that begins {day}, {booking.check_in}.",
        known=who(guest, booking),
        unknown="You do not know what cancelling at this point costs.",
        behave="Accept a fee of one night; if more is to be kept, ask why and do not agree.",
    )


@PLAYBOOK.intent("cancel_saver", clauses=("1", "4", "6", "10"), tools=_TOOLS)
def cancel_saver(stage: Stage) -> None:
    """A saver booking, a week ahead or more: 30 % are kept."""
    booking, guest = a_booking(stage, lambda b: ahead(stage, b, "saver", 7))
    arrive(
        stage,
        guest,
        f"I booked a room from {spoken(booking.check_in)}, and I have to get out of it.",
        f"Can I still cancel the stay that starts {spoken(booking.check_in)}? I know it was a cheaper rate.",
        f"Please cancel my room for {spoken(booking.check_in)}. I'd like to know what I get back.",
        booking=booking,
    )
    _cancel(stage, booking, guest, "At the saver rate we keep 30 % of the total up to 7 days before arrival.")
    stage.close("Fair enough. Thank you.", "All right, I expected as much. Goodbye.", "Thanks for sorting it out.")
    stage.brief(
        reason=f"You want to cancel your stay that begins on {booking.check_in} and to know what you get back.",
        known=who(guest, booking, "You booked one of the cheaper rates."),
        unknown="You do not know how much is kept.",
        behave="Agree to cancel when you are told the fee and the refund.",
    )


@PLAYBOOK.intent("cancel_nonrefundable_anyway", clauses=("1", "4", "11"), tools=_TOOLS)
def cancel_nonrefundable_anyway(stage: Stage) -> None:
    """An advance booking: nothing comes back, and the guest lets the room go all the same."""
    booking, guest = a_booking(stage, lambda b: ahead(stage, b, "advance"))
    arrive(
        stage,
        guest,
        f"We can't use our room from {spoken(booking.check_in)}, so somebody else may as well have it. Please cancel.",
        f"Kindly cancel the booking for {spoken(booking.check_in)}, we will not be there.",
        f"I'd like to release the room I have from {spoken(booking.check_in)}; nobody is going to sleep in it.",
        booking=booking,
    )
    _cancel(stage, booking, guest, "The advance rate is not refundable at any time: the whole total is kept.")
    stage.close()
    stage.brief(
        reason=f"You want to cancel your stay that begins on {booking.check_in}: you will not be there, and the room "
        f"should not stand empty.",
        known=who(guest, booking, "You half expect that nothing comes back."),
        behave="Go on with it even when you are told that nothing is refunded.",
    )


@PLAYBOOK.intent("cancel_just_made", clauses=("1", "4", "6", "8"), tools=_TOOLS)
def cancel_just_made(stage: Stage) -> None:
    """Made within 24 hours at a rate that would cost something: free all the same."""
    now = stage.env.domain.now
    booking, guest = a_booking(stage, lambda b: b.status == "confirmed" and b.plan != "flexible" and just_made(b, now))
    arrive(
        stage,
        guest,
        "I booked a room and got the dates wrong. Can I undo that?",
        f"I've just noticed I booked {spoken(booking.check_in)} and that's the wrong week. Please cancel it.",
        f"My booking for {spoken(booking.check_in)} was a mistake, I only made it a little while ago. Cancel "
        "it, please.",
        booking=booking,
    )
    _cancel(
        stage,
        booking,
        guest,
        "You made this booking less than 24 hours ago and arrival is at least 7 days ahead, so there is no fee.",
    )
    stage.close()
    stage.brief(
        reason=f"You want to cancel the booking for {booking.check_in}, which you made by mistake not long ago.",
        known=who(guest, booking, f"You made it on {booking.booked_at[:10]} at {booking.booked_at[11:16]}."),
        unknown="You do not know whether a mistake costs you something.",
        behave="Agree to cancel without a fee. If a fee is named, say that you booked less than a day ago.",
    )

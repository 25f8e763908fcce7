"""Where a cancellation is asked for and does not happen."""

from __future__ import annotations

from collections import Counter

from eigen_graph.core import Stage
from eigen_graph.domains.hotel.arithmetic import euros
from eigen_graph.domains.hotel.playbook.book import PLAYBOOK
from eigen_graph.domains.hotel.playbook.moves import a_booking, a_card, ahead, arrive, label_of, money, spoken, who
from eigen_graph.domains.hotel.rules import cancellation_fee, paying_method

_TOOLS = ("identify_guest", "get_guest", "get_booking", "cancel_booking")


@PLAYBOOK.intent("cancel_for_illness", clauses=("1", "10", "11"), tools=_TOOLS, ending="refusal")
def cancel_for_illness(stage: Stage) -> None:
    """Wants the money back because somebody is ill; the rate gives nothing back."""
    booking, guest = a_booking(stage, lambda b: ahead(stage, b, "saver", 0, 6) or ahead(stage, b, "advance"))
    arrive(
        stage,
        guest,
        f"My husband has come down with the flu, so we can't travel on {spoken(booking.check_in)}. I want a refund.",
        f"I've broken my ankle and have to call off {spoken(booking.check_in)}. Please cancel and pay me back.",
        f"Our daughter is ill, we have to cancel {spoken(booking.check_in)}. You'll surely refund us in such a case?",
        booking=booking,
    )
    total = money(booking.total)
    stage.hide(total)
    rule = (
        "the saver rate keeps the whole total once arrival is less than 7 days away"
        if booking.plan == "saver"
        else "the advance rate keeps the whole total at any time"
    )
    stage.agent(
        f"I am sorry to hear that. I can't make an exception, though: {rule}, and illness does not change it. I can "
        f"cancel the booking, but nothing would be refunded.",
        f"I wish you a quick recovery. For the booking, {rule}, whatever the reason, so there is no refund I "
        "could give.",
    )
    stage.user(
        "Not a penny? How much would you keep, exactly?",
        "So how much money is that, if I cancel?",
        "And what would the fee be, in euros?",
    )
    stage.report(
        f"If you cancel {booking.booking_id}, we keep {total} euros, all of what you paid.",
        f"The fee for {booking.booking_id} would be {total} euros, the whole total; nothing would go back.",
        facts=[total],
    )
    stage.close("Then leave it as it is. Perhaps somebody else can go.", "In that case don't cancel. Goodbye.")
    method = paying_method(stage.db, booking)
    for fee in (0.0, euros(booking.total * 0.3), booking.total):
        stage.forbid("cancel_booking", booking_id=booking.booking_id, fee=fee, refund_to=method)
    stage.forbid("refund_charge", payment_id=f"{booking.booking_id}-stay")
    stage.forbid("transfer_to_person", reason="not_covered")
    stage.brief(
        reason=f"Somebody in the family is ill, and you want your money back for the stay from {booking.check_in}.",
        known=who(guest, booking),
        unknown="You do not know what your rate says about cancelling.",
        behave="Ask how much exactly would be kept. If nothing is refunded, do not cancel: leave the booking as it is.",
    )


@PLAYBOOK.intent("cancel_withdrawn", clauses=("1", "4", "9", "10"), tools=_TOOLS, ending="nothing")
def cancel_withdrawn(stage: Stage) -> None:
    """Hears the fee and keeps the booking."""
    booking, guest = a_booking(stage, lambda b: ahead(stage, b, "saver", 7) or ahead(stage, b, "flexible", 0, 1))
    fee = cancellation_fee(booking, stage.env.domain.now)
    kept = money(fee)
    arrive(
        stage,
        guest,
        f"I'm not sure we can come on {spoken(booking.check_in)}. What if I cancelled now?",
        f"I'm thinking of cancelling {booking.booking_id}. How does that work?",
        f"We may have to drop our stay from {spoken(booking.check_in)}. I'd cancel if it isn't expensive.",
        booking=booking,
    )
    stage.hide(kept)
    stage.report(
        f"If you cancel {booking.booking_id} today, {kept} euros are kept. Shall I do that?",
        f"At the {booking.plan} rate, cancelling now would cost {kept} euros; the rest goes back to you. Do "
        "you want to?",
        f"Today the fee would be {kept} euros. Would you like me to cancel?",
        facts=[kept],
    )
    stage.close(
        "No, that's too much. I'll keep the booking then.",
        "Hm, no. We'll come after all. Leave it, please.",
        "Then don't. I'll keep the room. Thanks for telling me.",
    )
    stage.forbid("cancel_booking", booking_id=booking.booking_id, fee=fee, refund_to=paying_method(stage.db, booking))
    stage.forbid("cancel_booking", booking_id=booking.booking_id, fee=0.0, refund_to=paying_method(stage.db, booking))
    stage.brief(
        reason=f"You are thinking of cancelling your stay that begins on {booking.check_in} and want to know the cost.",
        known=who(guest, booking),
        unknown="You do not know the fee.",
        behave="When you hear a fee above zero, decide to keep the booking. Do not agree to anything.",
    )


@PLAYBOOK.intent("already_cancelled", clauses=("1", "3"), tools=_TOOLS, ending="nothing")
def already_cancelled(stage: Stage) -> None:
    """Wants to cancel what is cancelled already."""
    booking, guest = a_booking(
        stage, lambda b: b.status == "cancelled" and f"{b.booking_id}-cancellation" in stage.db["payments"]
    )
    refund = stage.db["payments"][f"{booking.booking_id}-cancellation"]
    back, day = money(-refund.amount), refund.paid_at[:10]
    arrive(
        stage,
        guest,
        f"Please cancel {booking.booking_id} for me. I think my partner wanted to do it, but I'm not sure she did.",
        f"I want to cancel the stay from {spoken(booking.check_in)}, unless that has happened already.",
        f"Is {booking.booking_id} cancelled? If not, do it, please.",
        booking=booking,
    )
    stage.hide(back, day)
    stage.report(
        f"It is cancelled already: on {day} we refunded {back} euros. There is nothing left to do.",
        f"No need: {booking.booking_id} was cancelled, and {back} euros went back to you on {day}.",
        facts=[back, day],
    )
    stage.close("Oh good, then we're done.", "Ah, she did it. Thank you.", "Perfect, that's all I wanted to know.")
    stage.forbid("refund_charge", payment_id=f"{booking.booking_id}-stay")
    stage.forbid("transfer_to_person", reason="billing")
    stage.brief(
        reason=f"You want to make sure that the booking for {booking.check_in} is cancelled.",
        known=who(guest, booking),
        unknown="You do not know whether it has been cancelled, or what was refunded and when.",
        behave="If it is cancelled already, ask what was refunded and on which day unless you are told, then end.",
    )


@PLAYBOOK.intent("refund_to_other_card", clauses=("1", "4", "6"), tools=_TOOLS, ending="refusal")
def refund_to_other_card(stage: Stage) -> None:
    """Would cancel if the money went to another card; it cannot."""
    cards = Counter(method.guest_id for method in stage.db["methods"].values() if method.kind == "card")
    booking, guest = a_booking(
        stage,
        lambda b: cards[b.guest_id] > 1 and (ahead(stage, b, "flexible", 2) or ahead(stage, b, "saver", 7)),
    )
    method = paying_method(stage.db, booking)
    other = a_card(stage, guest, besides=method)
    label, fee = label_of(stage, method), cancellation_fee(booking, stage.env.domain.now)
    back = money(booking.total - fee)
    stage.hide(back)
    arrive(
        stage,
        guest,
        f"I'd like to cancel {booking.booking_id} and have the money on my {other.label}.",
        f"Cancel my stay from {spoken(booking.check_in)}, please, but pay the refund to the {other.label}.",
        f"Please cancel {booking.booking_id}. Don't send the refund to the card I paid with, use my {other.label}.",
        booking=booking,
    )
    stage.report(
        f"Cancelling would give you {back} euros back, but only to the {label}: a refund goes to the method that paid "
        f"for the stay. Shall I cancel on these terms?",
        f"I can't send it to another card. The refund of {back} euros would go to your {label}, which paid "
        "for the stay. "
        f"Would that do?",
        facts=[back, label.split()[-1]],
    )
    stage.close(
        "No, I don't want that. Leave the booking for now.",
        "That doesn't help me. Then don't cancel anything, I'll think about it.",
    )
    for target in (other.method_id, method):
        stage.forbid("cancel_booking", booking_id=booking.booking_id, fee=fee, refund_to=target)
    stage.brief(
        reason=f"You want to cancel the stay that begins on {booking.check_in}, with the refund on your {other.label}.",
        known=who(guest, booking, f"You paid with another card and you would like the money on your {other.label}."),
        unknown="You do not know how much the refund would be.",
        behave="If the refund cannot go to that card, ask how much it would be and to which card it would go, unless "
        "you were told; then leave the booking as it is.",
    )

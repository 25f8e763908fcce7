"""Breakfast, parking, a dog: what can be added, how it is paid, and what is not free."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.hotel.arithmetic import extra_price, nights_between
from eigen_graph.domains.hotel.playbook.book import PLAYBOOK
from eigen_graph.domains.hotel.playbook.moves import (
    EXTRA_NAMES,
    a_booking,
    a_card,
    arrive,
    money,
    one_thing_more,
    price_of,
    spoken,
    who,
)
from eigen_graph.domains.hotel.records import Booking, ExtraId

_TOOLS = ("identify_guest", "get_guest", "get_booking", "add_extra")
_LATE_PRICE = "30.00"


@PLAYBOOK.intent("add_an_extra", clauses=("1", "4", "5", "17"), tools=_TOOLS)
def add_an_extra(stage: Stage) -> None:
    """Breakfast, parking or a dog on a booking."""
    extra: ExtraId = stage.rng.choice(("breakfast", "parking", "dog"))
    hard = stage.cue.difficulty == "hard"

    def fits(booking: Booking) -> bool:
        left = [name for name in ("breakfast", "parking") if name != extra and not booking.has(name)]
        return (
            booking.status == "confirmed"
            and not booking.has(extra)
            and (extra != "dog" or stage.db["rooms"][booking.room_id].dogs)
            and (bool(left) or not hard)
        )

    booking, guest = a_booking(stage, fits)
    card, name = a_card(stage, guest), EXTRA_NAMES[extra]
    price = money(price_of(stage, booking, extra))
    arrive(
        stage,
        guest,
        f"Please add {name} to my stay from {spoken(booking.check_in)}.",
        f"For {booking.booking_id} I'd also need {name}. Is that possible?",
        f"We forgot to order {name} for {spoken(booking.check_in)}. Could you put it on the booking?",
        booking=booking,
    )
    stage.hide(price)
    if stage.cue.difficulty == "easy":
        pay = f"charged to your {card.label}, if that is right"
    else:
        stage.agent(
            f"I can add {name}. Which of your payment methods shall I charge?",
            f"Certainly, {name} can be added. How would you like to pay?",
        )
        stage.user(f"With my {card.label}.", f"The {card.label}, please. What does it cost?")
        pay = f"charged to your {card.label}"
    stage.confirm(
        f"For the whole stay {name} comes to {price} euros, {pay}. Shall I add it to {booking.booking_id}?",
        f"That is {price} euros for {booking.check_in} to {booking.check_out}, {pay}. Do you want it?",
        agree=(f"Yes, on the {card.label}.", "Yes, that's right, please add it."),
    )
    stage.agent_calls("add_extra", booking_id=booking.booking_id, extra=extra, method_id=card.method_id)
    stage.report(
        f"Added: {name} for {price} euros, charged to the {card.label}.",
        f"Your booking now includes {name}. I charged {price} euros.",
        facts=[price],
    )
    stage.expect("assistant", "has_extra", booking_id=booking.booking_id, extra=extra)
    for other in ("breakfast", "parking"):
        if other != extra and not booking.has(other):
            stage.forbid("add_extra", booking_id=booking.booking_id, extra=other, method_id=card.method_id, free=True)
    more = one_thing_more(stage, stage.db["bookings"][booking.booking_id], guest)
    stage.close()
    stage.brief(
        reason=f"You want {name} added to your stay from {booking.check_in}.",
        known=who(guest, booking, f"You pay with your {card.label}."),
        unknown="You do not know the price.",
        behave=f"Agree to the price, charged to your {card.label}.{more}",
    )


@PLAYBOOK.intent("extra_on_voucher", clauses=("1", "5", "17"), tools=_TOOLS, ending="refusal")
def extra_on_voucher(stage: Stage) -> None:
    """Wants an extra paid with a gift voucher."""
    extra: ExtraId = stage.rng.choice(("breakfast", "parking"))
    vouchers = {m.guest_id: m for m in stage.db["methods"].values() if m.kind == "voucher"}

    def fits(booking: Booking) -> bool:
        if booking.status != "confirmed" or booking.has(extra) or booking.guest_id not in vouchers:
            return False
        return price_of(stage, booking, extra) <= (vouchers[booking.guest_id].balance or 0.0)

    booking, guest = a_booking(stage, fits)
    voucher, name = vouchers[guest.guest_id], EXTRA_NAMES[extra]
    price = money(price_of(stage, booking, extra))
    arrive(
        stage,
        guest,
        f"I'd like to spend my {voucher.label} on {name} for {booking.booking_id}.",
        f"Can you add {name} to the stay from {spoken(booking.check_in)} and take it off my {voucher.label}?",
        f"Please book {name} for {spoken(booking.check_in)}. My {voucher.label} should cover that.",
        booking=booking,
    )
    stage.agent(
        f"A gift voucher only pays for a new booking, not for {name}. I could charge one of your cards instead.",
        "I can't use the voucher for that: vouchers pay for new bookings and nothing else. A card would work.",
    )
    stage.user(f"How much would {name} be?", "And what would it cost me on the card?")
    stage.hide(price)
    stage.report(
        f"For the whole stay {name} is {price} euros.",
        f"It would be {price} euros in all.",
        facts=[price],
    )
    stage.close("No, I won't pay extra for that. Leave it.", "Then I'll do without, thanks.")
    for method in (voucher, a_card(stage, guest)):
        stage.forbid("add_extra", booking_id=booking.booking_id, extra=extra, method_id=method.method_id)
    stage.forbid("add_extra", booking_id=booking.booking_id, extra=extra, method_id=voucher.method_id, free=True)
    stage.brief(
        reason=f"You want {name} for your stay from {booking.check_in}, paid with your {voucher.label}.",
        known=who(guest, booking, f"There is a {voucher.label} on your profile."),
        unknown="You do not know what it costs, or what vouchers are good for.",
        behave="If the voucher cannot be used, ask for the price. You do not want to pay with a card: go without.",
    )


@PLAYBOOK.intent("breakfast_free_for_gold", clauses=("1", "7", "18"), tools=_TOOLS, ending="refusal")
def breakfast_free_for_gold(stage: Stage) -> None:
    """A gold member thinks that breakfast is free."""
    booking, guest = a_booking(
        stage,
        lambda b: (
            b.status == "confirmed" and not b.has("breakfast") and stage.db["memberships"][b.guest_id].tier == "gold"
        ),
    )
    card = a_card(stage, guest)
    price = money(price_of(stage, booking, "breakfast"))
    arrive(
        stage,
        guest,
        f"I'm a gold member, so please put my free breakfast on {booking.booking_id}.",
        f"My stay from {spoken(booking.check_in)} shows no breakfast. With gold that's included, isn't it? Add it.",
        f"Add breakfast to {booking.booking_id}, at no charge as I'm gold.",
        booking=booking,
    )
    stage.agent(
        "Gold members have late check-out free of charge, but not breakfast. I can add it at the normal price.",
        "I'm sorry, breakfast is not free at any tier; only late check-out is, for gold. It can be added at its price.",
    )
    stage.user("And that is how much for the whole stay?", "What would I pay for all the days together?")
    stage.hide(price)
    stage.report(
        f"For {booking.adults} and the whole stay it is {price} euros.",
        f"All in all breakfast would be {price} euros.",
        facts=[price],
    )
    stage.close("Then without. I'll eat in town.", "No, not at that price. Thanks.")
    for free in (True, False):
        stage.forbid("add_extra", booking_id=booking.booking_id, extra="breakfast", method_id=card.method_id, free=free)
    stage.brief(
        reason=f"You want breakfast added to your stay from {booking.check_in}, free of charge as a gold member.",
        known=who(guest, booking, "You are a gold member and believe that breakfast is free for you."),
        unknown="You do not know the price of breakfast.",
        behave="If it is not free, ask what it costs for the whole stay, and decline.",
    )


@PLAYBOOK.intent("extra_already_there", clauses=("1", "3", "17"), tools=_TOOLS, ending="nothing")
def extra_already_there(stage: Stage) -> None:
    """Asks for what is on the booking."""
    extra: ExtraId = stage.rng.choice(("breakfast", "parking"))
    booking, guest = a_booking(stage, lambda b: b.status == "confirmed" and b.has(extra))
    name = EXTRA_NAMES[extra]
    nights = nights_between(booking.check_in, booking.check_out)
    price = money(extra_price(stage.db["extras"][extra], booking.adults, nights))
    arrive(
        stage,
        guest,
        f"Is {name} on {booking.booking_id}? If not, add it. And how much is it?",
        f"I can't remember whether I ordered {name} for {spoken(booking.check_in)}. If I didn't, please do; what's the "
        f"price?",
        f"We'll want {name} from {spoken(booking.check_in)}. Have I paid for that already, and how much?",
        booking=booking,
    )
    stage.hide(price)
    stage.report(
        f"Yes, {name} is on your booking; you paid {price} euros for it. Nothing needs to be done.",
        f"It is included already: {price} euros for {name}, paid.",
        facts=[price],
    )
    stage.close("Good, that's all then.", "Perfect, nothing more. Bye.", "Ah, I did. Thanks.")
    missing = [other for other in ("breakfast", "parking") if not booking.has(other)]
    for other in missing:
        method = a_card(stage, guest).method_id
        stage.forbid("add_extra", booking_id=booking.booking_id, extra=other, method_id=method)
    stage.forbid("refund_charge", payment_id=f"{booking.booking_id}-{extra}")
    stage.brief(
        reason=f"You want to make sure that {name} is on your booking from {booking.check_in}, and to know its price.",
        known=who(guest, booking),
        unknown=f"You do not remember whether you ordered {name}, or the price.",
        behave="If it is there already, you want nothing else.",
    )

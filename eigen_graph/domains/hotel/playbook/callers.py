"""Who is calling: people who may act for a guest, people who may not, people nobody can place."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.hotel.playbook.book import PLAYBOOK
from eigen_graph.domains.hotel.playbook.moves import (
    EXTRA_NAMES,
    a_booking,
    a_card,
    ahead,
    look_up,
    money,
    price_of,
    spoken,
    who,
)
from eigen_graph.domains.hotel.records import Booking, ExtraId, Guest
from eigen_graph.domains.hotel.rules import DESK, cancellation_fee, paying_method

_LOOK = ("identify_guest", "get_guest", "get_booking")
_NAMES = ("Robin Achterberg", "Kit Lindqvist", "Sam Oyelaran", "Noor Halloran", "Alex Marchetti", "Jo Vandersteen")


def _confirmed_with(stage: Stage, booking: Booking, *, delegates: bool) -> bool:
    guest: Guest = stage.db["guests"][booking.guest_id]
    return booking.status == "confirmed" and bool(guest.delegates) == delegates


def _identify(stage: Stage, guest: Guest, booking: Booking, caller: str) -> None:
    stage.agent(
        "I can look. May I have the postcode on the profile, its e-mail address or a booking number, and "
        "your own name?",
        "Gladly. Please tell me your full name, and the guest's postcode with the e-mail address or a booking number.",
    )
    stage.user(
        f"I'm {caller}. The postcode is {guest.postcode}, the e-mail {guest.email}.",
        f"{caller} is my name. It's under {guest.email}, {guest.postcode}.",
        kind="identify",
    )
    stage.agent_calls("identify_guest", postcode=guest.postcode, email=guest.email)
    stage.hide(booking.booking_id)


@PLAYBOOK.intent("delegate_acts", clauses=("1", "2", "4", "17"), tools=(*_LOOK, "add_extra"))
def delegate_acts(stage: Stage) -> None:
    """Somebody on the guest's list orders an extra."""
    booking, guest = a_booking(
        stage,
        lambda b: _confirmed_with(stage, b, delegates=True) and len(b.extras) < 2,  # noqa: PLR2004  # there is one left to add
    )
    caller = guest.delegates[0]
    missing: list[ExtraId] = [extra for extra in ("breakfast", "parking") if not booking.has(extra)]
    extra = stage.choose(missing, "nothing to add")
    card, name = a_card(stage, guest), EXTRA_NAMES[extra]
    price = money(price_of(stage, booking, extra))
    stage.user(
        f"I look after the travels of {guest.name}. Please add {name} to the stay from {spoken(booking.check_in)}.",
        f"I'm calling for {guest.name}, who stays with you from {spoken(booking.check_in)} and needs {name}.",
        f"On behalf of {guest.name}: could {name} be added to the booking for {spoken(booking.check_in)}?",
    )
    _identify(stage, guest, booking, caller)
    look_up(stage, guest, booking)
    stage.hide(price)
    stage.confirm(
        f"Thank you, you are on the list of people who may act for {guest.name}. {name.capitalize()} comes to {price} "
        f"euros on the {card.label}. Shall I add it?",
        f"You are named as a delegate, so I can do that. It is {price} euros for {name}, charged to the {card.label}. "
        f"Is that all right?",
        agree=(f"Yes, the {card.label} is right.", "Yes, go ahead with that card."),
    )
    stage.agent_calls("add_extra", booking_id=booking.booking_id, extra=extra, method_id=card.method_id)
    stage.report(
        f"Done. {name.capitalize()} is on the booking, {price} euros charged.",
        f"The booking of {guest.name} includes {name} now, for {price} euros.",
        facts=[price],
    )
    stage.close()
    stage.forbid("add_extra", booking_id=booking.booking_id, extra=extra, method_id=card.method_id, free=True)
    stage.brief(
        reason=f"{guest.name} stays at the hotel from {booking.check_in} and needs {name}; you arrange it.",
        known=f"You are {caller} and act for {guest.name}. The e-mail address on the profile is {guest.email}, the "
        f"postcode {guest.postcode}. It is to be paid with the {card.label}.",
        unknown="You do not know the booking number or the price.",
        behave=f"Agree to the price, charged to the {card.label}.",
    )


@PLAYBOOK.intent("stranger_calls", clauses=("1", "2"), tools=(*_LOOK[:2], "cancel_booking"), ending="refusal")
def stranger_calls(stage: Stage) -> None:
    """Knows the postcode and the e-mail, and is not on the list."""
    booking, guest = a_booking(stage, lambda b: ahead(stage, b, "flexible", 2) or ahead(stage, b, "saver", 7))
    caller = stage.rng.choice(_NAMES)
    tie = stage.rng.choice(("partner", "brother", "employer", "neighbour", "mother-in-law"))
    stage.user(
        f"I'm the {tie} of {guest.name}. Please cancel the room from {spoken(booking.check_in)}, the trip is off.",
        f"{guest.name} can't talk right now, I'm the {tie}. We need to cancel the stay on {spoken(booking.check_in)}.",
        f"As the {tie} of {guest.name} I'd like to know what's booked from {spoken(booking.check_in)}, and cancel it.",
    )
    _identify(stage, guest, booking, caller)
    look_up(stage, guest)
    stage.report(
        f"I'm sorry, {caller.split()[0]}: I may only act for the guest, or for people the guest has named, and I can't "
        f"say anything about bookings either. The guest can name you by writing to {DESK}.",
        f"I can't help you with this, because you are not named on the profile. If the guest writes to {DESK}, you can "
        f"be added; until then I may neither tell nor change anything.",
        facts=[DESK],
    )
    stage.close("That's ridiculous, but I'll pass it on.", "All right, I'll ask for that to be done. Bye.")
    fee = cancellation_fee(booking, stage.env.domain.now)
    method = paying_method(stage.db, booking)
    for amount in sorted({0.0, fee}):
        stage.forbid("cancel_booking", booking_id=booking.booking_id, fee=amount, refund_to=method)
    stage.forbid("transfer_to_person", reason="identity")
    stage.brief(
        reason=f"You want to cancel the stay of {guest.name} that begins on {booking.check_in}.",
        known=f"You are {caller}, the {tie} of {guest.name}. You know that the e-mail address is {guest.email} and the "
        f"postcode {guest.postcode}.",
        unknown="You do not know the booking number. You do not know whether you are named on the profile.",
        behave="Give your own name when asked and never pretend to be the guest. If you are refused, ask what can be "
        "done, unless you are told, and end.",
    )


@PLAYBOOK.intent("nobody_can_place", clauses=("1",), tools=("identify_guest", "transfer_to_person"), ending="transfer")
def nobody_can_place(stage: Stage) -> None:
    """Says a name and cannot prove it."""
    booking, guest = a_booking(stage, lambda b: ahead(stage, b, "flexible", 2))
    stage.user(
        f"This is {guest.name}. Cancel my stay from {spoken(booking.check_in)}, please.",
        f"My name is {guest.name} and I have a room with you on {spoken(booking.check_in)} that I need to cancel.",
        f"I want to cancel what I booked for {spoken(booking.check_in)}. The name is {guest.name}.",
    )
    stage.agent(
        "To be sure who I talk to I need the postcode on your profile, and your e-mail address or a booking number.",
        "I need two things first: your postcode, and your e-mail address on file or a booking number.",
    )
    stage.user(
        "I've moved and I don't know which postcode you have. And the booking number is on my old phone.",
        "No idea which address you have. I never got a booking number either. You have my name!",
        kind="identify",
    )
    stage.agent(
        "A name is not enough, I'm sorry. Is there really nothing: an older postcode, the number in an old message?",
        "I can't go by the name alone. Might you find the number of any booking, or an earlier postcode?",
    )
    stage.user("No, nothing, sorry.", "No. I can't give you either.", kind="identify")
    stage.agent_calls("transfer_to_person", reason="identity")
    stage.report(
        "Then a colleague at the desk will help you to prove who you are. I am handing you over now.",
        "In that case I hand you over to a person, who can check it in another way. One moment, please.",
    )
    stage.close("Okay, I'll wait.", "Good, thank you.", "If that's how it is. I'm waiting.")
    method = paying_method(stage.db, booking)
    stage.forbid("cancel_booking", booking_id=booking.booking_id, fee=0.0, refund_to=method)
    stage.forbid("transfer_to_person", reason="not_covered")
    stage.hide(booking.booking_id, guest.postcode, guest.email)
    stage.brief(
        reason=f"You want to cancel what you booked for {booking.check_in}; you have no papers about it any more.",
        known=f"You are {guest.name}.",
        unknown="You remember neither the postcode nor the e-mail address on your profile, and have no booking number.",
        behave="Say so when you are asked for them; do not make anything up. Accept it when you are handed over.",
    )


@PLAYBOOK.intent("forgot_the_number", clauses=("1", "3"), tools=_LOOK, ending="nothing")
def forgot_the_number(stage: Stage) -> None:
    """Wants to know the number and the room of a booking."""
    booking, guest = a_booking(stage, lambda b: b.status == "confirmed")
    number, room = booking.booking_id, booking.room_id
    stage.hide(number)
    stage.user(
        f"I've lost my confirmation. What's the number of my booking for {spoken(booking.check_in)}, and what "
        "did I pay?",
        f"Could you give me my booking number again? I arrive on {spoken(booking.check_in)}. And the total, please.",
        f"For my expenses I need number and total of the stay that begins {spoken(booking.check_in)}.",
    )
    stage.agent(
        "Sure. Tell me your postcode and your e-mail address, please, so that I know it is you.",
        "For that I need the postcode and the e-mail address on your profile.",
    )
    stage.user(f"{guest.email}, postcode {guest.postcode}.", f"It's {guest.postcode}; {guest.email}.", kind="identify")
    stage.agent_calls("identify_guest", postcode=guest.postcode, email=guest.email)
    look_up(stage, guest, booking)
    total = money(booking.total)
    stage.hide(total)
    stage.report(
        f"It is {number}, room {room}, from {booking.check_in} to {booking.check_out}. The total is {total} euros.",
        f"The number is {number}. You have paid {total} euros for room {room}.",
        facts=[number, total],
    )
    stage.close("Got it, thanks.", "Wonderful, I've written it down.")
    stage.forbid("cancel_booking", booking_id=number, fee=0.0, refund_to=paying_method(stage.db, booking))
    stage.forbid("transfer_to_person", reason="billing")
    stage.brief(
        reason=f"You need the number and the total of your booking that begins on {booking.check_in}.",
        known=who(guest),
        unknown="You do not know the booking number or the total.",
        behave="Ask for both. You want nothing changed.",
    )

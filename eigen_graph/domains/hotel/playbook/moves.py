"""Moves that many intents share: saying who one is, looking things up, asking for one thing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from eigen_graph.core import Stage
from eigen_graph.domains.hotel.arithmetic import euros, extra_price, nights_between, shift, taken
from eigen_graph.domains.hotel.records import Booking, ExtraId, Guest, Membership, Method, Room
from eigen_graph.domains.hotel.rules import days_ahead, just_made

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

EXTRA_NAMES: Final[dict[str, str]] = {
    "breakfast": "breakfast",
    "parking": "a parking space",
    "dog": "a place for a dog",
    "late_checkout": "late check-out",
}
"""What people call the extras."""

_ASK = (
    "Happy to help with that. May I have the postcode on your profile, and your e-mail address or a booking number?",
    "Of course. To find your profile I need your postcode together with your e-mail address or a booking number.",
    "I can look into that. First I need the postcode we have for you, and your e-mail address or a booking number.",
    "Certainly. Could you give me your postcode, and either the e-mail address on your profile or a booking number?",
    "Let me check. To be sure who I am talking to: your postcode, please, and your e-mail or a booking number.",
)


def money(amount: float) -> str:
    """An amount as the agent writes it."""
    return f"{amount:.2f}"


def amounts(*texts: str) -> list[str]:
    """Those that are not nothing: an agent may well say "free" instead of "0.00"."""
    return [text for text in texts if float(text)]


def spoken(day: str) -> str:
    """A date as a guest says it."""
    return f"{int(day[8:10])} {_MONTHS[int(day[5:7]) - 1]}"


def a_booking(stage: Stage, fits: Callable[[Booking], bool]) -> tuple[Booking, Guest]:
    """A random booking that fits, and whose it is."""
    booking: Booking = stage.pick("bookings", fits)
    guest: Guest = stage.db["guests"][booking.guest_id]
    return booking, guest


def ahead(stage: Stage, booking: Booking, plan: str, first: int = 0, last: int = 999) -> bool:
    """A confirmed booking at this rate, so many days ahead, and not made within the last day."""
    now = stage.env.domain.now
    return (
        booking.status == "confirmed"
        and booking.plan == plan
        and first <= days_ahead(booking, now) <= last
        and not just_made(booking, now)
    )


def a_card(stage: Stage, guest: Guest, *, besides: str = "") -> Method:
    """One of the guest's cards."""
    cards: list[Method] = [
        method
        for method in stage.db["methods"].values()
        if method.guest_id == guest.guest_id and method.kind == "card" and method.method_id != besides
    ]
    return stage.choose(cards, f"{guest.name} has no other card")


def account_of(stage: Stage, guest: Guest) -> Membership:
    """The guest's tier and points."""
    account: Membership = stage.db["memberships"][guest.guest_id]
    return account


def some_dates(stage: Stage) -> tuple[str, str, int]:
    """Dates for a new stay, and its nights."""
    nights = stage.rng.randint(1, 5)
    first = shift(stage.env.domain.now[:10], stage.rng.randint(9, 60))
    return first, shift(first, nights), nights


def free_rooms(stage: Stage, first: str, last: str) -> list[Room]:
    """Rooms that nobody has on these dates."""
    occupied = taken(stage.db, first, last)
    return [room for room in stage.db["rooms"].values() if room.room_id not in occupied]


def stay_price(first: str, last: str, nightly: float) -> float:
    """What so many nights come to."""
    return euros(nights_between(first, last) * nightly)


def look_for_rooms(stage: Stage, **arguments: Any) -> None:
    """The agent searches, as a writer would have."""
    stage.agent_calls("search_rooms", **arguments)
    stage.explore("search_rooms", **arguments)


def look_for_room(stage: Stage, room_id: str, **arguments: Any) -> None:
    """The agent searches until a room that it is going to offer has been shown: a search shows the cheapest only."""
    for search in (arguments, {**arguments, "floor": stage.db["rooms"][room_id].floor}):
        found = stage.agent_calls("search_rooms", **search)
        stage.explore("search_rooms", **search)
        if any(room["room_id"] == room_id for room in found["shown"]):
            return


def who(guest: Guest, booking: Booking | None = None, *more: str) -> str:
    """What the user knows: who they are, their booking, and more."""
    facts = [f"You are {guest.name}. Your e-mail address is {guest.email} and your postcode is {guest.postcode}."]
    if booking:
        facts.append(f"Your booking {booking.booking_id} is from {booking.check_in} to {booking.check_out}.")
    return " ".join([*facts, *more])


def arrive(stage: Stage, guest: Guest, *openings: str, booking: Booking | None = None) -> None:
    """The user says what they want and who they are; the agent identifies them and looks things up."""
    proofs, arguments = _proof(stage, guest, booking)
    if stage.rng.random() < 0.3:  # noqa: PLR2004  # some people give it without being asked
        proof = stage.rng.choice(proofs)
        stage.user(*(f"{opening} {proof}" for opening in openings))
    else:
        stage.user(*openings)
        stage.agent(*_ASK, kind="identify")
        stage.user(*proofs, kind="identify")
    stage.agent_calls("identify_guest", **arguments)
    look_up(stage, guest, booking)


def look_up(stage: Stage, guest: Guest, booking: Booking | None = None) -> None:
    """The agent reads the profile, and the booking if it is about one."""
    stage.hide(guest.guest_id)
    stage.agent_calls("get_guest", guest_id=guest.guest_id)
    stage.explore("get_guest", guest_id=guest.guest_id)
    if booking:
        stage.agent_calls("get_booking", booking_id=booking.booking_id)
        stage.explore("get_booking", booking_id=booking.booking_id)


def room_for_more(stage: Stage, booking: Booking) -> bool:
    """At hard: there is an extra left to ask for (`one_thing_more`)."""
    return stage.cue.difficulty != "hard" or not (booking.has("breakfast") and booking.has("parking"))


def one_thing_more(stage: Stage, booking: Booking, guest: Guest) -> str:
    """At hard: an extra on top, asked for when the first matter is settled.

    Returns:
        What the user must be told about it; nothing when the case is not hard.
    """
    if stage.cue.difficulty != "hard":
        return ""
    wanted: list[ExtraId] = [extra for extra in ("breakfast", "parking") if not booking.has(extra)]
    extra = stage.choose(wanted, "the booking has both extras")
    card = a_card(stage, guest)
    price = money(price_of(stage, booking, extra))
    name = EXTRA_NAMES[extra]
    stage.user(
        f"One thing more: please add {name} to {booking.booking_id}, on my {card.label}.",
        f"And while we are at it, I need {name} as well. Put it on my {card.label}.",
        f"Good. Could you also add {name} to booking {booking.booking_id}? The {card.label} can be charged.",
    )
    stage.hide(price)
    stage.confirm(
        f"{name.capitalize()} for the stay comes to {price} euros, charged to your {card.label}. Shall I add it?",
        f"I can add {name} to {booking.booking_id} for {price} euros in all, on the {card.label}. Do you want that?",
    )
    stage.agent_calls("add_extra", booking_id=booking.booking_id, extra=extra, method_id=card.method_id)
    stage.report(
        f"That is added too: {name} for {price} euros, charged to the {card.label}.",
        f"Done, your booking now includes {name}; I have charged {price} euros to your {card.label}.",
        facts=[price],
    )
    return (
        f" When that is settled, also ask for {name} to be added to {booking.booking_id}, paid with your {card.label}, "
        f"and accept the price."
    )


def price_of(stage: Stage, booking: Booking, extra: ExtraId) -> float:
    """What an extra costs on the nights that are left."""
    first = max(booking.check_in, stage.env.domain.now[:10])
    return extra_price(stage.db["extras"][extra], booking.adults, nights_between(first, booking.check_out))


def label_of(stage: Stage, method_id: str) -> str:
    """What a payment method is called."""
    label: str = stage.db["methods"][method_id].label
    return label


def _proof(stage: Stage, guest: Guest, booking: Booking | None) -> tuple[tuple[str, ...], dict[str, str]]:
    if booking and stage.rng.random() < 0.5:  # noqa: PLR2004  # either will do
        number = booking.booking_id
        return (
            f"My postcode is {guest.postcode} and the booking is {number}.",
            f"It's {guest.postcode}, booking number {number}.",
            f"Postcode {guest.postcode}, and I have {number} here as the booking.",
            f"{guest.name}, {guest.postcode}. The booking number is {number}.",
        ), {"postcode": guest.postcode, "booking_id": number}
    return (
        f"My postcode is {guest.postcode} and my e-mail is {guest.email}.",
        f"{guest.postcode}, and the address is {guest.email}.",
        f"I'm {guest.name}. {guest.email}, postcode {guest.postcode}.",
        f"You should have me under {guest.email}; the postcode is {guest.postcode}.",
    ), {"postcode": guest.postcode, "email": guest.email}

"""What always holds in the hotel, whatever the agent did with its tools."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Final

from eigen_graph.core import Database
from eigen_graph.domains.hotel.arithmetic import euros, nights_between, owed
from eigen_graph.domains.hotel.records import Booking
from eigen_graph.domains.hotel.rules import NOW

_CENT = 0.005
_LINKS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "guests": ("guest_id", {}),
    "memberships": ("guest_id", {"guest_id": "guests"}),
    "methods": ("method_id", {"guest_id": "guests"}),
    "rooms": ("room_id", {}),
    "bookings": ("booking_id", {"guest_id": "guests", "room_id": "rooms", "plan": "plans"}),
    "payments": ("payment_id", {"booking_id": "bookings", "method_id": "methods"}),
    "goodwill": ("goodwill_id", {"booking_id": "bookings"}),
    "transfers": ("transfer_id", {}),
}
"""Each table's own id, and what its other fields point at."""


def references(db: Database, _user: Database | None = None) -> list[str]:
    """Every record stands under its own id, and what it points at exists."""
    wrong = []
    for table, (own, pointers) in _LINKS.items():
        targets = [(field, db[target], target) for field, target in pointers.items()]
        for key, row in db[table].items():
            if getattr(row, own) != key:
                wrong.append(f"{table} {key!r} calls itself {getattr(row, own)!r}")
            wrong += [
                f"{table} {key!r} points at {name} {getattr(row, field)!r}, which is not there"
                for field, target, name in targets
                if getattr(row, field) not in target
            ]
    wrong += [f"guest {key!r} has no membership" for key in db["guests"] if key not in db["memberships"]]
    return wrong


def money(db: Database, _user: Database | None = None) -> list[str]:
    """A booking's total is what its parts come to, and what was paid and not refunded."""
    wrong = []
    paid: dict[str, float] = defaultdict(float)
    for payment in db["payments"].values():
        paid[payment.booking_id] += payment.amount
        if db["methods"][payment.method_id].guest_id != db["bookings"][payment.booking_id].guest_id:
            wrong.append(f"payment {payment.payment_id} moved somebody else's money")
    for booking in db["bookings"].values():
        if abs(owed(booking) - booking.total) > _CENT:
            wrong.append(f"booking {booking.booking_id} says {booking.total} and comes to {owed(booking)}")
        if abs(euros(paid[booking.booking_id]) - booking.total) > _CENT:
            wrong.append(f"booking {booking.booking_id} has {euros(paid[booking.booking_id])} paid of {booking.total}")
    return wrong


def rooms(db: Database, _user: Database | None = None) -> list[str]:
    """No room is given away twice from today on, and every party fits in.

    Nights before today don't count: a guest who was moved slept them elsewhere.
    """
    wrong = []
    calendar: dict[str, list[Booking]] = defaultdict(list)
    today = NOW[:10]
    for booking in db["bookings"].values():
        if booking.adults > db["rooms"][booking.room_id].sleeps or booking.adults < 1:
            wrong.append(f"booking {booking.booking_id} has {booking.adults} adults in room {booking.room_id}")
        if nights_between(booking.check_in, booking.check_out) < (0 if booking.status == "checked_in" else 1):
            wrong.append(f"booking {booking.booking_id} ends before it begins")
        if booking.status in {"confirmed", "checked_in"} and booking.check_out > today:
            calendar[booking.room_id].append(booking)
    for room_id, bookings in calendar.items():
        bookings.sort(key=lambda booking: max(booking.check_in, today))
        wrong += [
            f"room {room_id} is taken twice, by {one.booking_id} and {other.booking_id}"
            for one, other in pairwise(bookings)
            if max(other.check_in, today) < one.check_out
        ]
    return wrong


INVARIANTS = (references, money, rooms)
"""All of them."""

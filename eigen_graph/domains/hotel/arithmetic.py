"""Nights and money: what tools, generator and invariants must compute alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from eigen_graph.core import Database
from eigen_graph.domains.hotel.records import BookedExtra, Booking, Extra, Room


def nights_between(check_in: str, check_out: str) -> int:
    """Nights of a stay; ValueError when a date is none."""
    return (date.fromisoformat(check_out) - date.fromisoformat(check_in)).days


def shift(day: str, days: int) -> str:
    """The date so many days later, or earlier when negative."""
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def euros(amount: float) -> float:
    """Rounded to cents, and never minus zero."""
    return round(amount, 2) + 0.0


def extra_price(extra: Extra, adults: int, nights: int) -> float:
    """What an extra costs on a stay."""
    units = {"adult and night": adults * nights, "night": nights, "stay": 1}[extra.per]
    return euros(extra.price * units)


def owed(booking: Booking) -> float:
    """What a booking comes to: nights, extras and fees, less the points that paid; a cancelled one, its fee."""
    if booking.status == "cancelled":
        return booking.fees
    stay = nights_between(booking.check_in, booking.check_out) * booking.nightly
    return euros(stay + sum(extra.price for extra in booking.extras) + booking.fees - booking.redeemed / 100)


def plan_prices(db: Database, room: Room) -> dict[str, float]:
    """The room's price for a night by rate."""
    return {plan.plan_id: euros(room.nightly * plan.share) for plan in db["plans"].values()}


def repriced(booking: Booking, nights: int, catalogue: Mapping[str, Extra]) -> tuple[BookedExtra, ...]:
    """The booking's extras for another number of nights; what was given free stays free."""
    return tuple(
        BookedExtra(
            extra_id=extra.extra_id,
            price=extra_price(catalogue[extra.extra_id], booking.adults, nights) if extra.price else 0.0,
        )
        for extra in booking.extras
    )


def taken(db: Database, check_in: str, check_out: str, *, besides: str = "") -> frozenset[str]:
    """Rooms that somebody has on a night of the stay, other than by the booking `besides`."""
    return frozenset(
        booking.room_id
        for booking in db["bookings"].values()
        if booking.check_in < check_out
        and check_in < booking.check_out
        and booking.status in {"confirmed", "checked_in"}
        and booking.booking_id != besides
    )


def is_free(db: Database, room_id: str, check_in: str, check_out: str, *, besides: str = "") -> bool:
    """Nobody else has the room on any night of the stay."""
    return room_id not in taken(db, check_in, check_out, besides=besides)

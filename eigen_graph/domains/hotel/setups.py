"""Starting conditions a task may ask for, and assertions it may be judged by.

Most tasks need neither: the database holds enough. A setup is for what must not stand in every task's world, such as
a charge that was made twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from eigen_graph.core import Database
from eigen_graph.domains.hotel.records import Booking, ExtraId, Payment, Status


def charge_twice(db: Database, payment_id: str, paid_at: str) -> None:
    """Repeat a charge, as a card terminal does when its line drops."""
    charge: Payment = db["payments"][payment_id]
    if charge.amount <= 0:
        raise ValueError(f"payment {payment_id} is no charge")
    again = f"{payment_id}-2"
    db["payments"].put(again, charge.model_copy(update={"payment_id": again, "paid_at": paid_at}))


def booking_is(db: Database, booking_id: str, status: Status) -> bool:
    """The booking has this status."""
    booking: Booking = db["bookings"][booking_id]
    return booking.status == status


def has_extra(db: Database, booking_id: str, extra: ExtraId) -> bool:
    """The booking has this extra."""
    booking: Booking = db["bookings"][booking_id]
    return booking.has(extra)


def points_are(db: Database, guest_id: str, points: int) -> bool:
    """The guest's account holds exactly so many points."""
    return bool(db["memberships"][guest_id].points == points)


SETUPS: Final[Mapping[str, Callable[..., None]]] = {"charge_twice": charge_twice}
"""By the name under which a task calls them."""
ASSERTIONS: Final[Mapping[str, Callable[..., bool]]] = {
    "booking_is": booking_is,
    "has_extra": has_extra,
    "points_are": points_are,
}
"""By the name under which a task asks for them."""

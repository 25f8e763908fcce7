"""Tools that only look."""

from __future__ import annotations

from typing import Any, Final

from eigen_graph.core import ToolError, domain_tool
from eigen_graph.domains.hotel.arithmetic import nights_between, plan_prices, taken
from eigen_graph.domains.hotel.records import Booking, Guest, Kind, View
from eigen_graph.domains.hotel.tools.backend import Runtime, find, stay

_SHOWN: Final = 12


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()


@domain_tool(writes=False)
def identify_guest(postcode: str, runtime: Runtime, email: str | None = None, booking_id: str | None = None) -> Any:
    """Find out whether somebody is who they say: the postcode, and the e-mail address or a booking number.

    Args:
        postcode: Postcode on the profile.
        email: E-mail address on the profile; leave out when a booking number is given.
        booking_id: Number of one of the guest's bookings; leave out when an e-mail address is given.
        runtime: The hotel.
    """
    db = runtime.context.db
    if (email is None) == (booking_id is None):
        raise ToolError("give the e-mail address or a booking number, one of the two")
    if booking_id is not None:
        booking: Booking | None = db["bookings"].get(booking_id.strip().upper())
        found: Guest | None = db["guests"][booking.guest_id] if booking else None
    else:
        found = next((g for g in db["guests"].values() if _plain(g.email) == _plain(email or "")), None)
    if found is None or _plain(found.postcode) != _plain(postcode):
        raise ToolError("no profile matches these details")
    return {"guest_id": found.guest_id, "name": found.name}


@domain_tool(writes=False)
def get_guest(guest_id: str, runtime: Runtime) -> Any:
    """A guest's profile: delegates, tier and points, payment methods, and the bookings in short.

    Args:
        guest_id: Number of the guest, e.g. G1001.
        runtime: The hotel.
    """
    db = runtime.context.db
    guest: Guest = find(db, "guests", guest_id, "guest")
    return {
        "guest": guest,
        "membership": db["memberships"][guest_id],
        "payment_methods": [method for method in db["methods"].values() if method.guest_id == guest_id],
        "bookings": [
            {
                "booking_id": booking.booking_id,
                "check_in": booking.check_in,
                "check_out": booking.check_out,
                "status": booking.status,
            }
            for booking in db["bookings"].values()
            if booking.guest_id == guest_id
        ],
    }


@domain_tool(writes=False)
def get_booking(booking_id: str, runtime: Runtime) -> Any:
    """A booking in full: room, dates, rate, extras, what was paid and how, goodwill given.

    Args:
        booking_id: Number of the booking, e.g. B2120604.
        runtime: The hotel.
    """
    db = runtime.context.db
    booking: Booking = find(db, "bookings", booking_id, "booking")
    return {
        "booking": booking,
        "nights": nights_between(booking.check_in, booking.check_out),
        "room": db["rooms"][booking.room_id],
        "payments": [payment for payment in db["payments"].values() if payment.booking_id == booking_id],
        "goodwill": [given for given in db["goodwill"].values() if given.booking_id == booking_id],
    }


@domain_tool(writes=False)
def search_rooms(
    *,
    check_in: str,
    check_out: str,
    adults: int,
    runtime: Runtime,
    kind: Kind | None = None,
    view: View | None = None,
    floor: int | None = None,
) -> Any:
    """Rooms that are free for a stay, the cheapest first, with the price of a night at each rate.

    Args:
        check_in: Date of arrival, YYYY-MM-DD.
        check_out: Date of departure, YYYY-MM-DD.
        adults: How many adults the room must sleep.
        kind: Only rooms of this kind.
        view: Only rooms with this view.
        floor: Only rooms on this floor, 1 to 4.
        runtime: The hotel.
    """
    db = runtime.context.db
    first, last, nights = stay(check_in, check_out, runtime.context.now)
    occupied = taken(db, first, last)
    fitting = [
        room
        for room in db["rooms"].values()
        if room.sleeps >= adults
        and kind in {None, room.kind}
        and view in {None, room.view}
        and floor in {None, room.floor}
        and room.room_id not in occupied
    ]
    fitting.sort(key=lambda room: (room.nightly, room.room_id))
    rooms = [
        {**room.model_dump(exclude={"nightly"}), "price_a_night": plan_prices(db, room)} for room in fitting[:_SHOWN]
    ]
    return {"nights": nights, "free_rooms": len(fitting), "shown": rooms}

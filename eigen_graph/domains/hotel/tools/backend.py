"""What several tools share: finding records, moving money, checking dates."""

from __future__ import annotations

from datetime import date
from typing import Any

from langgraph.prebuilt import ToolRuntime

from eigen_graph.core import Database, ToolError, World
from eigen_graph.domains.hotel.arithmetic import euros, is_free, nights_between, owed
from eigen_graph.domains.hotel.records import Booking, Guest, Method, Payment, Room, Status

Runtime = ToolRuntime[World, Any]
"""What the engine hands to every tool; its `context` is the `World`."""

IDENTITY = ("identify_guest",)
"""What must have succeeded before any change to a booking or a profile."""
_LONGEST_STAY = 28


def find(db: Database, table: str, key: str, what: str) -> Any:
    """A record by its key, or a refusal that names what is missing."""
    record = db[table].get(key)
    if record is None:
        raise ToolError(f"there is no {what} {key!r:.40}")
    return record


def booking_in(db: Database, booking_id: str, *states: Status) -> Booking:
    """A booking that is in one of these states."""
    booking: Booking = find(db, "bookings", booking_id, "booking")
    if booking.status not in states:
        raise ToolError(f"booking {booking_id} is {booking.status}, not {' or '.join(states)}")
    return booking


def method_of(db: Database, guest: Guest, method_id: str) -> Method:
    """A payment method that is on this guest's profile."""
    method: Method = find(db, "methods", method_id, "payment method")
    if method.guest_id != guest.guest_id:
        raise ToolError(f"payment method {method_id} is not on the profile of {guest.guest_id}")
    return method


def stay(check_in: str, check_out: str, now: str) -> tuple[str, str, int]:
    """Both dates in one form, and the nights between; refuses what is no stay from today on."""
    try:
        first, last = date.fromisoformat(check_in).isoformat(), date.fromisoformat(check_out).isoformat()
    except ValueError as error:
        raise ToolError(f"dates are written YYYY-MM-DD: {error}") from error
    nights = nights_between(first, last)
    if not 1 <= nights <= _LONGEST_STAY:
        raise ToolError(f"a stay has 1 to {_LONGEST_STAY} nights, not {nights}")
    if first < now[:10]:
        raise ToolError(f"{first} is in the past")
    return first, last, nights


def require_fit(db: Database, room: Room, adults: int, check_in: str, check_out: str, *, besides: str = "") -> None:
    """Refuse a room that is too small or taken."""
    if adults > room.sleeps:
        raise ToolError(f"room {room.room_id} sleeps {room.sleeps}, not {adults}")
    if not is_free(db, room.room_id, check_in, check_out, besides=besides):
        raise ToolError(f"room {room.room_id} is not free from {check_in} to {check_out}")


def settle(world: World, before: Booking | None, after: Booking, method_id: str, purpose: str) -> dict[str, Any]:
    """Store a booking in its new form, and charge or refund the difference to one method.

    Returns:
        What the caller reads: the booking as it is now, and the money that moved.
    """
    after = after.model_copy(update={"total": owed(after)})
    difference = euros(after.total - (before.total if before else 0.0))
    method = method_of(world.db, world.db["guests"][after.guest_id], method_id)
    world.db["bookings"].put(after.booking_id, after)
    moved = move_money(world, after.booking_id, method, purpose, difference) if difference else None
    return {"booking": after, "charged": max(difference, 0.0), "refunded": max(0.0, -difference), "payment": moved}


def move_money(
    world: World, booking_id: str, method: Method, purpose: str, amount: float, *, refunds: str | None = None
) -> Payment:
    """Charge (positive) or refund (negative) a method.

    The payment's id comes from what it is for, not from a counter, so that two changes to different things leave the
    same records in either order.
    """
    if amount > 0 and method.expires < world.now[:7]:
        raise ToolError(f"{method.label} has expired")
    if method.balance is not None:
        if amount > method.balance:
            raise ToolError(f"{method.label} holds {method.balance:.2f}, which does not cover {amount:.2f}")
        world.db["methods"].update(method.method_id, balance=euros(method.balance - amount))
    payments = world.db["payments"]
    payment_id, number = f"{booking_id}-{purpose}", 1
    while payment_id in payments:
        number += 1
        payment_id = f"{booking_id}-{purpose}-{number}"
    payment = Payment(
        payment_id=payment_id,
        booking_id=booking_id,
        method_id=method.method_id,
        purpose=purpose,
        amount=amount,
        paid_at=world.now,
        refunds=refunds,
    )
    return payments.put(payment_id, payment)  # type: ignore[no-any-return]  # tables are typed by name, not by type

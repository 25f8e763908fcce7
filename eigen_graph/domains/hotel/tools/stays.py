"""Tools that make, change and end bookings."""

from __future__ import annotations

from datetime import date
from typing import Any

from eigen_graph.core import ToolError, World, domain_tool
from eigen_graph.domains.hotel.arithmetic import euros, nights_between, plan_prices, repriced
from eigen_graph.domains.hotel.records import Booking, Guest, PlanId, Room
from eigen_graph.domains.hotel.tools.backend import (
    IDENTITY,
    Runtime,
    booking_in,
    find,
    method_of,
    require_fit,
    settle,
    stay,
)


@domain_tool(writes=True, confirm=True, after=IDENTITY)
def create_booking(
    *,
    guest_id: str,
    room_id: str,
    check_in: str,
    check_out: str,
    adults: int,
    plan: PlanId,
    method_id: str,
    runtime: Runtime,
) -> Any:
    """Book a room and charge the whole stay.

    Args:
        guest_id: Whose booking it is.
        room_id: Number of the room.
        check_in: Date of arrival, YYYY-MM-DD.
        check_out: Date of departure, YYYY-MM-DD.
        adults: How many adults stay.
        plan: The rate.
        method_id: Payment method of the guest to charge.
        runtime: The hotel.
    """
    world: World = runtime.context
    guest: Guest = find(world.db, "guests", guest_id, "guest")
    room: Room = find(world.db, "rooms", room_id, "room")
    first, last, nights = stay(check_in, check_out, world.now)
    if adults < 1:
        raise ToolError("a booking is for at least one adult")
    require_fit(world.db, room, adults, first, last)
    nightly = plan_prices(world.db, room)[plan]
    booking = Booking(
        booking_id=_number_for(world, room_id, first),
        guest_id=guest.guest_id,
        room_id=room_id,
        plan=plan,
        check_in=first,
        check_out=last,
        adults=adults,
        nightly=nightly,
        status="confirmed",
        booked_at=world.now,
        total=euros(nights * nightly),
    )
    return settle(world, None, booking, method_id, "stay")


@domain_tool(writes=True, confirm=True, after=IDENTITY)
def change_dates(
    *, booking_id: str, check_in: str, check_out: str, fee: float, method_id: str, runtime: Runtime
) -> Any:
    """Move a booking to other dates in the same room, at its own nightly price; the difference is settled.

    Args:
        booking_id: Number of the booking.
        check_in: New date of arrival, YYYY-MM-DD.
        check_out: New date of departure, YYYY-MM-DD.
        fee: Fee for the change in euros, 0 for none.
        method_id: Payment method of the guest that is charged or refunded.
        runtime: The hotel.
    """
    world: World = runtime.context
    booking = booking_in(world.db, booking_id, "confirmed")
    first, last, nights = stay(check_in, check_out, world.now)
    if not 0 <= fee <= booking.total:
        raise ToolError(f"the fee must lie between 0 and {booking.total:.2f}")
    if (first, last) == (booking.check_in, booking.check_out):
        raise ToolError(f"booking {booking_id} has these dates already")
    require_fit(world.db, world.db["rooms"][booking.room_id], booking.adults, first, last, besides=booking_id)
    changed = booking.model_copy(
        update={
            "check_in": first,
            "check_out": last,
            "extras": repriced(booking, nights, world.db["extras"]),
            "fees": euros(booking.fees + fee),
            "date_changes": booking.date_changes + 1,
        }
    )
    return settle(world, booking, changed, method_id, "dates")


@domain_tool(writes=True, confirm=True, after=IDENTITY)
def change_room(*, booking_id: str, room_id: str, method_id: str, runtime: Runtime, free: bool = False) -> Any:
    """Move a booking to another room; the difference in price is settled unless it is free.

    Args:
        booking_id: Number of the booking.
        room_id: Number of the new room.
        method_id: Payment method of the guest that is charged or refunded.
        free: Keep the price as it is. A guest in the house can only be moved like this.
        runtime: The hotel.
    """
    world: World = runtime.context
    booking = booking_in(world.db, booking_id, "confirmed", "checked_in")
    room: Room = find(world.db, "rooms", room_id, "room")
    if room_id == booking.room_id:
        raise ToolError(f"booking {booking_id} is in room {room_id} already")
    if booking.status == "checked_in" and not free:
        raise ToolError("a guest in the house cannot be moved at another price")
    method_of(world.db, world.db["guests"][booking.guest_id], method_id)
    first = max(booking.check_in, world.now[:10])
    require_fit(world.db, room, booking.adults, first, booking.check_out, besides=booking_id)
    nightly = booking.nightly if free else plan_prices(world.db, room)[booking.plan]
    return settle(
        world, booking, booking.model_copy(update={"room_id": room_id, "nightly": nightly}), method_id, "room"
    )


@domain_tool(writes=True, confirm=True, after=IDENTITY)
def cancel_booking(booking_id: str, fee: float, refund_to: str, runtime: Runtime) -> Any:
    """Cancel a booking that has not begun; what was paid is refunded except the fee.

    Args:
        booking_id: Number of the booking.
        fee: What is kept, in euros: 0 for none, at most the booking's total.
        refund_to: Payment method of the guest that receives the refund.
        runtime: The hotel.
    """
    world: World = runtime.context
    booking = booking_in(world.db, booking_id, "confirmed")
    if not 0 <= fee <= booking.total:
        raise ToolError(f"the fee must lie between 0 and {booking.total:.2f}")
    cancelled = booking.model_copy(update={"status": "cancelled", "fees": euros(fee)})
    return settle(world, booking, cancelled, refund_to, "cancellation")


@domain_tool(writes=True, confirm=True, after=IDENTITY)
def check_out_early(booking_id: str, departure: str, fee: float, refund_to: str, runtime: Runtime) -> Any:
    """End the stay of a guest in the house before its time; the unused nights are refunded except the fee.

    Args:
        booking_id: Number of the booking.
        departure: New date of departure, YYYY-MM-DD: today or later, before the booked one.
        fee: What is kept of the price of the unused nights, in euros.
        refund_to: Payment method of the guest that receives the refund.
        runtime: The hotel.
    """
    world: World = runtime.context
    booking = booking_in(world.db, booking_id, "checked_in")
    try:
        leaving = date.fromisoformat(departure).isoformat()
    except ValueError as error:
        raise ToolError(f"dates are written YYYY-MM-DD: {error}") from error
    if not world.now[:10] <= leaving < booking.check_out:
        raise ToolError(f"the new departure must be from {world.now[:10]} on and before {booking.check_out}")
    unused = euros(nights_between(leaving, booking.check_out) * booking.nightly)
    if not 0 <= fee <= unused:
        raise ToolError(f"the fee must lie between 0 and {unused:.2f}, the price of the unused nights")
    shortened = booking.model_copy(update={"check_out": leaving, "fees": euros(booking.fees + fee)})
    return settle(world, booking, shortened, refund_to, "early_departure")


def _number_for(world: World, room_id: str, check_in: str) -> str:
    """Bookings are numbered by room and arrival; a letter tells them from earlier, cancelled ones."""
    number = f"B{room_id}{check_in[5:7]}{check_in[8:]}"
    return next(
        candidate
        for candidate in (number, *(f"{number}{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        if candidate not in world.db["bookings"]
    )

"""Tools for extras, points, goodwill, billing errors, and for handing over."""

from __future__ import annotations

from typing import Any, Final

from eigen_graph.core import ToolError, World, domain_tool
from eigen_graph.domains.hotel.arithmetic import euros, extra_price, is_free, nights_between, shift
from eigen_graph.domains.hotel.records import (
    BookedExtra,
    Booking,
    Cause,
    Extra,
    ExtraId,
    Goodwill,
    Membership,
    Payment,
    Transfer,
    TransferReason,
)
from eigen_graph.domains.hotel.tools.backend import IDENTITY, Runtime, booking_in, find, method_of, move_money, settle

_MOST_GOODWILL: Final = 10_000
_POINTS_A_EURO: Final = 100


@domain_tool(writes=True, confirm=True, after=IDENTITY)
def add_extra(*, booking_id: str, extra: ExtraId, method_id: str, runtime: Runtime, free: bool = False) -> Any:
    """Add an extra to a booking and charge it, for the nights that are left.

    Args:
        booking_id: Number of the booking.
        extra: What is added.
        method_id: Payment method of the guest to charge.
        free: Add it without a charge.
        runtime: The hotel.
    """
    world: World = runtime.context
    booking = booking_in(world.db, booking_id, "confirmed", "checked_in")
    method_of(world.db, world.db["guests"][booking.guest_id], method_id)
    if booking.has(extra):
        raise ToolError(f"booking {booking_id} has {extra} already")
    if extra == "dog" and not world.db["rooms"][booking.room_id].dogs:
        raise ToolError(f"dogs are not allowed in room {booking.room_id}")
    day_after = shift(booking.check_out, 1)
    if extra == "late_checkout" and not is_free(
        world.db, booking.room_id, booking.check_out, day_after, besides=booking_id
    ):
        raise ToolError(f"room {booking.room_id} is taken from {booking.check_out} on")
    left = nights_between(max(booking.check_in, world.now[:10]), booking.check_out)
    catalogue: dict[str, Extra] = {name: world.db["extras"][name] for name in world.db["extras"]}
    price = 0.0 if free else extra_price(catalogue[extra], booking.adults, left)
    extras = sorted((*booking.extras, BookedExtra(extra_id=extra, price=price)), key=lambda booked: booked.extra_id)
    return settle(world, booking, booking.model_copy(update={"extras": tuple(extras)}), method_id, extra)


@domain_tool(writes=True, confirm=True, after=IDENTITY)
def refund_charge(payment_id: str, runtime: Runtime) -> Any:
    """Return one whole charge to the method that paid it.

    Args:
        payment_id: Number of the payment, as the booking shows it.
        runtime: The hotel.
    """
    world: World = runtime.context
    charge: Payment = find(world.db, "payments", payment_id, "payment")
    if charge.amount <= 0:
        raise ToolError(f"payment {payment_id} is a refund itself")
    if any(payment.refunds == payment_id for payment in world.db["payments"].values()):
        raise ToolError(f"payment {payment_id} has been refunded already")
    method = world.db["methods"][charge.method_id]
    return move_money(world, charge.booking_id, method, "correction", -charge.amount, refunds=payment_id)


@domain_tool(writes=True, after=IDENTITY)
def grant_goodwill(booking_id: str, cause: Cause, points: int, runtime: Runtime) -> Any:
    """Give the guest of a booking points because something went wrong during the stay.

    Args:
        booking_id: Number of the booking.
        cause: What went wrong.
        points: How many points.
        runtime: The hotel.
    """
    world: World = runtime.context
    booking = booking_in(world.db, booking_id, "checked_in", "checked_out")
    if not 0 < points <= _MOST_GOODWILL:
        raise ToolError(f"points must lie between 1 and {_MOST_GOODWILL}")
    number = 1 + sum(given.booking_id == booking_id for given in world.db["goodwill"].values())
    goodwill_id = f"{booking_id}-goodwill" if number == 1 else f"{booking_id}-goodwill-{number}"
    given = Goodwill(goodwill_id=goodwill_id, booking_id=booking_id, cause=cause, points=points, given_at=world.now)
    world.db["goodwill"].put(goodwill_id, given)
    account: Membership = world.db["memberships"][booking.guest_id]
    return world.db["memberships"].update(booking.guest_id, points=account.points + points)


@domain_tool(writes=True, confirm=True, after=IDENTITY)
def redeem_points(booking_id: str, points: int, refund_to: str, runtime: Runtime) -> Any:
    """Let points pay for a part of a booking; what they are worth is refunded.

    Args:
        booking_id: Number of the booking.
        points: How many points; 100 points are 1 euro.
        refund_to: Payment method of the guest that receives their worth.
        runtime: The hotel.
    """
    world: World = runtime.context
    booking: Booking = booking_in(world.db, booking_id, "confirmed", "checked_in")
    account: Membership = world.db["memberships"][booking.guest_id]
    if not 0 < points <= account.points:
        raise ToolError(f"points must lie between 1 and {account.points}, what the account holds")
    if points / _POINTS_A_EURO > booking.total:
        raise ToolError(f"{points} points are worth more than the {booking.total:.2f} of the booking")
    world.db["memberships"].update(booking.guest_id, points=account.points - points)
    settled = settle(
        world, booking, booking.model_copy(update={"redeemed": booking.redeemed + points}), refund_to, "points"
    )
    return {**settled, "worth": euros(points / _POINTS_A_EURO), "points_left": account.points - points}


@domain_tool(writes=True)
def transfer_to_person(reason: TransferReason, runtime: Runtime) -> Any:
    """Hand the conversation over to a person at the desk. Afterwards tell the guest that somebody will take over.

    Args:
        reason: Why.
        runtime: The hotel.
    """
    world: World = runtime.context
    transfer_id = f"T{len(world.db['transfers']) + 1}"
    return world.db["transfers"].put(transfer_id, Transfer(transfer_id=transfer_id, reason=reason, at=world.now))

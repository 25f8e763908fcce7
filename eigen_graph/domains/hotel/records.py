"""What the hotel knows: one record type a table. Records are frozen and hold tuples, so a fork can share them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field

from eigen_graph.core import Record

Kind = Literal["single", "double", "twin", "family"]
View = Literal["courtyard", "garden", "sea"]
PlanId = Literal["flexible", "saver", "advance"]
Tier = Literal["member", "silver", "gold"]
ExtraId = Literal["breakfast", "parking", "dog", "late_checkout"]
Status = Literal["confirmed", "checked_in", "checked_out", "cancelled"]
Cause = Literal["noise", "cleaning", "broken_equipment"]
TransferReason = Literal["safety", "identity", "group", "billing", "not_covered"]


class Guest(Record):
    """Somebody with a profile."""

    guest_id: str
    first_name: str
    last_name: str
    email: str
    postcode: str
    delegates: tuple[str, ...] = ()
    """Full names of people who may act for the guest."""

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"


class Membership(Record):
    """A guest's loyalty account; its key is the guest's."""

    guest_id: str
    tier: Tier
    points: int = Field(ge=0)


class Method(Record):
    """A card or a gift voucher on a guest's profile."""

    method_id: str
    guest_id: str
    kind: Literal["card", "voucher"]
    label: str
    expires: str
    """Last month in which it can be charged, YYYY-MM."""
    balance: float | None = Field(default=None, ge=0)
    """What is left on a voucher, in euros."""


class Room(Record):
    """A room."""

    room_id: str
    kind: Kind
    view: View
    floor: int
    sleeps: int
    step_free: bool = False
    dogs: bool = False
    nightly: float
    """List price: what a night costs at the flexible rate."""


class Plan(Record):
    """A rate: its share of the list price. What it allows is the policy's business."""

    plan_id: PlanId
    share: float


class Extra(Record):
    """Something that can be added to a booking."""

    extra_id: ExtraId
    price: float
    per: Literal["adult and night", "night", "stay"]


class BookedExtra(Record):
    """An extra on a booking, with what it costs there in all."""

    extra_id: ExtraId
    price: float


class Booking(Record):
    """One room for one party. Paid when it is made; `total` is what has been paid and not refunded."""

    booking_id: str
    guest_id: str
    room_id: str
    plan: PlanId
    check_in: str
    check_out: str
    adults: int
    nightly: float
    status: Status
    booked_at: str
    extras: tuple[BookedExtra, ...] = ()
    fees: float = 0.0
    """Fees for changes, for leaving early, for cancelling."""
    date_changes: int = 0
    redeemed: int = 0
    """Points that paid for a part of it."""
    total: float

    def has(self, extra_id: str) -> bool:
        """Whether an extra is on it."""
        return any(extra.extra_id == extra_id for extra in self.extras)


class Payment(Record):
    """Money that moved: positive to us, negative back to the guest."""

    payment_id: str
    booking_id: str
    method_id: str
    purpose: str
    amount: float
    paid_at: str
    refunds: str | None = None
    """On the refund of one charge: that charge."""


class Goodwill(Record):
    """Points given because something went wrong."""

    goodwill_id: str
    booking_id: str
    cause: Cause
    points: int
    given_at: str


class Transfer(Record):
    """A conversation handed to a person."""

    transfer_id: str
    reason: TransferReason
    at: str


SCHEMA: Final[Mapping[str, type[Record]]] = {
    "guests": Guest,
    "memberships": Membership,
    "methods": Method,
    "rooms": Room,
    "plans": Plan,
    "extras": Extra,
    "bookings": Booking,
    "payments": Payment,
    "goodwill": Goodwill,
    "transfers": Transfer,
}
"""The tables."""

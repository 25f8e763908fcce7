"""What the policy comes to in figures.

The tools know none of this: a real booking system does what its operator asks. The generator uses it, so that the
past looks as if the policy had been followed, and the playbook, so that its agent follows it.
"""

from __future__ import annotations

from typing import Final

from eigen_graph.core import Database
from eigen_graph.domains.hotel.arithmetic import euros, nights_between
from eigen_graph.domains.hotel.records import Booking, Cause, Payment, PlanId, Tier

NOW: Final = "2026-05-11T10:00:00"
"""The hotel's present; the policy's first paragraph says the same."""
FREE_CANCELLATION_DAYS: Final = 2
SAVER_LATE_DAYS: Final = 7
SAVER_SHARE: Final = 0.3
COOLING_OFF_DAYS: Final = 7
FLEXIBLE_CHANGE_DAYS: Final = 1
SAVER_CHANGE_DAYS: Final = 3
SAVER_CHANGE_FEE: Final = 25.0
LATE_CHECKOUT: Final = "14:00"
GOODWILL: Final[dict[Tier, dict[Cause, int]]] = {
    "member": {"noise": 400, "cleaning": 400, "broken_equipment": 800},
    "silver": {"noise": 800, "cleaning": 800, "broken_equipment": 1600},
    "gold": {"noise": 1500, "cleaning": 1500, "broken_equipment": 3000},
}
"""Clause 19: exactly so many points."""
DESK: Final = "desk@larkspurhouse.example"


def days_ahead(booking: Booking, now: str) -> int:
    """Days from today to arrival."""
    return nights_between(now[:10], booking.check_in)


def just_made(booking: Booking, now: str) -> bool:
    """Clause 8: made within 24 hours, with arrival far enough away."""
    elapsed_days = nights_between(booking.booked_at[:10], now[:10])
    recent = elapsed_days == 0 or (elapsed_days == 1 and booking.booked_at[11:] >= now[11:])
    return recent and days_ahead(booking, now) >= COOLING_OFF_DAYS


def cancellation_fee(booking: Booking, now: str) -> float:
    """Clauses 8 to 11: what is kept when a booking is cancelled now."""
    days = days_ahead(booking, now)
    if just_made(booking, now):
        return 0.0
    if booking.plan == "flexible":
        return 0.0 if days >= FREE_CANCELLATION_DAYS else min(booking.nightly, booking.total)
    if booking.plan == "saver" and days >= SAVER_LATE_DAYS:
        return euros(SAVER_SHARE * booking.total)
    return booking.total


def dates_may_change(booking: Booking, now: str) -> bool:
    """Clauses 12 to 14."""
    days = days_ahead(booking, now)
    if booking.plan == "flexible":
        return days >= FLEXIBLE_CHANGE_DAYS
    return booking.plan == "saver" and days >= SAVER_CHANGE_DAYS and booking.date_changes == 0


def change_fee(plan: PlanId) -> float:
    """Clauses 12 and 13: the fee for new dates, where they are allowed."""
    return SAVER_CHANGE_FEE if plan == "saver" else 0.0


def early_departure_fee(booking: Booking, departure: str) -> float:
    """Clause 15: what is kept of the nights that are not slept."""
    unused = euros(nights_between(departure, booking.check_out) * booking.nightly)
    return min(booking.nightly, unused) if booking.plan == "flexible" else unused


def most_points(booking: Booking) -> int:
    """Clause 20: how many points may pay for a booking."""
    return int(booking.total / 2 * 100 // 500 * 500)


def paying_method(db: Database, booking: Booking) -> str:
    """Clause 6: the method that paid for the stay, to which refunds go."""
    payment: Payment = db["payments"][f"{booking.booking_id}-stay"]
    return payment.method_id

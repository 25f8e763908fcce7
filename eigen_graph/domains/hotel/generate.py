"""The hotel's database, made up from one seed: the same on every machine, consistent, and never the same twice over.

Nothing here depends on hashing or on the order of a set. Faker gives names and postcodes; all else is `random`.
"""

from __future__ import annotations

import random
from typing import Final

from faker import Faker

from eigen_graph.core import Database, Record
from eigen_graph.domains.hotel.arithmetic import euros, extra_price, nights_between, owed, shift
from eigen_graph.domains.hotel.records import (
    SCHEMA,
    BookedExtra,
    Booking,
    Cause,
    Extra,
    Goodwill,
    Guest,
    Kind,
    Membership,
    Method,
    Payment,
    Plan,
    PlanId,
    Room,
    Tier,
    View,
)
from eigen_graph.domains.hotel.rules import GOODWILL, NOW, SAVER_CHANGE_FEE, cancellation_fee

_TODAY: Final = NOW[:10]
_SEED: Final = 20260511
_GUESTS: Final = 120
_FLOORS: Final = 4
_ROOMS_A_FLOOR: Final = 20

_BASE_PRICE: Final[dict[Kind, float]] = {"single": 74.0, "twin": 104.0, "double": 112.0, "family": 158.0}
_VIEW_PRICE: Final[dict[View, float]] = {"courtyard": 0.0, "garden": 9.0, "sea": 28.0}
_SLEEPS: Final[dict[Kind, int]] = {"single": 1, "twin": 2, "double": 2, "family": 4}
_CATALOGUE: Final[dict[str, Extra]] = {
    "breakfast": Extra(extra_id="breakfast", price=16.5, per="adult and night"),
    "parking": Extra(extra_id="parking", price=14.0, per="night"),
    "dog": Extra(extra_id="dog", price=20.0, per="stay"),
    "late_checkout": Extra(extra_id="late_checkout", price=30.0, per="stay"),
}
_PLANS: Final[dict[str, Plan]] = {
    "flexible": Plan(plan_id="flexible", share=1.0),
    "saver": Plan(plan_id="saver", share=0.88),
    "advance": Plan(plan_id="advance", share=0.75),
}


def build() -> Database:
    """Make the database."""
    return _Builder().database()


class _Builder:
    def __init__(self) -> None:
        self.rng = random.Random(_SEED)
        self.tables: dict[str, dict[str, Record]] = {name: {} for name in SCHEMA}
        self.methods: dict[str, list[Method]] = {}
        self.tiers: dict[str, Tier] = {}

    def database(self) -> Database:
        self.tables["plans"].update(_PLANS)
        self.tables["extras"].update(_CATALOGUE)
        guests = self._guests()
        regulars = [guest for guest in guests for _ in range(self.rng.choice((1, 1, 2, 3)))]
        for room in self._rooms():
            self._stays(room, regulars)
        return Database(SCHEMA, self.tables)

    def _guests(self) -> list[Guest]:
        fake = Faker("en_GB", use_weighting=False)
        fake.seed_instance(_SEED)
        guests = []
        for number in range(1, _GUESTS + 1):
            first, last = fake.first_name(), fake.last_name()
            guest = Guest(
                guest_id=f"G{1000 + number}",
                first_name=first,
                last_name=last,
                email=f"{first}.{last}{number}@post.example".lower().replace("'", "").replace(" ", ""),
                postcode=fake.postcode(),
                delegates=(f"{fake.first_name()} {fake.last_name()}",) if self.rng.random() < 0.3 else (),  # noqa: PLR2004
            )
            self.tables["guests"][guest.guest_id] = guest
            self._membership(guest)
            self._methods(guest, number)
            guests.append(guest)
        return guests

    def _membership(self, guest: Guest) -> None:
        tiers: tuple[Tier, ...] = ("member", "silver", "gold")
        tier = self.tiers[guest.guest_id] = self.rng.choices(tiers, (5, 3, 2))[0]
        points = self.rng.randrange(0, 9000, 25) + 2500 * tiers.index(tier)
        self.tables["memberships"][guest.guest_id] = Membership(guest_id=guest.guest_id, tier=tier, points=points)

    def _methods(self, guest: Guest, number: int) -> None:
        brands = self.rng.sample(("Visa", "Mastercard", "Maestro"), self.rng.choice((1, 2, 2)))
        own = [
            Method(
                method_id=f"card-{number}{letter}",
                guest_id=guest.guest_id,
                kind="card",
                label=f"{brand} ending in {self.rng.randint(1000, 9999)}",
                expires=f"20{self.rng.randint(27, 30)}-{self.rng.randint(1, 12):02d}",
            )
            for letter, brand in zip("ab", brands, strict=False)
        ]
        if self.rng.random() < 0.4:  # noqa: PLR2004
            own.append(
                Method(
                    method_id=f"voucher-{number}",
                    guest_id=guest.guest_id,
                    kind="voucher",
                    label=f"gift voucher {self.rng.randint(10000, 99999)}",
                    expires=f"2027-{self.rng.randint(1, 12):02d}",
                    balance=float(self.rng.randrange(50, 600, 10)),
                )
            )
        self.methods[guest.guest_id] = own
        self.tables["methods"].update({method.method_id: method for method in own})

    def _rooms(self) -> list[Room]:
        kinds: tuple[Kind, ...] = ("double", "twin", "double", "single", "family")
        views: tuple[View, ...] = ("sea", "garden", "courtyard", "sea")
        rooms = []
        for floor in range(1, _FLOORS + 1):
            for door in range(1, _ROOMS_A_FLOOR + 1):
                kind, view = kinds[door % 5], views[door % 4]
                room = Room(
                    room_id=f"{floor}{door:02d}",
                    kind=kind,
                    view=view,
                    floor=floor,
                    sleeps=_SLEEPS[kind],
                    step_free=floor == 1,
                    dogs=floor <= 2 and view != "sea",  # noqa: PLR2004
                    nightly=_BASE_PRICE[kind] + _VIEW_PRICE[view] + 3.0 * (floor - 1),
                )
                self.tables["rooms"][room.room_id] = room
                rooms.append(room)
        return rooms

    def _stays(self, room: Room, regulars: list[Guest]) -> None:
        """Fill a room's calendar from late April on, with gaps."""
        day = shift(_TODAY, -self.rng.randint(0, 9))
        for _ in range(self.rng.choice((3, 3, 4, 4))):
            nights = self.rng.choice((1, 2, 2, 3, 3, 4, 5, 6))
            check_in, check_out = day, shift(day, nights)
            self._booking(room, self.rng.choice(regulars), check_in, nights)
            day = shift(check_out, self.rng.choice((0, 2, 4, 7, 11, 16, 23)))

    def _booking(self, room: Room, guest: Guest, check_in: str, nights: int) -> None:
        plans: tuple[PlanId, ...] = ("flexible", "saver", "advance")
        plan = self.rng.choices(plans, (4, 4, 3))[0]
        adults = self.rng.randint(1, room.sleeps)
        chosen = sorted(self.rng.sample(("breakfast", "parking"), self.rng.choice((0, 0, 1, 1, 2))))
        check_out = shift(check_in, nights)
        booking = Booking(
            booking_id=f"B{room.room_id}{check_in[5:7]}{check_in[8:]}",
            guest_id=guest.guest_id,
            room_id=room.room_id,
            plan=plan,
            check_in=check_in,
            check_out=check_out,
            adults=adults,
            nightly=euros(room.nightly * _PLANS[plan].share),
            status="checked_out" if check_out < _TODAY else "checked_in" if check_in < _TODAY else "confirmed",
            booked_at=self._booked_at(check_in),
            extras=tuple(
                BookedExtra(extra_id=_CATALOGUE[name].extra_id, price=extra_price(_CATALOGUE[name], adults, nights))
                for name in chosen
            ),
            total=0,
        )
        booking = booking.model_copy(update={"total": owed(booking)})
        card = self.rng.choice([method for method in self.methods[guest.guest_id] if method.kind == "card"])
        self._pay(booking, card, "stay", euros(nights * booking.nightly), booking.booked_at)
        for extra in booking.extras:
            self._pay(booking, card, extra.extra_id, extra.price, booking.booked_at)
        if booking.status == "confirmed":
            booking = self._history(booking, card)
        elif self.rng.random() < 0.12:  # noqa: PLR2004
            self._complaint(booking)
        self.tables["bookings"][booking.booking_id] = booking

    def _booked_at(self, check_in: str) -> str:
        """Some days before arrival and before now; now and then within the last 24 hours."""
        hour = f"{self.rng.randint(8, 22):02d}:{self.rng.randint(0, 59):02d}:00"
        if nights_between(_TODAY, check_in) >= 9 and self.rng.random() < 0.16:  # noqa: PLR2004
            return f"{_TODAY}T09:{hour[3:5]}:00" if self.rng.random() < 0.5 else f"{shift(_TODAY, -1)}T1{hour[1:]}"  # noqa: PLR2004
        latest = min(shift(check_in, -2), shift(_TODAY, -3))
        return f"{shift(latest, -self.rng.randint(0, 70))}T{hour}"

    def _history(self, booking: Booking, card: Method) -> Booking:
        """What may have happened to a booking since it was made: new dates, or its end."""
        chance = self.rng.random()
        old = booking.booked_at < shift(_TODAY, -2)
        if old and chance < 0.13:  # noqa: PLR2004
            at = f"{shift(_TODAY, -self.rng.randint(1, 2))}T11:00:00"
            fee = cancellation_fee(booking, at)
            refund = euros(booking.total - fee)
            if refund:
                self._pay(booking, card, "cancellation", -refund, at)
            return booking.model_copy(update={"status": "cancelled", "fees": fee, "total": fee})
        if old and booking.plan == "saver" and chance < 0.45:  # noqa: PLR2004
            self._pay(booking, card, "dates", SAVER_CHANGE_FEE, f"{shift(_TODAY, -2)}T16:20:00")
            changed = booking.model_copy(update={"fees": SAVER_CHANGE_FEE, "date_changes": 1})
            return changed.model_copy(update={"total": owed(changed)})
        return booking

    def _complaint(self, booking: Booking) -> None:
        tier = self.tiers[booking.guest_id]
        causes: tuple[Cause, ...] = ("noise", "cleaning", "broken_equipment")
        cause = self.rng.choice(causes)
        points = GOODWILL[tier][cause]
        given = Goodwill(
            goodwill_id=f"{booking.booking_id}-goodwill",
            booking_id=booking.booking_id,
            cause=cause,
            points=points,
            given_at=f"{min(shift(booking.check_in, 1), shift(_TODAY, -1))}T09:30:00",
        )
        self.tables["goodwill"][given.goodwill_id] = given

    def _pay(self, booking: Booking, method: Method, purpose: str, amount: float, at: str) -> None:
        payment = Payment(
            payment_id=f"{booking.booking_id}-{purpose}",
            booking_id=booking.booking_id,
            method_id=method.method_id,
            purpose=purpose,
            amount=amount,
            paid_at=at,
        )
        self.tables["payments"][payment.payment_id] = payment

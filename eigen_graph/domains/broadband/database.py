"""Both sides' databases, generated from a seed: the same contents in every process."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from faker import Faker

from eigen_graph.core import Database, Record
from eigen_graph.domains.broadband.records import (
    AGENT_SCHEMA,
    USER_SCHEMA,
    Access,
    Cable,
    Credit,
    Customer,
    Device,
    Home,
    Invoice,
    Line,
    Outage,
    Plan,
    Router,
    Slot,
    Ticket,
    Wifi,
)
from eigen_graph.domains.broadband.sync import sync

NOW: Final = "2025-09-17T10:30"
"""The domain's present: a Wednesday morning."""

PLANS: Final = (
    Plan(plan_id="P-D16", name="Copper Start", access="dsl", profile="dsl-16", mbps=16, monthly_price=19.9),
    Plan(plan_id="P-D50", name="Copper Plus", access="dsl", profile="dsl-50", mbps=50, monthly_price=27.9),
    Plan(plan_id="P-D100", name="Copper Max", access="dsl", profile="dsl-100", mbps=100, monthly_price=34.9),
    Plan(plan_id="P-F100", name="Fibre Start", access="fibre", profile="fibre-100", mbps=100, monthly_price=32.5),
    Plan(plan_id="P-F250", name="Fibre Plus", access="fibre", profile="fibre-250", mbps=250, monthly_price=39.5),
    Plan(plan_id="P-F500", name="Fibre Max", access="fibre", profile="fibre-500", mbps=500, monthly_price=49.5),
)
"""The catalogue, slowest first within each kind of access."""

MONTHS: Final = ("2025-07", "2025-08", "2025-09")
"""Months that have been invoiced; each is due on its 28th."""

_AREAS = ("Ashcombe", "Brackwater", "Cinder Hill", "Dunmere", "Eastvale", "Farrow", "Glenholt", "Harrowby")
_VISIT_DAYS = ("2025-09-18", "2025-09-19", "2025-09-22", "2025-09-23", "2025-09-24")
_WINDOWS = {"AM": "08:00-12:00", "PM": "13:00-17:00"}
_CAUSES = ("a damaged duct", "a power failure at the exchange", "planned works", "a failed switch")
_CUSTOMERS = 130
_WITH_CONTACT, _ON_FIBRE, _CREDITED = 0.7, 0.6, 0.4
"""Shares of the customers; the last of those whom an outage hit."""
_PLAN_OF: dict[str, Plan] = {plan.plan_id: plan for plan in PLANS}

Rows = dict[str, Record]


def build(seed: int = 20) -> tuple[Database, Database]:
    """The provider's database and a household's, in agreement with each other.

    The household stands on the first line, and everything in it works.
    """
    rng = random.Random(f"broadband/{seed}")
    outages = _outages(rng)
    customers, lines = _accounts(rng, seed, outages)
    tickets, slots = _tickets(rng, lines)
    agent_db = Database(
        AGENT_SCHEMA,
        {
            "customers": customers,
            "plans": dict(_PLAN_OF),
            "lines": lines,
            "outages": outages,
            "tickets": tickets,
            "slots": slots,
            "invoices": _invoices(customers, lines),
            "credits": _credits(rng, lines, outages),
        },
    )
    user_db = Database(USER_SCHEMA, _household(next(iter(lines))))
    sync(agent_db, user_db)
    # Frozen into the base, so that a fork starts with nothing touched.
    return (
        Database(AGENT_SCHEMA, {name: dict(table) for name, table in agent_db.items()}),
        Database(USER_SCHEMA, {name: dict(table) for name, table in user_db.items()}),
    )


def _outages(rng: random.Random) -> dict[str, Outage]:
    """For every area one that is over; in the last area also one that lasts."""
    found: dict[str, Outage] = {}
    for number, area in enumerate(_AREAS):
        day, hour, days = rng.randint(1, 9), rng.randint(5, 12), rng.randint(0, 4)
        found[f"OUT-{301 + number}"] = Outage(
            outage_id=f"OUT-{301 + number}",
            area=area,
            access=rng.choice(("dsl", "fibre")),
            cause=rng.choice(_CAUSES),
            started=f"2025-09-{day:02d}T{hour:02d}:00",
            expected_end=f"2025-09-{day + days:02d}T{hour + 6:02d}:00",
            ended=f"2025-09-{day + days:02d}T{hour + rng.randint(1, 9):02d}:30",
        )
    lasting = f"OUT-{301 + len(found)}"
    found[lasting] = Outage(
        outage_id=lasting,
        area=_AREAS[-1],
        access="dsl",
        cause=_CAUSES[0],
        started="2025-09-17T07:10",
        expected_end="2025-09-17T19:30",
    )
    return found


def _accounts(
    rng: random.Random, seed: int, outages: Mapping[str, Outage]
) -> tuple[dict[str, Customer], dict[str, Line]]:
    """Customers with one line each, every thirteenth with two; some behind with their bills."""
    fake = Faker("en_US", use_weighting=False)
    fake.seed_instance(seed)
    pins, phones = rng.sample(range(1000, 10_000), _CUSTOMERS), rng.sample(range(100_000, 1_000_000), _CUSTOMERS)
    serials = iter(rng.sample(range(100_000, 1_000_000), 2 * _CUSTOMERS))
    down = {(outage.area, outage.access) for outage in outages.values() if not outage.ended}
    customers: dict[str, Customer] = {}
    lines: dict[str, Line] = {}
    for number in range(_CUSTOMERS):
        first, last = fake.unique.first_name(), fake.last_name()
        customer = Customer(
            customer_id=f"C{1001 + number}",
            name=f"{first} {last}",
            phone=f"0700 {phones[number]}",
            email=f"{first}.{last}@example.com".lower(),
            pin=str(pins[number]),
            contacts=(f"{fake.first_name()} {last}",) if number == 0 or rng.random() < _WITH_CONTACT else (),
            priority_care=number % 16 == 15,  # noqa: PLR2004  # spread evenly, never the first household
            invoices=tuple(f"I{1001 + number}-{month[-2:]}" for month in MONTHS),
        )
        customers[customer.customer_id] = customer
        suspended = number % 25 == 24  # noqa: PLR2004  # as above
        for _ in range(2 if number % 13 == 12 else 1):  # noqa: PLR2004  # as above
            area = _AREAS[len(lines) % len(_AREAS)]
            access: Access = "fibre" if number == 0 or rng.random() < _ON_FIBRE else "dsl"
            plan = rng.choice([plan for plan in PLANS if plan.access == access])
            dark = (area, access) in down
            line_id = f"L{2001 + len(lines)}"
            lines[line_id] = Line(
                line_id=line_id,
                customer_id=customer.customer_id,
                address=f"{fake.street_address()}, {area}",
                area=area,
                access=access,
                plan_id=plan.plan_id,
                contract_end=f"{rng.choice((2024, 2025, 2026))}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
                status="suspended" if suspended else "active",
                suspended_for="non_payment" if suspended else "",
                profile=plan.profile,
                router_serial=f"LK-{next(serials)}",
                modem="no_sync" if dark else "in_sync",
                session="" if dark or suspended else plan.profile,
            )
    return customers, lines


def _invoices(customers: Mapping[str, Customer], lines: Mapping[str, Line]) -> dict[str, Invoice]:
    """Three months each; who is suspended owes the second."""
    amounts: dict[str, float] = dict.fromkeys(customers, 0.0)
    owing = set()
    for line in lines.values():
        amounts[line.customer_id] += _PLAN_OF[line.plan_id].monthly_price
        if line.status == "suspended":
            owing.add(line.customer_id)
    invoices: dict[str, Invoice] = {}
    for customer in customers.values():
        second = "overdue" if customer.customer_id in owing else "paid"
        for invoice_id, month, status in zip(customer.invoices, MONTHS, ("paid", second, "open"), strict=True):
            invoices[invoice_id] = Invoice(
                invoice_id=invoice_id,
                customer_id=customer.customer_id,
                amount=round(amounts[customer.customer_id], 2),
                due=f"{month}-28",
                status=status,
            )
    return invoices


def _tickets(rng: random.Random, lines: dict[str, Line]) -> tuple[dict[str, Ticket], dict[str, Slot]]:
    """Closed tickets, and open ones on lines that are marked as cut (with a visit) or noisy."""
    slots = {
        f"S-{area[:2].upper()}{day[5:7]}{day[8:]}{half}": Slot(
            slot_id=f"S-{area[:2].upper()}{day[5:7]}{day[8:]}{half}", area=area, date=day, window=window
        )
        for area in _AREAS
        for day in _VISIT_DAYS
        for half, window in _WINDOWS.items()
    }
    tickets: dict[str, Ticket] = {}
    healthy = [line_id for line_id, line in lines.items() if line.session][1:]
    for number, line_id in enumerate(rng.sample(healthy, 30)):
        line = lines[line_id]
        ticket_id = f"T{5001 + number}"
        cut, noisy = number >= 24, 18 <= number < 24  # noqa: PLR2004  # the latest six, the six before
        if cut:
            free = [slot for slot in slots.values() if slot.area == line.area and not slot.ticket_id]
            slot = rng.choice(free)
            slots[slot.slot_id] = slot.model_copy(update={"ticket_id": ticket_id})
            lines[line_id] = line.model_copy(update={"wire": "cut", "modem": "no_sync", "session": ""})
        elif noisy:
            lines[line_id] = line.model_copy(update={"noisy": True})
        tickets[ticket_id] = Ticket(
            ticket_id=ticket_id,
            line_id=line_id,
            category="no_sync" if cut or (not noisy and rng.random() < 0.5) else "slow_line",  # noqa: PLR2004  # half
            status="open" if cut or noisy else "closed",
            opened=f"2025-09-{min(16, 1 + number // 2):02d}",
        )
    return tickets, slots


def _credits(rng: random.Random, lines: Mapping[str, Line], outages: Mapping[str, Outage]) -> dict[str, Credit]:
    """Some of those whom a long outage hit have had their credit."""
    granted: dict[str, Credit] = {}
    for outage in outages.values():
        days = full_days(outage)
        hit = [x.customer_id for x in lines.values() if (x.area, x.access) == (outage.area, outage.access)]
        for customer_id in sorted(set(hit)) if days else ():
            if rng.random() < _CREDITED:
                credit_id = f"K{801 + len(granted)}"
                granted[credit_id] = Credit(
                    credit_id=credit_id,
                    customer_id=customer_id,
                    outage_id=outage.outage_id,
                    amount=3.0 * days,
                    granted=f"2025-09-{rng.randint(14, 16)}",
                )
    return granted


def full_days(outage: Outage) -> int:
    """Full 24 hours that an outage lasted; 0 while it is not over."""
    return (datetime.fromisoformat(outage.ended) - datetime.fromisoformat(outage.started)).days if outage.ended else 0


def _household(line_id: str) -> dict[str, Rows]:
    """A home in which everything works."""
    name, password = "Rookery", "seven-green-kettles"
    wireless = {"saved_password": password}
    return {
        "home": {"home": Home(line_id=line_id)},
        "router": {
            "router": Router(serial="", label_network="Larkfield-5C7E", label_password="umber-otter-41")  # noqa: S106
        },
        "cables": {"power": Cable(), "line": Cable(), "ethernet": Cable()},
        "wifi": {
            "2.4GHz": Wifi(name=name, password=password, channel=6, busy=(1,)),
            "5GHz": Wifi(name=name, password=password, channel=44, busy=(36,)),
        },
        "devices": {
            "phone": Device(joined="5GHz", **wireless),
            "laptop": Device(joined="5GHz", **wireless),
            "tablet": Device(joined="2.4GHz", **wireless),
            "tv": Device(joined="2.4GHz", bands=("2.4GHz",), **wireless),
            "desktop": Device(wired=True),
            "work_laptop": Device(managed=True, joined="5GHz", vpn=True, **wireless),
        },
    }

"""The wire between the two sides: what the network does shows in the home, and the other way round."""

from __future__ import annotations

from typing import Any

from eigen_graph.core import Database, Record, Table
from eigen_graph.domains.broadband import home
from eigen_graph.domains.broadband.records import Customer, Invoice, Line, ModemState


def sync(agent_db: Database, user_db: Database) -> None:
    """Bring the household and its line to agree. Idempotent; writes only what differs.

    - The router sees whether there is a signal, and which profile the network would give it at its next start.
    - A router that is no longer let in, or is told to drop its session, loses its profile, and gets one again only by
      starting.
    - The network sees whether the router is powered, in sync, known, and which profile it runs.
    - Bills go to the customer's app, payments come back.
    """
    line: Line | None = agent_db["lines"].get(user_db["home"]["home"].line_id)
    if line is None:
        return
    _bills(agent_db, user_db, agent_db["customers"][line.customer_id])
    router = home.router(user_db)
    fresh = not router.serial
    serial = router.serial or line.router_serial
    known = serial == line.router_serial
    offered = line.profile if line.status == "active" and known else ""
    _set(
        user_db["router"],
        "router",
        serial=serial,
        signal=has_signal(agent_db, line),
        noisy=line.noisy,
        offered=offered,
        profile=offered if fresh else router.profile,
    )
    linked = home.has_link(user_db)
    if linked and (not offered or line.drop_session):
        _set(user_db["router"], "router", profile="")
    _set(
        agent_db["lines"],
        line.line_id,
        modem=_modem(user_db, known=known),
        session=home.router(user_db).profile if linked else "",
        drop_session=line.drop_session and not linked,
    )


def has_signal(agent_db: Database, line: Line) -> bool:
    """Whether anything arrives at the line's wall socket."""
    return line.wire == "ok" and not any(
        outage.area == line.area and outage.access == line.access and not outage.ended
        for outage in agent_db["outages"].values()
    )


def _modem(user_db: Database, *, known: bool) -> ModemState:
    if not home.has_power(user_db):
        return "no_power"
    if not home.has_link(user_db):
        return "no_sync"
    return "in_sync" if known else "unknown_router"


def _bills(agent_db: Database, user_db: Database, customer: Customer) -> None:
    bills, invoices = user_db["bills"], agent_db["invoices"]
    for key in [key for key in bills if key not in customer.invoices]:
        bills.remove(key)
    for key in customer.invoices:
        invoice: Invoice = invoices[key]
        bill = bills.get(key)
        if bill is not None and bill.status == "paid":
            _set(invoices, key, status="paid")
        elif bill is not None:
            _set(bills, key, status=invoice.status)
        elif invoice.status != "paid":
            bills.put(key, bills.record_type(amount=invoice.amount, due=invoice.due, status=invoice.status))


def _set(table: Table[Record], key: str, **fields: Any) -> None:
    """Update a record when that changes it: an untouched record costs a later comparison nothing."""
    record = table[key]
    if any(getattr(record, name) != value for name, value in fields.items()):
        table.update(key, **fields)

"""Named predicates by which a task says how things stand in the end."""

from __future__ import annotations

from eigen_graph.core import Database
from eigen_graph.domains.broadband import home
from eigen_graph.domains.broadband.records import AddressSetting, DeviceName, Line, Switch, TicketCategory

# The agent's side.


def line_active(db: Database, line_id: str) -> bool:
    """The line is not suspended."""
    return bool(db["lines"][line_id].status == "active")


def line_passes_test(db: Database, line_id: str) -> bool:
    """The line's router is in sync and known."""
    return bool(db["lines"][line_id].modem == "in_sync")


def line_delivers_plan(db: Database, line_id: str) -> bool:
    """The line's router runs the profile of the line's plan."""
    line: Line = db["lines"][line_id]
    return bool(line.session == db["plans"][line.plan_id].profile)


def plan_is(db: Database, line_id: str, plan_id: str) -> bool:
    """The line is on the plan."""
    return bool(db["lines"][line_id].plan_id == plan_id)


def ticket_open(db: Database, line_id: str, category: TicketCategory) -> bool:
    """Exactly one ticket is open for the line, of the category."""
    tickets = [t for t in db["tickets"].values() if t.line_id == line_id and t.status == "open"]
    return [ticket.category for ticket in tickets] == [category]


def visit_booked(db: Database, line_id: str) -> bool:
    """A technician is booked for an open ticket of the line."""
    tickets = {t.ticket_id for t in db["tickets"].values() if t.line_id == line_id and t.status == "open"}
    return any(slot.ticket_id in tickets for slot in db["slots"].values())


def credited(db: Database, customer_id: str, outage_id: str, amount: float) -> bool:
    """The customer has had just this credit for the outage."""
    found = [c.amount for c in db["credits"].values() if (c.customer_id, c.outage_id) == (customer_id, outage_id)]
    return found == [amount]


def transferred(db: Database, reason: str) -> bool:
    """The conversation was handed over once, for this reason."""
    return [transfer.reason for transfer in db["transfers"].values()] == [reason]


# The user's side.


def router_online(db: Database) -> bool:
    """The router has reached the internet."""
    return home.has_internet(db)


def internet_works(db: Database, device: DeviceName) -> bool:
    """Pages open on the device."""
    return home.is_online(db, device)


def wifi_connected(db: Database, device: DeviceName) -> bool:
    """The device reaches the router, by Wi-Fi or by cable."""
    return home.is_connected(db, device)


def speed_at_least(db: Database, device: DeviceName, mbps: int) -> bool:
    """A speed test on the device shows that much."""
    return home.speed(db, device) >= mbps


def switch_is(db: Database, device: DeviceName, switch: Switch, on: bool) -> bool:  # noqa: FBT001  # called by keyword
    """A device's switch is on, or off."""
    return bool(getattr(db["devices"][device], switch) == on)


def setting_is_automatic(db: Database, device: DeviceName, setting: AddressSetting) -> bool:
    """The device gets its DNS server or IP address automatically."""
    return bool(getattr(db["devices"][device], setting) == "automatic")


def bill_paid(db: Database, bill_id: str) -> bool:
    """The app shows the bill as paid."""
    return bool(db["bills"][bill_id].status == "paid")


AGENT_ASSERTIONS = {
    function.__name__: function
    for function in (
        line_active,
        line_passes_test,
        line_delivers_plan,
        plan_is,
        ticket_open,
        visit_booked,
        credited,
        transferred,
    )
}
"""Assertions over the agent's side, by name."""

USER_ASSERTIONS = {
    function.__name__: function
    for function in (
        router_online,
        internet_works,
        wifi_connected,
        speed_at_least,
        switch_is,
        setting_is_automatic,
        bill_paid,
    )
}
"""Assertions over the user's side, by name."""

"""What must be true of both databases at any time, whatever the parties do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from eigen_graph.core import Database
from eigen_graph.domains.broadband import home
from eigen_graph.domains.broadband.database import NOW
from eigen_graph.domains.broadband.records import Line
from eigen_graph.domains.broadband.sync import has_signal, sync


def references_hold(agent_db: Database, user_db: Database | None) -> list[str]:
    """Every record that names another names one that is there, and of the right kind."""
    return [*_references(agent_db), *(_home_references(agent_db, user_db) if user_db is not None else ())]


def nothing_is_shared(agent_db: Database, _: Database | None) -> list[str]:
    """Phone numbers, PINs and routers belong to one customer or line each; a ticket has one visit at most."""
    shared = {
        "phone number": Counter(customer.phone for customer in agent_db["customers"].values()),
        "PIN": Counter(customer.pin for customer in agent_db["customers"].values()),
        "router": Counter(line.router_serial for line in agent_db["lines"].values()),
        "visit of ticket": Counter(slot.ticket_id for slot in agent_db["slots"].values() if slot.ticket_id),
    }
    return [
        f"{what} {value} occurs {n} times" for what, counts in shared.items() for value, n in counts.items() if n > 1
    ]


def lines_are_possible(agent_db: Database, _: Database | None) -> list[str]:
    """What the network sees of a router agrees with the line it hangs on."""
    return [problem for line in agent_db["lines"].values() for problem in _impossible(agent_db, line)]


def bills_follow_dates(agent_db: Database, _: Database | None) -> list[str]:
    """Nothing is overdue before its date, nothing stays merely open after it; sums are positive."""
    found = []
    for invoice in agent_db["invoices"].values():
        late = invoice.due < NOW[:10]
        if (invoice.status == "overdue" and not late) or (invoice.status == "open" and late) or invoice.amount <= 0:
            found.append(f"invoice {invoice.invoice_id} due {invoice.due} is {invoice.status} over {invoice.amount}")
    return found


def sides_agree(agent_db: Database, user_db: Database | None) -> list[str]:
    """There is nothing left to sync."""
    if user_db is None:
        return []
    agent_twin, user_twin = agent_db.fork(), user_db.fork()
    sync(agent_twin, user_twin)
    sides = {"provider": (agent_db, agent_twin), "home": (user_db, user_twin)}
    return [f"the {name}'s side is behind the other" for name, (old, new) in sides.items() if not old.same_as(new)]


def _references(db: Database) -> Iterator[str]:
    links = {
        "lines": (("customer_id", "customers"), ("plan_id", "plans")),
        "tickets": (("line_id", "lines"),),
        "invoices": (("customer_id", "customers"),),
        "credits": (("customer_id", "customers"), ("outage_id", "outages")),
    }
    for table, fields in links.items():
        for key, record in db[table].items():
            for field, target in fields:
                if getattr(record, field) not in db[target]:
                    yield f"{table} {key}: {field} {getattr(record, field)} is not in {target}"
    for key, slot in db["slots"].items():
        ticket = db["tickets"].get(slot.ticket_id)
        if slot.ticket_id and (ticket is None or db["lines"][ticket.line_id].area != slot.area):
            yield f"slot {key} is booked for {slot.ticket_id}, which is no ticket of its area"
    owners = {key: invoice.customer_id for key, invoice in db["invoices"].items()}
    listed = {key: customer.customer_id for customer in db["customers"].values() for key in customer.invoices}
    if owners != listed:
        yield f"invoices and customers disagree on {sorted(set(owners.items()) ^ set(listed.items()))}"


def _home_references(agent_db: Database, user_db: Database) -> Iterator[str]:
    if user_db["home"]["home"].line_id not in agent_db["lines"]:
        yield f"the home hangs on line {user_db['home']['home'].line_id}, which does not exist"
    for band, wifi in user_db["wifi"].items():
        channels = home.CHANNELS[band]  # type: ignore[index]  # keys are bands
        if not {wifi.channel, *wifi.busy} <= set(channels):
            yield f"Wi-Fi on {band} names a channel that is none of {channels}"


def _impossible(db: Database, line: Line) -> Iterator[str]:
    plan = db["plans"][line.plan_id]
    profiles = {"", *(plan.profile for plan in db["plans"].values() if plan.access == line.access)}
    if plan.access != line.access:
        yield f"line {line.line_id} is {line.access} but on plan {line.plan_id}"
    if not {line.profile, line.session} <= profiles:
        yield f"line {line.line_id} has a profile that is no {line.access} profile"
    if (line.status == "suspended") != bool(line.suspended_for):
        yield f"line {line.line_id} is {line.status} for {line.suspended_for!r}"
    if line.modem in {"in_sync", "unknown_router"} and not has_signal(db, line):
        yield f"line {line.line_id} is {line.modem} without a signal"
    if line.session and (line.modem != "in_sync" or line.status != "active" or not line.profile):
        yield f"line {line.line_id} has a session though it is {line.status} and {line.modem}"


INVARIANTS = (references_hold, nothing_is_shared, lines_are_possible, bills_follow_dates, sides_agree)
"""All of them."""

"""The agent's look-ups: what a provider's back office shows."""

from __future__ import annotations

from typing import Any

from langgraph.prebuilt import ToolRuntime

from eigen_graph.core import Database, ToolError, World, domain_tool
from eigen_graph.domains.broadband.records import Customer, Invoice, Line, Plan

_MOST_FOUND = 10


@domain_tool(writes=False)
def find_customer(query: str, runtime: ToolRuntime[World]) -> list[dict[str, Any]]:
    """Find accounts by a part of the holder's name, the phone number, an address or the customer id; at most 10.

    Args:
        query: What to look for, e.g. "Hale" or "0700 1234".
        runtime: The provider's records.
    """
    db = runtime.context.db
    addresses: dict[str, list[str]] = {}
    for line in db["lines"].values():
        addresses.setdefault(line.customer_id, []).append(line.address)
    found = []
    for customer in db["customers"].values():
        lived = addresses.get(customer.customer_id, [])
        if query.strip().lower() in " | ".join((customer.customer_id, customer.name, customer.phone, *lived)).lower():
            found.append({**_fields(customer, "customer_id", "name", "phone"), "addresses": lived})
            if len(found) == _MOST_FOUND:
                break
    return found


@domain_tool(writes=False)
def verify_identity(name: str, phone: str, pin: str, runtime: ToolRuntime[World]) -> dict[str, Any]:
    """Check who is calling. Fails unless name, phone number and PIN belong to one account.

    Args:
        name: Full name of the caller, the account holder or one of the account's contacts.
        phone: Phone number on the account.
        pin: The account's four-digit PIN.
        runtime: The provider's records.
    """
    digits = _digits(phone)
    for customer in runtime.context.db["customers"].values():
        if _digits(customer.phone) == digits and customer.pin == pin.strip():
            roles = {customer.name.lower(): "holder", **{contact.lower(): "contact" for contact in customer.contacts}}
            if role := roles.get(" ".join(name.lower().split())):
                return {"customer_id": customer.customer_id, "holder": customer.name, "caller_is": role}
    raise ToolError("name, phone number and PIN do not belong to one account")


@domain_tool(writes=False)
def get_account(customer_id: str, runtime: ToolRuntime[World]) -> dict[str, Any]:
    """An account whole: its lines with plans, open tickets and visits, invoices, credits, and the plans on offer.

    Args:
        customer_id: The account, e.g. "C1001".
        runtime: The provider's records.
    """
    db = runtime.context.db
    customer: Customer = record_of(db, "customers", customer_id)
    lines: list[Line] = [line for line in db["lines"].values() if line.customer_id == customer_id]
    invoices: list[Invoice] = [db["invoices"][key] for key in customer.invoices]
    kinds = {line.access for line in lines}
    return {
        **customer.model_dump(exclude={"invoices"}),
        "overdue": round(sum(invoice.amount for invoice in invoices if invoice.status == "overdue"), 2),
        "invoices": [invoice.model_dump(exclude={"customer_id"}) for invoice in invoices],
        "credits": [
            credit.model_dump(exclude={"customer_id"})
            for credit in db["credits"].values()
            if credit.customer_id == customer_id
        ],
        "lines": [_line_view(db, line) for line in lines],
        "plans_on_offer": [
            plan.model_dump(exclude={"profile"}) for plan in db["plans"].values() if plan.access in kinds
        ],
    }


@domain_tool(writes=False)
def check_outage(line_id: str, runtime: ToolRuntime[World]) -> dict[str, Any]:
    """Outages that hit a line: the one that lasts, if any, and those that are over.

    Args:
        line_id: The line, e.g. "L2001".
        runtime: The provider's records.
    """
    db = runtime.context.db
    line: Line = record_of(db, "lines", line_id)
    hits = [o for o in db["outages"].values() if (o.area, o.access) == (line.area, line.access)]
    lasting = next((outage for outage in hits if not outage.ended), None)
    return {
        "lasting": lasting.model_dump(exclude={"ended"}) if lasting else None,
        "over": [outage.model_dump(exclude={"expected_end"}) for outage in hits if outage.ended],
    }


@domain_tool(writes=False)
def run_line_test(line_id: str, runtime: ToolRuntime[World]) -> dict[str, Any]:
    """Test a line from the exchange: whether the router answers, which profiles are set and running, noise.

    Args:
        line_id: The line, e.g. "L2001".
        runtime: The provider's records.
    """
    db = runtime.context.db
    line: Line = record_of(db, "lines", line_id)
    plan: Plan = db["plans"][line.plan_id]
    return {
        "line_id": line_id,
        "result": "pass" if line.modem == "in_sync" else "fail",
        "router": line.modem,
        "noise": line.noisy and line.modem == "in_sync",
        "profile_of_plan": plan.profile,
        "profile_in_network": line.profile or None,
        "profile_in_router": line.session or None,
    }


@domain_tool(writes=False)
def list_visit_slots(line_id: str, runtime: ToolRuntime[World]) -> list[dict[str, Any]]:
    """Times at which a technician is free to come to a line's address.

    Args:
        line_id: The line, e.g. "L2001".
        runtime: The provider's records.
    """
    db = runtime.context.db
    line: Line = record_of(db, "lines", line_id)
    return [
        _fields(slot, "slot_id", "date", "window")
        for slot in db["slots"].values()
        if slot.area == line.area and not slot.ticket_id
    ]


LOOKUPS = (find_customer, verify_identity, get_account, check_outage, run_line_test, list_visit_slots)
"""All of them."""


def record_of(db: Database, table: str, key: str) -> Any:
    """A record by its key.

    Raises:
        ToolError: There is none.
    """
    if key not in db[table]:
        raise ToolError(f"there is no {key!r:.40} in {table}")
    return db[table][key]


def _line_view(db: Database, line: Line) -> dict[str, Any]:
    tickets = {t.ticket_id: t for t in db["tickets"].values() if t.line_id == line.line_id and t.status == "open"}
    plan: Plan = db["plans"][line.plan_id]
    return {
        **_fields(line, "line_id", "address", "access", "status", "suspended_for", "contract_end", "router_serial"),
        "plan": _fields(plan, "plan_id", "name", "mbps", "monthly_price"),
        "open_tickets": [_fields(ticket, "ticket_id", "category", "opened") for ticket in tickets.values()],
        "visits": [_fields(s, "ticket_id", "date", "window") for s in db["slots"].values() if s.ticket_id in tickets],
    }


def _fields(record: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))

"""The agent's tools that change something. They keep records straight; keeping to the policy is the agent's part."""

from __future__ import annotations

from typing import Any

from langgraph.prebuilt import ToolRuntime

from eigen_graph.core import Database, ToolError, World, domain_tool
from eigen_graph.domains.broadband.agent_lookups import LOOKUPS, record_of
from eigen_graph.domains.broadband.records import (
    Credit,
    Line,
    Plan,
    Slot,
    Ticket,
    TicketCategory,
    Transfer,
    TransferReason,
)

_IDENTIFIED = ("verify_identity",)
_MAX_CREDIT = 100.0


@domain_tool(writes=True, after=_IDENTIFIED)
def reprovision_line(line_id: str, runtime: ToolRuntime[World], router_serial: str | None = None) -> dict[str, Any]:
    """Set the network to the plan's profile for a line again; throws its router off until it is restarted.

    Args:
        line_id: The line, e.g. "L2001".
        router_serial: Serial of a router to let in instead of the known one, e.g. "LK-123456".
        runtime: The provider's records.
    """
    db = runtime.context.db
    line: Line = record_of(db, "lines", line_id)
    if line.status == "suspended":
        raise ToolError(f"line {line_id} is suspended; its profile cannot be set")
    serial = (router_serial or line.router_serial).strip().upper()
    taken = next((x.line_id for x in db["lines"].values() if x.router_serial == serial and x.line_id != line_id), None)
    if taken:
        raise ToolError(f"router {serial} is in use on line {taken}")
    plan: Plan = db["plans"][line.plan_id]
    # A router that the network cannot reach now has no session to lose.
    db["lines"].update(line_id, profile=plan.profile, router_serial=serial, drop_session=bool(line.session), session="")
    return {"line_id": line_id, "profile_in_network": plan.profile, "router_serial": serial, "restart_needed": True}


@domain_tool(writes=True, after=_IDENTIFIED)
def lift_suspension(line_id: str, runtime: ToolRuntime[World]) -> dict[str, Any]:
    """Make a suspended line active again. Its router gets online when it is restarted.

    Args:
        line_id: The line, e.g. "L2001".
        runtime: The provider's records.
    """
    db = runtime.context.db
    line: Line = record_of(db, "lines", line_id)
    if line.status != "suspended":
        raise ToolError(f"line {line_id} is not suspended")
    db["lines"].update(line_id, status="active", suspended_for="")
    return {"line_id": line_id, "status": "active", "restart_needed": True}


@domain_tool(writes=True, after=_IDENTIFIED)
def open_ticket(line_id: str, category: TicketCategory, runtime: ToolRuntime[World]) -> dict[str, Any]:
    """Open a ticket for a fault on the provider's side.

    Args:
        line_id: The line, e.g. "L2001".
        category: What is wrong.
        runtime: The provider's records.
    """
    db = runtime.context.db
    record_of(db, "lines", line_id)
    ticket = Ticket(
        ticket_id=_next_id(db, "tickets", "T", 5001),
        line_id=line_id,
        category=category,
        status="open",
        opened=runtime.context.now[:10],
    )
    db["tickets"].put(ticket.ticket_id, ticket)
    return ticket.model_dump()


@domain_tool(writes=True, confirm=True, after=_IDENTIFIED)
def book_technician(ticket_id: str, slot_id: str, runtime: ToolRuntime[World]) -> dict[str, Any]:
    """Book a technician's visit for an open ticket.

    Args:
        ticket_id: The ticket, e.g. "T5001".
        slot_id: A free slot in the line's area, from list_visit_slots.
        runtime: The provider's records.
    """
    db = runtime.context.db
    ticket: Ticket = record_of(db, "tickets", ticket_id)
    slot: Slot = record_of(db, "slots", slot_id)
    if ticket.status != "open":
        raise ToolError(f"ticket {ticket_id} is closed")
    if slot.ticket_id:
        raise ToolError(f"slot {slot_id} is taken")
    if slot.area != db["lines"][ticket.line_id].area:
        raise ToolError(f"slot {slot_id} is in {slot.area}, the line of ticket {ticket_id} is not")
    if visit := next((x for x in db["slots"].values() if x.ticket_id == ticket_id), None):
        raise ToolError(f"ticket {ticket_id} has its visit on {visit.date}, {visit.window}")
    db["slots"].update(slot_id, ticket_id=ticket_id)
    return {"ticket_id": ticket_id, "slot_id": slot_id, "date": slot.date, "window": slot.window, "price": 0.0}


@domain_tool(writes=True, confirm=True, after=_IDENTIFIED)
def grant_credit(customer_id: str, outage_id: str, amount: float, runtime: ToolRuntime[World]) -> dict[str, Any]:
    """Put money back on a customer's next invoice for an outage.

    Args:
        customer_id: The account, e.g. "C1001".
        outage_id: The outage, e.g. "OUT-301".
        amount: The sum, above 0 and at most 100.
        runtime: The provider's records.
    """
    db = runtime.context.db
    record_of(db, "customers", customer_id)
    record_of(db, "outages", outage_id)
    if not 0 < amount <= _MAX_CREDIT:
        raise ToolError(f"a credit is above 0 and at most {_MAX_CREDIT:.2f}, not {amount}")
    credit = Credit(
        credit_id=_next_id(db, "credits", "K", 801),
        customer_id=customer_id,
        outage_id=outage_id,
        amount=round(amount, 2),
        granted=runtime.context.now[:10],
    )
    db["credits"].put(credit.credit_id, credit)
    return credit.model_dump()


@domain_tool(writes=True, confirm=True, after=_IDENTIFIED)
def change_plan(line_id: str, plan_id: str, runtime: ToolRuntime[World]) -> dict[str, Any]:
    """Move a line to another plan from now on. What it delivers changes once the line is re-provisioned.

    Args:
        line_id: The line, e.g. "L2001".
        plan_id: A plan of the line's kind of access, e.g. "P-F250".
        runtime: The provider's records.
    """
    db = runtime.context.db
    line: Line = record_of(db, "lines", line_id)
    plan: Plan = record_of(db, "plans", plan_id)
    if plan.access != line.access:
        raise ToolError(f"plan {plan_id} needs {plan.access}, line {line_id} is {line.access}")
    if plan_id == line.plan_id:
        raise ToolError(f"line {line_id} is on plan {plan_id} already")
    db["lines"].update(line_id, plan_id=plan_id)
    return {"line_id": line_id, **plan.model_dump(exclude={"access"})}


@domain_tool(writes=True)
def transfer_to_person(reason: TransferReason, runtime: ToolRuntime[World]) -> str:
    """Hand the conversation to a person. Say so to the caller, then end.

    Args:
        reason: Why.
        runtime: The provider's records.
    """
    table = runtime.context.db["transfers"]
    transfer_id = _next_id(runtime.context.db, "transfers", "X", 1)
    table.put(transfer_id, Transfer(transfer_id=transfer_id, reason=reason))
    return f"Transferred to a person ({reason})."


AGENT_TOOLS = (
    *LOOKUPS,
    reprovision_line,
    lift_suspension,
    open_ticket,
    book_technician,
    grant_credit,
    change_plan,
    transfer_to_person,
)
"""All that the agent may call, look-ups first."""


def _next_id(db: Database, table: str, prefix: str, first: int) -> str:
    """The number after the highest: what was there before decides, so a replay gives the same."""
    return f"{prefix}{max((int(key[len(prefix) :]) for key in db[table]), default=first - 1) + 1}"

"""Starting conditions: what a task may break, or bring about, before the dialogue begins.

Agent-side conditions first, then `move_in`, then what is wrong in the home: moving in finds a home in order, whose
router runs whatever the line delivers at that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from eigen_graph.core import Database
from eigen_graph.domains.broadband.records import AddressSetting, Band, CableName, DeviceName, Line, Outage, Switch

# The agent's side.


def suspend_line(db: Database, line_id: str, reason: Literal["non_payment", "security"], bills: int = 1) -> None:
    """Suspend a line; for non-payment, the account's latest `bills` (1 or 2) invoices that are due become overdue."""
    line: Line = db["lines"].update(line_id, status="suspended", suspended_for=reason, session="")
    if reason == "non_payment":
        # The latest invoice is not due yet.
        for invoice_id in db["customers"][line.customer_id].invoices[-1 - bills : -1]:
            db["invoices"].update(invoice_id, status="overdue")


def start_outage(db: Database, line_id: str, expected_end: str, started: str = "2025-09-17T06:40") -> None:
    """An outage begins in a line's area and lasts; times as YYYY-MM-DDTHH:MM."""
    outage = _add_outage(db, line_id, started=started, expected_end=expected_end)
    for line in list(db["lines"].values()):
        if (line.area, line.access) == (outage.area, outage.access):
            db["lines"].update(line.line_id, modem="no_sync", session="")


def past_outage(db: Database, line_id: str, started: str, ended: str) -> None:
    """An outage hit a line's area and is over; times as YYYY-MM-DDTHH:MM."""
    _add_outage(db, line_id, started=started, expected_end=ended, ended=ended)


def drop_profile(db: Database, line_id: str) -> None:
    """The network has lost a line's profile: its router is thrown off."""
    db["lines"].update(line_id, profile="", session="")


def stale_profile(db: Database, line_id: str, plan_id: str) -> None:
    """The network still delivers what `plan_id` would, not the line's own plan. Before `move_in`."""
    profile = db["plans"][plan_id].profile
    db["lines"].update(line_id, profile=profile, session=profile if db["lines"][line_id].session else "")


def sign_contract(db: Database, line_id: str, plan_id: str, contract_end: str) -> None:
    """A line is on a plan, delivered as it should be, with a minimum term up to a date. Before `move_in`."""
    stale_profile(db, line_id, plan_id)
    db["lines"].update(line_id, plan_id=plan_id, contract_end=contract_end)


def cut_wire(db: Database, line_id: str) -> None:
    """The cable between the exchange and the wall socket is cut."""
    db["lines"].update(line_id, wire="cut", modem="no_sync", session="")


def add_noise(db: Database, line_id: str) -> None:
    """The line is noisy: a wired device gets a fifth of its rate."""
    db["lines"].update(line_id, noisy=True)


def register_care(db: Database, customer_id: str) -> None:
    """The account has priority care."""
    db["customers"].update(customer_id, priority_care=True)


def _add_outage(db: Database, line_id: str, *, started: str, expected_end: str, ended: str = "") -> Outage:
    line: Line = db["lines"][line_id]
    outage = Outage(
        outage_id=f"OUT-{301 + len(db['outages'])}",
        area=line.area,
        access=line.access,
        cause="a damaged duct",
        started=started,
        expected_end=expected_end,
        ended=ended,
    )
    db["outages"].put(outage.outage_id, outage)
    return outage


# The user's side.


def move_in(db: Database, line_id: str) -> None:
    """The household lives at a line, with the router that came with it."""
    db["home"].update("home", line_id=line_id)
    db["router"].update("router", serial="", profile="")


def unplug_cable(db: Database, cable: CableName) -> None:
    """A cable at the router has come loose."""
    db["cables"].update(cable, seated=False)


def swap_router(db: Database, serial: str, network: str, password: str) -> None:
    """The router was replaced by one that nobody told the provider of; wireless devices still know the old Wi-Fi."""
    db["router"].update("router", serial=serial, label_network=network, label_password=password, profile="")
    for band in db["wifi"]:
        db["wifi"].update(band, name=network, password=password)


def damage_settings(db: Database) -> None:
    """The router's settings are damaged: it is online itself but no device gets through."""
    db["router"].update("router", settings="damaged")


def set_bridge_mode(db: Database) -> None:
    """Somebody has put the router into bridge mode."""
    db["router"].update("router", mode="bridge")


def switch_off_wifi(db: Database, band: Band) -> None:
    """The router's Wi-Fi is off on a band."""
    db["wifi"].update(band, on=False)


def crowd_wifi(db: Database, band: Band, busy: Sequence[int]) -> None:
    """Neighbours fill channels of a band, the one in use among them."""
    channel = db["wifi"][band].channel
    db["wifi"].update(band, busy=tuple(busy), channel=channel if channel in busy else busy[0])


def carry_off(db: Database, device: DeviceName, band: Band) -> None:
    """A device is now used far from the router, joined on a band."""
    db["devices"].update(device, far=True, joined=band)


def forget_wifi(db: Database, device: DeviceName) -> None:
    """A device does not know the home's Wi-Fi (any more)."""
    db["devices"].update(device, joined="", saved_password="")


def turn_switch(db: Database, device: DeviceName, switch: Switch, on: bool) -> None:  # noqa: FBT001  # called by keyword
    """One of a device's switches is on, or off."""
    db["devices"].update(device, **{switch: on})


def set_manually(db: Database, device: DeviceName, setting: AddressSetting) -> None:
    """A device's DNS server or IP address was typed in by hand, and is wrong."""
    db["devices"].update(device, **{setting: "manual"})


AGENT_SETUPS = {
    function.__name__: function
    for function in (
        suspend_line,
        start_outage,
        past_outage,
        drop_profile,
        stale_profile,
        sign_contract,
        cut_wire,
        add_noise,
        register_care,
    )
}
"""Setups of the agent's side, by name."""

USER_SETUPS = {
    function.__name__: function
    for function in (
        move_in,
        unplug_cable,
        swap_router,
        damage_settings,
        set_bridge_mode,
        switch_off_wifi,
        crowd_wifi,
        carry_off,
        forget_wifi,
        turn_switch,
        set_manually,
    )
}
"""Setups of the user's side, by name."""

"""What either side stores: one record type a table, frozen and without lists, so that forks can share records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field

from eigen_graph.core import Record

Access = Literal["dsl", "fibre"]
ModemState = Literal["in_sync", "no_sync", "no_power", "unknown_router"]
TicketCategory = Literal["no_sync", "slow_line"]
TransferReason = Literal["safety", "identity", "priority_care", "security", "cancellation", "house_move"]
CableName = Literal["power", "line", "ethernet"]
Band = Literal["2.4GHz", "5GHz"]
DeviceName = Literal["phone", "laptop", "tablet", "tv", "desktop", "work_laptop"]
Switch = Literal["wifi", "airplane_mode", "vpn"]
AddressSetting = Literal["dns", "ip_address"]
Origin = Literal["automatic", "manual"]

# The agent's side: what the provider knows.


class Customer(Record):
    """An account and who may speak for it."""

    customer_id: str
    name: str
    """The account holder."""
    phone: str
    email: str
    pin: str = Field(pattern=r"^\d{4}$")
    contacts: tuple[str, ...] = ()
    """Full names of people who may have faults repaired, but order nothing."""
    priority_care: bool = False
    """Somebody in the home depends on the connection: a medical alarm, say."""
    invoices: tuple[str, ...] = ()
    """Ids of the account's invoices, oldest first."""


class Plan(Record):
    """What a line can be sold as."""

    plan_id: str
    name: str
    access: Access
    profile: str
    """The profile that delivers it."""
    mbps: int
    monthly_price: float


class Line(Record):
    """One connection to one home."""

    line_id: str
    customer_id: str
    address: str
    area: str
    access: Access
    plan_id: str
    contract_end: str
    """Last day of the minimum term, ISO date."""
    status: Literal["active", "suspended"] = "active"
    suspended_for: Literal["", "non_payment", "security"] = ""
    profile: str
    """What the network is set to deliver; empty when the setting was lost."""
    router_serial: str
    """The router that the network lets in."""
    wire: Literal["ok", "cut"] = "ok"
    """The cable between the exchange and the wall socket."""
    noisy: bool = False
    modem: ModemState = "in_sync"
    """What the network last saw of the router."""
    session: str = ""
    """The profile that the router is running; empty when it is offline."""
    drop_session: bool = False
    """The router is to be thrown off as soon as it is reachable: set by re-provisioning."""


class Outage(Record):
    """A fault or works that take an area's lines of one kind down."""

    outage_id: str
    area: str
    access: Access
    cause: str
    started: str
    expected_end: str
    ended: str = ""
    """Empty while it lasts."""


class Ticket(Record):
    """A fault that the network team or a technician is to look into."""

    ticket_id: str
    line_id: str
    category: TicketCategory
    status: Literal["open", "closed"]
    opened: str


class Slot(Record):
    """A time at which a technician can be in an area."""

    slot_id: str
    area: str
    date: str
    window: str
    ticket_id: str = ""
    """The ticket it is booked for; empty while it is free."""


class Invoice(Record):
    """A month's bill."""

    invoice_id: str
    customer_id: str
    amount: float
    due: str
    status: Literal["paid", "open", "overdue"]


class Credit(Record):
    """Money given back for an outage."""

    credit_id: str
    customer_id: str
    outage_id: str
    amount: float
    granted: str


class Transfer(Record):
    """A conversation handed to a person."""

    transfer_id: str
    reason: TransferReason


AGENT_SCHEMA: Final[Mapping[str, type[Record]]] = {
    "customers": Customer,
    "plans": Plan,
    "lines": Line,
    "outages": Outage,
    "tickets": Ticket,
    "slots": Slot,
    "invoices": Invoice,
    "credits": Credit,
    "transfers": Transfer,
}
"""Tables of the agent's side."""

# The user's side: one household.


class Home(Record):
    """Which line comes out of the wall. One record, key `home`."""

    line_id: str


class Router(Record):
    """The box on the shelf. One record, key `router`."""

    serial: str
    """Empty: the one that was delivered with the line; the first sync fills it in."""
    signal: bool = True
    """Something arrives at the wall socket."""
    noisy: bool = False
    offered: str = ""
    """The profile that the network would give this router if it started now."""
    profile: str = ""
    """The profile that it picked up when it last started; empty: none, or thrown off since."""
    mode: Literal["router", "bridge"] = "router"
    settings: Literal["ok", "damaged"] = "ok"
    label_network: str
    """Name of the Wi-Fi that it makes out of the box."""
    label_password: str


class Cable(Record):
    """A cable at the router; key: what it is for."""

    seated: bool = True


class Wifi(Record):
    """The network that the router makes on one band; key: the band."""

    name: str
    password: str
    on: bool = True
    channel: int
    busy: tuple[int, ...] = ()
    """Channels on which neighbours' networks are strong."""


class Device(Record):
    """Something that wants to be online; key: its name."""

    wired: bool = False
    managed: bool = False
    """Belongs to somebody's employer, who looks after its settings."""
    bands: tuple[Band, ...] = ("2.4GHz", "5GHz")
    """Bands that it can use."""
    far: bool = False
    """Thick walls or a floor lie between it and the router."""
    wifi: bool = True
    airplane_mode: bool = False
    vpn: bool = False
    dns: Origin = "automatic"
    ip_address: Origin = "automatic"
    joined: Literal["", "2.4GHz", "5GHz"] = ""
    """The band of the home network that it is set to."""
    saved_password: str = ""


class Bill(Record):
    """An unpaid invoice as the customer's app shows it; key: the invoice's id."""

    amount: float
    due: str
    status: Literal["open", "overdue", "paid"]


USER_SCHEMA: Final[Mapping[str, type[Record]]] = {
    "home": Home,
    "router": Router,
    "cables": Cable,
    "wifi": Wifi,
    "devices": Device,
    "bills": Bill,
}
"""Tables of the user's side."""

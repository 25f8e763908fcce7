"""How the home behaves: what follows from the state of its cables, router, Wi-Fi and devices."""

from __future__ import annotations

from eigen_graph.core import Database
from eigen_graph.domains.broadband.records import Band, Device, Router, Wifi

CHANNELS: dict[Band, tuple[int, ...]] = {"2.4GHz": (1, 6, 11), "5GHz": (36, 40, 44, 48, 52)}
"""Channels that a router may use on each band."""

_WIFI_MBPS = {("2.4GHz", False): 80, ("2.4GHz", True): 45, ("5GHz", False): 600, ("5GHz", True): 6}
"""What a band carries, near the router and far from it."""
_BUSY_SHARE = 0.1
_VPN_SHARE = 0.12
_NOISY_SHARE = 0.2


def router(db: Database) -> Router:
    """The router."""
    record: Router = db["router"]["router"]
    return record


def has_power(db: Database) -> bool:
    """Whether the router is running."""
    return bool(db["cables"]["power"].seated)


def has_link(db: Database) -> bool:
    """Whether the router hears the network: power, the line cable, and a signal at the wall."""
    return has_power(db) and bool(db["cables"]["line"].seated) and router(db).signal


def has_internet(db: Database) -> bool:
    """Whether the router is online, whatever the devices behind it make of that."""
    return has_link(db) and router(db).profile != ""


def start_router(db: Database) -> None:
    """What starting does: the router asks the network for its profile. Out of reach, it stays as it was."""
    if has_link(db) and router(db).profile != router(db).offered:
        db["router"].update("router", profile=router(db).offered)


def is_connected(db: Database, name: str) -> bool:
    """Whether a device reaches the router.

    Raises:
        KeyError: There is no such device.
    """
    device: Device = db["devices"][name]
    if not has_power(db):
        return False
    if device.wired:
        return bool(db["cables"]["ethernet"].seated)
    if not device.wifi or device.airplane_mode or not device.joined or router(db).mode == "bridge":
        return False
    wifi: Wifi = db["wifi"][device.joined]
    return wifi.on and device.saved_password == wifi.password


def is_online(db: Database, name: str) -> bool:
    """Whether pages open on a device."""
    device: Device = db["devices"][name]
    routes = router(db).mode == "router" and router(db).settings == "ok"
    resolves = device.dns == "automatic" and device.ip_address == "automatic"
    return is_connected(db, name) and has_internet(db) and routes and resolves


def speed(db: Database, name: str) -> int:
    """What a speed test on a device shows, in Mbps; 0 when it is offline."""
    if not is_online(db, name):
        return 0
    device: Device = db["devices"][name]
    mbps = float(rate_of(router(db).profile))
    if router(db).noisy:
        mbps *= _NOISY_SHARE
    if device.joined and not device.wired:
        wifi: Wifi = db["wifi"][device.joined]
        mbps = min(mbps, _WIFI_MBPS[device.joined, device.far])
        if wifi.channel in wifi.busy:
            mbps *= _BUSY_SHARE
    return max(1, round(mbps * (_VPN_SHARE if device.vpn else 1)))


def rate_of(profile: str) -> int:
    """The Mbps in a profile's name: `fibre-250` gives 250; 0 for no profile."""
    return int(profile.rpartition("-")[2]) if profile else 0

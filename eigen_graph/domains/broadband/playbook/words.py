"""What a user says about what they see, made from what their tool showed them."""

from __future__ import annotations

from typing import Any


def light_words(view: dict[str, Any]) -> tuple[str, ...]:
    """Ways to tell what `look_at_router` showed."""
    lights = {name: view[f"{name}_light"] for name in ("power", "line", "internet", "wifi")}
    loose = [name for name, state in view["cables"].items() if state == "hanging loose"]
    cables = f"The {' and the '.join(loose)} cable is hanging loose." if loose else "The cables all sit firmly."
    if set(lights.values()) == {"off"}:
        return (
            f"It's completely dark, not one light is on. {cables}",
            f"No light at all. {cables}",
            f"The whole box is dead. {cables}",
        )
    if set(lights.values()) == {"green"}:
        return f"All four lights are green. {cables}", f"Everything is green. {cables}", f"Four green lights. {cables}"
    power, line, internet, wifi = lights.values()
    return (
        f"Power is {power}, line is {line}, internet {internet}, Wi-Fi {wifi}. {cables}",
        f"Power {power}, line {line}, internet {internet}, and the Wi-Fi light is {wifi}. {cables}",
        f"{cables} As for the lights, power is {power}, line {line}, internet {internet}, Wi-Fi {wifi}.",
    )


def device_words(device: str, view: dict[str, Any]) -> tuple[str, ...]:
    """Ways to tell what `check_device` showed."""
    name = device.replace("_", " ")
    if view["online"] and not _oddities(view):
        return (
            f"Yes, pages open on the {name}.",
            f"The {name} is online, on {view['connected_to']}.",
            f"That works, the {name} loads everything.",
        )
    where = f"connected to {view['connected_to']}"
    if view["connected_to"] == "nothing":
        where = "not connected to anything"
    odd = f" I see that {' and '.join(_oddities(view))}." if _oddities(view) else ""
    state = "Pages do open" if view["online"] else "No page opens"
    return (
        f"{state} on the {name}. It is {where}.{odd}",
        f"{state}; the {name} says it is {where}.{odd}",
        f"The {name} is {where}. {state}.{odd}",
    )


def _oddities(view: dict[str, Any]) -> list[str]:
    """What stands out among a device's settings."""
    signs = {
        "airplane mode is on": view.get("airplane_mode", False),
        "its Wi-Fi is off": not view.get("wifi", True),
        "a VPN is on": view["vpn"],
        "the DNS server is set by hand": view["dns"] == "manual",
        "the IP address is set by hand": view["ip_address"] == "manual",
        "it is far from the router": view.get("distance_to_router") == "far",
        "it is managed by my employer": view["managed_by_employer"],
    }
    return [sign for sign, present in signs.items() if present]

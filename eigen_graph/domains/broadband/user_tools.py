"""The user's tools: what somebody at home can look at and do with their own hands."""

from __future__ import annotations

from typing import Any, Literal

from langgraph.prebuilt import ToolRuntime

from eigen_graph.core import Database, ToolError, World, domain_tool
from eigen_graph.domains.broadband import home
from eigen_graph.domains.broadband.records import AddressSetting, Band, CableName, Device, DeviceName, Switch, Wifi


@domain_tool(writes=False)
def look_at_router(runtime: ToolRuntime[World]) -> dict[str, Any]:
    """Look at the router: its lights, and whether its cables sit properly."""
    db = runtime.context.db
    powered, linked = home.has_power(db), home.has_link(db)
    radio = powered and home.router(db).mode == "router" and any(wifi.on for wifi in db["wifi"].values())
    return {
        "power_light": "green" if powered else "off",
        "line_light": "green" if linked else "blinking red" if powered else "off",
        "internet_light": "green" if home.has_internet(db) else "red" if linked else "off",
        "wifi_light": "green" if radio else "off",
        "cables": {name: "firmly in" if cable.seated else "hanging loose" for name, cable in db["cables"].items()},
    }


@domain_tool(writes=False)
def read_router_label(runtime: ToolRuntime[World]) -> dict[str, str]:
    """Read the label under the router: its serial, and the Wi-Fi name and password it came with."""
    router = home.router(runtime.context.db)
    return {
        "serial": router.serial,
        "wifi_name": router.label_network,
        "wifi_password": router.label_password,
    }


@domain_tool(writes=False)
def open_router_page(runtime: ToolRuntime[World]) -> dict[str, Any]:
    """Open the router's own pages in a browser: its mode, the state of its settings, and its Wi-Fi on each band."""
    db = runtime.context.db
    if not home.has_power(db):
        raise ToolError("the page does not open: the router has no power")
    return {
        "mode": home.router(db).mode,
        "settings": home.router(db).settings,
        "wifi": {
            band: {
                "name": wifi.name,
                "on": wifi.on,
                "channel": wifi.channel,
                "channels_used_by_neighbours": list(wifi.busy),
                "channels_to_choose_from": list(home.CHANNELS[band]),  # type: ignore[index]  # keys are bands
            }
            for band, wifi in db["wifi"].items()
        },
    }


@domain_tool(writes=False)
def check_device(device: DeviceName, runtime: ToolRuntime[World]) -> dict[str, Any]:
    """Look at a device: whether pages open on it, what it is connected to, and its network settings.

    Args:
        device: Which one.
        runtime: The home.
    """
    db = runtime.context.db
    record: Device = db["devices"][device]
    connected = home.is_connected(db, device)
    place = {"distance_to_router": "far" if record.far else "near"}
    radio = {"wifi": record.wifi, "airplane_mode": record.airplane_mode, **place}
    return {
        "online": home.is_online(db, device),
        "connected_to": ("ethernet" if record.wired else f"Wi-Fi on {record.joined}") if connected else "nothing",
        **({} if record.wired else radio),
        "vpn": record.vpn,
        "dns": record.dns,
        "ip_address": record.ip_address,
        "managed_by_employer": record.managed,
    }


@domain_tool(writes=False)
def run_speed_test(device: DeviceName, runtime: ToolRuntime[World]) -> dict[str, Any]:
    """Measure the speed on a device.

    Args:
        device: Which one.
        runtime: The home.
    """
    if not home.is_online(runtime.context.db, device):
        raise ToolError(f"the test does not start: the {device} is offline")
    return {"device": device, "mbps": home.speed(runtime.context.db, device)}


@domain_tool(writes=False)
def open_customer_app(runtime: ToolRuntime[World]) -> dict[str, Any]:
    """Open the provider's app on the phone, over mobile data: the bills that are not paid yet."""
    bills = runtime.context.db["bills"]
    return {"bills": [{"bill_id": key, **bill.model_dump()} for key, bill in bills.items() if bill.status != "paid"]}


@domain_tool(writes=True)
def pay_bill(bill_id: str, runtime: ToolRuntime[World]) -> str:
    """Pay a bill in the app with the stored card.

    Args:
        bill_id: The bill, from open_customer_app.
        runtime: The home.
    """
    bills = runtime.context.db["bills"]
    if bill_id not in bills:
        raise ToolError(f"the app shows no bill {bill_id!r:.40}")
    if bills[bill_id].status == "paid":
        raise ToolError(f"bill {bill_id} is paid already")
    bill = bills.update(bill_id, status="paid")
    return f"Bill {bill_id} over {bill.amount:.2f} is paid."


@domain_tool(writes=True)
def reseat_cable(cable: CableName, runtime: ToolRuntime[World]) -> str:
    """Unplug a cable at the router and push it home again. With the power cable, the router starts anew.

    Args:
        cable: Which one.
        runtime: The home.
    """
    db = runtime.context.db
    if not db["cables"][cable].seated:
        db["cables"].update(cable, seated=True)
    if cable == "power":
        home.start_router(db)
    return f"The {cable} cable clicks in and sits firmly."


@domain_tool(writes=True)
def restart_router(runtime: ToolRuntime[World]) -> str:
    """Switch the router off and on again and wait until its lights are steady."""
    db = runtime.context.db
    if not home.has_power(db):
        raise ToolError("nothing happens: the router has no power")
    home.start_router(db)
    return "The router has started again."


@domain_tool(writes=True)
def set_router_mode(mode: Literal["router", "bridge"], runtime: ToolRuntime[World]) -> str:
    """Choose on the router's pages whether it serves the home itself or only passes the line on to another router.

    Args:
        mode: "router" serves the home, "bridge" passes the line on.
        runtime: The home.
    """
    db = runtime.context.db
    _need_power(db)
    if home.router(db).mode != mode:
        db["router"].update("router", mode=mode)
    return f"The router is in {mode} mode."


@domain_tool(writes=True)
def set_wifi(band: Band, runtime: ToolRuntime[World], on: bool = True, channel: int | None = None) -> str:  # noqa: FBT001, FBT002  # a tool is called by keyword
    """Set up the router's Wi-Fi on a band.

    Args:
        band: Which one.
        on: Whether the router makes a network on it.
        channel: The channel to use; leave out to keep it.
        runtime: The home.
    """
    db = runtime.context.db
    _need_power(db)
    wifi: Wifi = db["wifi"][band]
    chosen = wifi.channel if channel is None else channel
    if chosen not in home.CHANNELS[band]:
        raise ToolError(f"{band} has the channels {home.CHANNELS[band]}, not {chosen}")
    if (wifi.on, wifi.channel) != (on, chosen):
        db["wifi"].update(band, on=on, channel=chosen)
    return f"{band} is {'on' if on else 'off'}, channel {chosen}."


@domain_tool(writes=True)
def factory_reset_router(runtime: ToolRuntime[World]) -> str:
    """Hold the reset button: all settings go, the Wi-Fi has the name and password of the label again."""
    db = runtime.context.db
    if not home.has_power(db):
        raise ToolError("nothing happens: the router has no power")
    router = db["router"].update("router", mode="router", settings="ok")
    for band, channels in home.CHANNELS.items():
        db["wifi"].update(
            band,
            name=router.label_network,
            password=router.label_password,
            on=True,
            channel=channels[0],
        )
    home.start_router(db)
    return f"The router is as new. Its Wi-Fi is called {router.label_network}; the password is on the label."


@domain_tool(writes=True)
def join_wifi(device: DeviceName, band: Band, runtime: ToolRuntime[World]) -> str:
    """Forget what a device knew of the home's Wi-Fi and join it afresh, typing in the password.

    Args:
        device: Which one.
        band: The band to join it on.
        runtime: The home.
    """
    db = runtime.context.db
    record: Device = db["devices"][device]
    wifi: Wifi = db["wifi"][band]
    if record.wired or band not in record.bands:
        raise ToolError(f"the {device} cannot use Wi-Fi on {band}")
    if record.airplane_mode or not record.wifi:
        raise ToolError(f"the {device} finds no networks: its Wi-Fi is off or it is in airplane mode")
    if not home.has_power(db) or not wifi.on or home.router(db).mode == "bridge":
        raise ToolError(f"the {device} finds no network of the home on {band}")
    if (record.joined, record.saved_password) != (band, wifi.password):
        db["devices"].update(device, joined=band, saved_password=wifi.password)
    return f"The {device} has joined {wifi.name} on {band}."


@domain_tool(writes=True)
def set_device_switch(device: DeviceName, switch: Switch, on: bool, runtime: ToolRuntime[World]) -> str:  # noqa: FBT001  # a tool is called by keyword
    """Turn one of a device's switches on or off.

    Args:
        device: Which one.
        switch: The switch.
        on: Whether it is to be on.
        runtime: The home.
    """
    db = runtime.context.db
    if db["devices"][device].wired and switch != "vpn":
        raise ToolError(f"the {device} has no switch for {switch}")
    if getattr(db["devices"][device], switch) != on:
        db["devices"].update(device, **{switch: on})
    return f"{switch} is {'on' if on else 'off'} on the {device}."


@domain_tool(writes=True)
def set_device_automatic(device: DeviceName, setting: AddressSetting, runtime: ToolRuntime[World]) -> str:
    """Have a device get its DNS server or its IP address automatically.

    Args:
        device: Which one.
        setting: Which of the two.
        runtime: The home.
    """
    db = runtime.context.db
    if getattr(db["devices"][device], setting) != "automatic":
        db["devices"].update(device, **{setting: "automatic"})
    return f"{setting} is automatic on the {device}."


USER_TOOLS = (
    look_at_router,
    read_router_label,
    open_router_page,
    check_device,
    run_speed_test,
    open_customer_app,
    pay_bill,
    reseat_cable,
    restart_router,
    set_router_mode,
    set_wifi,
    factory_reset_router,
    join_wifi,
    set_device_switch,
    set_device_automatic,
)
"""All of them, looking first."""


def _need_power(db: Database) -> None:
    if not home.has_power(db):
        raise ToolError("the page does not open: the router has no power")
